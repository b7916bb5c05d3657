"""Random scenes: captions, seeds, the cache on disk; pre-training from end to end."""

from dataclasses import replace

import numpy as np
import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("diffusers")

from genima_lite import panda
from genima_lite.datasets import shards
from genima_lite.demos.write import write_episode
from genima_lite.diffusion.agent import DiffusionAgent
from genima_lite.diffusion.augment import AugmentConfig
from genima_lite.diffusion.base import build_base, preset
from genima_lite.diffusion.data import (
    SceneSettings,
    make_grounding,
    make_perturbed_states,
    make_scenes,
    read_demos,
    target_pictures,
)
from genima_lite.diffusion.finetune import FinetuneConfig, finetune
from genima_lite.diffusion.pictures import load_pictures, together
from genima_lite.diffusion.pretrain import BASE_TRAINING, PretrainConfig, pretrain
from genima_lite.diffusion.prompts import task_prompt
from genima_lite.diffusion.train import TrainConfig
from genima_lite.envs.bench.env import BenchEnv
from genima_lite.envs.bench.random_scenes import RandomScenes, _unmistakable
from genima_lite.rlbench import COLORS
from genima_lite.errors import UserError
from genima_lite.observation import Demo
from genima_lite.tiling import TILE_ORDER

pytestmark = pytest.mark.usefixtures("one_torch_thread")


@pytest.fixture(autouse=True)
def _small_chunks(monkeypatch):
    monkeypatch.setattr(shards, "SHARD", 3)


@pytest.fixture(scope="module")
def scenes():
    scenes = RandomScenes("pick_up_cup", 32)
    yield scenes
    scenes.close()


def test_a_caption_names_the_colors_that_are_seen(scenes):
    rng = np.random.RandomState(0)
    captions = [scenes.draw(rng)[2] for _ in range(20)]
    assert len(set(captions)) > 15
    for caption in captions:
        things = caption.split(", ")[1:]
        assert 1 <= len(things) <= 2
        assert all(thing.split()[0] in COLORS and thing.endswith("cup") for thing in things)
    counted = {color for caption in captions for color in COLORS if f"{color} cup" in caption}
    assert len(counted) > 8


def test_the_same_seed_draws_the_same_scene_whatever_came_before(scenes):
    first = scenes.draw(np.random.RandomState(7))
    other = scenes.draw(np.random.RandomState(8))
    again = scenes.draw(np.random.RandomState(7))
    np.testing.assert_array_equal(first[0], again[0])
    np.testing.assert_array_equal(first[1], again[1])
    assert first[2] == again[2]
    assert (first[0] != other[0]).mean() > 0.3
    assert first[0].shape == (64, 64, 3)
    assert first[0].dtype == np.uint8


def test_beside_a_picture_is_the_same_without_what_its_caption_names(scenes):
    rng, seen = np.random.RandomState(2), 0
    for _ in range(40):
        picture, bare, caption = scenes.draw(rng)
        gone = (picture != bare).any(axis=-1)
        assert gone.mean() < 0.2
        for name in ("blue", "lime", "magenta"):
            if f", {name} cup" in caption and gone.sum() > 10:
                ours, theirs = (count(each[gone], COLORS[name]) for each in (picture, bare))
                assert ours > theirs, caption
                seen += 1
    assert seen > 2


def count(pixels, color):
    """Return how many pixels (N, 3) uint8 have a colour, at whatever brightness."""
    pixels = pixels / 255 + 1e-3
    cosine = pixels @ color / np.linalg.norm(pixels, axis=1) / np.linalg.norm(color)
    return int((cosine > 0.95).sum())


def test_the_thing_that_the_words_name_is_painted_and_nothing_else(scenes):
    rng = np.random.RandomState(1)
    seen = 0
    for _ in range(12):
        before, after, words = scenes.point(rng)
        changed = (before != after).any(-1)
        if changed.sum() < 8:  # out of the pictures, or magenta before
            continue
        seen += 1
        color = np.array(COLORS[words.split()[0]])
        thing = before[changed] / 255
        others = [np.array(COLORS[name]) for name in ("red", "lime", "blue") if name not in words]
        hue = thing.mean(0) - thing.mean()  # light and shade change all channels alike
        wanted = color - color.mean()
        if np.linalg.norm(wanted) > 0.5:
            nearest = min(np.linalg.norm(hue - (o - o.mean())) for o in [*others, wanted])
            assert nearest == pytest.approx(np.linalg.norm(hue - wanted), abs=0.35)
        assert np.median(after[changed][:, 1]) < np.median(after[changed][:, 0])
    assert seen >= 6


def test_pointing_never_names_one_of_two_things_that_look_alike():
    things = [
        (1, "red cup", np.array([1.0, 0, 0])),
        (2, "red cup", np.array([0.8, 0, 0])),
        (3, "red button", np.array([1.0, 0, 0])),
        (4, "blue cup", np.array([0, 0, 1.0])),
    ]
    assert [thing[0] for thing in _unmistakable(things)] == [3, 4]


def test_pointing_pictures_hold_no_spheres_and_have_prompts_of_their_own(tmp_path):
    list(make_grounding(tmp_path, SceneSettings(("pick_up_cup",), 32), 6))
    found = load_pictures(tmp_path, 6)
    assert (found.pictures != found.conditions).any()
    assert all("executing" not in prompt and "cup" in prompt for prompt in found.prompts)
    both = together(found, found)
    assert len(both) == 12
    assert both.conditions.shape == both.pictures.shape


def test_moments_depend_on_their_file_alone_and_go_round_the_tasks(tmp_path):
    settings = SceneSettings(("push_button", "press_switch"), 16, seed=3)
    first, second = tmp_path / "first", tmp_path / "second"
    changed = AugmentConfig()
    list(make_perturbed_states(first, settings, 9, changed))
    list(make_perturbed_states(second, settings, 3, changed))
    (first / "00001.npz").unlink()
    list(make_perturbed_states(first, settings, 6, changed))
    list(make_perturbed_states(second, settings, 6, changed))
    one, two = load_pictures(first, 6), load_pictures(second, 6)
    np.testing.assert_array_equal(one.pictures, two.pictures)
    np.testing.assert_array_equal(one.conditions, two.conditions)
    assert one.prompts == two.prompts
    assert all("switch" in prompt or "rocker" in prompt for prompt in one.prompts[3:])
    assert (one.pictures[:3] != load_pictures(first).pictures[6:9]).any(), "other scenes"
    with pytest.raises(UserError, match="holds pictures of"):
        next(make_perturbed_states(first, settings, 6, None))


def test_the_cache_goes_on_after_an_interruption(tmp_path):
    settings = SceneSettings(("push_button", "press_switch"), 16, seed=3)
    whole, broken = tmp_path / "whole", tmp_path / "broken"
    assert len(list(make_scenes(whole, settings, 9))) == 3
    next(make_scenes(broken, settings, 9))
    assert len(list(broken.glob("*.npz"))) == 1
    untouched = (broken / "00000.npz").stat().st_mtime_ns
    assert len(list(make_scenes(broken, settings, 9))) == 3
    assert (broken / "00000.npz").stat().st_mtime_ns == untouched
    one, two = load_pictures(whole, 7), load_pictures(broken, 7)
    np.testing.assert_array_equal(one.pictures, two.pictures)
    np.testing.assert_array_equal(one.conditions, two.conditions)
    assert one.prompts == two.prompts
    assert len(one) == 7
    assert "switch" in one.prompts[3]
    assert not list(broken.glob("*partial*"))


def test_a_cache_of_other_settings_or_too_small_a_one_is_refused(tmp_path):
    settings = SceneSettings(("press_switch",), 16)
    list(make_scenes(tmp_path, settings, 1))
    with pytest.raises(UserError, match="holds pictures of"):
        next(make_scenes(tmp_path, replace(settings, seed=1), 1))
    with pytest.raises(UserError, match="are needed"):
        load_pictures(tmp_path, 100)
    with pytest.raises(UserError, match="0 pictures"):
        load_pictures(tmp_path / "nowhere")


def test_pretraining_stops_in_time_and_goes_on(tmp_path):
    training = replace(BASE_TRAINING, steps=3, batch_size=2)
    config = PretrainConfig(preset("tiny", 32), ("press_switch",), 4, training, even_steps=2)
    assert not pretrain(tmp_path, config, max_minutes=0).done
    stages = []
    trainer = pretrain(tmp_path, config, report=lambda *what: stages.append(what))
    assert trainer.done
    assert trainer.config.step.changed_weight == 0
    expected = [("training", 2, 3), ("training", 3, 3), ("even", 1, 2), ("even", 2, 2)]
    assert [what[:3] for what in stages[-4:]] == expected
    again = []
    pretrain(tmp_path, config, report=lambda *what: again.append(what))
    assert {what[0] for what in again} == {"scenes"}, "nothing is left to train"
    assert (tmp_path / "unet" / "diffusion_pytorch_model.safetensors").is_file()


@pytest.mark.parametrize("wrong", [{"tasks": ()}, {"pictures": 0}, {"even_steps": 0}])
def test_wrong_configurations_are_refused(wrong):
    with pytest.raises(UserError):
        PretrainConfig(**{"tasks": ("press_switch",), **wrong})
    with pytest.raises(UserError, match="adapter 'base'"):
        PretrainConfig(tasks=("press_switch",), training=replace(BASE_TRAINING, adapter="concat"))


@pytest.fixture(scope="module")
def dataset(tmp_path_factory):
    """Two variations, each four steps of an arm that closes its gripper where it stands."""
    root = tmp_path_factory.mktemp("demos")
    env = BenchEnv("push_button", TILE_ORDER, 32)
    for variation in (0, 1):
        _, info = env.reset(seed=2, options={"variation": variation})
        demo = Demo([env.observation])
        for _ in range(4):
            env.step(np.append(panda.HOME, 0.0))
            demo._observations.append(env.observation)
        write_episode(demo, root, "push_button", variation, 0, info["instructions"])
    env.close()
    return root


def test_targets_of_a_demonstration_with_its_own_instructions(dataset):
    demos = list(read_demos(dataset))
    assert len(demos) == 2
    pictures = target_pictures(demos, 3)
    assert len(pictures) == 6
    changed = (pictures.pictures != pictures.conditions).any(-1).mean((1, 2))
    assert (changed > 0.01).all()
    assert (changed < 0.5).all()
    for which, (_, sentences) in enumerate(demos):
        for prompt in pictures.prompts[3 * which : 3 * which + 3]:
            assert prompt in {task_prompt(sentence) for sentence in sentences}
    assert set(pictures.prompts[:3]).isdisjoint(pictures.prompts[3:])
    again = target_pictures(demos, 3)
    np.testing.assert_array_equal(pictures.pictures, again.pictures)
    assert pictures.prompts == again.prompts


def test_nothing_to_learn_from_is_said(dataset):
    with pytest.raises(UserError, match="no demonstrations"):
        target_pictures(read_demos(dataset, ["open_drawer"]), 3)


def test_finetuning_on_a_dataset_draws(dataset, tmp_path):
    base = tmp_path / "base"
    build_base(preset("tiny", 64)).save_pretrained(base)
    training = TrainConfig(steps=2, batch_size=2)
    config = FinetuneConfig(("push_button",), frames_each=2, training=training)
    config = replace(config, perturbed_states=3, grounding=3)
    said = []
    report = lambda *what: said.append(what[:3])  # noqa: E731
    trainer = finetune(tmp_path / "out", base, [dataset], config, report=report)
    assert trainer.done
    assert said == [
        ("moments", 1, 1),
        ("grounding", 1, 1),
        ("training", 1, 2),
        ("training", 2, 2),
    ]
    env = BenchEnv("push_button", TILE_ORDER, 32)
    _, info = env.reset(seed=1)
    views = {camera: env.observation.image(camera) for camera in TILE_ORDER}
    drawn = DiffusionAgent.load(tmp_path / "out").draw(views, info["instruction"])
    assert drawn["front"].shape == (32, 32, 3)
    env.close()
