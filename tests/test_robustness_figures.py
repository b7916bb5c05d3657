"""The committed grid is the documented one, and what notebook 08 computes and draws of it."""

import re
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("torch")

from genima_lite.controller.checkpoint import load_controller
from genima_lite.demos.inspection import inspect_dataset
from genima_lite.demos.read import read_episode
from genima_lite.errors import UserError
from genima_lite.evaluation.committed import Grid, committed_grid
from genima_lite.evaluation.paper import PAPER
from genima_lite.shipped import shipped
from genima_lite.viz.robustness_figures import (
    blame,
    blame_bars,
    changed_scene,
    following_errors,
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


EPISODE = Path(__file__).parent / "data/rlbench_push_button"


def test_rlbenchs_own_demonstration_is_read_with_the_frames_that_have_pictures():
    folder = EPISODE / "push_button/variation0/episodes/episode0"
    demo = read_episode(folder, frames=(0, 8, 16, 24, 32, 38))
    assert len(demo) == 39
    assert demo[8].image("wrist").shape == (64, 64, 3)
    assert [frame.gripper_open for frame in demo].index(0) == 30
    moved = np.abs(np.diff([frame.joint_positions for frame in demo], axis=0)).max()
    assert 0.01 < moved < 0.3
    assert inspect_dataset(EPISODE)["problems"] != []  # pictures of six frames only, and it says so
