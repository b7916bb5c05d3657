"""Tasks with a lid, a door or a tap on a hinge: moved by contact; let go it stays where it is."""

import mujoco
import numpy as np
import pytest

from genima_lite.envs.bench.env import BenchEnv
from genima_lite.envs.bench.task import TABLE, Waypoint
from genima_lite.envs.bench.tasks import load_task
from genima_lite.envs.bench.tasks.turn_tap import SIDES
from tests.on_the_bench import corners

JOINTS = {
    "open_box": ("box_joint", np.pi / 2),
    "toilet_seat_up": ("seat_joint", 1.40),
    "open_grill": ("lid_joint", np.deg2rad(50)),
    "open_microwave": ("microwave_joint", np.deg2rad(80)),
    "open_washing_machine": ("door_joint", np.deg2rad(40)),
    "turn_tap": ("left_joint", 1.57),
}
"""Each task's hinge, and the angle in radians that RLBench asks for."""


@pytest.fixture(scope="module", params=JOINTS)
def env(request):
    return BenchEnv(request.param, cameras=())


def solve(env):
    """Let the expert go on from here and rest at its end; return success."""
    steps = np.vstack(list(env.expert_stretches()))
    return env.execute(np.vstack([steps, np.repeat(steps[-1:], 10, axis=0)])).success


def turn(env, angle):
    """Put the lid or door somewhere between closed and open."""
    env.scene.data.joint(JOINTS[env.task_name][0]).qpos[0] = angle
    mujoco.mj_forward(env.scene.model, env.scene.data)


@pytest.mark.parametrize("seed", [1, 5])
def test_the_expert_opens_it_beyond_rlbenchs_angle(env, seed):
    joint, threshold = JOINTS[env.task_name]
    env.reset(seed=seed)
    assert solve(env)
    assert env.scene.travel(joint) > threshold


def test_the_threshold_is_rlbenchs(env):
    joint, threshold = JOINTS[env.task_name]
    env.reset(seed=1)
    for angle, done in ((threshold - 0.01, False), (threshold + 0.01, True)):
        turn(env, angle)
        assert env.success == done
        assert env.scene.travel(joint) == pytest.approx(angle, abs=1e-3)


def test_nothing_can_be_taken(env):
    assert load_task(env.task_name).graspable == ()


def test_open_fingers_leave_it_shut(env):
    env.reset(seed=3)
    first = [Waypoint(w.tip, None, w.straight) for w in env.scene.first]
    env.scene.first = first
    solve(env)
    assert env.scene.travel(JOINTS[env.task_name][0]) < 0.5


@pytest.mark.parametrize("share", [0.25, 0.6])
def test_half_open_it_stays_and_the_expert_goes_on(env, share):
    angle = share * JOINTS[env.task_name][1]
    env.reset(seed=7)
    turn(env, angle)
    env.scene.robot.hold(20)
    assert env.scene.travel(JOINTS[env.task_name][0]) == pytest.approx(angle, abs=0.01)
    assert solve(env)


def test_with_the_handle_in_the_hand_the_way_on_depends_on_the_hinge_and_not_on_the_grip(env):
    env.reset(seed=5)
    before, grip, begun, *rest = env.expert_stretches()
    env.execute(np.vstack([before, grip, begun]))
    ahead = env.task.recover(env.scene, env.scene.first)
    assert len(ahead) == len(rest)
    env.scene.data.qpos[:7] += 0.01
    for one, other in zip(env.task.recover(env.scene, env.scene.first), ahead, strict=True):
        np.testing.assert_array_equal(one.tip, other.tip)
    env.scene.data.joint("finger1").qpos[0] = 0.0  # closed on nothing
    assert env.task.recover(env.scene, env.scene.first)[0].gripper == 1.0


def test_a_snapshot_keeps_the_angle(env):
    env.reset(seed=9)
    turn(env, 0.5)
    state, joint = env.state(), JOINTS[env.task_name][0]
    before = env.scene.travel(joint)
    env.reset(seed=11)
    env.restore(state)
    assert env.scene.travel(joint) == before > 0.4


def test_pieces_stand_on_the_table_within_the_workspace(env):
    for seed in range(200):
        env.scene.task.place(env.scene, 0, np.random.RandomState(seed))
        low, high = (f(corners(env.scene), axis=0) for f in (np.min, np.max))
        assert (low > [-0.08, -0.455, TABLE - 1e-3]).all()
        assert (high[:2] < [0.59, 0.455]).all()


def test_another_tap_does_not_count():
    env = BenchEnv("turn_tap", cameras=())
    for wanted, turned in (("left", "right"), ("right", "left")):
        env.reset(seed=1, options={"variation": SIDES.index(wanted)})
        for side, done in ((turned, False), (wanted, True)):
            env.scene.data.joint(f"{side}_joint").qpos[0] = 1.7
            assert env.success == done


def test_left_is_left_of_someone_who_stands_before_the_basin():
    env = BenchEnv("turn_tap", cameras=())
    env.reset(seed=3)
    basin = env.scene.pose("basin")  # the taps are behind it, seen along its x axis
    for side, sign in (("left", 1), ("right", -1)):
        handle = np.linalg.inv(basin) @ env.scene.pose(f"{side}_handle")
        assert handle[0, 3] > 0.05
        assert sign * handle[1, 3] > 0.05
        assert all(side in sentence for sentence in env.instructions(SIDES.index(side)))
