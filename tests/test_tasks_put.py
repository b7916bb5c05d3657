"""Tasks in which a thing is taken somewhere: phone, rubbish, basketball, hanger."""

import numpy as np
import pytest

from genima_lite.envs.bench.env import BenchEnv
from genima_lite.envs.bench.task import TABLE, Waypoint, along
from tests.on_the_bench import corners, follow, start

TASKS = ["phone_on_base", "put_rubbish_in_bin", "basketball_in_hoop", "move_hanger"]
THINGS = {
    "phone_on_base": "phone",
    "put_rubbish_in_bin": "rubbish",
    "basketball_in_hoop": "ball",
    "move_hanger": "clothes_hanger",
}


@pytest.fixture(scope="module")
def envs():
    return {task: BenchEnv(task, cameras=()) for task in TASKS}


def let_go(env, steps=10):
    """Open the hand where it is, wait, and return whether the task is done then."""
    opened = np.append(env.observation.joint_positions, 1.0)
    return env.execute(np.repeat(opened[None], steps, axis=0)).success


@pytest.mark.parametrize("task", TASKS)
def test_the_expert_succeeds_and_only_at_the_end(envs, task):
    env = envs[task]
    start(env, seed=1)
    ways = list(env.expert_stretches())
    *before, last = ways
    assert not env.execute(np.vstack(before)).success
    assert env.execute(last).success
    assert 40 <= sum(map(len, ways)) <= 200


@pytest.mark.parametrize("task", TASKS)
def test_pieces_stand_on_the_table_inside_the_workspace(envs, task):
    scene = envs[task].scene
    places = []
    for seed in range(200):
        scene.task.place(scene, 0, np.random.RandomState(seed))
        points = corners(scene)
        assert points[:, 0].min() > -0.08
        assert points[:, 0].max() < 0.58
        assert np.abs(points[:, 1]).max() < 0.455
        places.append(scene.pose(THINGS[task])[:2, 3])
    assert np.ptp(places, axis=0).max() > 0.3


@pytest.mark.parametrize("task", TASKS)
def test_a_gripper_closed_in_the_air_takes_nothing(envs, task):
    env = envs[task]
    start(env)
    first, *_, last = env.task.waypoints(env.scene)
    ways = [Waypoint(first.tip, gripper=0.0), Waypoint(along(last.tip, z=-0.03), gripper=1.0)]
    assert not follow(env, ways)
    assert not env.scene.robot.held


def test_the_phone_must_be_let_go_and_lie_in_the_cradle(envs):
    env = envs["phone_on_base"]
    start(env, seed=2)
    *way, laid = env.task.waypoints(env.scene)
    assert not follow(env, [*way, Waypoint(laid.tip, straight=True)])
    assert env.scene.is_held("phone")
    assert env.scene.detects("success", "phone")
    assert let_go(env)
    start(env, seed=2)
    aside = along(laid.tip, y=0.09)  # a fork's width and more beside the cradle
    assert not follow(env, [*way, Waypoint(aside, gripper=1.0)])
    assert not env.scene.is_held("phone")


def test_the_phone_stays_in_its_cradle(envs):
    env = envs["phone_on_base"]
    start(env, seed=3)
    assert follow(env, env.task.waypoints(env.scene))
    env.scene.robot.hold(20)
    assert env.success
    assert env.scene.pose("phone")[2, 2] > 0.98


def test_the_rubbish_lies_in_every_place_and_the_tomatoes_in_the_others(envs):
    scene = envs["put_rubbish_in_bin"].scene
    counts = {"left": 0, "middle": 0, "right": 0}
    for seed in range(300):
        scene.task.place(scene, 0, np.random.RandomState(seed))
        rubbish, *tomatoes = (scene.pose(n)[:2, 3] for n in ("rubbish", "tomato1", "tomato2"))
        inwards = scene.pose("bin")[:2, 3] - rubbish
        across = np.array([-inwards[1], inwards[0]])
        sides = [np.sign(across @ (tomato - rubbish)) for tomato in tomatoes]
        middle = sides[0] != sides[1]
        counts["middle" if middle else "left" if sides[0] > 0 else "right"] += 1
        gaps = [np.linalg.norm(tomato - rubbish) for tomato in tomatoes]
        np.testing.assert_allclose(sorted(gaps), [0.1, 0.1 if middle else 0.2], atol=1e-6)
    assert min(counts.values()) > 70


def test_a_tomato_in_the_bin_does_not_count_nor_rubbish_that_is_held_above_it(envs):
    env = envs["put_rubbish_in_bin"]
    start(env, seed=4)
    *way, above = env.task.waypoints(env.scene)
    x, y, _ = env.scene.pose("bin")[:3, 3]
    env.scene.place("tomato1", x, y, z=TABLE + 0.035)
    env.scene.robot.hold(5)
    assert not env.success
    start(env, seed=4)
    assert not follow(env, [*way, Waypoint(above.tip)])
    assert env.scene.is_held("rubbish")
    assert let_go(env)
    assert env.scene.detects("success", "rubbish")


def test_the_ball_must_go_through_the_ring(envs):
    env = envs["basketball_in_hoop"]
    start(env, seed=5)
    *way, above = env.task.waypoints(env.scene)
    assert not follow(env, [*way, Waypoint(above.tip)])
    assert env.scene.is_held("ball")
    assert let_go(env)
    env.scene.robot.hold(20)
    assert env.success  # it stays in the net
    start(env, seed=5)
    assert not follow(env, [*way, Waypoint(along(above.tip, y=0.13), gripper=1.0)])
    assert not let_go(env)
    assert env.scene.pose("ball")[2, 3] < TABLE + 0.1


def test_the_hanger_must_be_let_go_on_the_other_rail(envs):
    env = envs["move_hanger"]
    start(env, seed=6)
    *way, hung = env.task.waypoints(env.scene)
    assert not follow(env, [*way, Waypoint(hung.tip, straight=True)])
    assert env.scene.is_held("clothes_hanger")
    assert let_go(env)
    env.scene.robot.hold(20)
    assert env.success
    start(env, seed=6)
    grasp = way[1]
    back = [*way[:3], Waypoint(grasp.tip, gripper=1.0, straight=True)]
    assert not follow(env, back)
    np.testing.assert_allclose(env.scene.pose("clothes_hanger")[1, 3], 0.17, atol=5e-3)


def test_the_racks_stand_still_and_the_hanger_is_shifted_along_its_rail(envs):
    scene = envs["move_hanger"].scene
    x = []
    for seed in range(200):
        scene.task.place(scene, 0, np.random.RandomState(seed))
        assert scene.pose("rack0")[1, 3] == -scene.pose("rack1")[1, 3] == 0.17
        hanger = scene.pose("clothes_hanger")
        assert hanger[1, 3] == 0.17
        x.append(hanger[0, 3])
    assert 0.38 < np.ptp(x) < 0.4
