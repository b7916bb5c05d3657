"""The whole pipeline with one command, as small as it can be."""

import json
import shutil
from dataclasses import replace

import numpy as np
import pytest
import torch
from genima_lite.recipes.reproduce import Plan, demo, reproduce
from genima_lite.recipes.stages import Stage, run_stages
from safetensors.torch import save_file
from stage_examples import fail, write

from genima_lite import reproduce as reproducing
from genima_lite import shipped as shipping
from genima_lite.controller.keypoint_pretraining import KeypointPretraining
from genima_lite.demos.layout import iterate_episodes
from genima_lite.errors import UserError
from genima_lite.evaluation.episode_store import is_stored, load_stored, store
from genima_lite.evaluation.recording import Moment, Recording
from genima_lite.evaluation.rollout import EpisodeResult

PLAN = Plan(
    tasks=("push_button",),
    demos=2,
    perturbed_states=2,
    held_out=1,
    diffusion_steps=2,
    controller_steps=2,
    act_steps=2,
    keypoint_pretraining=KeypointPretraining(samples=1000, steps=2, batch_size=4),
    episodes=1,
)


def test_the_longest_stage_starts_first_and_needs_are_met(tmp_path):
    log = tmp_path / "log"
    stages = [
        Stage("last", write, (log, "c", 0), 9.0, needs=("first",)),
        Stage("first", write, (log, "a", 0.2), 1.0),
        Stage("second", write, (log, "b", 0.0), 0.5),
    ]
    seconds = run_stages(stages, processes=1)
    assert log.read_text() == "acb", "what is needed first; then the longest"
    assert seconds["first"] >= 0.2
    assert set(seconds) == {"first", "second", "last"}


def test_a_broken_stage_ends_the_job(tmp_path):
    stages = [
        Stage("broken", fail, (), 1.0),
        Stage("after", write, (tmp_path / "log", "x", 0), 1.0, needs=("broken",)),
    ]
    with pytest.raises(RuntimeError, match="this stage is broken"):
        run_stages(stages, processes=1)
    assert not (tmp_path / "log").exists()


def test_stored_episodes_come_back(tmp_path):
    result = EpisodeResult("t", 1, 3, True, 40, None, 2, {"draw": 0.5}, {"cup": [1.0, 2.0, 3.0]})
    views = {"front": np.arange(48, dtype=np.uint8).reshape(4, 4, 3)}
    perturbed_states = [Moment(0, views, None, None), Moment(20, views, views, views)]
    recording = Recording("genima", result, "do it", perturbed_states, b"film", views["front"])
    assert not is_stored(tmp_path, "genima", "t")
    store(tmp_path, "genima", "t", [result], [recording])
    assert is_stored(tmp_path, "genima", "t")
    results, (again,) = load_stored(tmp_path, "genima", "t")
    assert results == [result]
    assert (again.film, again.instruction, again.result) == (b"film", "do it", result)
    assert again.perturbed_states[0].drawn is None
    np.testing.assert_array_equal(again.perturbed_states[1].true["front"], views["front"])


def test_the_whole_pipeline_runs_and_does_nothing_twice(tmp_path):
    page = reproduce(tmp_path, PLAN)
    assert page.name == "report.html"
    results = json.loads((tmp_path / "results.json").read_text())
    assert set(results["policies"]) == {"expert", "oracle", "genima", "act"}
    assert results["policies"]["expert"]["summary"]["push_button"]["successes"] == 1
    assert set(results["training"]["minutes"]) == {"diffusion", "controller", "act"}
    assert len(list(iterate_episodes(tmp_path / "demos"))) == 2
    made = {p: p.stat().st_mtime_ns for p in tmp_path.rglob("*.safetensors")}
    made |= {p: p.stat().st_mtime_ns for p in (tmp_path / "evaluation").iterdir()}
    reproduce(tmp_path, PLAN)
    unchanged = {p for p, when in made.items() if p.stat().st_mtime_ns == when}
    assert unchanged == set(made)
    with pytest.raises(UserError, match="act_steps = 2, not 3"):
        reproduce(tmp_path, replace(PLAN, act_steps=3))


def test_an_impossible_plan():
    with pytest.raises(UserError, match="unknown task"):
        Plan(tasks=("fly",))
    with pytest.raises(UserError, match="needs tasks"):
        Plan(demos=0)


def test_a_demo_is_done_again_where_the_weights_are_others(tmp_path, monkeypatch):
    monkeypatch.setattr(reproducing, "task_names", lambda: ["push_button"])
    page = demo(tmp_path / "demo", episodes=1)
    assert "push_button" in page.read_text(encoding="utf-8")

    def done():
        return {path: path.stat().st_mtime_ns for path in (tmp_path / "demo").rglob("*.npz")}

    first = done()
    assert len(first) == 3
    demo(tmp_path / "demo", episodes=1)
    assert done() == first
    changed = shutil.copytree(shipping.DATA, tmp_path / "data")
    save_file({"x": torch.zeros(1)}, changed / "act" / "more.safetensors")
    monkeypatch.setattr(shipping, "DATA", changed)
    demo(tmp_path / "demo", episodes=1)
    assert len(done()) == 6
    assert done().items() > first.items()
