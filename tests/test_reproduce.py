"""The whole pipeline with one command, as small as it can be; the demo of what is shipped."""

import json
import shutil
from dataclasses import replace

import pytest
from miniature import TASK, miniature
from safetensors.torch import load_file

from genima_lite import reproduce as reproducing
from genima_lite import shipped as shipping
from genima_lite.controller.checkpoint import load_config, save_controller
from genima_lite.demos.layout import iterate_episodes
from genima_lite.errors import UserError
from genima_lite.recipes.laptop import Laptop
from genima_lite.reproduce import Evaluations, demo, reproduce


@pytest.fixture
def here(monkeypatch):
    """From now on, stages run in this process: workers import networks for ten seconds each."""

    def run(stages, processes=2):
        names = [stage.name for stage in stages]
        for at, stage in enumerate(stages):
            assert set(stage.needs) <= set(names[:at]), "in the order of the list, too"
            stage.run(*stage.arguments, lambda *_: None)

    return lambda: monkeypatch.setattr(reproducing, "run_stages", run)


@pytest.mark.slow
def test_the_whole_pipeline_runs_and_does_nothing_twice(tmp_path, here):
    recipe, evaluations = miniature(Laptop()), Evaluations((TASK,), 1)
    page = reproduce(tmp_path, recipe, evaluations)
    assert page.name == "report.html"
    results = json.loads((tmp_path / "results.json").read_text())
    assert set(results["policies"]) == {"expert", "oracle", "genima", "act"}
    assert results["policies"]["expert"]["summary"][TASK]["successes"] == 1
    assert set(results["training"]["minutes"]) == {"diffusion", "controller", "act"}
    assert len(list(iterate_episodes(tmp_path / "demos"))) == recipe.demos.episodes
    kept = [*tmp_path.rglob("*.safetensors"), *(tmp_path / "evaluation").rglob("*.json")]
    made = {p: p.stat().st_mtime_ns for p in kept}
    here()
    reproduce(tmp_path, recipe, evaluations)
    assert {p for p, when in made.items() if p.stat().st_mtime_ns == when} == set(made)
    other = replace(recipe, act=replace(recipe.act, seed=3))
    with pytest.raises(UserError, match=r"act\.seed = 0, not 3"):
        reproduce(tmp_path, other, evaluations)


@pytest.mark.slow
def test_a_demo_is_done_again_where_the_weights_are_others(tmp_path, monkeypatch, here):
    here()
    monkeypatch.setattr(reproducing, "TASKS", (TASK,))
    page = demo(tmp_path / "demo", episodes=1)
    assert TASK in page.read_text(encoding="utf-8")

    def done():
        return {path: path.stat().st_mtime_ns for path in (tmp_path / "demo").rglob("*.npz")}

    first = done()
    assert len(first) == 3
    demo(tmp_path / "demo", episodes=1)
    assert done() == first
    changed = shutil.copytree(shipping.DATA, tmp_path / "data")
    weights = load_file(changed / "act/controller.safetensors")
    said = json.loads((changed / "act/controller.json").read_text(encoding="utf-8"))
    others = {name: said[name] for name in set(said) - {"config", "fingerprint"}}
    name = next(iter(weights))
    weights[name] *= 1.001
    save_controller(changed / "act", load_config(changed / "act"), weights, others)
    monkeypatch.setattr(shipping, "DATA", changed)
    demo(tmp_path / "demo", episodes=1)
    assert len(done()) == 6
    assert done().items() > first.items()
