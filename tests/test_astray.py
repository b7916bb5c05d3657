"""Demonstrations that begin beside the expert's path."""

import json

import numpy as np
import pytest

from genima_lite.bench.env import BenchEnv
from genima_lite.bench.expert import plan
from genima_lite.demos import astray
from genima_lite.demos.collect import CollectSettings, collect, record_demo
from genima_lite.demos.layout import DatasetError, iterate_episodes
from genima_lite.demos.read import read_episode
from genima_lite.demos.replay import replay
from genima_lite.errors import UserError
from genima_lite.panda import HOME, forward_kinematics


@pytest.fixture(scope="module")
def cups():
    return BenchEnv("pick_up_cup", cameras=())


def joints_of(demo):
    return np.stack([np.asarray(seen.joint_positions) for seen in demo])


@pytest.mark.parametrize("seed", range(0, 16, 2))
def test_the_arm_starts_at_rest_beside_the_path_and_still_succeeds(cups, seed):
    cups.reset(seed=seed, options={"variation": 3})
    path = plan(cups.task.waypoints(cups.scene), HOME)
    demo = record_demo(cups, seed, 3, astray=True)
    joints = joints_of(demo)
    beside = np.abs(path[:, :7] - joints[0]).max(axis=1).min()
    assert 1e-4 < beside < 4 * astray.SPREAD
    assert np.abs(demo[0].joint_velocities).max() < 0.05
    assert demo[0].gripper_open == 1.0  # cups are taken once: before that the hand is empty
    assert cups.task.success(cups.scene)


def test_the_same_seed_goes_astray_alike_and_others_elsewhere(cups):
    one, again, other = (joints_of(record_demo(cups, seed, 0, astray=True)) for seed in (4, 4, 6))
    np.testing.assert_array_equal(one, again)
    assert np.abs(one[0] - other[0]).max() > 0.01


def test_starts_lie_all_along_the_way(cups):
    starts = [joints_of(record_demo(cups, seed, 0, astray=True))[0] for seed in range(0, 40, 2)]
    heights = np.array([forward_kinematics(start)[1][2, 3] for start in starts])
    assert heights.max() - heights.min() > 0.3


def test_near_a_stop_without_a_grasp_the_expert_goes_on_to_the_next(cups):
    cups.reset(seed=0, options={"variation": 0})
    above, grasp, _ = cups.task.waypoints(cups.scene)
    for action in plan([above], HOME):
        cups.step_blindly(action)
    assert astray._passes(cups, above)
    assert not astray._passes(cups, grasp)
    for action in plan([grasp], cups.observation.joint_positions)[:-1]:
        cups.step_blindly(action)
    assert not astray._passes(cups, grasp)  # there, but it has not closed yet


def test_a_scene_restored_in_mid_episode_goes_on_from_its_posture(cups):
    record_demo(cups, 2, 0, astray=True)
    cups.reset(seed=2, options={"variation": 0})
    astray.go_astray(cups, 2)
    here = np.asarray(cups.observation.joint_positions)
    cups.step_blindly(np.append(here, 1.0))
    assert np.abs(np.asarray(cups.observation.joint_positions) - here).max() < 2e-3


def test_a_mixed_dataset_has_both_kinds_and_replays_exactly(tmp_path):
    settings = CollectSettings(seed=5, image_size=16, astray=0.5)
    list(collect(tmp_path / "set", ["push_button"], 10, settings))
    starts = [read_episode(e.path, kinds=())[0] for e in iterate_episodes(tmp_path / "set")]
    home = [np.abs(np.asarray(seen.joint_positions) - HOME).max() < 1e-2 for seen in starts]
    assert 2 <= sum(home) <= 8
    results = list(replay(tmp_path / "set"))
    assert all(result.success and result.deviation == 0.0 for result in results)


def test_a_share_beyond_one_and_a_folder_of_another_share_are_refused(tmp_path):
    with pytest.raises(UserError, match=r"--astray is 1\.5"):
        CollectSettings(astray=1.5)
    list(collect(tmp_path, ["push_button"], 1, CollectSettings(image_size=16)))
    path = tmp_path / "collection.json"
    written = json.loads(path.read_text())
    del written["astray"]  # as older versions wrote it
    path.write_text(json.dumps(written))
    list(collect(tmp_path, ["push_button"], 1, CollectSettings(image_size=16)))
    with pytest.raises(DatasetError, match=r"astray = 0\.0, not 0\.5"):
        list(collect(tmp_path, ["push_button"], 1, CollectSettings(image_size=16, astray=0.5)))
