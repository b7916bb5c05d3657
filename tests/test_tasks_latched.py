"""Tasks in which a handle unlocks what is then pushed: door and window."""

import numpy as np
import pytest

from genima_lite.envs.bench.env import BenchEnv
from genima_lite.envs.bench.task import TABLE
from genima_lite.envs.bench.tasks import load_task, open_door, open_window
from genima_lite.planner import plan
from tests.on_the_bench import corners, follow, start

TASKS = ["open_door", "open_window"]
LATCHES = {"open_door": open_door.LATCH, "open_window": open_window.LATCH}
DEGREES = {"open_door": (25, 25), "open_window": (80, 30)}
"""RLBench's: what the handle must have turned, and then the door or the window."""


@pytest.fixture(scope="module")
def envs():
    return {task: BenchEnv(task, cameras=()) for task in TASKS}


def wait(env, steps=3):
    hold = np.append(env.observation.joint_positions, 1.0)
    env.execute(np.repeat(hold[None], steps, axis=0))


def turn(env, joint, degrees):
    env.scene.data.joint(joint).qpos[0] = np.deg2rad(degrees)
    wait(env)


@pytest.mark.parametrize("task", TASKS)
def test_nothing_can_be_taken(task):
    assert load_task(task).graspable == ()


@pytest.mark.parametrize("task", TASKS)
@pytest.mark.parametrize("seed", [1, 2])
def test_the_expert_succeeds_and_only_at_the_end(envs, task, seed):
    env = envs[task]
    start(env, seed)
    *before, last = env.expert_stretches()
    assert not env.execute(np.vstack(before)).success
    assert env.scene.travel(LATCHES[task].joint) < np.deg2rad(2)
    assert env.execute(last).success


@pytest.mark.parametrize("task", TASKS)
def test_what_is_locked_cannot_be_pushed_open(envs, task):
    env = envs[task]
    start(env, seed=3)
    *_, before, pushed = env.task.waypoints(env.scene)
    env.execute(plan([env.task.waypoints(env.scene)[0], before], env.scene.robot.joints))
    assert not follow(env, [pushed])
    assert env.scene.travel(LATCHES[task].joint) < np.deg2rad(5)


@pytest.mark.parametrize("task", TASKS)
def test_it_opens_where_rlbench_says_and_for_good(envs, task):
    env, latch = envs[task], LATCHES[task]
    unlocked, _ = DEGREES[task]
    start(env)
    turn(env, latch.handle, unlocked - 2)
    assert not latch.is_open(env.scene)
    turn(env, latch.handle, unlocked + 2)
    assert latch.is_open(env.scene)
    turn(env, latch.handle, 0)
    assert latch.is_open(env.scene)
    start(env)
    assert not latch.is_open(env.scene)


@pytest.mark.parametrize("task", TASKS)
def test_success_is_rlbenchs_angle(envs, task):
    env = envs[task]
    _, opened = DEGREES[task]
    start(env)
    for degrees in (opened - 1, opened + 1):
        env.scene.data.joint(LATCHES[task].joint).qpos[0] = np.deg2rad(degrees)
        assert env.success == (degrees > opened)


@pytest.mark.parametrize("task", TASKS)
def test_a_snapshot_holds_the_latch(envs, task):
    env, latch = envs[task], LATCHES[task]
    start(env)
    locked = env.state()
    turn(env, latch.handle, DEGREES[task][0] + 3)
    unlocked = env.state()
    for state, is_open in ((locked, False), (unlocked, True), (locked, False)):
        env.restore(state)
        assert latch.is_open(env.scene) == is_open
    env.restore(unlocked)
    assert len(env.task.recover(env.scene, env.scene.first)) < len(env.scene.first)


@pytest.mark.parametrize("task", TASKS)
def test_the_handle_stays_as_it_stands(envs, task):
    env, latch = envs[task], LATCHES[task]
    start(env)
    for degrees in (0, 40):
        turn(env, latch.handle, degrees)
        wait(env, 20)
        assert np.rad2deg(env.scene.data.joint(latch.handle).qpos[0]) == pytest.approx(
            degrees, abs=2
        )


@pytest.mark.parametrize("task", TASKS)
def test_it_stands_on_the_table_inside_the_workspace(envs, task):
    scene = envs[task].scene
    yaws = []
    for seed in range(200):
        scene.task.place(scene, 0, np.random.RandomState(seed))
        points = corners(scene)
        assert points[:, 0].min() > -0.08
        assert points[:, 0].max() < 0.7  # beyond the reach, on the table
        assert np.abs(points[:, 1]).max() < 0.455
        assert points[:, 2].min() > TABLE - 0.001
        frame = scene.pose({"open_door": "door_frame", "open_window": "window"}[task])
        yaws.append(np.arctan2(frame[1, 0], frame[0, 0]))
    assert np.abs(yaws).max() < np.pi / 4
    assert np.ptp(yaws) > 1.2
