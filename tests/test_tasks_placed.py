"""Tasks in which something is put somewhere or used: plate, knife, books, USB stick, spatula."""

import mujoco
import numpy as np
import pytest

from genima_lite.envs.bench.env import BenchEnv
from genima_lite.envs.bench.task import TABLE, Waypoint, along, top_down
from genima_lite.envs.bench.tasks.put_books_on_bookshelf import HALF, TOP
from genima_lite.envs.bench.tasks.take_plate_off_colored_dish_rack import PARTS
from genima_lite.planner import plan
from tests import on_the_bench
from tests.on_the_bench import corners, follow

TASKS = [
    "take_plate_off_colored_dish_rack",
    "put_knife_on_chopping_board",
    "put_books_on_bookshelf",
    "insert_usb_in_computer",
    "scoop_with_spatula",
]


@pytest.fixture(scope="module")
def envs():
    return {task: BenchEnv(task, cameras=()) for task in TASKS}


def start(env, seed=0, variation=0):
    """Begin an episode and return the expert's waypoints."""
    on_the_bench.start(env, seed, variation)
    return env.task.waypoints(env.scene)


def _moved(pose, x):
    """Return a pose moved along the world's x axis."""
    moved = pose.copy()
    moved[0, 3] += x
    return moved


def wait(env, steps=20):
    """Hold the arm where it is."""
    env.scene.robot.hold(steps)


@pytest.mark.parametrize("task", TASKS)
def test_the_expert_succeeds_in_every_variation_and_only_at_the_end(envs, task):
    env = envs[task]
    for variation in range(env.variations):
        way = start(env, 20 + variation, variation)
        actions = plan(way, env.observation.joint_positions)
        assert 40 <= len(actions) <= 200
        done = [env.step(action)[4]["success"] for action in actions]
        assert any(done)
        assert not any(done[: len(done) // 2])


@pytest.mark.parametrize("task", TASKS)
def test_pieces_stand_on_the_table_inside_the_workspace_and_apart(envs, task):
    scene = envs[task].scene
    scene.robot.reset()
    places = []
    for seed in range(100):
        scene.task.place(scene, seed % scene.task.variations, np.random.RandomState(seed))
        mujoco.mj_forward(scene.model, scene.data)
        assert scene.data.contact.dist.min(initial=0.0) > -0.001
        points = corners(scene)
        assert points[:, 0].min() > -0.075
        assert points[:, 0].max() < 0.575
        assert np.abs(points[:, 1]).max() < 0.455
        places.append(points[0, :2])
    assert (np.ptp(places, axis=0) > 0.1).all()


@pytest.mark.parametrize("task", TASKS)
def test_pieces_rest_after_the_reset(envs, task):
    env = envs[task]
    for seed in range(3):
        start(env, seed)
        assert np.abs(env.scene.data.qvel).max() < 0.01


@pytest.mark.parametrize("task", TASKS)
def test_a_gripper_closed_in_the_air_takes_nothing(envs, task):
    env = envs[task]
    first, *_ = start(env)
    assert not follow(env, [Waypoint(along(first.tip, z=-0.03), gripper=0.0)])
    assert not env.scene.robot.held


def test_a_plate_stands_in_the_part_that_is_asked_for(envs):
    env = envs["take_plate_off_colored_dish_rack"]
    model = env.scene.model
    for variation, color in enumerate(PARTS):
        start(env, 4, variation)
        arches = np.flatnonzero(model.geom_matid == model.material(color).id)
        middle = env.scene.data.geom_xpos[arches].mean(0)
        assert np.linalg.norm((middle - env.scene.pose("plate")[:3, 3])[:2]) < 0.01
        assert all(color in sentence for sentence in env.instructions(variation))


def test_a_plate_must_be_let_go(envs):
    env = envs["take_plate_off_colored_dish_rack"]
    *way, down = start(env, 1)
    assert not follow(env, [*way, Waypoint(down.tip, straight=True)])
    assert env.scene.is_held("plate")
    assert follow(env, [Waypoint(down.tip, gripper=1.0)])


@pytest.mark.parametrize(("aside", "counts"), [(0.235, True), (-0.235, False), (0.12, False)])
def test_a_plate_must_lie_on_the_mat_outside_the_rack(envs, aside, counts):
    env = envs["take_plate_off_colored_dish_rack"]
    start(env, 1)
    x, y, _ = along(env.scene.pose("rack"), y=aside)[:3, 3]
    env.scene.place("plate", x, y, z=TABLE + 0.09)
    assert env.success == counts


def test_a_plate_let_go_above_the_rack_does_not_count(envs):
    env = envs["take_plate_off_colored_dish_rack"]
    above, grasp, lifted, *_ = start(env, 2)
    assert not follow(env, [above, grasp, Waypoint(lifted.tip, gripper=1.0, straight=True)])
    wait(env)
    assert not env.success


def test_a_knife_must_be_let_go_after_it_touched_the_board(envs):
    env = envs["put_knife_on_chopping_board"]
    *way, down = start(env, 1)
    assert not follow(env, [*way, Waypoint(down.tip, straight=True)])
    state = env.state()
    assert env.scene.is_held("knife")
    assert not follow(env, [Waypoint(along(down.tip, z=-0.15), straight=True)])
    assert follow(env, [Waypoint(along(down.tip, z=-0.16), gripper=1.0)])
    env.restore(state)
    assert follow(env, [Waypoint(down.tip, gripper=1.0)])


def test_a_knife_let_go_beside_the_board_does_not_count_and_a_snapshot_knows_that(envs):
    env = envs["put_knife_on_chopping_board"]
    above, grasp, pulled, clear, *_ = start(env, 1)
    state = env.state()
    assert not follow(env, [above, grasp, pulled, Waypoint(clear.tip, gripper=1.0)])
    wait(env)
    assert not env.success
    env.restore(state)
    assert not env.success


@pytest.mark.parametrize("variation", [0, 1, 2])
def test_so_many_books_must_stand_on_the_upper_board_as_are_asked_for(envs, variation):
    env = envs["put_books_on_bookshelf"]
    start(env, 3, variation)
    shelf = env.scene.pose("bookshelf")
    for count, (book, u) in enumerate([("book2", 0.082), ("book1", 0.0), ("book0", -0.082)]):
        assert env.success == (count > variation)
        x, y, z = along(shelf, x=u, z=TOP + HALF[2])[:3, 3]
        env.scene.place(book, x, y, np.arctan2(shelf[1, 0], shelf[0, 0]), z)
    wait(env)
    assert env.success
    env.scene.place("book2", *along(shelf, y=-0.2)[:2, 3], z=TABLE + HALF[2])
    assert not env.success


def test_a_book_that_is_held_above_the_shelf_does_not_count(envs):
    env = envs["put_books_on_bookshelf"]
    *way, put = start(env, 4)
    assert not follow(env, [*way, Waypoint(put.tip, straight=True)])
    assert env.scene.is_held("book2")
    assert follow(env, [Waypoint(put.tip, gripper=1.0)])


def test_three_books_are_put_in_200_steps(envs):
    env = envs["put_books_on_bookshelf"]
    ways = (plan(start(env, seed, 2), env.observation.joint_positions) for seed in range(20))
    assert max(map(len, ways)) <= 200


def test_a_usb_stick_must_be_pushed_into_the_port(envs):
    env = envs["insert_usb_in_computer"]
    *way, inside = start(env, 1)
    assert not follow(env, way)
    assert env.scene.is_held("usb")
    assert follow(env, [inside])
    start(env, 1)
    assert not follow(env, [*way[:-1], Waypoint(way[-1].tip, gripper=1.0, straight=True)])
    wait(env)
    assert not env.success


def test_a_usb_stick_beside_the_port_meets_the_computer(envs):
    env = envs["insert_usb_in_computer"]
    *way, inside = start(env, 2)
    aside = [Waypoint(_moved(w.tip, x=0.03), straight=w.straight) for w in (*way[3:], inside)]
    assert not follow(env, [*way[:3], *aside])


def test_a_spatula_that_is_lifted_without_the_cube_does_not_count(envs):
    env = envs["scoop_with_spatula"]
    *way, _, _, lift = start(env, 1)
    high = Waypoint(along(lift.tip, z=-0.05))
    assert not follow(env, [*way, high])
    assert env.scene.is_held("spatula")


def test_a_cube_in_the_air_counts_only_with_the_spatula_in_the_hand(envs):
    env = envs["scoop_with_spatula"]
    *way, lift = start(env, 2)
    x, y, _ = env.scene.pose("air")[:3, 3]
    env.scene.place("cube", x, y, z=TABLE + 0.15)
    assert not env.success
    start(env, 2)
    assert follow(env, [*way, lift])
    assert not env.step(np.append(env.observation.joint_positions, 1.0))[-1]["success"]


def test_the_fingers_cannot_take_the_cube(envs):
    env = envs["scoop_with_spatula"]
    start(env, 3)
    grasp = top_down(env.scene.pose("cube")[:3, 3])
    way = [Waypoint(along(grasp, z=-0.1)), Waypoint(grasp, gripper=0.0, straight=True)]
    assert not follow(env, [*way, Waypoint(along(grasp, z=-0.14), straight=True)])
    assert not env.scene.robot.held
