"""Press the handle of a door and push it open."""

from __future__ import annotations

import numpy as np

from genima_lite.envs.bench.latch import Latch
from genima_lite.envs.bench.scene import Scene
from genima_lite.envs.bench.shapes import rounded_box
from genima_lite.envs.bench.task import Task, Waypoint, along, forward
from genima_lite.panda import BASE

_WIDTH, _HEIGHT, THICK = 0.25, 0.4, 0.01
"""metres: the door leaf's width, its upper edge, half its thickness."""

HUB = np.array([-0.048, -0.085, 0.16])
"""metres, the middle of the handle's axle in the door's frame."""

LEVER = 0.115
"""metres from the axle to the end of the handle, which points to the hinges."""

_DIP = 1.0
"""radians by which the gripper points down."""

_ASKEW = 0.4
"""radians by which the gripper may point beside where it pushes."""

_TURNED_AWAY = 0.35
"""radians from the robot's line of sight to the direction in which one pushes: beyond, the forearm
would have to reach through the post with the hinges."""

LATCH = Latch("door_frame_joint", "door_handle_joint", np.deg2rad(25))


def _panels() -> str:
    """Return the four mouldings on either side of the leaf, in the frame of its middle."""
    return "".join(
        f'<geom class="visual" type="mesh" mesh="panel_{name}" pos="{side * THICK} {y} {z}" '
        f'material="panel"/>'
        for side in (-1, 1)
        for y in (-0.055, 0.055)
        for name, z in (("low", -0.105), ("high", 0.095))
    )


def _handle(side: int) -> str:
    """Return a lever and its axle in the frame of the handle's joint; `side` -1: the robot's."""
    lever = f'fromto="{side * -HUB[0]} 0 0 {side * -HUB[0]} {LEVER} 0"'
    return f"""
            <geom type="cylinder" size="0.008" fromto="{side * THICK} 0 0 {side * -HUB[0]} 0 0"
              material="brass" mass="0.005"/>
            <geom type="capsule" size="0.009" {lever} material="brass" mass="0.015"
              friction="0.3 0.005 0.0001" priority="1"/>"""


_HANDLE = f"""{_handle(-1)}
            {_handle(1)}"""
_PANELS = _panels()
_PLATE = rounded_box("plate", (0.003, 0.016, 0.045), 0.0025)


def door(
    handle: str = _HANDLE,
    panels: str = _PANELS,
    plate: str = _PLATE,
    leaf: str = "0.1 0.36 0.3",
    panel: str = "0.14 0.45 0.38",
) -> str:
    """Return a door in its frame.

    Args:
        handle: geoms of the levers on both sides, in the frame of their joint; the hand presses on
            what is 0.009 metres above its y axis.
        panels: visual geoms of both sides in the frame of the leaf's middle.
        plate: a mesh behind the handle.
        leaf, panel: RGB in [0, 1].
    """
    return f"""
    <asset>
      {rounded_box("panel_low", (0.003, 0.036, 0.065), 0.0025)}
      {rounded_box("panel_high", (0.003, 0.036, 0.07), 0.0025)}
      {plate}
      <material name="frame" rgba="0.93 0.92 0.89 1" specular="0.3" emission="0.2"/>
      <material name="leaf" rgba="{leaf} 1" specular="0.4" shininess="0.5"/>
      <material name="panel" rgba="{panel} 1" specular="0.4" shininess="0.5"/>
      <material name="brass" rgba="0.88 0.68 0.22 1" specular="0.9" shininess="0.8"/>
    </asset>
    <worldbody>
      <body name="door_frame" mocap="true">
        <geom type="box" size="0.022 0.018 {_HEIGHT / 2 + 0.002}"
          pos="0 {_WIDTH / 2 + 0.021} {_HEIGHT / 2 + 0.002}" material="frame"/>
        <geom type="box" size="0.022 0.018 {_HEIGHT / 2 + 0.002}"
          pos="0 -{_WIDTH / 2 + 0.021} {_HEIGHT / 2 + 0.002}" material="frame"/>
        <geom type="box" size="0.026 {_WIDTH / 2 + 0.045} 0.018" pos="0 0 {_HEIGHT + 0.022}"
          material="frame"/>
        <geom type="box" size="0.035 {_WIDTH / 2 + 0.039} 0.003" pos="0 0 0.003" material="dark"/>
        <body name="door" pos="0 {_WIDTH / 2} {_HEIGHT / 2}">
          <joint name="door_frame_joint" axis="0 0 1" range="0 1.5" damping="0.2"
            frictionloss="0.05" armature="0.005"/>
          <geom type="box" size="{THICK} {_WIDTH / 2} {_HEIGHT / 2 - 0.008}"
            pos="0 -{_WIDTH / 2} 0.004" material="leaf" mass="0.4"/>
          <body name="panels" pos="0 -{_WIDTH / 2} 0">
            {panels}
            <geom class="visual" type="mesh" mesh="plate" material="brass"
              pos="-{THICK} {HUB[1]} {HUB[2] - _HEIGHT / 2}"/>
            <geom class="visual" type="mesh" mesh="plate" material="brass"
              pos="{THICK} {HUB[1]} {HUB[2] - _HEIGHT / 2}"/>
          </body>
          <body name="door_handle" gravcomp="1"
            pos="0 {HUB[1] - _WIDTH / 2} {HUB[2] - _HEIGHT / 2}">
            <joint name="door_handle_joint" axis="-1 0 0" range="0 0.75" damping="0.02"
              frictionloss="0.08" armature="0.0005"/>
            {handle}
          </body>
        </body>
      </body>
    </worldbody>
    {LATCH.mjcf}
    """


class OpenDoor(Task):
    """RLBench's open_door: the door must turn by more than 25 degrees.

    It is locked until its handle has turned by more than 25 degrees, and then for good unlocked:
    the handle stays where it is pressed, so that one sees it. All of it moves by contact only.
    """

    named = ("brass",)
    mjcf = door()

    def place(self, scene: Scene, variation: int, rng: np.random.RandomState) -> None:
        while True:
            x, y = rng.uniform([0.39, -0.15], [0.45, 0.15])
            yaw = rng.uniform(-np.pi / 4, np.pi / 4)
            if yaw - np.arctan2(y - BASE[1, 3], x - BASE[0, 3]) < _TURNED_AWAY:
                break
        scene.place("door_frame", x, y, yaw)

    def instructions(self, variation: int) -> list[str]:
        return [
            "open the door",
            "press the handle and push the door open",
            "push the brass handle down and open the door",
            "unlatch the door with its handle and push it",
        ]

    def success(self, scene: Scene) -> bool:
        return scene.travel("door_frame_joint") > np.deg2rad(25)

    def after_step(self, scene: Scene) -> None:
        LATCH.after_step(scene)

    def waypoints(self, scene: Scene) -> list[Waypoint]:
        door = scene.pose("door_frame")
        facing = np.arctan2(door[1, 0], door[0, 0])
        bearing = np.arctan2(*(door[:2, 3] - BASE[:2, 3])[::-1])
        yaw = facing + np.clip(bearing - facing, -_ASKEW, _ASKEW)  # rather straight from the robot

        def tip(x: float, y: float, z: float) -> np.ndarray:
            return forward(along(door, x, y, z)[:3, 3], yaw, _DIP)

        x, y, z = HUB[0] + 0.006, HUB[1] + 0.092, HUB[2]
        return [
            Waypoint(tip(-0.17, y, _HEIGHT + 0.06), gripper=0.0),  # before the frame, above it
            Waypoint(tip(x - 0.03, y, z + 0.06)),
            Waypoint(tip(x, y, z + 0.04), straight=True),
            Waypoint(tip(x, y, z - 0.038), straight=True, done=LATCH.is_open),
            Waypoint(tip(x - 0.05, y, z + 0.07), straight=True),
            Waypoint(tip(x - 0.02, 0.02, z + 0.08)),
            Waypoint(tip(0.09, 0.02, z + 0.08), straight=True),
        ]
