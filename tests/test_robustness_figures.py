"""The committed grid is the documented one, and what notebook 08 computes and draws of it."""

import re
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("torch")

from genima_lite.checks import course
from genima_lite.checks.course import stored_rlbench
from genima_lite.controller.checkpoint import load_controller
from genima_lite.demos.packed import packed_episodes
from genima_lite.errors import UserError
from genima_lite.evaluation.committed import Grid, committed_grid
from genima_lite.evaluation.paper import PAPER
from genima_lite.shipped import shipped
from genima_lite.viz.robustness_figures import (
    blame,
    blame_bars,
    changed_scene,
    close_up,
    following_errors,
    gripper_figure,
    misread,
    moved_cameras,
    paper_figure,
    shares_kept,
)

RESULTS = Path(__file__).resolve().parents[1] / "docs/results.md"
pytestmark = pytest.mark.usefixtures("one_torch_thread")


def documented() -> dict[str, list[int]]:
    """Return the solved episodes of genima, act and oracle by scene, from the page of results."""
    section = RESULTS.read_text().partition("## Who survives a changed scene?")[2]
    rows = re.findall(r"^\| ([a-z ]+) \| (\d+), .*?\| (\d+), .*?\| (\d+), ", section, re.MULTILINE)
    return {name: list(map(int, numbers)) for name, *numbers in rows}


def test_the_committed_grid_is_the_one_on_the_page_of_results():
    grid, said = committed_grid(), documented()
    assert [name.replace("_", " ") for name in grid.conditions] == list(said)
    for condition in grid.conditions:
        solved = [grid.row(policy, condition)["successes"] for policy in grid.policies]
        assert solved == said[condition.replace("_", " ")]


def test_a_row_counts_errors_as_nothing_and_an_outcome_that_is_none_is_refused():
    outcomes = {"p": {"clean": {"a": "11-0", "b": "0000"}}}
    grid = Grid("c", "d", {}, [1, 3, 5, 7], outcomes)
    assert grid.row("p", "clean")["successes"] == 2
    assert grid.row("p", "clean", "a")["n"] == 3
    assert grid.solved("p", "clean").tolist() == [True, True] + 6 * [False]
    with pytest.raises(UserError, match="p, clean, a"):
        Grid("c", "d", {}, [1, 3, 5, 7], {"p": {"clean": {"a": "112-"}}})


def test_blame_adds_up_to_what_was_lost():
    grid = committed_grid()
    for name in grid.conditions[1:]:
        lost = grid.solved("genima", "clean") & ~grid.solved("genima", name)
        assert sum(blame(grid, "genima", name).values()) == lost.sum()
    assert not any(blame(grid, "genima", "clean").values())


def test_what_nothing_changes_is_kept_for_certain():
    solved = np.arange(40) % 3 > 0
    row = shares_kept(solved, solved, seed=3)
    assert (row["rate"], row["interval_95"]) == (1, [1, 1])


def test_moved_cameras_misread_in_proportion_and_the_told_controller_does_not():
    point = np.array([0.3, 0.0, 0.9])
    half, whole = (misread("push_button", 14001, strength, point) for strength in (0.5, 1.0))
    assert set(half) == {"front", "left_shoulder", "right_shoulder"}
    for name in half:
        assert whole[name] == pytest.approx(2 * half[name], rel=0.1)
        stands, assumed = moved_cameras("push_button", 14001, 1.0)[name]
        assert np.abs(stands.pose[:3, 3] - assumed.pose[:3, 3]).max() <= 0.1
    told, untold = following_errors(
        load_controller(shipped("genima/controller")), "push_button", 14001, 1.0
    )
    assert told < 0.01 < 0.03 < untold


def test_figures_say_what_they_show_and_have_markers_beside_colours():
    grid = committed_grid()
    bars = blame_bars({name: blame(grid, "genima", name) for name in grid.conditions[1:]}, 160)
    assert "following" in bars.alt
    assert len({patch.get_hatch() for patch in bars.axes[0].patches}) == 3
    rows = paper_figure(PAPER, {"lamp_on": grid.row("genima", "clean", "lamp_on")})
    assert "25 tasks" in rows.alt
    assert len({line.get_marker() for line in rows.axes[0].lines} - {"None"}) == 3


def test_changed_scenes_differ_in_looks():
    clean = changed_scene("push_button", 3).image("front")
    assert (changed_scene("push_button", 3, ("light",)).image("front") != clean).any()
    assert (changed_scene("push_button", 3).image("front") == clean).all()


def test_the_demonstration_of_notebook_08_is_rlbenchs_and_closes_the_gripper_at_its_end():
    (episode,) = packed_episodes(stored_rlbench())
    demo = episode.read()
    assert (len(demo), episode.sentences()[0]) == (39, "push the maroon button")
    assert demo[8].image("wrist").shape == (64, 64, 3)
    assert [frame.gripper_open for frame in demo].index(0) == 30


def test_where_no_repository_is_the_notebook_says_so(monkeypatch, capsys, tmp_path):
    monkeypatch.setattr(course, "__file__", str(tmp_path / "a/b/course.py"))
    assert stored_rlbench() is None
    assert "clone the repository" in capsys.readouterr().out


def test_a_close_up_shows_the_piece_and_its_other_shape():
    known, novel = (close_up("press_switch", 14003, names) for names in ((), ("novel_object",)))
    assert known.shape == novel.shape == (160, 160, 3)
    assert (known != novel).mean() > 0.05
    red = (known[..., 0] > 150) & (known[..., 1] < 80)
    assert np.abs(np.argwhere(red).mean(axis=0) - 80).max() < 40, "it lies in the middle"


def test_lanes_show_where_the_gripper_is_closed_and_where_nothing_is_drawn():
    figure = gripper_figure({"now": [1, 1, 0], "drawn": [1, np.nan, np.nan]})
    handles, names = figure.axes[0].get_legend_handles_labels()
    bars = {name: bar for name, bar in zip(names, handles, strict=True) if name != "nothing drawn"}
    hatches = {name: bar[0].get_hatch() for name, bar in bars.items()}
    assert hatches["closed"] != hatches["open"]
    assert [list(line.get_xdata()) for line in figure.axes[0].lines] == [[], [1, 2]]
