"""Three small tasks with several phases, written as a task's author would, and not shipped."""

import numpy as np

from genima_lite.envs.bench.shapes import wall
from genima_lite.envs.bench.task import NOTHING, TABLE, Task, Waypoint, along, top_down

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


class PutTwoCubes(_Words):
    """A red cube onto a plate, then a blue one onto another: two grasps, and no `done`."""

    graspable = ("red", "blue")
    mjcf = f"""
    <worldbody>
      {"".join(f'''
      <body name="{cube}_plate" mocap="true">
        <geom class="visual" type="cylinder" size="0.05 0.001" pos="0 0 0.001"/>
        <geom name="{cube}_zone" class="zone" type="cylinder" size="0.02 0.03" pos="0 0 0.03"/>
      </body>
      <body name="{cube}">
        <freejoint/>
        <geom type="box" size="{HALF} {HALF} {HALF}" mass="0.05"/>
      </body>''' for cube in ("red", "blue"))}
    </worldbody>
    """

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
        <geom type="box" size="0.03 0.03 0.02" mass="0.15" priority="1" friction="0.4 0.005 0.0001"/>
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
