"""Decisions that a policy reaches, and what the expert would do there."""

import numpy as np
import pytest

pytest.importorskip("torch")

from genima_lite.controller.checkpoint import save_controller
from genima_lite.controller.train import new_controller
from genima_lite.datasets.dagger import DaggerRollouts, dagger_rollouts
from genima_lite.envs.bench.env import BenchEnv
from genima_lite.envs.bench.tasks import task_names
from genima_lite.errors import UserError
from genima_lite.panda import HOME, LOWER, UPPER, forward_kinematics
from genima_lite.planner import plan
from genima_lite.policies.api import PolicyFactory, PolicySettings
from genima_lite.seeds import training_seed
from genima_lite.targets.horizon import target_frames
from tests.tiny_controller import TINY_CONTROLLER

pytestmark = pytest.mark.usefixtures("one_torch_thread")


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A controller that has learned nothing: it hardly moves the arm."""
    folder = tmp_path_factory.mktemp("controller")
    model = new_controller(TINY_CONTROLLER, 0)
    save_controller(folder, TINY_CONTROLLER, model.state_dict(), {})
    return folder


def some(folder, task="push_button", count=8, seed=3, part=0):
    env, policy = PolicyFactory("oracle", PolicySettings(folder))(task)
    found = list(dagger_rollouts(env, policy, DaggerRollouts(seed), part, count))
    env.close()
    return found


def tip(seen):
    return np.asarray(seen.gripper_pose)[:3]


def test_an_episode_begins_at_home_in_a_training_scene_with_the_experts_first_target(folder):
    (first, sentences), *_ = some(folder)
    env = BenchEnv("push_button", cameras=())
    env.reset(seed=training_seed(3, 0), options={"variation": 0})
    np.testing.assert_allclose(first[0].task_low_dim_state, env.observation.task_low_dim_state)
    assert sentences == env.task.instructions(0)
    steps = plan(env.task.waypoints(env.scene), HOME)
    way = np.vstack([np.append(HOME, 1.0), steps])
    target = way[target_frames(way[:, :7], way[:, 7])[0]]
    np.testing.assert_allclose(first.actions()[-1], target, atol=1e-6)
    goal = forward_kinematics(target[:7])[1][:3, 3]
    np.testing.assert_allclose(tip(first[-1]), goal, atol=1e-6)


def test_the_first_frame_has_the_pictures_that_the_policy_saw_and_the_others_have_none(folder):
    for demo, _ in some(folder, count=3):
        assert demo[0].front_rgb.shape == (32, 32, 3)
        assert all(seen.front_rgb is None for seen in list(demo)[1:])


def test_where_the_arm_is_stuck_is_not_taken_again_and_the_expert_helps_on(folder):
    found = some(folder, "press_switch", 12)
    places = np.stack([tip(demo[0]) for demo, _ in found])
    scenes = np.stack([demo[0].task_low_dim_state[:3] for demo, _ in found])
    same = (np.abs(np.diff(scenes, axis=0)) < 1e-3).all(axis=1)
    assert same.any()
    assert np.linalg.norm(np.diff(places, axis=0), axis=1)[same].min() > 0.01
    assert np.ptp(places[:, 2]) > 0.1, "the policy itself stays; the expert leads down"


def test_the_same_settings_give_the_same_decisions_and_other_parts_other_scenes(folder):
    one, again, other = (some(folder, count=3, part=part) for part in (0, 0, 3000))
    for (a, _), (b, _) in zip(one, again, strict=True):
        np.testing.assert_array_equal(a[0].front_rgb, b[0].front_rgb)
        np.testing.assert_array_equal(a.actions(), b.actions())
    states = [demos[0][0][0].task_low_dim_state for demos in (one, other)]
    assert np.abs(states[0] - states[1]).max() > 0.005


@pytest.mark.parametrize("task", task_names())
def test_in_every_task_the_expert_knows_the_way_on_from_what_the_policy_does(folder, task):
    for demo, _ in (found := some(folder, task, 4)):
        ends = np.stack([action[:7] for action in demo.actions()])
        assert ((ends >= LOWER - 1e-6) & (ends <= UPPER + 1e-6)).all()
    assert len(found) == 4


def test_without_a_policy_it_says_so(tmp_path):
    with pytest.raises(UserError, match="controller"):
        some(tmp_path / "nothing")
