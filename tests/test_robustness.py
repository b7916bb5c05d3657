"""The grid of policies and perturbations: what it counts, and that it goes on after a kill."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from scipy.stats import binomtest

from genima_lite.errors import UserError
from genima_lite.evaluation.robustness import ALL, CLEAN, summary_of
from genima_lite.evaluation.statistics import EpisodeResult
from genima_lite.files import read_json
from genima_lite.robustness import Robustness, robustness
from genima_lite.shipped import shipped

SMALL = Robustness(("expert", "random"), ("push_button",), 2, perturb=("light", "distractors"))


def results(solved: set[int], n: int = 12) -> list[EpisodeResult]:
    one = EpisodeResult("push_button", 0, 0, False, 9, None, None, 1, {}, {})
    return [replace(one, seed=seed, success=seed in solved) for seed in range(n)]


def test_a_row_says_what_is_kept_and_how_sure_one_may_be() -> None:
    cells = {"genima": {CLEAN: results(set(range(10))), "light": results({0, 1, 11})}}
    row = summary_of(cells)["genima"]["light"]
    assert (row["successes"], row["n"], row["kept"]) == (3, 12, 0.3)
    assert (row["won"], row["lost"]) == (1, 8)
    assert row["p"] == pytest.approx(binomtest(1, 9).pvalue)
    assert summary_of(cells)["genima"][CLEAN]["p"] == 1.0


def test_nothing_is_kept_of_nothing() -> None:
    cells = {"random": {CLEAN: results(set()), "light": results({1})}}
    assert summary_of(cells)["random"]["light"]["kept"] is None


def test_errors_are_no_results_and_other_episodes_are_refused() -> None:
    broken = [replace(each, error="it broke") for each in results({1}, 1)]
    with pytest.raises(UserError, match="1 episodes are in one result only"):
        summary_of({"genima": {CLEAN: results({1}), "light": [*broken, *results({1})[1:]]}})


def test_a_grid_is_run_once_and_its_page_names_every_cell(tmp_path: Path) -> None:
    page = robustness(tmp_path, SMALL, processes=2)
    document = read_json(tmp_path / "results.json")
    assert document["summary"]["expert"][ALL]["successes"] == 2
    assert document["summary"]["random"]["light"]["n"] == 2
    assert {row["condition"] for row in document["between_policies"]} == set(SMALL.conditions)
    text = page.read_text(encoding="utf-8")
    assert all(name in text for name in ("distractors", "all together", "expert", "random"))
    before = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("0000*.json")}
    assert len(before) == 2 * 4 * 2
    next(iter(before)).unlink()
    robustness(tmp_path, SMALL, processes=2)
    same = [path for path, when in before.items() if path.stat().st_mtime_ns == when]
    assert len(same) == len(before) - 1
    with pytest.raises(UserError, match="was made from robustness.strength"):
        robustness(tmp_path, replace(SMALL, strength=0.5))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"policies": ("expert", "expert")}, "name each once"),
        ({"policies": ()}, "at least 1 policy"),
        ({"tasks": ("fly",)}, "unknown task 'fly'"),
        ({"perturb": ("fog",)}, "unknown perturbation 'fog'"),
        ({"strength": 2.0}, "strength is 2.0"),
        ({"episodes": 0}, "episodes is 0; give 1 to"),
    ],
)
def test_a_grid_that_makes_no_sense_is_refused(change: dict, message: str) -> None:
    with pytest.raises(UserError, match=message):
        replace(SMALL, **change)


def test_a_policy_that_is_not_trained_takes_no_folder(tmp_path: Path) -> None:
    grid = Robustness(("expert=runs/mine",), ("push_button",), 1, perturb=("light",))
    with pytest.raises(UserError, match="'expert' is not trained"):
        robustness(tmp_path / "grid", grid)


def test_weights_of_another_kind_are_refused_before_any_episode(tmp_path: Path) -> None:
    drawing = shipped("genima/diffusion")
    grid = Robustness((f"act={drawing}",), ("push_button",), 1, perturb=("light",))
    with pytest.raises(UserError, match=r"no controller\.json"):
        robustness(tmp_path / "out", grid)
    assert not (tmp_path / "out").exists()


def test_weights_may_lie_anywhere_but_must_be_there(tmp_path: Path) -> None:
    grid = replace(SMALL, policies=("expert", f"genima={tmp_path}"))
    assert grid.folders == {"expert": None, "genima": tmp_path}
    with pytest.raises(UserError, match="no model in it"):
        robustness(tmp_path / "out", grid)
