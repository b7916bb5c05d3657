"""Open a microwave by the handle of its door."""

from __future__ import annotations

import numpy as np

from genima_lite.envs.bench.hinge import HALF_TURN, STAYS, Swing, grip_and_swing
from genima_lite.envs.bench.scene import Scene
from genima_lite.envs.bench.shapes import rounded_box
from genima_lite.envs.bench.task import Waypoint, forward

DEPTH, _WIDTH, _BOTTOM, _TOP = 0.085, 0.145, 0.012, 0.182
"""metres: half depth, half width, heights of floor and roof."""

_MIDDLE = (_BOTTOM + _TOP) / 2
_DOOR = 0.197
"""metres, width of the door; the panel with the keys is beside it."""

_FRONT = -DEPTH - 0.008
"""metres, where the door's middle plane is."""

_BAR = (-0.044, -_DOOR + 0.022)
"""metres before the door and along it where the handle's bar is."""

_GRIP = 0.02
"""metres above the door's middle where the hand takes the bar."""

_DIP = 1.45
"""radians by which the gripper points down."""

_PANEL = _DOOR - _WIDTH
"""metres beside the middle where the panel with the keys begins."""

PANEL_MIDDLE = -(_PANEL + _WIDTH) / 2


def _keys() -> str:
    """Return the keys below the display."""
    y = -(_PANEL + _WIDTH) / 2
    return "".join(
        f'<geom class="visual" type="box" size="0.002 0.008 0.007" material="key" '
        f'pos="{-DEPTH - 0.014} {y + side * 0.022:.4f} {0.045 + 0.022 * row:.4f}"/>'
        for side in (-1, 0, 1)
        for row in range(4)
    )


def _frame() -> str:
    """Return the four bars of the door around its window, in the door's frame."""
    half, z = (_TOP - _BOTTOM) / 2 - 0.003, (_TOP - _BOTTOM) / 2 - 0.019
    return f"""
    <geom class="frame" size="0.009 {_DOOR / 2} 0.016" pos="0 -{_DOOR / 2} {z}"/>
    <geom class="frame" size="0.009 {_DOOR / 2} 0.016" pos="0 -{_DOOR / 2} -{z}"/>
    <geom class="frame" size="0.009 0.014 {half}" pos="0 -0.014 0"/>
    <geom class="frame" size="0.009 0.021 {half}" pos="0 -{_DOOR - 0.021} 0"/>"""


_HANDLE = f"""<geom type="capsule" size="0.0075" fromto="0 0 -0.055 0 0 0.042" material="metal"
              mass="0.02" friction="1.5 0.02 0.001"/>
            <geom type="capsule" size="0.005" fromto="0 0 -0.05 {-_BAR[0]} 0 -0.05"
              material="metal" mass="0.005"/>
            <geom type="capsule" size="0.005" fromto="0 0 0.04 {-_BAR[0]} 0 0.04"
              material="metal" mass="0.005"/>"""
_KEYS = _keys()


def microwave(
    handle: str = _HANDLE,
    keys: str = _KEYS,
    case: str = "0.66 0.68 0.71",
    door: str = "0.12 0.12 0.14",
) -> str:
    """Return a microwave with a door on a hinge.

    Args:
        handle: geoms; the fingers close on it along y, 0.02 metres above its frame's middle, and
            the door is 0.044 metres along x.
        keys: visual geoms of the panel below the display.
        case, door: RGB in [0, 1]; the panel has the door's.
    """
    return f"""
    <asset>
      {rounded_box("slab", (DEPTH + 0.004, _WIDTH + 0.004, 0.008), 0.006)}
      {rounded_box("side", (DEPTH, 0.008, (_TOP - _BOTTOM) / 2), 0.005)}
      {rounded_box("panel", (DEPTH + 0.007, (_WIDTH - _PANEL) / 2, (_TOP - _BOTTOM) / 2), 0.006)}
      <material name="steel" rgba="{case} 1" specular="0.8" shininess="0.7"/>
      <material name="door" rgba="{door} 1" specular="0.7" shininess="0.7"/>
      <material name="window" rgba="0.2 0.24 0.28 1" specular="0.9" shininess="0.9"/>
      <material name="inside" rgba="0.95 0.85 0.55 1" emission="0.35"/>
      <material name="plate" rgba="0.75 0.9 0.95 1" specular="0.9" shininess="0.9"/>
      <material name="display" rgba="0.1 0.95 0.45 1" emission="0.8"/>
      <material name="key" rgba="0.88 0.89 0.9 1" specular="0.3"/>
    </asset>
    <default>
      <default class="frame">
        <geom type="box" material="door" mass="0.08"/>
      </default>
      <default class="inside">
        <geom type="box" material="inside" contype="0" conaffinity="0" mass="0"/>
      </default>
    </default>
    <worldbody>
      <body name="microwave" mocap="true">
        <geom class="visual" type="mesh" mesh="slab" pos="0 0 {_TOP}" material="steel"/>
        <geom class="visual" type="mesh" mesh="slab" pos="0 0 {_BOTTOM}" material="steel"/>
        <geom class="visual" type="mesh" mesh="side" pos="0 {_WIDTH - 0.006} {_MIDDLE}"
          material="steel"/>
        <geom class="visual" type="mesh" mesh="panel" material="door"
          pos="-0.004 -{(_WIDTH + _PANEL) / 2} {_MIDDLE}"/>
        <geom type="box" size="0.006 {_WIDTH} {(_TOP - _BOTTOM) / 2}"
          pos="{DEPTH - 0.006} 0 {_MIDDLE}" material="steel"/>
        <geom class="inside" size="0.001 {_DOOR / 2 - 0.01} 0.075"
          pos="{DEPTH - 0.014} {_WIDTH - _DOOR / 2} {_MIDDLE}"/>
        <geom class="inside" size="{DEPTH - 0.02} {_DOOR / 2 - 0.01} 0.001"
          pos="0 {_WIDTH - _DOOR / 2} {_BOTTOM + 0.009}"/>
        <geom class="visual" type="cylinder" size="0.058 0.003" material="plate"
          pos="0 {_WIDTH - _DOOR / 2} {_BOTTOM + 0.014}"/>
        <geom type="box" size="{DEPTH} {_WIDTH} 0.008" pos="0 0 {_TOP}" group="3"/>
        <geom type="box" size="{DEPTH} {_WIDTH} 0.008" pos="0 0 {_BOTTOM}" group="3"/>
        <geom type="box" size="{DEPTH} 0.008 {(_TOP - _BOTTOM) / 2}" group="3"
          pos="0 {_WIDTH - 0.006} {_MIDDLE}"/>
        <geom type="box" size="{DEPTH + 0.006} {(_WIDTH - _PANEL) / 2} {(_TOP - _BOTTOM) / 2}"
          pos="-0.004 -{(_WIDTH + _PANEL) / 2} {_MIDDLE}" group="3"/>
        <geom class="visual" type="box" size="0.002 0.032 0.012" material="display"
          pos="{-DEPTH - 0.011} -{(_WIDTH + _PANEL) / 2} {_TOP - 0.032}"/>
        {keys}
        <body name="door" pos="{_FRONT} {_WIDTH} {_MIDDLE}">
          <joint name="microwave_joint" axis="0 0 -1" range="0 1.7" damping="0.05"
            frictionloss="0.05" armature="0.002" {STAYS}/>
          {_frame()}
          <geom type="box" size="0.005 {_DOOR / 2 - 0.01} 0.06" pos="0 -{_DOOR / 2} 0"
            material="window" mass="0.05"/>
          <body name="handle" pos="{_BAR[0]} {_BAR[1]} 0">
            {handle}
          </body>
        </body>
      </body>
    </worldbody>
    """


class OpenMicrowave(Swing):
    """RLBench's open_microwave: the door must turn by more than 80 degrees.

    The microwave looks half towards the front camera, so that pictures show its door. The hinge is
    stiff: let go, the door stays where it is.
    """

    mjcf = microwave()

    def place(self, scene: Scene, variation: int, rng: np.random.RandomState) -> None:
        x, y = rng.uniform(0.094, 0.15), rng.uniform(-0.19, 0.06)
        scene.place("microwave", x, y, -0.8 * np.pi + rng.uniform(-np.pi / 8, np.pi / 8))

    def instructions(self, variation: int) -> list[str]:
        return [
            "open the microwave",
            "pull the door of the microwave open",
            "take the handle and open the microwave door wide",
            "swing the door of the microwave oven open",
        ]

    def success(self, scene: Scene) -> bool:
        return scene.travel("microwave_joint") > np.deg2rad(80)

    def waypoints(self, scene: Scene) -> list[Waypoint]:
        bar = np.array([_FRONT + _BAR[0], _WIDTH + _BAR[1], _MIDDLE + _GRIP])
        closed = scene.pose("microwave") @ forward(bar, dip=_DIP) @ HALF_TURN  # suits this side
        return grip_and_swing(
            scene, "microwave_joint", closed, angle=1.55, turn=1.4, count=5, back=0.1
        )
