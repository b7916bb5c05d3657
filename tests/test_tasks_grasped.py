"""Tasks in which something is held: the lid of a saucepan, a cup, a jenga brick."""

import numpy as np
import pytest

from genima_lite.envs.bench.env import BenchEnv
from genima_lite.envs.bench.task import COLORS, TABLE, Waypoint, along
from genima_lite.envs.bench.tasks.pick_up_cup import pinch
from genima_lite.planner import plan
from tests.on_the_bench import corners, follow, start

TASKS = ["take_lid_off_saucepan", "pick_up_cup", "play_jenga"]


@pytest.fixture(scope="module")
def envs():
    return {task: BenchEnv(task, cameras=()) for task in TASKS}


@pytest.mark.parametrize("task", TASKS)
@pytest.mark.parametrize("seed", [0, 1, 2])
def test_the_expert_succeeds_and_only_at_the_end(envs, task, seed):
    env = envs[task]
    start(env, seed)
    actions = plan(env.task.waypoints(env.scene), env.observation.joint_positions)
    assert 40 <= len(actions) <= 150
    done = [env.step(action)[4]["success"] for action in actions]
    assert done[-1]
    assert not any(done[: len(done) // 2])


@pytest.mark.parametrize("task", TASKS)
def test_pieces_stand_on_the_table_inside_the_workspace(envs, task):
    scene = envs[task].scene
    places = []
    for seed in range(200):
        scene.task.place(scene, 0, np.random.RandomState(seed))
        points = corners(scene)
        assert points[:, 0].min() > -0.075
        assert points[:, 0].max() < 0.575
        assert np.abs(points[:, 1]).max() < 0.455
        assert points[:, 2].min() > TABLE - 0.001
        places.append(points[0, :2])
    assert (np.ptp(places, axis=0) > 0.2).all()


@pytest.mark.parametrize("task", TASKS)
def test_pieces_rest_after_the_reset(envs, task):
    env = envs[task]
    for seed in range(3):
        start(env, seed)
        assert np.abs(env.scene.data.qvel).max() < 0.01


@pytest.mark.parametrize("task", TASKS)
def test_a_gripper_closed_in_the_air_takes_nothing(envs, task):
    env = envs[task]
    start(env)
    first, last = env.task.waypoints(env.scene)[0], env.task.waypoints(env.scene)[-1]
    assert not follow(env, [Waypoint(along(first.tip, z=-0.03), gripper=0.0), Waypoint(last.tip)])
    assert not env.scene.robot.held


@pytest.mark.parametrize("task", TASKS)
def test_instructions_differ(envs, task):
    for variation in range(envs[task].task.variations):
        sentences = envs[task].task.instructions(variation)
        assert len(set(sentences)) == len(sentences) >= 3


def test_lid_must_be_lifted_high(envs):
    env = envs["take_lid_off_saucepan"]
    start(env)
    above, grasp, _ = env.task.waypoints(env.scene)
    assert not follow(env, [above, grasp, Waypoint(along(grasp.tip, z=-0.05), straight=True)])
    assert env.scene.is_held("lid_knob")


def test_lid_must_stay_above_the_pan(envs):
    env = envs["take_lid_off_saucepan"]
    start(env)
    above, grasp, _ = env.task.waypoints(env.scene)
    aside = along(along(grasp.tip, z=-0.05), x=0.16)
    high = along(aside, z=-0.09)
    low = Waypoint(along(grasp.tip, z=-0.05), straight=True)
    assert not follow(env, [above, grasp, low, Waypoint(aside, straight=True), Waypoint(high)])
    assert env.scene.is_held("lid_knob")


def test_dropped_lid_falls_back_and_does_not_count(envs):
    env = envs["take_lid_off_saucepan"]
    start(env)
    assert follow(env, env.task.waypoints(env.scene))
    opened = np.append(env.observation.joint_positions, 1.0)
    assert not env.step(opened)[4]["success"]
    for _ in range(10):
        *_, info = env.step(opened)
    assert not info["success"]
    assert env.scene.pose("lid_knob")[2, 3] < TABLE + 0.15


def test_lifting_the_other_cup_does_not_count(envs):
    env = envs["pick_up_cup"]
    start(env)
    grasp = pinch(env.scene.pose("cup2"))
    lift = Waypoint(along(grasp, z=-0.15), straight=True)
    down = Waypoint(grasp, gripper=0.0, straight=True)
    assert not follow(env, [Waypoint(along(grasp, z=-0.08)), down, lift])
    assert env.scene.is_held("cup2")
    assert env.scene.pose("cup2")[2, 3] > TABLE + 0.12


def test_cup_must_leave_its_place_and_be_held(envs):
    env = envs["pick_up_cup"]
    start(env)
    way = env.task.waypoints(env.scene)
    assert not follow(env, way[:2])
    assert env.scene.is_held("cup1")
    start(env)
    assert follow(env, way)
    assert not env.step(np.append(env.observation.joint_positions, 1.0))[4]["success"]


def test_cups_stand_apart_whatever_the_variation(envs):
    scene = envs["pick_up_cup"].scene
    for seed in range(200):
        poses = []
        for variation in (seed % 20, (seed + 7) % 20):
            scene.task.place(scene, variation, np.random.RandomState(seed))
            poses.append(np.stack([scene.pose("cup1"), scene.pose("cup2")]))
        np.testing.assert_array_equal(*poses)
        assert np.linalg.norm(poses[0][0, :3, 3] - poses[0][1, :3, 3]) >= 0.10


def test_cups_have_the_asked_colour_and_a_clearly_different_one(envs):
    scene = envs["pick_up_cup"].scene
    for variation, (name, rgb) in enumerate(COLORS.items()):
        others = set()
        for seed in range(30):
            scene.task.place(scene, variation, np.random.RandomState(seed))
            np.testing.assert_allclose(scene.model.geom("cup1_handle0").rgba[:3], rgb)
            np.testing.assert_allclose(scene.model.geom("cup1_body").rgba[:3], rgb)
            other = scene.model.geom("cup2_body").rgba[:3]
            assert np.linalg.norm(other - rgb) > 0.7
            others.add(tuple(other))
        assert len(others) >= 5
        assert all(f"{name} " in f"{text} " for text in scene.task.instructions(variation))


def test_brick_must_be_let_go(envs):
    env = envs["play_jenga"]
    start(env)
    *way, down = env.task.waypoints(env.scene)
    assert not follow(env, [*way, Waypoint(down.tip, straight=True)])
    assert env.scene.is_held("target_brick")
    assert env.step(np.append(env.observation.joint_positions, 1.0))[4]["success"]


def test_brick_must_come_out(envs):
    env = envs["play_jenga"]
    start(env)
    above, grasp, _, _ = env.task.waypoints(env.scene)
    a_little = Waypoint(along(grasp.tip, x=0.03), gripper=1.0, straight=True)
    assert not follow(env, [above, grasp, a_little])
    assert not env.scene.is_held("target_brick")


@pytest.mark.parametrize("brick", ["brick0", "brick9", "brick12"])
def test_no_other_brick_may_leave_the_tower(envs, brick):
    env = envs["play_jenga"]
    start(env)
    assert follow(env, env.task.waypoints(env.scene))
    x, y, _ = env.scene.pose("tower")[:3, 3]
    env.scene.place(brick, x, y + 0.12, z=TABLE + 0.014)
    assert not env.task.success(env.scene)


def test_swiping_the_tower_down_does_not_count(envs):
    env = envs["play_jenga"]
    start(env)
    above, *_ = env.task.waypoints(env.scene)
    beside = along(above.tip, x=0.03, z=0.1)
    closed = Waypoint(above.tip, gripper=0.0)
    through = Waypoint(along(beside, x=-0.25), straight=True)
    assert not follow(env, [closed, Waypoint(beside, straight=True), through])
    tower = env.scene.pose("tower")[:3, 3]
    moved = [np.linalg.norm(env.scene.pose(f"brick{i}")[:2, 3] - tower[:2]) for i in (11, 12)]
    assert max(moved) > 0.08
