"""Tasks that are done by pushing and pulling: buttons, switch, drawers, block."""

import numpy as np
import pytest

from genima_lite.envs.bench.env import BenchEnv
from genima_lite.envs.bench.task import TABLE, Waypoint, along, top_down
from genima_lite.envs.bench.tasks import load_task
from genima_lite.envs.bench.tasks.open_drawer import DRAWERS
from genima_lite.envs.bench.tasks.push_button import BASE_COLORS
from genima_lite.planner import plan

TASKS = ("push_button", "lamp_on", "press_switch", "open_drawer", "slide_block_to_target")
CASES = [
    ("push_button", 0),
    ("push_button", 17),
    ("lamp_on", 0),
    ("press_switch", 0),
    ("open_drawer", 0),
    ("open_drawer", 1),
    ("open_drawer", 2),
    ("slide_block_to_target", 0),
]


@pytest.fixture(scope="module")
def envs():
    return {task: BenchEnv(task, cameras=()) for task in TASKS}


def drive(env: BenchEnv, waypoints: list[Waypoint]) -> tuple[bool, float]:
    """Follow waypoints to the end; return success at any step and the worst tracking error."""
    done, worst = False, 0.0
    for action in plan(waypoints, env.observation.joint_positions):
        info = env.step(action)[-1]
        done = done or info["success"]
        worst = max(worst, np.abs(env.observation.joint_positions - action[:7]).max())
    return done, worst


@pytest.mark.parametrize(("task", "variation"), CASES)
def test_expert_succeeds_where_the_start_does_not(envs, task, variation):
    env = envs[task]
    for seed in (1, 5):
        env.reset(seed=seed, options={"variation": variation})
        assert not env.task.success(env.scene)
        done, worst = drive(env, env.task.waypoints(env.scene))
        assert done
        assert worst < 0.02


@pytest.mark.parametrize("task", TASKS)
def test_nothing_can_be_taken(task):
    assert load_task(task).graspable == ()


@pytest.mark.parametrize("task", ["push_button", "lamp_on", "press_switch"])
def test_hovering_is_not_pressing(envs, task):
    env = envs[task]
    env.reset(seed=2)
    assert not drive(env, env.task.waypoints(env.scene)[:-1])[0]


def test_pressing_the_lowered_end_does_not_flip_the_switch(envs):
    env = envs["press_switch"]
    env.reset(seed=3)
    switch = env.scene.pose("switch")
    pressed = top_down(along(switch, x=-0.03, z=0.055)[:3, 3])
    assert not drive(
        env, [Waypoint(along(pressed, z=-0.1), 0.0), Waypoint(pressed, straight=True)]
    )[0]
    assert env.scene.travel("rocker_joint") < 0.1


def test_the_switch_stays_where_it_was_flipped(envs):
    env = envs["press_switch"]
    env.reset(seed=3)
    keyframes = env.task.waypoints(env.scene)
    drive(env, [*keyframes, keyframes[0]])
    assert env.scene.travel("rocker_joint") > 1.0


def test_an_untouched_switch_and_button_stay_put(envs):
    for task, joint in (("press_switch", "rocker_joint"), ("lamp_on", "button_joint")):
        env = envs[task]
        env.reset(seed=4)
        env.scene.robot.hold(40)
        assert env.scene.travel(joint) < 1e-3


def test_bulb_turns_white_and_a_reset_turns_it_off(envs):
    env = envs["lamp_on"]
    env.reset(seed=6)
    bulb = env.scene.model.geom("bulb")
    start = env.scene.state()
    assert bulb.rgba.tolist() == [0, 0, 0, 1]
    drive(env, env.task.waypoints(env.scene))
    assert bulb.rgba.tolist() == [1, 1, 1, 1]
    env.reset(options={"scene_state": start})
    assert bulb.rgba.tolist() == [0, 0, 0, 1]


@pytest.mark.parametrize(("wanted", "opened"), [(0, 1), (1, 2), (2, 0)])
def test_another_drawer_does_not_count(envs, wanted, opened):
    env = envs["open_drawer"]
    env.reset(seed=7, options={"variation": opened})
    keyframes = env.task.waypoints(env.scene)
    state = env.scene.state() | {"variation": wanted}
    env.reset(options={"scene_state": state})
    assert not drive(env, keyframes)[0]
    for name in DRAWERS:
        travel = env.scene.travel(f"drawer_joint_{name}")
        assert travel > 0.15 if name == DRAWERS[opened] else travel < 0.002


def test_open_fingers_leave_the_drawer_shut(envs):
    env = envs["open_drawer"]
    env.reset(seed=8, options={"variation": 1})
    keyframes = [Waypoint(w.tip, None, w.straight) for w in env.task.waypoints(env.scene)]
    assert not drive(env, keyframes)[0]
    assert env.scene.travel("drawer_joint_middle") < 0.02


def test_pushing_the_block_the_other_way_fails(envs):
    env = envs["slide_block_to_target"]
    env.reset(seed=9)
    block, target = (env.scene.pose(n)[:3, 3] for n in ("block", "target"))
    way = (target - block) * [1, 1, 0] / np.linalg.norm((target - block)[:2])
    beside = top_down(block + 0.06 * way - [0, 0, 0.01])
    keyframes = [
        Waypoint(along(beside, z=-0.1), gripper=0.0),
        Waypoint(beside, straight=True),
        Waypoint(top_down(beside[:3, 3] - 0.08 * way), straight=True),
    ]
    assert not drive(env, keyframes)[0]
    gap = np.linalg.norm((env.scene.pose("block") - env.scene.pose("target"))[:2, 3])
    assert gap > np.linalg.norm((target - block)[:2]) + 0.02


def test_closing_on_the_block_does_not_lift_it(envs):
    env = envs["slide_block_to_target"]
    env.reset(seed=9)
    over = top_down(env.scene.pose("block")[:3, 3], np.arctan2(*env.scene.pose("block")[1::-1, 0]))
    drive(env, [Waypoint(along(over, z=-0.1)), Waypoint(over, gripper=0.0, straight=True)])
    assert env.scene.robot.held == []


def test_block_task_reports_rlbench_low_dim_state(envs):
    env = envs["slide_block_to_target"]
    env.reset(seed=10)
    block, target = (env.scene.pose(n)[:3, 3] for n in ("block", "target"))
    np.testing.assert_array_equal(
        env.observation.task_low_dim_state, np.concatenate([block, target])
    )


@pytest.mark.parametrize("task", TASKS)
def test_instructions_differ_and_name_what_varies(task):
    rules = load_task(task)
    words = {"push_button": BASE_COLORS, "open_drawer": DRAWERS}.get(task, [""])
    assert rules.variations == len(words)
    for variation, word in enumerate(words):
        sentences = rules.instructions(variation)
        assert len(set(sentences)) == len(sentences) >= 3
        assert all(word in sentence for sentence in sentences)


@pytest.mark.parametrize("task", TASKS)
def test_pieces_stand_within_the_workspace(envs, task):
    scene = envs[task].scene
    model, data = scene.model, scene.data
    geoms = [g for g in range(model.ngeom) if model.geom_bodyid[g] >= scene._bodies[0]]
    rng = np.random.RandomState(0)
    for _ in range(200):
        scene.task.place(scene, 0, rng)
        boxes = model.geom_aabb[geoms]
        turns, places = data.geom_xmat[geoms].reshape(-1, 3, 3), data.geom_xpos[geoms]
        centre = places + np.einsum("nij,nj->ni", turns, boxes[:, :3])
        reach = np.einsum("nij,nj->ni", np.abs(turns), boxes[:, 3:])
        low, high = (centre - reach).min(0), (centre + reach).max(0)
        assert low[0] > -0.08
        assert high[0] < 0.58
        assert low[1] > -0.455
        assert high[1] < 0.455
        assert low[2] > TABLE - 1e-3
