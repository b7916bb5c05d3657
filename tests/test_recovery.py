"""The expert from anywhere: which waypoints are still ahead."""

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from genima_lite.datasets.recovery_starts import ByNoise
from genima_lite.demos.collect import record_demo
from genima_lite.envs.bench.env import BenchEnv
from genima_lite.envs.bench.recovery import FAR, SLOPE, TUBE, waypoints_ahead
from genima_lite.envs.bench.task import Waypoint, along
from genima_lite.envs.bench.tasks import task_names
from genima_lite.envs.bench.tasks.pick_up_cup import pinch
from genima_lite.planner import plan


@pytest.fixture(scope="module")
def cups():
    return BenchEnv("pick_up_cup", cameras=())


def begin(env, seed=2, variation=0):
    """Reset, and return the expert's waypoints."""
    env.reset(seed=seed, options={"variation": variation})
    return env.task.waypoints(env.scene)


def drive(env, *waypoints):
    """Let the arm pass some waypoints and rest at the last one."""
    robot = env.scene.robot
    for action in plan(waypoints, env.observation.joint_positions, float(robot.commanded_open)):
        env.execute(action[None])
    robot.hold(5)


def tips(waypoints):
    return np.stack([waypoint.tip for waypoint in waypoints])


@pytest.mark.parametrize("task", task_names())
def test_from_home_all_waypoints_are_ahead(task):
    env = BenchEnv(task, cameras=())
    first = begin(env)
    np.testing.assert_allclose(tips(env.task.recover(env.scene, first)), tips(first), atol=1e-3)


@pytest.mark.parametrize("above", [0.02, 0.05])
def test_in_the_funnel_above_the_rim_the_grasp_comes_next_and_beside_it_the_way_above(cups, above):
    first = begin(cups)
    inside = 0.7 * (TUBE + SLOPE * above)
    for beside, count in ((inside, 2), (2 * inside, 3)):
        begin(cups)
        drive(cups, first[0], Waypoint(along(first[1].tip, x=beside, z=-above), straight=True))
        ahead = waypoints_ahead(cups.scene, first)
        assert len(ahead) == count
        np.testing.assert_allclose(tips(ahead), tips(first[-count:]), atol=2e-3)


def test_far_from_all_stretches_the_expert_begins_anew(cups):
    first = begin(cups)
    drive(cups, Waypoint(along(first[0].tip, y=-1.5 * FAR * np.sign(first[0].tip[1, 3]))))
    assert len(waypoints_ahead(cups.scene, first)) == 3


def test_fingers_closed_on_nothing_open_first_where_they_are(cups):
    first = begin(cups)
    drive(cups, first[0], Waypoint(along(first[1].tip, z=-0.04), gripper=0.0))
    here, *rest = waypoints_ahead(cups.scene, first)
    assert here.gripper == 1.0
    np.testing.assert_allclose(here.tip, along(first[1].tip, z=-0.04), atol=5e-3)
    assert [waypoint.gripper for waypoint in rest] == [0.0, None]


def test_with_the_cup_in_the_hand_only_the_lift_is_ahead_and_ends_where_it_would_have(cups):
    first = begin(cups)
    drive(cups, *first[:2], Waypoint(along(first[1].tip, z=-0.06), straight=True))
    (lift,) = waypoints_ahead(cups.scene, first)
    np.testing.assert_allclose(lift.tip, first[2].tip)


def test_the_other_cup_in_the_hand_is_let_go(cups):
    first = begin(cups)
    other = pinch(cups.scene.pose("cup2"))
    drive(cups, Waypoint(along(other, z=-0.08)), Waypoint(other, gripper=0.0, straight=True))
    assert cups.scene.is_held("cup2")
    assert waypoints_ahead(cups.scene, first)[0].gripper == 1.0


def test_a_cup_that_was_moved_is_grasped_where_it_stands_now(cups):
    first = begin(cups)
    x, y, _ = cups.scene.pose("cup1")[:3, 3]
    cups.scene.place("cup1", x + 0.05, y)
    above, *_ = waypoints_ahead(cups.scene, first)
    assert np.linalg.norm(above.tip[:3, 3] - first[0].tip[:3, 3]) > 0.03


def test_a_handle_gripped_a_little_off_is_pulled_as_far():
    env = BenchEnv("open_drawer", cameras=())
    first = begin(env, 0, 1)
    off = Waypoint(along(first[2].tip, z=-0.008), gripper=0.0, straight=True)
    drive(env, first[0], first[1], off)
    (pull,) = waypoints_ahead(env.scene, first)
    drive(env, pull)
    assert env.task.success(env.scene)


def test_a_finger_that_shall_be_closed_closes_above_the_button_wherever_it_is():
    env = BenchEnv("push_button", cameras=())
    first = begin(env)
    drive(env, Waypoint(first[0].tip), Waypoint(along(first[2].tip, z=-0.02), straight=True))
    above, press = waypoints_ahead(env.scene, first)
    assert above.gripper == 0.0
    np.testing.assert_allclose(tips([above, press]), tips(first[1:]), atol=2e-3)


def test_fingers_closed_far_from_the_cup_open_at_the_waypoint_above_it(cups):
    first = begin(cups)
    drive(cups, Waypoint(along(first[0].tip, z=-0.14), gripper=0.0))
    ahead = waypoints_ahead(cups.scene, first)
    assert [waypoint.gripper for waypoint in ahead] == [1.0, 0.0, None]
    np.testing.assert_allclose(tips(ahead), tips(first), atol=1e-4)


@pytest.mark.parametrize(
    ("aside", "above", "count"), [(0.0, 0.02, 1), (0.015, 0.0, 1), (0.03, 0.0, 2), (0.0, 0.06, 2)]
)
def test_a_push_begins_within_a_pixel_or_two_of_straight_behind(aside, above, count):
    env = BenchEnv("slide_block_to_target", cameras=())
    first = begin(env)
    axis = first[1].tip[:3, 2]
    way = first[2].tip[:3, 3] - first[1].tip[:3, 3]
    off = aside * np.cross(axis, way / np.linalg.norm(way)) - above * axis
    here = first[1].tip.copy()
    here[:3, 3] += off - 0.01 * way / np.linalg.norm(way)
    drive(env, first[0], Waypoint(here, straight=True))
    ahead = waypoints_ahead(env.scene, first)
    assert len(ahead) == count
    np.testing.assert_allclose(tips(ahead), tips(first[-count:]), atol=3e-3)


def test_what_presses_may_be_turned_about_its_axis_and_what_grasps_only_while_there_is_way(cups):
    turn = np.eye(4)
    turn[:3, :3] = Rotation.from_euler("z", 0.8).as_matrix()
    env = BenchEnv("push_button", cameras=())
    first = begin(env)
    drive(env, first[0], Waypoint(along(first[2].tip, z=-0.02) @ turn))
    assert len(waypoints_ahead(env.scene, first)) == 1
    first = begin(cups)
    for above, count in ((0.07, 2), (0.02, 3)):
        begin(cups)
        drive(cups, first[0], Waypoint(along(first[1].tip, z=-above) @ turn, straight=True))
        assert len(waypoints_ahead(cups.scene, first)) == count


@pytest.mark.parametrize("task", task_names())
def test_from_beside_its_way_the_expert_solves_every_task(task):
    env = BenchEnv(task, cameras=())
    demos = [record_demo(env, seed, seed % env.task.variations, ByNoise()) for seed in range(10)]
    assert sum(demo is not None for demo in demos) >= 8  # a push from far beside may fail
