"""Open the drawer that is asked for."""

from __future__ import annotations

import numpy as np

from genima_lite.envs.bench.scene import Scene
from genima_lite.envs.bench.shapes import rounded_box
from genima_lite.envs.bench.task import TABLE, Task, Waypoint, along, forward

DRAWERS = ("bottom", "middle", "top")

_DEPTH, _WIDTH, _SPACING, _FIRST = 0.086, 0.1, 0.094, 0.112
"""metres: half depth, half width, from drawer to drawer, height of the lowest handle."""

_TOP, _FLOOR = _FIRST + 2.5 * _SPACING + 0.003, _FIRST - _SPACING / 2 - 0.003
_DIP = 1.25
"""radians by which the gripper points down, so that the arm need not fold up."""


_BAR = """
        <geom type="capsule" size="0.0065" fromto="0 0 -0.011 0 0 0.011" material="metal"
          friction="1.5 0.02 0.001"/>
        <geom type="cylinder" size="0.004" fromto="0 0 -0.011 0.024 0 -0.011" material="metal"/>
        <geom type="cylinder" size="0.004" fromto="0 0 0.011 0.024 0 0.011" material="metal"/>"""


def _drawer(name: str, height: float, handle: str) -> str:
    """Return one drawer: front, box and handle in the frame of its front's centre."""
    depth, width = _DEPTH - 0.006, _WIDTH - 0.016
    return f"""
    <body name="drawer_{name}" pos="-{_DEPTH} 0 {height:.4f}">
      <joint name="drawer_joint_{name}" type="slide" axis="-1 0 0" range="0 0.165" damping="10"
        frictionloss="2" armature="0.1"/>
      <geom class="visual" type="mesh" mesh="front" pos="-0.006 0 0" material="front"/>
      <geom class="collision" type="box" size="0.007 {_WIDTH - 0.004} {_SPACING / 2 - 0.003}"
        pos="-0.006 0 0" mass="0.2"/>
      <geom type="box" size="{depth} 0.004 0.026" pos="{depth} {width} -0.008" material="box"/>
      <geom type="box" size="{depth} 0.004 0.026" pos="{depth} -{width} -0.008" material="box"/>
      <geom type="box" size="0.004 {width} 0.026" pos="{2 * depth} 0 -0.008" material="box"/>
      <geom type="box" size="{depth} {width} 0.003" pos="{depth} 0 -0.034" material="box"/>
      <body name="handle_{name}" pos="-0.036 0 0">
        {handle}
      </body>
    </body>"""


def _leg(x: float, y: float) -> str:
    """Return one of the chest's four legs."""
    return f"""
    <geom type="cylinder" size="0.012 {_FLOOR / 2:.4f}" pos="{x} {y} {_FLOOR / 2:.4f}"
      material="dark"/>"""


def chest(handle: str = _BAR, cabinet: str = "0.24 0.38 0.5") -> str:
    """Return a chest of three drawers.

    Args:
        handle: geoms of one handle; the fingers close on it from the sides at its middle, and
            0.024 metres along x is the drawer's front.
        cabinet: RGB in [0, 1].
    """
    return f"""
    <asset>
      {rounded_box("front", (0.007, _WIDTH - 0.004, _SPACING / 2 - 0.003), 0.005)}
      {rounded_box("lid", (_DEPTH + 0.012, _WIDTH + 0.014, 0.009), 0.007)}
      <material name="cabinet" rgba="{cabinet} 1" specular="0.4" shininess="0.5"/>
      <material name="front" rgba="0.93 0.9 0.82 1" emission="0.2" specular="0.4" shininess="0.5"/>
      <material name="box" rgba="0.8 0.7 0.55 1" specular="0.2"/>
    </asset>
    <default>
      <default class="panel">
        <geom type="box" material="cabinet"/>
      </default>
    </default>
    <worldbody>
      <body name="chest" mocap="true">
        <geom class="visual" type="mesh" mesh="lid" pos="0 0 {_TOP + 0.005:.4f}"
          material="cabinet"/>
        <geom class="panel" size="{_DEPTH} {_WIDTH} 0.004" pos="0 0 {_TOP:.4f}"/>
        <geom class="panel" size="{_DEPTH} {_WIDTH} 0.004" pos="0 0 {_FLOOR:.4f}"/>
        <geom class="panel" size="0.005 {_WIDTH} {(_TOP - _FLOOR) / 2:.4f}"
          pos="{_DEPTH - 0.005} 0 {(_TOP + _FLOOR) / 2:.4f}"/>
        <geom class="panel" size="{_DEPTH} 0.005 {(_TOP - _FLOOR) / 2:.4f}"
          pos="0 {_WIDTH - 0.005} {(_TOP + _FLOOR) / 2:.4f}"/>
        <geom class="panel" size="{_DEPTH} 0.005 {(_TOP - _FLOOR) / 2:.4f}"
          pos="0 -{_WIDTH - 0.005} {(_TOP + _FLOOR) / 2:.4f}"/>
        {"".join(_leg(x, y) for x in (-0.07, 0.07) for y in (-0.08, 0.08))}
        {"".join(_drawer(name, _FIRST + i * _SPACING, handle) for i, name in enumerate(DRAWERS))}
      </body>
    </worldbody>
    """


class OpenDrawer(Task):
    """RLBench's open_drawer: the chosen drawer must move by more than 0.15 m."""

    variations = len(DRAWERS)
    mjcf = chest()

    def place(self, scene: Scene, variation: int, rng: np.random.RandomState) -> None:
        yaw = rng.uniform(-np.pi / 8, np.pi / 8)
        corner = (_DEPTH + 0.012) * np.cos(yaw) + (_WIDTH + 0.014) * abs(np.sin(yaw))
        scene.place("chest", 0.575 - corner - rng.uniform(0, 0.015), rng.uniform(-0.15, 0.15), yaw)

    def instructions(self, variation: int) -> list[str]:
        name = DRAWERS[variation]
        return [
            f"open the {name} drawer",
            f"pull the {name} drawer open",
            f"take the handle of the {name} drawer and pull it out",
            f"slide the {name} drawer of the chest out",
        ]

    def success(self, scene: Scene) -> bool:
        return scene.travel(f"drawer_joint_{DRAWERS[scene.variation]}") > 0.15

    def waypoints(self, scene: Scene) -> list[Waypoint]:
        handle = scene.pose(f"handle_{DRAWERS[scene.variation]}")
        yaw = np.arctan2(handle[1, 0], handle[0, 0])
        grip = along(forward(handle[:3, 3], yaw, _DIP), z=0.004)
        out = handle[:3, 0]

        def pulled(distance: float) -> np.ndarray:
            tip = grip.copy()
            tip[:3, 3] -= distance * out
            return tip

        clear = pulled(0.11)  # before the chest, above it: from here the arm comes down
        clear[2, 3] = TABLE + _TOP + 0.1
        return [
            Waypoint(clear),
            Waypoint(pulled(0.07)),
            Waypoint(grip, gripper=0.0, straight=True),
            Waypoint(pulled(0.158), straight=True),
        ]
