"""Recovery with several grasps and phases, and as before with one."""

from itertools import islice

import numpy as np
import pytest
from recovery_of_one_grasp import waypoints_ahead as reference
from recovery_tasks import (
    PressUnderHatch,
    PressUnderLid,
    PushWithTool,
    PutTwoCubes,
    disturbed,
    follow,
    move_aside,
)

from genima_lite import panda
from genima_lite.envs.bench.recovery import phases
from genima_lite.envs.bench.scene import Scene
from genima_lite.envs.bench.task import NOTHING, Waypoint
from genima_lite.envs.bench.tasks import load_task
from genima_lite.planner import plan, stretches
from genima_lite.recipes._tasks import TASKS as SHIPPED

TASKS = (PutTwoCubes, PressUnderLid, PressUnderHatch, PushWithTool)
STATES = 10
DECISION, LIMIT = 20, 500


def starts(task, count, seed=0):
    """Return scenes in which something went wrong, with the waypoints of the episode's start."""
    scene = Scene(task)
    ways = ((scene, disturbed(scene, s)) for s in range(seed, seed + 3 * count))
    return islice(((scene, first) for scene, first in ways if first is not None), count)


def recovers(scene, first):
    """Ask the expert again every 20 steps; return whether the task is done before the limit."""
    for _ in range(LIMIT // DECISION):
        ahead = scene.task.recover(scene, first)
        opening = float(scene.robot.commanded_open)
        try:
            steps = plan(ahead, scene.data.qpos[:7].copy(), opening)
        except panda.Unreachable:
            return False
        if follow(scene, steps[:DECISION]):
            return True
    return False


def after(scene, count):
    """Start an episode and go so many of its waypoints; return them all."""
    scene.reset(0, np.random.RandomState(1))
    first = scene.task.waypoints(scene)
    ways = list(stretches(first, panda.HOME))[:count]
    if ways:
        assert not follow(scene, np.vstack(ways))
    return first


def commands(waypoints):
    """Return what the gripper does, in order."""
    return [waypoint.gripper for waypoint in waypoints if waypoint.gripper is not None]


def same(one, other):
    return len(one) == len(other) and all(
        np.array_equal(a.tip, b.tip) and a.gripper == b.gripper and a.straight == b.straight
        for a, b in zip(one, other, strict=True)
    )


@pytest.mark.parametrize("name", SHIPPED)
def test_with_one_grasp_or_none_the_way_is_the_one_that_the_shipped_models_learned(name):
    lengths, rng = set(), np.random.RandomState(0)
    for scene, first in starts(load_task(name), 6):
        for _ in range(6):
            expected = reference(scene, first)
            assert same(scene.task.recover(scene, first), expected)
            lengths.add(len(expected))
            move_aside(scene, rng)
    assert len(lengths) > 1


@pytest.mark.parametrize("task", TASKS)
def test_from_anything_that_goes_wrong_the_expert_finishes_tasks_with_several_phases(task):
    done = [recovers(scene, first) for scene, first in starts(task(), STATES)]
    assert sum(done) >= 0.9 * STATES


@pytest.mark.parametrize("task", TASKS)
def test_after_each_waypoint_the_next_one_is_ahead_and_the_plan_ends_where_it_would_have(task):
    scene = Scene(task())
    total = len(after(scene, 0))
    for count in range(total - 1):
        first = after(scene, count)
        ahead = scene.task.recover(scene, first)
        assert total - count <= len(ahead) <= total - count + 1  # or on to the one just reached
        np.testing.assert_allclose(ahead[-1].tip, first[-1].tip, atol=6e-3)


def test_a_phase_ends_at_a_release_and_where_a_waypoint_says_when_it_is_done():
    def never(scene):
        return False

    pose = np.eye(4)
    way = [
        Waypoint(pose, gripper=0.0),
        Waypoint(pose, done=never),
        Waypoint(pose, gripper=1.0),
        Waypoint(pose, gripper=0.0, grasps="tool"),
        Waypoint(pose, done=never),
        Waypoint(pose, gripper=1.0),
        Waypoint(pose, gripper=0.0, grasps=NOTHING),
    ]
    found = [(list(p.reach), list(p.carry), p.grasp) for p in phases(way)]
    assert found == [([0, 1], [], None), ([2, 3], [4], 3), ([2, 3], [5], 3), ([6], [], None)]


def test_what_is_put_stays_and_what_was_moved_away_is_put_again():
    scene = Scene(PutTwoCubes())
    first = after(scene, 6)
    assert commands(scene.task.recover(scene, first)) == [0.0, 1.0]
    x, y, z = scene.pose("red")[:3, 3]
    scene.place("red", x, y + 0.06, z=z)
    assert commands(scene.task.recover(scene, first)) == [0.0, 1.0, 0.0, 1.0]


def test_with_the_second_cube_in_the_hand_the_first_comes_afterwards():
    scene = Scene(PutTwoCubes())
    first = after(scene, 9)
    assert scene.is_held("blue")
    scene.place("red", *first[1].tip[:2, 3], z=scene.pose("red")[2, 3])
    assert commands(scene.task.recover(scene, first)) == [1.0, 0.0, 1.0]
    assert recovers(scene, first)


def test_a_tool_goes_behind_the_block_where_it_lies_now():
    scene = Scene(PushWithTool())
    first = after(scene, 4)
    x, y, z = scene.pose("block")[:3, 3]
    scene.place("block", x, y + 0.05, z=z)
    ahead = scene.task.recover(scene, first)
    now = scene.task.waypoints(scene)
    np.testing.assert_array_equal(ahead[0].tip, now[-len(ahead)].tip)
    assert np.linalg.norm(ahead[0].tip[:2, 3] - first[-len(ahead)].tip[:2, 3]) > 0.03


def test_a_grasp_of_something_that_is_not_there_is_named():
    class Misspelt(PutTwoCubes):
        def waypoints(self, scene):
            return [Waypoint(np.eye(4)), Waypoint(np.eye(4), gripper=0.0, grasps="rde")]

    scene = Scene(Misspelt())
    with pytest.raises(KeyError, match="rde"):
        scene.task.recover(scene, scene.task.waypoints(scene))


def test_a_task_may_have_a_way_of_its_own():
    class Stubborn(PutTwoCubes):
        def recover(self, scene, first):
            return list(first)

    scene = Scene(Stubborn())
    first = after(scene, 6)
    assert same(scene.task.recover(scene, first), first)
