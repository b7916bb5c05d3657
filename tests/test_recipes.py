"""Every recipe runs from nothing to what `eval` takes, at miniature scale; what a recipe says."""

from dataclasses import dataclass, field, fields, is_dataclass, replace
from pathlib import Path
from typing import ClassVar

import pytest

pytest.importorskip("torch")
pytest.importorskip("diffusers")

from miniature import TASK, miniature

from genima_lite.controller.run import preset_run
from genima_lite.datasets import shards
from genima_lite.diffusion.base import load_pipeline
from genima_lite.diffusion.finetune import FinetuneConfig
from genima_lite.errors import UserError
from genima_lite.evaluation.rollout import evaluate
from genima_lite.policies.api import PolicyFactory, PolicySettings
from genima_lite.provenance import origin
from genima_lite.recipes._check import check_step
from genima_lite.recipes._collection import CollectConfig
from genima_lite.recipes._run import claim_run, recipe_stages
from genima_lite.recipes.api import (
    Recipe,
    load_recipe,
    needs,
    placed,
    recipe_names,
    scaled,
    steps_of,
)

pytestmark = pytest.mark.usefixtures("one_torch_thread")


def run_here(out, recipe):
    """Run the stages of a recipe one after the other in this process."""
    claim_run(out, recipe)
    for stage in recipe_stages(out, recipe):
        stage.run(*stage.arguments, lambda *_: None)


LARGE = ("act-paper", "paper", "paper-lora", "paper-pix2pix", "paper-sdxl", "susie")
"""Recipes whose base models come from elsewhere: tests/test_paper_recipes.py."""

GIVEN = ("rlbench-lite",)
"""Recipes whose demonstrations are given: tests/test_rlbench_lite.py."""


@pytest.mark.slow
@pytest.mark.parametrize("name", [name for name in recipe_names() if name not in LARGE + GIVEN])
def test_a_recipe_runs_to_the_end_and_is_evaluated(name, tmp_path, monkeypatch):
    monkeypatch.setattr(shards, "SHARD", 4)
    recipe = miniature(load_recipe(name))
    run_here(tmp_path, recipe)
    for policy, folder in recipe.makes.items():
        make = PolicyFactory(policy, PolicySettings(tmp_path / folder))
        (result,) = evaluate(make, [TASK], 1, 1000)
        assert result.error is None
        assert result.steps > 0
    if not recipe.makes:
        assert load_pipeline(tmp_path / "base").unet.config.sample_size == 16
    assert origin(tmp_path)["recipe"] == name
    made = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*.safetensors")}
    run_here(tmp_path, recipe)
    assert made == {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*.safetensors")}


def test_the_recipes_are_those_of_the_folder():
    assert recipe_names() == sorted(
        ("act", "laptop", "mini-turbo", "shipped", "twin", *LARGE, *GIVEN)
    )
    for name in recipe_names():
        assert load_recipe(name).name == name
        assert load_recipe(name).version >= 1


def test_an_unknown_recipe():
    with pytest.raises(UserError, match="unknown recipe 'lapdog': choose from act, act-paper"):
        load_recipe("lapdog")


def test_a_step_waits_for_those_whose_folders_it_names():
    steps = steps_of(load_recipe("shipped"))
    assert list(steps)[4:6] == ["first/diffusion", "first/controller"]
    assert needs(steps["first/diffusion"], steps) == ("demos", "recovery", "held_out", "base")
    wanted = needs(steps["diffusion"], steps)
    assert {"first/diffusion", "first/controller"} < set(wanted), "a whole Genima rolls out"
    steps = steps_of(load_recipe("act"))
    assert needs(steps["second"], steps) == ("demos", "held_out", "first")


def test_folders_of_steps_lie_in_the_run_and_others_stay(tmp_path):
    steps = steps_of(load_recipe("laptop"))
    config = placed(steps["diffusion"], steps, tmp_path)
    assert config.demos == (str(tmp_path / "demos"),)
    assert config.held_out == str(tmp_path / "held_out")
    assert config.base == steps["diffusion"].base


def counts(config):
    found = {}
    for each in fields(config):
        value = getattr(config, each.name)
        if is_dataclass(value):
            found |= {f"{each.name}.{name}": n for name, n in counts(value).items()}
        elif isinstance(value, int):
            found[each.name] = value
    return found


def test_scale_changes_amounts_and_nothing_else():
    whole, small = (counts(recipe) for recipe in (load_recipe("laptop"), half("laptop")))
    assert small["demos.episodes"] == 30
    assert small["diffusion.training.steps"] == 1650
    assert small["controller.keypoint_pretraining.training.steps"] == 3000
    same = ("view_size", "batch_size", "image_size", "seed", "horizon", "rank", "every")
    for name, value in whole.items():
        if name.endswith(same):
            assert small[name] == value, name
    assert counts(scaled(load_recipe("laptop"), 1e-6))["act.training.steps"] == 1


def half(name):
    return scaled(load_recipe(name), 0.5)


@pytest.mark.parametrize("scale", [0, -1, 1000, float("nan")])
def test_an_impossible_scale(scale):
    with pytest.raises(UserError, match="--scale is"):
        scaled(load_recipe("laptop"), scale)


def test_a_number_that_is_none_is_refused_by_its_name(tmp_path):
    run = preset_run("lite", "demos")
    broken = replace(run, training=replace(run.training, learning_rate=float("nan")))
    with pytest.raises(UserError, match=r"training\.learning_rate is nan"):
        check_step(tmp_path, broken)


def test_a_model_is_not_written_over_its_base(tmp_path):
    config = FinetuneConfig(str(tmp_path / "base"), (TASK,), ("demos",))
    with pytest.raises(UserError, match="written over what it is made from"):
        check_step(tmp_path / "x/../base", config)


@dataclass(frozen=True)
class Backwards(Recipe):
    name: ClassVar[str] = "backwards"
    version: ClassVar[int] = 1
    diffusion: object = field(default_factory=lambda: load_recipe("laptop").diffusion)
    demos: CollectConfig = field(default_factory=lambda: CollectConfig((TASK,)))
    held_out: CollectConfig = field(default_factory=lambda: CollectConfig((TASK,)))


def test_a_step_that_names_a_later_one_is_refused(tmp_path):
    with pytest.raises(UserError, match="step diffusion names demos"):
        recipe_stages(tmp_path, Backwards())


def test_another_recipe_in_the_same_folder_is_refused(tmp_path):
    recipe = load_recipe("laptop")
    claim_run(tmp_path, recipe)
    other = replace(recipe, act=replace(recipe.act, seed=3))
    with pytest.raises(UserError, match=r"steps\.act\.seed = 0, not 3"):
        claim_run(tmp_path, other)


def test_cards_name_their_recipe_and_its_version():
    data = Path(__file__).parents[1] / "data"
    cards = {"mini-turbo": "mini-turbo", "act": "act", "genima/diffusion": "shipped"}
    for folder, name in {**cards, "genima/controller": "shipped"}.items():
        text = (data / folder / "README.md").read_text(encoding="utf-8")
        assert f"{name}, version {load_recipe(name).version}" in text.replace("`", ""), folder
