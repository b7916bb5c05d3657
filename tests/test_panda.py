"""Kinematics against MuJoCo, against RLBench's own data and against finite differences."""

from pathlib import Path

import mujoco
import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from genima_lite import panda
from genima_lite.demos.read import read_episode
from genima_lite.envs.bench.tasks import load_task
from genima_lite.envs.bench.world import build_model
from genima_lite.transforms import pose_matrix, pose_vector

SAMPLE = Path(__file__).parent / "data/sample_rlbench/open_box/variation0/episodes/episode0"


@pytest.fixture(scope="module")
def simulated():
    model = build_model(load_task("push_button"))
    return model, mujoco.MjData(model)


def random_angles(n, seed=0):
    return np.random.default_rng(seed).uniform(panda.LOWER, panda.UPPER, (n, 7))


def test_tip_and_joint_axes_agree_with_the_simulator(simulated):
    model, data = simulated
    for q in random_angles(20):
        data.qpos[:7] = q
        mujoco.mj_forward(model, data)
        poses, tip = panda.forward_kinematics(q)
        np.testing.assert_allclose(tip[:3, 3], data.site("tip").xpos, atol=1e-6)
        np.testing.assert_allclose(tip[:3, :3], data.site("tip").xmat.reshape(3, 3), atol=1e-6)
        np.testing.assert_allclose(poses[:, :3, 3], data.xanchor[:7], atol=1e-6)
        np.testing.assert_allclose(poses[:, :3, 2], data.xaxis[:7], atol=1e-6)


def test_the_model_has_the_published_limits(simulated):
    model, _ = simulated
    low, high = model.jnt_range[:7].T
    np.testing.assert_allclose(panda.to_franka(low), panda.FRANKA_LOWER, atol=1e-9)
    np.testing.assert_allclose(panda.to_franka(high), panda.FRANKA_UPPER, atol=1e-9)
    np.testing.assert_allclose(model.jnt_actfrcrange[:7, 1], panda.TORQUE_LIMIT)


def test_joint_poses_agree_with_rlbench_data_only_with_the_four_degrees():
    frame = read_episode(SAMPLE, kinds=())[1]
    stored = np.stack([pose_matrix(p[:3], p[3:]) for p in frame.misc["joint_poses"]])
    poses, tip = panda.forward_kinematics(frame.joint_positions)
    np.testing.assert_allclose(poses, stored, atol=2e-5)
    without, _ = panda.forward_kinematics(panda.from_franka(frame.joint_positions))
    assert np.abs(without - stored).max() > 0.02
    assert np.linalg.norm(tip[:3, 3] - frame.gripper_pose[:3]) < 0.003


def test_home_is_where_rlbench_starts():
    _, tip = panda.forward_kinematics(panda.HOME)
    np.testing.assert_allclose(tip[:3, 3], [0.2785, -0.0082, 1.4719], atol=0.003)
    assert abs(pose_vector(tip)[4]) == pytest.approx(0.9927, abs=1e-3)


def test_jacobian_equals_finite_differences():
    q = random_angles(1, seed=1)[0]
    poses, tip = panda.forward_kinematics(q)
    jac, step = panda.jacobian(poses, tip), 1e-6
    for k in range(7):
        moved = q + step * np.eye(7)[k]
        change = panda._pose_error(panda.forward_kinematics(moved)[1], tip) / step
        np.testing.assert_allclose(jac[:, k], change, atol=1e-4)


def test_inverse_kinematics_comes_back_to_reachable_poses():
    for q in np.clip(panda.HOME + 0.4 * random_angles(30, seed=2) / 3, panda.LOWER, panda.UPPER):
        _, wanted = panda.forward_kinematics(q)
        answer = panda.inverse_kinematics(wanted)
        assert (answer >= panda.LOWER).all()
        assert (answer <= panda.UPPER).all()
        np.testing.assert_allclose(panda.forward_kinematics(answer)[1], wanted, atol=2e-3)


def test_a_pose_out_of_reach_says_where_it_is():
    far = pose_matrix([1.5, 0.0, 1.0], [0, 1, 0, 0])
    with pytest.raises(panda.Unreachable, match=r"1\.5, 0\.0, 1\.0"):
        panda.inverse_kinematics(far)


def test_angle_conventions_round_trip():
    q = random_angles(5)
    np.testing.assert_allclose(panda.from_franka(panda.to_franka(q)), q, atol=1e-15)
    np.testing.assert_allclose((panda.to_franka(q) - q)[:, 3], np.deg2rad(4))


def test_the_turn_left_is_what_scipy_says_of_small_large_and_half_turns():
    turns = Rotation.random(500, random_state=0).as_rotvec()
    axis = turns[:50] / np.linalg.norm(turns[:50], axis=1, keepdims=True)
    special = np.concatenate([axis * size for size in (0.0, 1e-13, 1e-7, np.pi - 1e-4, 3.0)])
    for turn in np.concatenate([turns, special]):
        reached = np.eye(4)
        wanted = np.eye(4)
        wanted[:3, :3] = Rotation.from_rotvec(turn).as_matrix()
        np.testing.assert_allclose(panda._pose_error(wanted, reached)[3:], turn, atol=1e-9)
