"""Random scenes, captions and targets in shards; both trainings of the diffusion model."""

import json
import shutil
from dataclasses import replace

import numpy as np
import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("diffusers")

from genima_lite import panda
from genima_lite.datasets import shards
from genima_lite.datasets.demonstrations import read_demos, recorded
from genima_lite.datasets.grounding import tasks_with_choice
from genima_lite.datasets.shards import Shards
from genima_lite.demos.write import write_episode
from genima_lite.diffusion.agent import DiffusionAgent
from genima_lite.diffusion.augment import AugmentConfig
from genima_lite.diffusion.base import build_base, preset
from genima_lite.diffusion.data import (
    DrawingData,
    PictureSettings,
    demo_pictures,
    make_demonstrations,
    make_grounding,
    make_perturbed_states,
    make_scenes,
    target_pictures,
)
from genima_lite.diffusion.finetune import DrawingMixture, FinetuneConfig, finetune
from genima_lite.diffusion.pictures import Pictures, together
from genima_lite.diffusion.pretrain import PretrainConfig, pretrain
from genima_lite.diffusion.prompts import scene_caption, task_prompt
from genima_lite.diffusion.stream import DemonstrationStream
from genima_lite.envs.api import EnvSpec, make_env, make_random_scenes
from genima_lite.envs.bench.random_scenes import _unmistakable
from genima_lite.errors import UserError
from genima_lite.observation import Demo
from genima_lite.rlbench import COLORS
from genima_lite.tiling import TILE_ORDER
from genima_lite.training.config import TrainingConfig

pytestmark = pytest.mark.usefixtures("one_torch_thread")


@pytest.fixture(autouse=True)
def _small_shards(monkeypatch):
    monkeypatch.setattr(shards, "SHARD", 3)


@pytest.fixture(scope="module")
def scenes():
    scenes = make_random_scenes("pick_up_cup", 32)
    yield scenes
    scenes.close()


def test_a_caption_names_the_colors_that_are_seen(scenes):
    rng = np.random.RandomState(0)
    captions = [scene_caption(scenes.draw(rng)[2]) for _ in range(20)]
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
        picture, bare, words = scenes.draw(rng)
        caption = scene_caption(words)
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


def test_grounding_pictures_hold_no_spheres_and_have_prompts_of_their_own(tmp_path):
    list(make_grounding(tmp_path, PictureSettings(("pick_up_cup",), 32), 6))
    kept = Shards(tmp_path, 6)
    pictures, conditions = (kept.rows(range(6), name) for name in ("pictures", "conditions"))
    assert (pictures != conditions).any()
    assert all("executing" not in said and "cup" in said for said in kept.strings("prompts"))
    assert tasks_with_choice(["push_button", "take_lid_off_saucepan"]) == ("push_button",)
    with pytest.raises(UserError, match="a task with variations"):
        tasks_with_choice(["take_lid_off_saucepan"])


def test_perturbed_states_depend_on_their_file_alone_and_go_round_the_tasks(tmp_path):
    settings = PictureSettings(("push_button", "press_switch"), 16, 3, augment=AugmentConfig())
    first, second = tmp_path / "first", tmp_path / "second"
    list(make_perturbed_states(first, settings, 9))
    list(make_perturbed_states(second, settings, 3))
    (first / "00001.safetensors").unlink()
    list(make_perturbed_states(first, settings, 6))
    list(make_perturbed_states(second, settings, 6))
    for number in (0, 1):
        one, two = (folder / f"{number:05d}.safetensors" for folder in (first, second))
        assert one.read_bytes() == two.read_bytes()
    kept = Shards(first)
    prompts = kept.strings("prompts")
    assert all("switch" in prompt or "rocker" in prompt for prompt in prompts[3:6])
    pictures = kept.rows(range(9), "pictures")
    assert (pictures[:3] != pictures[6:9]).any(), "other scenes"
    with pytest.raises(UserError, match="augment"):
        next(make_perturbed_states(first, replace(settings, augment=None), 6))
    with pytest.raises(UserError, match="keyframes = true, not false"):
        next(make_perturbed_states(first, replace(settings, keyframes=False), 6))


def test_scenes_go_on_after_an_interruption(tmp_path):
    said = (("push_button", "press_switch"), 16, 3)
    whole, broken = tmp_path / "whole", tmp_path / "broken"
    assert len(list(make_scenes(whole, *said, 9))) == 3
    next(make_scenes(broken, *said, 9))
    assert len(list(broken.glob("*.safetensors"))) == 1
    untouched = (broken / "00000.safetensors").stat().st_mtime_ns
    assert len(list(make_scenes(broken, *said, 9))) == 3
    assert (broken / "00000.safetensors").stat().st_mtime_ns == untouched
    for path in whole.iterdir():
        assert path.read_bytes() == (broken / path.name).read_bytes()
    assert "switch" in Shards(whole).strings("prompts")[3]
    with pytest.raises(UserError, match="seed = 3, not 4"):
        next(make_scenes(broken, *said[:2], 4, 9))


TRAINING = TrainingConfig(steps=2, batch_size=2, final_rate=0.1)


def test_pretraining_stops_in_time_and_goes_on(tmp_path):
    training = replace(TRAINING, steps=3)
    base = preset("tiny", 32)
    config = PretrainConfig(("press_switch",), base, pictures=4, training=training, even_steps=2)
    assert not pretrain(tmp_path, config, max_minutes=0).done
    stages = []
    result = pretrain(tmp_path, config, report=lambda *what: stages.append(what))
    assert (result.done, result.steps) == (True, 5)
    expected = [("training", 2, 3), ("training", 3, 3), ("even", 1, 2), ("even", 2, 2)]
    assert [what[:3] for what in stages[-4:]] == expected
    weights = tmp_path / "unet" / "diffusion_pytorch_model.safetensors"
    when = weights.stat().st_mtime_ns
    again = []
    assert pretrain(tmp_path, config, report=lambda *what: again.append(what)) == result
    assert not again, "nothing is left to do"
    assert weights.stat().st_mtime_ns == when
    with pytest.raises(UserError, match="pictures = 4, not 5"):
        pretrain(tmp_path, replace(config, pictures=5))


@pytest.mark.parametrize("wrong", [{"tasks": ()}, {"pictures": 0}, {"even_steps": 0}])
def test_wrong_configurations_are_refused(wrong):
    with pytest.raises(UserError):
        PretrainConfig(**{"tasks": ("press_switch",), **wrong})


@pytest.fixture(scope="module")
def dataset(tmp_path_factory):
    """Two variations, each four steps of an arm that closes its gripper where it stands."""
    root = tmp_path_factory.mktemp("demos")
    env = make_env(EnvSpec("push_button", TILE_ORDER, 32))
    for variation in (0, 1):
        _, info = env.reset(seed=2, options={"variation": variation})
        demo = Demo([env.observation])
        for _ in range(4):
            env.execute(np.append(panda.HOME, 0.0)[None])
            demo._observations.append(env.observation)
        write_episode(demo, root, "push_button", variation, 0, info["instructions"])
    env.close()
    return root


def test_targets_of_a_demonstration_with_its_own_instructions(dataset):
    demos = list(read_demos(dataset))
    assert len(demos) == 2
    pictures = target_pictures(demos, 3, np.random.default_rng(0), keyframes=True)
    assert len(pictures) == 6
    changed = (pictures.pictures != pictures.conditions).any(-1).mean((1, 2))
    assert (changed > 0.01).all()
    assert (changed < 0.5).all()
    for which, (_, sentences) in enumerate(demos):
        for prompt in pictures.prompts[3 * which : 3 * which + 3]:
            assert prompt in {task_prompt(sentence) for sentence in sentences}
    assert set(pictures.prompts[:3]).isdisjoint(pictures.prompts[3:])
    again = demo_pictures(recorded([dataset]), 3, np.random.default_rng(0))
    np.testing.assert_array_equal(pictures.pictures, again.pictures, "read whole or in part")
    np.testing.assert_array_equal(pictures.conditions, again.conditions)
    assert pictures.prompts == again.prompts
    both = together(pictures, again)
    assert len(both) == 12
    assert both.conditions.shape == both.pictures.shape


def test_nothing_to_learn_from_is_said(dataset):
    with pytest.raises(UserError, match="no demonstrations of open_drawer"):
        list(read_demos(dataset, ["open_drawer"]))
    with pytest.raises(UserError, match="no demonstrations to learn from"):
        target_pictures([], 3, np.random.default_rng(0))


def test_demonstrations_are_kept_and_refused_if_others_were_recorded(dataset, tmp_path):
    settings = PictureSettings(("push_button",), 32)
    episodes = recorded([dataset])
    list(make_demonstrations(tmp_path, episodes, settings, 2, "aa"))
    assert len(Shards(tmp_path)) == 2 * 2
    with pytest.raises(UserError, match='data = "aa", not "bb"'):
        next(make_demonstrations(tmp_path, episodes, settings, 2, "bb"))
    wider = replace(settings, view_size=64)
    with pytest.raises(
        UserError, match="views of 32 pixels, configured are 64"
    ):  # before any picture is drawn
        make_demonstrations(tmp_path / "x", episodes, wider, 2, "a")


def in_memory(level, prompt, count=3):
    pictures = np.full((count, 16, 16, 3), level, np.uint8)
    return Pictures(pictures, (prompt,) * count, pictures + 1)


def test_batches_hold_pictures_conditions_and_prompts_by_the_weights():
    kept = {"demonstrations": in_memory(10, "one"), "grounding": in_memory(20, "two")}
    data = DrawingData(kept, {"demonstrations": 3, "grounding": 1})
    assert data.prompts == ("", "one", "two")
    assert data.picture_size == (16, 16)
    batch = data.batch(np.random.default_rng(0), 8)
    assert batch.pictures.dtype == torch.uint8
    assert batch.pictures.shape == batch.conditions.shape == (8, 16, 16, 3)
    assert batch.pictures[:, 0, 0, 0].tolist() == [10] * 6 + [20] * 2
    assert (batch.conditions == batch.pictures + 1).all()
    assert batch.prompts.tolist() == [1] * 6 + [2] * 2
    silent = DrawingData(kept, {"demonstrations": 3, "grounding": 1}, prompt_dropout=0.25)
    said = silent.batch(np.random.default_rng(0), 4000).prompts
    assert (said == 0).float().mean().item() == pytest.approx(0.25, abs=0.03)
    small, blank = in_memory(1, "x"), np.zeros((1, 32, 32, 3), np.uint8)
    large = Pictures(blank, ("y",), blank)
    with pytest.raises(UserError, match="pictures of different sizes"):
        DrawingData({"a": small, "b": large}, {"a": 1, "b": 1})


@pytest.fixture(scope="module")
def base(tmp_path_factory):
    folder = tmp_path_factory.mktemp("base")
    build_base(preset("tiny", 64)).save_pretrained(folder)
    return folder


@pytest.fixture
def config(base, dataset):
    return FinetuneConfig(
        base=str(base),
        tasks=("push_button",),
        demos=(str(dataset),),
        view_size=32,
        frames_each=2,
        perturbed_states=3,
        grounding=3,
        mixture=DrawingMixture(demonstrations=2, perturbed_states=1, grounding=1),
        training=TRAINING,
    )


def test_finetuning_on_all_sources_draws(config, tmp_path):
    said = []
    result = finetune(tmp_path, config, report=lambda *what: said.append(what[:3]))
    assert (result.done, result.steps) == (True, 2)
    assert said == [
        ("demonstrations", 1, 2),
        ("demonstrations", 2, 2),
        ("perturbed_states", 1, 1),
        ("grounding", 1, 1),
        ("training", 1, 2),
        ("training", 2, 2),
    ]
    metadata = json.loads((tmp_path / "genima.json").read_text())
    assert metadata["pictures"] == {"demonstrations": 4, "perturbed_states": 3, "grounding": 3}
    env = make_env(EnvSpec("push_button", TILE_ORDER, 32))
    _, info = env.reset(seed=1)
    views = {camera: env.observation.image(camera) for camera in TILE_ORDER}
    drawn = DiffusionAgent.load(tmp_path).draw(views, info["instruction"])
    assert drawn["front"].shape == (32, 32, 3)
    env.close()
    again = []
    assert finetune(tmp_path, config, report=lambda *what: again.append(what)) == result
    assert not again


def test_a_finetuning_that_was_killed_goes_on_to_the_same_weights(config, tmp_path):
    config = replace(config, training=replace(TRAINING, steps=4, save_every=1))

    def kill_at(*when):
        def kill(stage, done, total, loss):
            if (stage, done) == when:
                raise KeyboardInterrupt

        return kill

    finetune(tmp_path / "whole", config)
    for when in (("perturbed_states", 1), ("training", 2)):
        with pytest.raises(KeyboardInterrupt):
            finetune(tmp_path / "killed", config, report=kill_at(*when))
    finetune(tmp_path / "killed", config)
    name = "diffusion_pytorch_model.safetensors"
    for network in ("unet", "controlnet"):
        one, two = (tmp_path / run / network / name for run in ("whole", "killed"))
        assert one.read_bytes() == two.read_bytes()


def test_another_base_other_demonstrations_or_settings_are_refused(config, base, dataset, tmp_path):
    out = tmp_path / "out"
    finetune(out, config)
    other_base = shutil.copytree(base, tmp_path / "base")
    same = replace(config, base=str(other_base), demos=(str(dataset / ".." / dataset.name),))
    finetune(out, same)  # the same content elsewhere, the same folder spelled otherwise
    build_base(replace(preset("tiny", 64), seed=1)).save_pretrained(other_base)
    with pytest.raises(UserError, match="was made from base = "):
        finetune(out, same)
    demos = shutil.copytree(dataset, tmp_path / "demos")
    (picture, *_) = sorted(demos.rglob("*.png"))
    picture.write_bytes(picture.read_bytes() + b" ")
    with pytest.raises(UserError, match="was made from demos = "):
        finetune(out, replace(config, demos=(str(demos),)))
    with pytest.raises(UserError, match=r"mixture.grounding = 1, not 2"):
        finetune(out, replace(config, mixture=replace(config.mixture, grounding=2)))
    with pytest.raises(UserError, match=r"training.learning_rate = 0.001, not 0.002"):
        finetune(out, replace(config, training=replace(TRAINING, learning_rate=0.002)))
    said = json.loads((out / "provenance.json").read_text())
    assert str(tmp_path) not in json.dumps(said), "no paths, which say nothing"


@pytest.mark.parametrize(
    ("wrong", "named"),
    [
        ({"frames_each": 0}, "frames_each"),
        ({"perturbed_states": -1}, "perturbed_states is -1"),
        ({"grounding": 0}, "grounding has weight 1.0, but there is no such source"),
        ({"demos": ()}, "demonstrations has weight 2.0, but there is no such source"),
        ({"dagger": 3}, "dagger and dagger_by belong together"),
        ({"held_out": "demos", "demos": ("a", "./demos")}, "of which it learns"),
        ({"demos": ("a", "./a")}, "name each once"),
        ({"tasks": ("open_box", "open_box")}, "name each once"),
        ({"sampling_steps": 10_000}, "give 1 to 1000"),
        ({"dagger": 3, "dagger_by": "x"}, "dagger is there, but its weight is 0"),
        ({"prompt_dropout": 2.0}, "prompt_dropout is 2.0"),
        ({"tasks": ()}, "at least one task"),
    ],
)
def test_impossible_finetunings_are_refused(config, wrong, named):
    with pytest.raises(UserError, match=named):
        replace(config, **wrong)


def test_a_stream_draws_what_shards_keep_without_keeping_it(dataset):
    episodes, settings = recorded([dataset]), PictureSettings(("push_button",), 32, keyframes=True)
    stream = DemonstrationStream(episodes, settings, 3)
    data = DrawingData({}, {"demonstrations": 1.0}, streams={"demonstrations": stream})
    assert data.picture_size == (64, 64)
    assert set(data.prompts[1:]) == {task_prompt(s) for each in episodes for s in each.sentences}
    batch = data.batch(np.random.default_rng(1), 12)
    assert batch.latents is None
    kept = demo_pictures(episodes, 9, np.random.default_rng(0))  # every frame
    for picture, condition, number in zip(
        batch.pictures.numpy(), batch.conditions.numpy(), batch.prompts, strict=True
    ):
        (rows,) = np.nonzero((kept.conditions == condition).all((1, 2, 3)))
        assert any((kept.pictures[row] == picture).all() for row in rows)
        alike = [each.sentences for each in episodes]
        here = next(some for some in alike if data.prompts[number] in map(task_prompt, some))
        assert any(kept.prompts[row] in map(task_prompt, here) for row in rows)
    again = data.batch(np.random.default_rng(1), 12)
    assert torch.equal(batch.pictures, again.pictures)
    fresh = DemonstrationStream(episodes, replace(settings, augment=AugmentConfig(share=1.0)), 3)
    fresh = DrawingData({}, {"demonstrations": 1.0}, streams={"demonstrations": fresh})
    seen = {c.numpy().tobytes() for c in fresh.batch(np.random.default_rng(1), 12).conditions}
    assert len(seen) == 12, "cropped and coloured anew each time"
    with pytest.raises(UserError, match="views of 32 pixels, configured are 64"):
        DemonstrationStream(episodes, replace(settings, view_size=64), 3)


def test_a_finetuning_that_streams_goes_on_exactly_and_keeps_no_pictures(config, tmp_path):
    config = replace(
        config, copies=0, perturbed_states=0, grounding=0, mixture=DrawingMixture(1),
        training=replace(TRAINING, steps=4, save_every=1),
    )  # fmt: skip

    def kill(stage, done, total, loss):
        if done == 2:
            raise KeyboardInterrupt

    finetune(tmp_path / "whole", config, workers=2)
    with pytest.raises(KeyboardInterrupt):
        finetune(tmp_path / "killed", config, report=kill)
    finetune(tmp_path / "killed", config)
    name = "controlnet/diffusion_pytorch_model.safetensors"
    one, two = (tmp_path / run / name for run in ("whole", "killed"))
    assert one.read_bytes() == two.read_bytes()
    assert not (tmp_path / "whole/data").exists()
