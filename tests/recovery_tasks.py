"""Small tasks with several phases, written as a task's author would, and not shipped; and scenes in
which something went wrong.
"""

import mujoco
import numpy as np

from genima_lite import panda
from genima_lite.envs.bench.shapes import wall
from genima_lite.envs.bench.task import NOTHING, TABLE, Task, Waypoint, along, top_down
from genima_lite.planner import plan

HALF = 0.02
"""metres, half a cube's edge."""


def apart(rng, count, least, low=(0.12, -0.25), high=(0.42, 0.25)):
    """Return places (count, 2) that are at least so many metres apart."""
    while True:
        places = rng.uniform(low, high, (count, 2))
        gaps = np.linalg.norm(places[:, None] - places, axis=2) + np.eye(count)
        if gaps.min() > least:
            return places


class _Words(Task):
    def instructions(self, variation):
        return ["do what there is to do"]


def _cube(name):
    return f"""
      <body name="{name}_plate" mocap="true">
        <geom class="visual" type="cylinder" size="0.05 0.001" pos="0 0 0.001"/>
        <geom name="{name}_zone" class="zone" type="cylinder" size="0.02 0.03" pos="0 0 0.03"/>
      </body>
      <body name="{name}">
        <freejoint/>
        <geom type="box" size="{HALF} {HALF} {HALF}" mass="0.05"/>
      </body>"""


class PutTwoCubes(_Words):
    """A red cube onto a plate, then a blue one onto another: two grasps, and no `done`."""

    graspable = ("red", "blue")
    mjcf = f"<worldbody>{_cube('red')}{_cube('blue')}</worldbody>"

    def place(self, scene, variation, rng):
        places = apart(rng, 4, 0.12)
        for name, (x, y) in zip(("red", "blue", "red_plate", "blue_plate"), places, strict=True):
            scene.place(name, x, y, 0.0, TABLE + HALF * (name in self.graspable))

    def success(self, scene):
        there = all(scene.detects(f"{cube}_zone", cube) for cube in self.graspable)
        return there and not scene.robot.held

    def waypoints(self, scene):
        return [waypoint for cube in self.graspable for waypoint in self._put(scene, cube)]

    def _put(self, scene, cube):
        grasp = top_down(scene.pose(cube)[:3, 3] + [0, 0, 0.005])
        goal = top_down(scene.pose(f"{cube}_plate")[:3, 3] + [0, 0, HALF + 0.01])
        return [
            Waypoint(along(grasp, z=-0.1)),
            Waypoint(grasp, gripper=0.0, straight=True, grasps=cube),
            Waypoint(along(grasp, z=-0.1), straight=True),
            Waypoint(along(goal, z=-0.1)),
            Waypoint(goal, gripper=1.0, straight=True),
            Waypoint(along(goal, z=-0.1), straight=True),
        ][: 6 if cube == "red" else 5]


class PressUnderLid(_Words):
    """The lid off a box and beside it, then the button in the box: a grasp, then a press."""

    graspable = ("knob",)
    mjcf = f"""
    <worldbody>
      <body name="box" mocap="true">
        {wall(radius=0.06, thickness=0.006, bottom=0.0, top=0.05)}
        <body name="button" pos="0 0 0.02">
          <joint name="button_joint" type="slide" axis="0 0 -1" range="0 0.008" stiffness="300"
            damping="4" armature="0.01"/>
          <geom type="cylinder" size="0.03 0.01" mass="0.03"/>
        </body>
      </body>
      <body name="lid">
        <freejoint/>
        <geom type="cylinder" size="0.07 0.004" pos="0 0 0.004" mass="0.15"/>
        <body name="knob" pos="0 0 0.018">
          <geom type="cylinder" size="0.012 0.014" mass="0.02"/>
        </body>
      </body>
    </worldbody>
    """

    def place(self, scene, variation, rng):
        x, y = rng.uniform([0.15, -0.2], [0.38, 0.2])
        scene.place("box", x, y)
        scene.place("lid", x, y, z=TABLE + 0.052)

    def success(self, scene):
        return scene.travel("button_joint") > 0.003

    def waypoints(self, scene):
        box = scene.pose("box")[:3, 3]
        grasp = top_down(scene.pose("knob")[:3, 3] + [0, 0, 0.004])
        beside = box + [0.0, -0.2 * np.sign(box[1]), 0.035]
        press = top_down(scene.pose("button")[:3, 3] + [0, 0, 0.0125])

        def is_off(scene):
            return np.linalg.norm((scene.pose("lid") - scene.pose("box"))[:2, 3]) > 0.14

        return [
            Waypoint(along(grasp, z=-0.1)),
            Waypoint(grasp, gripper=0.0, straight=True),
            Waypoint(along(grasp, z=-0.1), straight=True),
            Waypoint(along(top_down(beside), z=-0.1)),
            Waypoint(top_down(beside), gripper=1.0, straight=True, done=is_off),
            Waypoint(along(top_down(beside), z=-0.12), straight=True),
            Waypoint(along(press, z=-0.14), gripper=0.0, grasps=NOTHING),
            Waypoint(along(press, z=0.007), straight=True),
        ]


class PushWithTool(_Words):
    """A tool in the hand pushes a block onto a target: what follows the lift is live."""

    graspable = ("tool",)
    mjcf = """
    <worldbody>
      <body name="target" mocap="true">
        <geom class="visual" type="cylinder" size="0.06 0.001" pos="0 0 0.001"/>
        <geom name="zone" class="zone" type="cylinder" size="0.02 0.02" pos="0 0 0.02"/>
      </body>
      <body name="block">
        <freejoint/>
        <geom type="box" size="0.03 0.03 0.02" mass="0.15" priority="1"
          friction="0.4 0.005 0.0001"/>
      </body>
      <body name="tool">
        <freejoint/>
        <geom type="box" size="0.015 0.035 0.015" pos="0 0 0.015" mass="0.2"/>
        <geom type="box" size="0.01 0.01 0.03" pos="0 0 0.06" mass="0.01"/>
      </body>
    </worldbody>
    """

    def place(self, scene, variation, rng):
        while True:
            places = apart(rng, 3, 0.16)
            block, target, _ = places
            if 0.16 < np.linalg.norm(target - block) < 0.22:
                break
        way = target - block
        scene.place("target", *target)
        scene.place("block", *block, np.arctan2(way[1], way[0]), TABLE + 0.02)
        scene.place("tool", *places[2])

    def success(self, scene):
        return scene.detects("zone", "block")

    def waypoints(self, scene):
        block, target = scene.pose("block")[:3, 3], scene.pose("target")[:3, 3]
        tool = scene.pose("tool")
        way = (target - block)[:2] / np.linalg.norm((target - block)[:2])
        grasp = top_down(tool[:3, 3] + [0, 0, 0.075], np.arctan2(tool[1, 0], tool[0, 0]))

        def behind(place, gap, height):
            level = np.append(place[:2] - gap * way, TABLE + 0.08 + height)
            return top_down(level, np.arctan2(way[1], way[0]))

        return [
            Waypoint(along(grasp, z=-0.1)),
            Waypoint(grasp, gripper=0.0, straight=True),
            Waypoint(along(grasp, z=-0.1), straight=True),
            Waypoint(behind(block, 0.075, 0.09), live=True),
            Waypoint(behind(block, 0.07, 0.0), straight=True, live=True),
            Waypoint(behind(target, 0.045, 0.0), straight=True, live=True),
        ]


class PressUnderHatch(_Words):
    """A hatch pulled aside by its handle, then the button under it: a handle, then a press."""

    mjcf = f"""
    <worldbody>
      <body name="box" mocap="true">
        {wall(radius=0.06, thickness=0.006, bottom=0.0, top=0.05)}
        <body name="button" pos="0 0 0.02">
          <joint name="button_joint" type="slide" axis="0 0 -1" range="0 0.008" stiffness="300"
            damping="4" armature="0.01"/>
          <geom type="cylinder" size="0.03 0.01" mass="0.03"/>
        </body>
        <body name="hatch" pos="0 0 0.056">
          <joint name="hatch_joint" type="slide" axis="0 1 0" range="0 0.17" damping="2"
            frictionloss="1" armature="0.1"/>
          <geom type="box" size="0.065 0.065 0.003" mass="0.05"/>
          <body name="handle" pos="0 0 0.025">
            <geom type="box" size="0.012 0.01 0.022" mass="0.02" friction="1.5 0.02 0.001"/>
          </body>
        </body>
      </body>
    </worldbody>
    """

    def place(self, scene, variation, rng):
        scene.place("box", *rng.uniform([0.15, -0.25], [0.38, 0.1]))

    def success(self, scene):
        return scene.travel("button_joint") > 0.003

    def waypoints(self, scene):
        grasp = top_down(scene.pose("handle")[:3, 3] + [0, 0, 0.008])
        press = top_down(scene.pose("button")[:3, 3] + [0, 0, 0.0125])
        half, aside = along(grasp, y=0.08), along(grasp, y=0.16)
        return [
            Waypoint(along(grasp, z=-0.1)),
            Waypoint(grasp, gripper=0.0, straight=True),
            Waypoint(half, straight=True),
            Waypoint(aside, gripper=1.0, straight=True),
            Waypoint(along(aside, z=-0.1), straight=True),
            Waypoint(along(press, z=-0.14), gripper=0.0, grasps=NOTHING),
            Waypoint(along(press, z=0.007), straight=True),
        ]


KINDS = ("aside", "gripper", "moved", "all")
"""What goes wrong: the arm beside its way; there the gripper opens or closes, or a piece moves."""


def disturbed(scene, seed):
    """Go a random part of the expert's way, then let something go wrong by seed.

    Returns the task's waypoints at the episode's start; `None` where the expert knows no way or
    the task is done.
    """
    rng = np.random.RandomState([seed, 5])
    scene.reset(int(rng.randint(scene.task.variations)), rng)
    first = scene.task.waypoints(scene)
    try:
        steps = plan(first, panda.HOME)
    except panda.Unreachable:
        return None
    if follow(scene, steps[: rng.randint(len(steps))]):
        return None
    move_aside(scene, rng)
    kind = KINDS[seed % len(KINDS)]
    if kind in ("gripper", "all"):
        scene.robot.set_gripper(0.0 if scene.robot.commanded_open else 1.0)
    if kind in ("moved", "all"):
        _move_a_piece(scene, rng)
    scene.robot.hold(10)
    return None if scene.task.success(scene) else first


def follow(scene, steps):
    """Execute commands (T, 8); return whether the task was done on the way."""
    for command in np.clip(steps, [*panda.LOWER, 0], [*panda.UPPER, 1]):
        scene.robot.move(command[:7])
        scene.robot.set_gripper(command[7])
        if scene.task.success(scene):
            return True
    return False


def move_aside(scene, rng, spread=0.08):
    """Move the tip, by 4 cm on average."""
    here = scene.data.qpos[:7].copy()
    aside = np.clip(here + rng.normal(0, rng.uniform(0, spread), 7), panda.LOWER, panda.UPPER)
    for share in np.linspace(0, 1, 7)[1:]:
        scene.robot.move(here + share * (aside - here))


def _move_a_piece(scene, rng):
    """Move a free body that is not in the hand by 2 to 6 cm."""
    model = scene.model
    in_hand = [model.body_rootid[model.body(name).id] for name in scene.robot.held]
    free = np.flatnonzero(model.jnt_type == mujoco.mjtJoint.mjJNT_FREE)
    loose = [joint for joint in free if model.jnt_bodyid[joint] not in in_hand]
    if loose:
        start, turn = model.jnt_qposadr[rng.choice(loose)], rng.uniform(0, 2 * np.pi)
        way = rng.uniform(0.02, 0.06) * np.array([np.cos(turn), np.sin(turn)])
        scene.data.qpos[start : start + 2] += way
        mujoco.mj_forward(model, scene.data)
