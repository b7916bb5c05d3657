"""Moments and visited decisions as samples for a controller."""

from dataclasses import replace

import numpy as np
import pytest

pytest.importorskip("torch")

from genima_lite import cli
from genima_lite.controller import recipe
from genima_lite.controller.checkpoint import save_controller
from genima_lite.controller.config import ControllerConfig
from genima_lite.controller.decisions import DecisionSettings, decision_source, make_decisions
from genima_lite.controller.train import TrainConfig, start
from genima_lite.datasets import shards
from genima_lite.datasets.dagger import DaggerSettings, dagger_rollouts
from genima_lite.datasets.perturbed_states import PerturbedStateSettings, perturbed_states
from genima_lite.demos.collect import CollectSettings, collect
from genima_lite.diffusion.agent import DiffusionAgent
from genima_lite.envs.bench.env import BenchEnv
from genima_lite.errors import UserError
from genima_lite.panda import forward_kinematics
from genima_lite.shipped import shipped
from genima_lite.targets import draw_targets_of

RGB = ControllerConfig(
    image_size=32, channels=(8, 16), blocks=(1, 1), spheres=False, text_features=16
)
FOLLOWING = recipe.preset("lite")
SETTINGS = DecisionSettings(("press_switch", "push_button"), seed=2)


@pytest.fixture(autouse=True)
def _small_chunks(monkeypatch):
    monkeypatch.setattr(shards, "SHARD", 4)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("decisions")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(shards, "SHARD", 4)
        list(make_decisions(folder, RGB, SETTINGS, 8))
    return folder


def test_scenes_are_those_of_the_moments_and_actions_lead_towards_their_targets(folder):
    kept = shards.load_shards(folder)
    assert kept["views"].shape == (8, 4, 32, 32, 3)
    shown = list(perturbed_states(PerturbedStateSettings("press_switch", 32, 2, part=0), 4))
    for row, (demo, sentences) in enumerate(shown):
        front = RGB.cameras.index("front")
        np.testing.assert_array_equal(kept["views"][row, front], demo[0].front_rgb)
        assert str(kept["instruction"][row]) in sentences
        way = demo.actions()
        np.testing.assert_allclose(kept["actions"][row, : len(way)], way[:20], atol=1e-9)
        assert kept["valid"][row, : len(way)].all()


def test_visited_decisions_are_those_that_the_baseline_comes_to(folder, tmp_path):
    policy = tmp_path / "policy"
    save_controller(policy, RGB, start(RGB, TrainConfig()).model.state_dict(), {})
    settings = DecisionSettings(("press_switch",), 2, str(policy))
    list(make_decisions(tmp_path / "dagger", RGB, settings, 4))
    kept = shards.load_shards(tmp_path / "dagger")
    shown = dagger_rollouts(DaggerSettings("press_switch", "act", policy, 2, keyframes=False), 4)
    for row, (demo, _) in enumerate(shown):
        front = RGB.cameras.index("front")
        np.testing.assert_array_equal(kept["views"][row, front], demo[0].front_rgb)
        np.testing.assert_array_equal(kept["joints"][row], demo[0].joint_positions)
        way = demo.actions()[:20]
        np.testing.assert_allclose(kept["actions"][row, : len(way)], way, atol=1e-9)
    source = decision_source(RGB, [(folder, None), (tmp_path / "dagger", 3)])
    drawn = {each.tobytes() for each in source.sample(np.random.default_rng(0), 300).actions}
    mine = [each.tobytes() for each in kept["actions"]]
    assert set(mine[:3]) <= drawn
    assert mine[3] not in drawn
    assert len(drawn) == 8 + 3, "and those of the other folder"
    with pytest.raises(UserError, match="choose another folder"):
        list(make_decisions(folder, RGB, settings, 4))


def test_what_lies_behind_a_stop_is_learned_too(folder):
    """A moment ends at the next stop, the baseline's 20 actions go on."""
    kept = shards.load_shards(folder)
    lengths = [
        len(demo) - 1
        for task, part in (("press_switch", 0), ("push_button", 1))
        for demo, _ in perturbed_states(PerturbedStateSettings(task, 32, 2, part=part), 4)
    ]
    assert (kept["valid"].sum(axis=1) >= np.minimum(lengths, 20)).all()
    assert (kept["valid"].sum(axis=1) > lengths).any()


def test_the_actions_done_in_the_bench_bring_the_arm_where_they_say(folder):
    kept, env = shards.load_shards(folder), BenchEnv("push_button", cameras=())
    env.reset(seed=0)
    row = int(np.argmax(kept["joints"][:, 3]))  # whichever stands high: in nobody's way
    env.scene.data.qpos[:7] = kept["joints"][row]
    for action in kept["actions"][row][kept["valid"][row]]:
        env.step_blindly(action)
    goal = forward_kinematics(action[:7])[1][:3, 3]
    assert np.linalg.norm(env.observation.gripper_pose[:3] - goal) < 0.02


def test_samples_have_words_and_noise_on_the_joints_only(folder):
    source, kept = decision_source(RGB, [(folder, None)]), shards.load_shards(folder)
    samples = source.sample(np.random.default_rng(0), 16)
    assert samples.drawn.views.shape == (16, 4, 32, 32, 3)
    assert all(samples.instructions)
    for views, joints, actions in zip(
        samples.drawn.views, samples.joints, samples.actions, strict=True
    ):
        row = int(np.argmin(np.abs(kept["actions"] - actions).sum(axis=(1, 2))))
        np.testing.assert_array_equal(kept["actions"][row], actions)
        np.testing.assert_array_equal(kept["views"][row], views)
        assert np.abs(kept["joints"][row] - joints).max() < 0.1


def test_they_make_up_half_of_what_is_learned(folder, tmp_path):
    list(collect(tmp_path / "demos", ["push_button"], 1, CollectSettings(image_size=32)))
    source = decision_source(RGB, [(folder, None)])
    data = recipe.training_data(RGB, [tmp_path / "demos"], decisions=source)
    assert [share for _, share in data.sources] == [0.5, 0.5]
    assert data.sources[1][0] is source
    assert data.batch(0, 8).views.shape == (8, 4, 3, 32, 32)


def test_a_run_that_goes_on_keeps_the_decisions_of_its_beginning(folder, tmp_path):
    list(make_decisions(tmp_path / "begin" / "moments", RGB, SETTINGS, 8))
    source = cli._decisions(tmp_path / "out", RGB, 4, 0, None, None, tmp_path / "begin", 5)
    drawn = {each.tobytes() for each in source.sample(np.random.default_rng(0), 300).actions}
    earlier = {each.tobytes() for each in shards.load_shards(folder)["actions"]}
    assert earlier < drawn
    assert len(drawn) == 8 + 4
    assert cli._decisions(tmp_path / "out", RGB, 0, 0, None, None, tmp_path / "begin", 5) is None


def test_a_broken_row_of_files_is_finished_and_other_settings_are_refused(folder, tmp_path):
    files = list(make_decisions(tmp_path, RGB, SETTINGS, 8))
    before = np.load(files[1])["actions"]
    files[1].unlink()
    list(make_decisions(tmp_path, RGB, SETTINGS, 8))
    np.testing.assert_array_equal(np.load(files[1])["actions"], before)
    with pytest.raises(UserError, match="choose another folder"):
        list(make_decisions(tmp_path, RGB, DecisionSettings(("push_button",), 2), 8))


def test_a_controller_that_follows_spheres_sees_the_drawings_and_waits_at_stops(tmp_path):
    model = shipped("genima/diffusion")
    settings = DecisionSettings(("press_switch",), 2, None, str(model))
    list(make_decisions(tmp_path, FOLLOWING, settings, 4))
    samples = decision_source(FOLLOWING, [(tmp_path, None)]).sample(np.random.default_rng(0), 12)
    kept, agent = shards.load_shards(tmp_path), DiffusionAgent.load(model)
    for row, (demo, sentences) in enumerate(
        perturbed_states(PerturbedStateSettings("press_switch", 64, 2), 4)
    ):
        views = {camera: demo[0].image(camera) for camera in FOLLOWING.cameras}
        (said,) = {str(kept["instruction"][row])} & set(sentences)
        drawn = agent.draw(views, said, row)
        learned = [np.array_equal(each, kept["actions"][row]) for each in samples.actions]
        (some, *_) = np.flatnonzero(learned)
        (truth,) = draw_targets_of(demo, [0], keyframes=False)
        for number, camera in enumerate(FOLLOWING.cameras):
            np.testing.assert_array_equal(samples.drawn.views[some, number], drawn[camera])
            labels = truth.labels[camera]
            np.testing.assert_array_equal(samples.drawn.visible[some, number], labels.visible)
            shown = samples.drawn.keypoints[some, number][labels.visible]
            np.testing.assert_allclose(64 * shown, labels.pixels[labels.visible], atol=1e-3)
        way = demo.actions()
        np.testing.assert_array_equal(samples.actions[some, : len(way)], way)
        assert (samples.actions[some, len(way) :] == way[-1]).all()
        assert samples.valid[some].all()


def test_decisions_of_the_other_kind_of_controller(folder, tmp_path):
    with pytest.raises(
        UserError, match="views as they are; this controller learns from those of drawings"
    ):
        decision_source(FOLLOWING, [(folder, None)])
    with pytest.raises(
        UserError, match="20 actions on 4 views of 32 pixels, wanted are 20 on 4 of 64"
    ):
        decision_source(replace(RGB, image_size=64), [(folder, None)])
    with pytest.raises(UserError, match="what a model drew: name it"):
        make_decisions(tmp_path, FOLLOWING, SETTINGS, 8)
    with pytest.raises(UserError, match="the views as they are"):
        make_decisions(tmp_path, RGB, replace(SETTINGS, drawn_by="x"), 8)
    assert not list(tmp_path.iterdir()), "said before anything is drawn"
