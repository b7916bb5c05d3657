"""The whole policy: what is drawn is what is followed, and pairs that do not fit are refused."""

import json
import shutil
from dataclasses import replace

import numpy as np
import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("diffusers")

from tiny_controller import TINY_CONTROLLER as CONTROLLER

from genima_lite import shipped as shipping
from genima_lite.cameras import Camera
from genima_lite.controller.augment import AugmentConfig as CorruptConfig
from genima_lite.controller.backgrounds import textures
from genima_lite.controller.checkpoint import load_controller, save_controller
from genima_lite.controller.follow import predict_actions
from genima_lite.controller.sources import DemoSource
from genima_lite.controller.train import new_controller
from genima_lite.datasets.demonstrations import decision_segments, decisions, read_demos, recorded
from genima_lite.demos.collect import CollectSettings, collect
from genima_lite.demos.read import DatasetError
from genima_lite.diffusion.agent import DiffusionAgent
from genima_lite.diffusion.augment import AugmentConfig, augmented, change
from genima_lite.diffusion.base import build_base, preset
from genima_lite.diffusion.data import target_pictures
from genima_lite.diffusion.finetune import DrawingMixture, FinetuneConfig, finetune
from genima_lite.diffusion.metadata import load_metadata
from genima_lite.diffusion.validate import (
    DrawingScore,
    _miss_interval,
    decision_examples,
    score_drawings,
    score_folder,
)
from genima_lite.envs.api import make_env
from genima_lite.envs.bench.env import BenchEnv
from genima_lite.errors import UserError
from genima_lite.panda import HOME
from genima_lite.planner import plan
from genima_lite.policies.api import PolicyFactory, PolicySettings, env_spec, make_policy
from genima_lite.seeds import evaluation_seed
from genima_lite.shipped import shipped
from genima_lite.targets import demo_targets, draw_targets_of, find_spheres
from genima_lite.targets.find import plausible_radii
from genima_lite.tiling import TILE_ORDER
from genima_lite.training.config import TrainingConfig

pytestmark = pytest.mark.usefixtures("one_torch_thread")


@pytest.fixture(scope="module")
def dataset(tmp_path_factory):
    root = tmp_path_factory.mktemp("demos")
    list(collect(root, ["push_button"], 2, CollectSettings(0, 32, None)))
    return root


def save_new(config, folder):
    """Write a controller that has learned nothing."""
    save_controller(folder, config, new_controller(config, 0).state_dict(), {})


TRAINING = TrainingConfig(steps=2, batch_size=2, validate_every=2)


@pytest.fixture(scope="module")
def trained(tmp_path_factory, dataset):
    """A pair of both stages, after hardly any training."""
    root = tmp_path_factory.mktemp("trained")
    build_base(preset("tiny", 64)).save_pretrained(root / "base")
    config = FinetuneConfig(
        base=str(root / "base"),
        tasks=("push_button",),
        demos=(str(dataset),),
        held_out=str(shutil.copytree(dataset, root / "held_out")),
        view_size=32,
        frames_each=3,
        training=TRAINING,
    )
    finetune(root / "genima/diffusion", config)
    save_new(CONTROLLER, root / "genima/controller")
    return root / "genima"


def test_a_model_learns_on_from_the_decisions_that_its_policy_comes_to(trained, dataset, tmp_path):
    config = FinetuneConfig(
        base=str(trained / "diffusion"),
        tasks=("push_button",),
        demos=(str(dataset),),
        view_size=32,
        frames_each=3,
        dagger=3,
        dagger_by=str(trained),
        mixture=DrawingMixture(demonstrations=1, dagger=1),
        training=replace(TRAINING, steps=1),
    )
    with pytest.raises(UserError, match="needs a pilot"):
        finetune(tmp_path / "next", config)
    finetune(tmp_path / "next", config, pilot=PolicyFactory("genima", PolicySettings(trained)))
    metadata = json.loads((tmp_path / "next/genima.json").read_text())
    assert metadata["pictures"] == {"demonstrations": 6, "dagger": 3}
    other = shutil.copytree(trained, tmp_path / "other")
    save_new(replace(CONTROLLER, hidden=64), other / "controller")
    with pytest.raises(UserError, match="was made from dagger_by = "):
        finetune(tmp_path / "next", replace(config, dagger_by=str(other)))


@pytest.fixture
def pair(trained, tmp_path):
    """A copy that a test may corrupt."""
    return shutil.copytree(trained, tmp_path / "genima")


def test_what_is_drawn_is_what_is_followed(trained):
    env = make_env(env_spec("genima", "push_button", PolicySettings(trained)))
    policy = make_policy("genima", env, PolicySettings(trained))
    _, info = env.reset(seed=1)
    policy.reset(info["instruction"], 1)
    decision = policy.act(env.observation)
    actions = decision.actions
    assert actions.shape == (20, 8)
    views = {camera: env.observation.image(camera) for camera in TILE_ORDER}
    drawn = DiffusionAgent.load(trained / "diffusion").draw(views, info["instruction"], 1001)
    for camera in TILE_ORDER:
        np.testing.assert_array_equal(decision.drawn[camera], drawn[camera])
    model = load_controller(trained / "controller")
    np.testing.assert_array_equal(actions, predict_actions(model, drawn, env.observation))
    assert set(decision.seconds) == {"draw", "control"}
    policy.reset(info["instruction"], 1)
    np.testing.assert_array_equal(policy.act(env.observation).actions, actions)
    env.close()


def test_the_card_says_what_the_model_is_for(trained):
    metadata = load_metadata(trained / "diffusion")
    assert (metadata.tasks, metadata.view_size, metadata.horizon) == (("push_button",), 32, 20)
    validations = json.loads((trained / "diffusion/validation.json").read_text())
    assert [row["step"] for row in validations] == [2]
    assert 0 <= validations[0]["misses"] <= 1


def refusal(folder, task="push_button"):
    settings = PolicySettings(folder)
    env = BenchEnv(task, TILE_ORDER, 32)
    with pytest.raises(UserError) as refused:
        make_policy("genima", env, settings)
    env.close()
    return str(refused.value)


def test_a_task_that_was_never_seen_is_tried_with_a_warning(trained):
    env = BenchEnv("lamp_on", TILE_ORDER, 32)
    words = r"never saw the task 'lamp_on' \(trained on push_button\)"
    with pytest.warns(UserWarning, match=words):
        policy = make_policy("genima", env, PolicySettings(trained))
    _, info = env.reset(seed=1)
    policy.reset(info["instruction"], 1)
    assert policy.act(env.observation).actions.shape == (20, 8)
    env.close()


def test_missing_weights_or_metadata(pair):
    (pair / "diffusion/unet/diffusion_pytorch_model.safetensors").unlink()
    assert str(pair / "diffusion") in refusal(pair)
    (pair / "diffusion/genima.json").unlink()
    assert "no genima.json in it" in refusal(pair)


def test_a_pair_that_was_not_trained_alike(pair):
    other = replace(CONTROLLER, keyframes=False)
    save_new(other, pair / "controller")
    assert "draws with keyframes True, the controller follows keyframes False" in refusal(pair)


def test_weights_of_another_preset(pair):
    other = replace(CONTROLLER, hidden=64)
    save_new(other, pair / "other")
    name = "controller.safetensors"
    shutil.copy(pair / "other" / name, pair / "controller" / name)
    assert "checkpoint of another preset" in refusal(pair)


def test_a_dataset_without_a_camera(dataset, tmp_path):
    root = shutil.copytree(dataset, tmp_path / "demos")
    for folder in root.rglob("wrist_rgb"):
        shutil.rmtree(folder)
    with pytest.raises(DatasetError, match="has no wrist_rgb"):
        list(read_demos(root))


def test_without_anything_shipped_the_way_out_is_named(monkeypatch, tmp_path):
    monkeypatch.setattr(shipping, "DATA", tmp_path)
    with pytest.raises(UserError, match="--checkpoint"):
        env_spec("genima", "push_button", PolicySettings())


def test_a_controller_learns_from_drawings_at_the_decisions_that_are_scored(dataset):
    episodes = recorded([dataset])
    segments = decision_segments(episodes, decisions(episodes))
    examples = decision_examples(read_demos(dataset))
    for (demo, _), example in zip(segments, examples, strict=True):
        np.testing.assert_array_equal(demo[0].front_rgb, example.views["front"])


def test_demonstrations_of_several_folders_come_one_after_the_other(dataset):
    args = (CONTROLLER, CorruptConfig.none(), textures)
    once, twice = DemoSource(*args, dataset), DemoSource(*args, dataset, dataset)
    assert len(twice) == 2 * len(once)
    pair = twice.at(np.random.default_rng(0), [1, 1 + len(once)])
    np.testing.assert_array_equal(pair.actions[0], pair.actions[1])


def test_a_crop_moves_the_camera_with_the_picture(dataset):
    """The same point of the world is at the same thing before and after."""
    demo, _ = next(read_demos(dataset))
    rng = np.random.default_rng(0)
    seen = demo[0]
    seen.front_rgb = np.zeros((32, 32, 3), np.uint8)
    point = Camera.from_observation(seen, "front").unproject(np.array([16.5, 12.5]), np.array(1.0))
    seen.front_rgb[12, 16] = 255
    cropped = change(seen, AugmentConfig(share=1.0, crop=0.8, color=0.0), rng)
    pixel, _ = Camera.from_observation(cropped, "front").project(point)
    row, column = np.unravel_index(cropped.front_rgb[..., 0].argmax(), (32, 32))
    assert np.abs(np.array([column, row]) + 0.5 - pixel).max() < 1.0
    assert (seen.front_rgb[12, 16] == 255).all(), "the original stays"


def test_changed_frames_are_drawn_on_with_their_own_camera(dataset):
    demo, sentences = next(read_demos(dataset))
    config = AugmentConfig(share=1.0)
    seen = augmented(demo, [0, 3], config, np.random.default_rng(1))
    assert (seen[0].front_rgb != demo[0].front_rgb).any()
    np.testing.assert_array_equal(seen[1].front_rgb, demo[1].front_rgb)
    (plain,), (drawn,) = draw_targets_of(demo, [0]), draw_targets_of(seen, [0])
    assert plain.target == drawn.target
    assert np.abs(plain.labels["front"].pixels - drawn.labels["front"].pixels).max() > 0.05
    rng = np.random.default_rng(0)
    pictures = target_pictures([(demo, sentences)], 6, rng, config, keyframes=True)
    assert len(pictures) == 6


def test_decisions_come_before_random_frames(dataset):
    demo, sentences = next(read_demos(dataset))
    examples = decision_examples([(demo, sentences)])
    frames = [example.expert_targets.frame for example in examples]
    assert frames[0] == 0
    assert frames[1:] == [example.expert_targets.target for example in examples][:-1]
    rng = np.random.default_rng(0)
    few = target_pictures([(demo, sentences)], len(examples), rng, keyframes=True)
    assert len(few) == len(examples)
    assert demo_targets(demo)[frames[-1]] == len(demo) - 1


class TruePictures:
    """Draws what it is told to."""

    def __init__(self, examples):
        self.left = [example.expert_targets.views for example in examples]

    def draw(self, views, instruction, seed):
        return self.left.pop(0)


def test_expert_targets_score_well_and_plain_views_badly(tmp_path):
    list(collect(tmp_path, ["push_button"], 1, CollectSettings(0, 64, None)))
    examples = decision_examples(read_demos(tmp_path))
    score, drawn = score_drawings(TruePictures(examples), examples)
    assert score.frames == len(examples) == len(drawn)
    assert score.pixels < 0.3
    assert score.misses < 0.1
    assert 0 <= score.misses_interval[0] <= score.misses <= score.misses_interval[1]
    assert score.gripper == 1.0
    assert score.millimetres < 20
    blank = [replace(e, expert_targets=replace(e.expert_targets, views=e.views)) for e in examples]
    assert score_drawings(TruePictures(blank), examples)[0].misses > 0.8
    hidden = [with_shares(example, 0.4) for example in blank]
    score, _ = score_drawings(TruePictures(blank), hidden)
    assert score.misses > 0.8
    assert score.misses_rims == score.misses
    assert np.isnan(score.misses_shown), "of no sphere half is seen"


def test_the_interval_of_misses_takes_pictures_as_independent_not_spheres():
    """Of a hundred pictures twenty have no sphere at all: the deviation is that of twenty heads
    in a hundred throws, though there are four hundred spheres."""
    expected = np.zeros((300, 4), bool)
    expected[::3] = True
    missed = expected.copy()
    missed[60:] = False
    low, high = _miss_interval(expected, missed)
    half = 1.96 * np.sqrt(0.2 * 0.8 / 100)
    assert (low, high) == pytest.approx((0.2 - half, 0.2 + half), abs=0.015)
    assert np.isnan(_miss_interval(expected[:3], missed[:3])).all(), "one picture tells nothing"


def with_shares(example, share):
    """Return an example in whose labels every sphere shows in part only."""
    labels = {
        camera: replace(each, shares=np.full(4, share))
        for camera, each in example.expert_targets.labels.items()
    }
    return replace(example, expert_targets=replace(example.expert_targets, labels=labels))


def test_everything_shipped_is_safe_to_load():
    suffixes = {path.suffix for path in shipping.DATA.rglob("*") if path.is_file()}
    assert suffixes <= {".safetensors", ".json", ".md", ".png", ".gif", ".txt"}


def test_the_instruction_decides_where_the_shipped_agent_draws():
    """One picture of a chest, two instructions: the drawn gripper goes up or down with the word."""
    agent = DiffusionAgent.load(shipped("genima/diffusion"))
    env = BenchEnv("open_drawer", TILE_ORDER, 64)
    for i in range(4):
        env.reset(seed=evaluation_seed(7000, i), options={"variation": 0})
        for action in plan(env.task.waypoints(env.scene)[:1], HOME):  # where the ways part
            env.step(action)
        views = {camera: env.observation.image(camera) for camera in TILE_ORDER}
        rows = [
            gripper_row(agent.draw(views, f"open the {name} drawer"), env.observation)
            for name in ("top", "middle", "bottom")
        ]
        assert rows[0] + 2 < rows[1] < rows[2] - 2, rows
    env.close()


def gripper_row(drawn, observation):
    """Return how many pixels below the front view's upper edge the gripper's sphere is drawn."""
    intrinsics = Camera.from_observation(observation, "front").intrinsics
    found = find_spheres(drawn["front"], intrinsics, plausible_radii("front", intrinsics))
    return found["gripper"].pixel[1]


def test_the_shipped_autoencoder_loses_no_sphere(dataset):
    """Encoded and decoded, a drawn picture is the same to a level of 255."""
    from genima_lite.diffusion.base import load_pipeline
    from genima_lite.diffusion.components import Components, encode_pictures

    components = Components.of(load_pipeline(shipped("mini-turbo")))
    rng = np.random.default_rng(0)
    pictures = target_pictures(read_demos(dataset), 2, rng, keyframes=True).pictures
    latents = encode_pictures(components, pictures) / components.vae.config.scaling_factor
    decoded = (components.vae.decode(latents).sample.permute(0, 2, 3, 1) / 2 + 0.5) * 255
    assert np.abs(decoded.numpy().round() - pictures).max() == 0
    assert (
        find_spheres(pictures[0][:32, 32:]).keys()
        == find_spheres(decoded.numpy().round().astype(np.uint8)[0][:32, 32:]).keys()
    )


def test_a_score_is_of_views_and_tasks_as_the_model_was_trained_on(pair, dataset, tmp_path):
    model = pair / "diffusion"
    score = score_folder(model, dataset)
    assert json.loads(json.dumps(score.to_json(), allow_nan=False))["frames"] == score.frames
    metadata = json.loads((model / "genima.json").read_text())

    def say(**changes):
        (model / "genima.json").write_text(json.dumps({**metadata, **changes}))

    say(tasks=["lamp_on"])
    with pytest.warns(UserWarning, match=r"never saw push_button \(trained on lamp_on\)"):
        score_folder(model, dataset)
    for changes, match in (
        ({"view_size": 64}, "was trained on 64x64"),
        ({"horizon": 40}, "40 steps ahead"),
        ({"tasks": "push_button"}, "tasks"),
        ({"keyframes": "no"}, "keyframes"),
        ({"view_size": None}, "view_size"),
    ):
        say(**changes)
        with pytest.raises(UserError, match=match):
            score_folder(model, dataset)
    (model / "genima.json").unlink()
    with pytest.raises(UserError, match="no genima.json"):
        score_folder(model, dataset)


def test_what_cannot_be_measured_is_said_and_null():
    nothing = float("nan")
    score = DrawingScore(
        1, 4, nothing, 1.0, (nothing, nothing), 1.0, nothing, nothing, nothing, {"a": nothing}
    )
    assert "nan" not in str(score)
    said = json.loads(json.dumps(score.to_json(), allow_nan=False))
    assert (said["pixels"], said["misses_interval"], said["by_joint"]) == (
        None, [None, None], {"a": None},
    )  # fmt: skip
