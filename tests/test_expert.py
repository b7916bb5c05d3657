"""The expert's paths: limits, smoothness, straightness, arrival."""

import numpy as np
import pytest

from genima_lite import panda
from genima_lite import planner as expert
from genima_lite.envs.bench.task import Waypoint, along, top_down
from genima_lite.errors import UserError
from genima_lite.observation import CONTROL_PERIOD


@pytest.fixture
def waypoints():
    above = top_down(np.array([0.25, 0.1, 0.95]), yaw=0.4)
    return [Waypoint(above, gripper=0.0), Waypoint(along(above, z=0.12), straight=True)]


def test_velocity_and_acceleration_stay_within_limits(waypoints):
    path = np.vstack([panda.HOME, expert.plan(waypoints, panda.HOME)[:, :7]])
    velocity = np.diff(path, axis=0) / CONTROL_PERIOD
    acceleration = np.diff(velocity, axis=0) / CONTROL_PERIOD
    assert (np.abs(velocity) <= expert.MAX_VELOCITY * 1.01).all()
    assert (np.abs(acceleration) <= expert.MAX_ACCELERATION * 1.05).all()


def test_it_arrives_and_the_gripper_changes_there(waypoints):
    actions = expert.plan(waypoints, panda.HOME)
    change = int(np.argmax(actions[:, 7] == 0.0))
    np.testing.assert_allclose(actions[change, :7], actions[change - 1, :7], atol=1e-12)
    for row, waypoint in ((change, waypoints[0]), (-1, waypoints[1])):
        _, tip = panda.forward_kinematics(actions[row, :7])
        np.testing.assert_allclose(tip, waypoint.tip, atol=2e-3)


def test_a_straight_stretch_is_straight(waypoints):
    actions = expert.plan(waypoints, panda.HOME)
    last = actions[int(np.argmax(actions[:, 7] == 0.0)) :, :7]
    _, tips = panda.forward_kinematics(last)
    np.testing.assert_allclose(tips[:, :2, 3], tips[0, :2, 3] + np.zeros((len(tips), 2)), atol=2e-3)
    assert (np.diff(tips[:, 2, 3]) < 1e-4).all()


def test_it_starts_and_ends_at_rest():
    knots = np.linspace(panda.HOME, panda.HOME + 0.8, 3)
    speed = np.abs(np.diff(np.vstack([knots[0], expert.timed(knots)]), axis=0)).max(axis=1)
    assert speed[0] < 0.1 * speed.max()
    assert speed[-1] < 0.1 * speed.max()
    assert np.argmax(speed) == pytest.approx(len(speed) / 2, abs=1.5)


@pytest.mark.parametrize("pace", [1.2, expert.FASTEST])
def test_a_faster_way_is_shorter_and_within_the_arms_limits(pace):
    knots = np.linspace(panda.HOME, panda.HOME + 0.8, 3)
    usual, fast = expert.timed(knots), expert.timed(knots, pace)
    assert len(fast) == pytest.approx(len(usual) / pace, abs=1)
    speed = np.diff(np.vstack([knots[0], fast]), axis=0) / CONTROL_PERIOD
    assert (np.abs(speed) <= 0.8 * panda.VELOCITY_LIMIT).all()
    force = np.abs(np.diff(speed, axis=0)) / CONTROL_PERIOD
    assert (force <= 0.9 * panda.ACCELERATION_LIMIT).all()
    with pytest.raises(UserError, match="pace is 2"):
        Waypoint(np.eye(4), pace=2.0)


def test_no_way_means_no_plan():
    with pytest.raises(panda.Unreachable):
        expert.plan([Waypoint(top_down(np.array([1.4, 0.0, 0.8])))], panda.HOME)


@pytest.mark.parametrize("yaw", [0.3, 0.3 + np.pi, 0.3 - np.pi])
def test_a_symmetric_gripper_has_one_yaw(yaw):
    np.testing.assert_allclose(top_down(np.zeros(3), yaw), top_down(np.zeros(3), 0.3), atol=1e-12)
