"""The recipes at the paper's scale, on tiny models of the same architectures: trained, killed,
drawn by stock pipelines, and in closed loop."""

import shutil
from dataclasses import fields, is_dataclass, replace
from types import SimpleNamespace

import numpy as np
import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("diffusers")
pytest.importorskip("peft")

from diffusers import DiffusionPipeline
from miniature import TASK
from paper_models import SIZE, sd, write, xl
from tiny_controller import TINY_CONTROLLER
from transformers import AutoBackbone, ResNetConfig

from genima_lite import hub
from genima_lite.controller.act import ACT
from genima_lite.controller.augment import AugmentConfig
from genima_lite.controller.backgrounds import textures
from genima_lite.controller.checkpoint import save_controller
from genima_lite.controller.run import FollowingMixture
from genima_lite.controller.sources import DemoSource
from genima_lite.datasets import shards
from genima_lite.datasets.demonstrations import read_demos
from genima_lite.datasets.demonstrations import recorded as recorded_demos
from genima_lite.demos.collect import collect
from genima_lite.diffusion.agent import DiffusionAgent
from genima_lite.diffusion.augment import AugmentConfig as CropsAndColours
from genima_lite.diffusion.augment import augmented_pairs
from genima_lite.diffusion.components import as_condition
from genima_lite.diffusion.data import demo_pictures, tiled
from genima_lite.diffusion.metadata import load_metadata
from genima_lite.diffusion.pictures import Pictures
from genima_lite.diffusion.pixels import PixelScore, pixel_picture, score_pixels
from genima_lite.diffusion.prompts import task_prompt
from genima_lite.errors import UserError
from genima_lite.evaluation.rollout import evaluate
from genima_lite.policies.api import PolicyFactory, PolicySettings
from genima_lite.recipes._paper import TASKS
from genima_lite.recipes._run import claim_run, recipe_stages
from genima_lite.recipes.api import load_recipe
from genima_lite.targets.horizon import FUTURE, HORIZON
from genima_lite.training.config import TrainingConfig

pytestmark = pytest.mark.usefixtures("one_torch_thread")

RECIPES = ("paper", "paper-lora", "paper-pix2pix", "paper-sdxl", "act-paper", "susie")


@pytest.fixture(autouse=True)
def _small_shards(monkeypatch):
    monkeypatch.setattr(shards, "SHARD", 4)


@pytest.fixture(scope="module")
def bases(tmp_path_factory):
    """Folders of tiny models by their ids on the hub."""
    root = tmp_path_factory.mktemp("bases")
    resnet = ResNetConfig(embedding_size=8, hidden_sizes=[8, 16], depths=[1, 1], layer_type="basic")
    AutoBackbone.from_config(resnet).save_pretrained(root / "resnet")
    return {
        "stabilityai/sd-turbo": str(write(root / "sd", sd())),
        "stabilityai/sdxl-turbo": str(write(root / "xl", xl())),
        "timbrooks/instruct-pix2pix": str(write(root / "pix2pix", sd(in_channels=8))),
        "microsoft/resnet-18": str(root / "resnet"),
    }


def tiny(config, bases):
    """Return a recipe with its base models, pictures, networks and amounts made tiny."""
    small = {
        "tasks": (TASK,), "episodes": 1, "image_size": SIZE // 2, "view_size": SIZE // 2,
        "frames_each": 3, "copies": 2, "sampling_steps": 2, "keypoint_pretraining": None,
        "training": TrainingConfig(
            steps=2, batch_size=2, warmup=0, save_every=1, precision="bfloat16"
        ),
    }  # fmt: skip
    changed = {}
    for field in fields(config):
        value = getattr(config, field.name)
        if field.name == "network":
            same = ("keyframes", "spheres", "future", "text_features")
            kept = {name: getattr(value, name) for name in same}
            value = replace(TINY_CONTROLLER, **kept, backbone=bases[value.backbone])
        elif field.name == "base":
            value = bases[value]
        elif field.name in small:
            value = small[field.name]
        elif is_dataclass(value):
            value = tiny(value, bases)
        changed[field.name] = value
    return replace(config, **changed)


@pytest.fixture(scope="module")
def recorded(tmp_path_factory, bases):
    """The demonstrations of all these recipes, which are the same."""
    root = tmp_path_factory.mktemp("recorded")
    recipe = tiny(load_recipe("paper"), bases)
    for name in ("demos", "held_out"):
        config = getattr(recipe, name)
        list(collect(root / name, config.tasks, config.episodes, config.settings))
    return root


def run(out, recipe, recorded, kill=None):
    """Run a recipe's stages; `kill` stops at the first report of its training."""
    shutil.copytree(recorded, out, dirs_exist_ok=True)
    claim_run(out, recipe)
    for stage in recipe_stages(out, recipe):
        stage.run(*stage.arguments, kill if stage.name == "diffusion" and kill else lambda *_: None)


class Killed(Exception):
    pass


def killer(done, total):
    if done == 1:
        raise Killed


def closed_loop(out, recipe):
    for policy, folder in recipe.makes.items():
        if policy == "oracle":
            continue
        make = PolicyFactory(policy, PolicySettings(out / folder))
        (result,) = evaluate(make, [TASK], 1, 1000)
        assert result.error is None
        assert result.steps > 0


def assert_stock_draws_the_same(folder):
    picture = np.random.default_rng(0).integers(0, 256, (SIZE, SIZE, 3), dtype=np.uint8)
    prompt = task_prompt("push the red button")
    stock = DiffusionPipeline.from_pretrained(folder)
    stock.set_progress_bar_config(disable=True)
    concat = "Pix2Pix" in type(stock).__name__
    how = {"guidance_scale": 1.0 if concat else 0.0, **({} if concat else {"height": SIZE})}
    expected = stock(
        prompt,
        image=as_condition(picture[None]),
        num_inference_steps=2,
        generator=torch.Generator().manual_seed(0),
        **how,
        **({} if concat else {"width": SIZE}),
    ).images[0]
    agent = DiffusionAgent.load(folder)
    assert agent.sampling_steps == load_metadata(folder).sampling_steps == 2
    found = agent.draw_tiled(picture, prompt, 0)
    assert abs(found.astype(int) - np.asarray(expected).astype(int)).max() <= 1


@pytest.mark.parametrize("name", RECIPES)
def test_a_recipe_is_killed_goes_on_and_acts(name, bases, recorded, tmp_path):
    recipe = tiny(load_recipe(name), bases)
    if "diffusion" in {field.name for field in fields(recipe)}:
        with pytest.raises(Killed):
            run(tmp_path, recipe, recorded, killer)
        assert not (tmp_path / "diffusion/model_index.json").exists()
    run(tmp_path, recipe, recorded)
    if (tmp_path / "diffusion").exists():
        assert_stock_draws_the_same(tmp_path / "diffusion")
        card = (tmp_path / "diffusion/README.md").read_text()
        assert f"recipe `{name}, version 1`" in card
        assert "samples.png" in card
        assert (tmp_path / "diffusion/samples.png").exists()
    closed_loop(tmp_path, recipe)


def test_the_future_picture_is_a_demonstrations_own(bases, recorded):
    recipe = tiny(load_recipe("susie"), bases)
    (demo,) = read_demos(recorded / "demos")
    views = [tiled(seen) for seen in demo[0]]
    (each,) = recorded_demos([recorded / "demos"])
    found = demo_pictures([each], 6, np.random.default_rng(0), None, False, FUTURE)
    assert len(found) == 6
    for now, later in zip(found.conditions, found.pictures, strict=True):
        (frame,) = [t for t, view in enumerate(views) if (view == now).all()]
        assert (later == views[min(frame + HORIZON, len(views) - 1)]).all()
    with pytest.raises(UserError, match="only these have later pictures"):
        replace(recipe.diffusion, perturbed_states=4)
    with pytest.raises(UserError, match="unknown target 'sphere'"):
        replace(recipe.diffusion, target="sphere")
    mixture = FollowingMixture(motions=0, demonstrations=1, kept=1)
    with pytest.raises(UserError, match="learns from demonstrations"):
        replace(recipe.controller, kept=("somewhere",), mixture=mixture)
    network = replace(recipe.controller.network, image_size=SIZE // 2)
    source = DemoSource(network, AugmentConfig.none(), textures, recorded / "demos")
    (views,) = source.at(np.random.default_rng(0), [2]).drawn.views
    assert views.shape[0] == 2 * len(network.cameras) == len(network.views)
    for number, camera in enumerate(network.cameras):
        assert (views[number] == demo[0][2].image(camera)).all()
        target = min(2 + HORIZON, len(demo[0]) - 1)
        assert (views[len(network.cameras) + number] == demo[0][target].image(camera)).all()


def test_what_now_and_later_show_is_cropped_and_coloured_alike(recorded):
    (demo, _), *_ = read_demos(recorded / "demos")
    rng = np.random.default_rng(3)
    ((now, later),) = augmented_pairs([(demo[0], demo[0])], CropsAndColours(share=1.0), rng)
    assert (now.front_rgb == later.front_rgb).all()
    assert (now.front_rgb != demo[0].front_rgb).any()
    (pair,) = augmented_pairs([(demo[0], demo[5])], CropsAndColours(share=0.0), rng)
    assert pair == (demo[0], demo[5])


def test_a_pixel_score_has_copying_to_beat():
    rng = np.random.default_rng(0)
    now = rng.integers(0, 100, (2, 8, 8, 3), np.uint8)
    later = now.copy()
    later[:, :2] += 100
    agent = SimpleNamespace(draw_tiled=lambda picture, prompt, seed: picture + np.uint8(50))
    score, drawn = score_pixels(agent, Pictures(later, ("a", "b"), now))
    assert score == PixelScore(2, 0.25, 50.0, 100.0, 0.5, (0.5, 0.5))
    assert pixel_picture(Pictures(later, ("a", "b"), now), drawn).shape == (16, 24, 3)


def test_controllers_of_another_target_are_refused_by_their_policys_name(tmp_path):
    for more, name, other in (
        ({"spheres": False, "future": True}, "act", "susie"),
        ({"spheres": False}, "susie", "act"),
        ({}, "act", "oracle or genima"),
    ):
        network = replace(TINY_CONTROLLER, **more)
        out = tmp_path / f"{name}{other}" / ("controller" if name == "susie" else "")
        save_controller(out, network, ACT(network).state_dict(), {"tasks": [TASK]})
        folder = out.parent if name == "susie" else out
        with pytest.raises(UserError, match=f"a controller for policy {other}"):
            PolicyFactory(name, PolicySettings(folder))(TASK)
    with pytest.raises(UserError, match="two targets"):
        replace(TINY_CONTROLLER, future=True)


def test_lora_alone_on_an_instruct_pix2pix(bases, recorded, tmp_path):
    """What the docstring of `paper-lora` says to give."""
    recipe = load_recipe("paper-lora")
    diffusion = recipe.diffusion
    adapter = replace(diffusion.adapter, name="concat-lora")
    alone = replace(diffusion, base="timbrooks/instruct-pix2pix", adapter=adapter)
    recipe = tiny(replace(recipe, diffusion=alone), bases)
    shutil.copytree(recorded, tmp_path, dirs_exist_ok=True)
    claim_run(tmp_path, recipe)
    (stage,) = [each for each in recipe_stages(tmp_path, recipe) if each.name == "diffusion"]
    stage.run(*stage.arguments, lambda *_: None)
    assert (tmp_path / "diffusion/pytorch_lora_weights.safetensors").exists()
    assert_stock_draws_the_same(tmp_path / "diffusion")


def test_they_have_the_papers_numbers():
    paper = load_recipe("paper")
    assert len(TASKS) == 25
    assert paper.demos.total == 25 * 50
    diffusion = paper.diffusion
    assert (diffusion.training.batch_size, diffusion.training.learning_rate) == (2, 1e-5)
    assert (diffusion.view_size, diffusion.sampling_steps) == (256, 10)
    assert not diffusion.keyframes
    assert (diffusion.adapter.step.noise_power, diffusion.adapter.step.changed_weight) == (1, 0)
    network = load_recipe("act-paper").act.network
    assert (network.hidden, network.encoder_layers, network.decoder_layers) == (256, 4, 6)
    assert network.blocks == (2, 2, 2, 2)
    assert not network.spheres
    adapters = {name: load_recipe(name).diffusion.adapter.name for name in RECIPES[:4]}
    assert list(adapters.values()) == ["frozen", "unet-lora", "concat", "frozen"]


def test_a_resnet_of_the_hub(bases, monkeypatch):
    asked = []

    def download(name, allow_patterns, ignore_patterns):
        asked.extend([name, *allow_patterns])
        return bases["microsoft/resnet-18"]

    monkeypatch.setattr(hub, "snapshot_download", download)
    model = ACT(replace(TINY_CONTROLLER, backbone="microsoft/resnet-18"))
    assert asked == ["microsoft/resnet-18", "config.json", "model.safetensors"]
    assert model.pictures.frozen_norms
    monkeypatch.setattr(hub, "snapshot_download", None)
    with pytest.raises(UserError, match="'microsoft/resnet-18' is no folder.*'laptop'"):
        ACT(replace(TINY_CONTROLLER, backbone="microsoft/resnet-18"))
