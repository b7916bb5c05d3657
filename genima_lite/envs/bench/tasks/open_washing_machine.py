"""Open the round door of a washing machine."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from genima_lite.envs.bench.hinge import HALF_TURN, STAYS, Swing, grip_and_swing
from genima_lite.envs.bench.scene import Scene
from genima_lite.envs.bench.shapes import lathe, rounded_box
from genima_lite.envs.bench.task import Waypoint, forward

_HALF, _TOP, _PORT = 0.1, 0.25, 0.115
"""metres: half the machine's width and depth, its height, the height of the door's middle."""

RING = 0.066
"""metres, the door's radius."""

_FRONT = -_HALF - 0.004
"""metres, where the door's back is."""

_BAR = (-0.05, -RING + 0.01)
"""metres before the front and beside the door's middle where the handle's bar is."""

_DIP = 1.3
"""radians by which the gripper points down."""

_DOOR = [
    *[(0.044, 0.0), (RING, 0.0), (RING, 0.01), (0.062, 0.016), (0.05, 0.017), (0.044, 0.012)],
]
_GLASS = [(0.0, 0.002), (0.046, 0.002), (0.046, 0.006), (0.038, 0.013), (0.02, 0.018), (0.0, 0.019)]
_DRUM = [(0.05, 0.0), (0.064, 0.0), (0.064, 0.003), (0.05, 0.003)]
_KNOB = [(0.0, 0.0), (0.017, 0.0), (0.016, 0.01), (0.012, 0.013), (0.0, 0.013)]

_OUT = 'euler="0 -1.5708 0"'
"""Turns what `lathe` makes about the vertical so that it looks out of the front."""


_HANDLE = """<geom type="capsule" size="0.0075" fromto="0 0 -0.024 0 0 0.024" material="metal"
              mass="0.02" friction="1.5 0.02 0.001"/>
            <geom type="capsule" size="0.005" fromto="0 0 -0.02 0.036 0.003 -0.02"
              material="metal" mass="0.005"/>
            <geom type="capsule" size="0.005" fromto="0 0 0.02 0.036 0.003 0.02"
              material="metal" mass="0.005"/>"""


def washing_machine(
    handle: str = _HANDLE,
    door: Sequence[tuple[float, float]] = _DOOR,
    glass: Sequence[tuple[float, float]] = _GLASS,
    enamel: str = "0.93 0.94 0.95",
    trim: str = "0.25 0.4 0.55",
) -> str:
    """Return a washing machine with a round door on a hinge.

    Args:
        handle: geoms; the fingers close on it along y, 0.004 metres above its frame's middle, and
            the door is 0.036 metres along x.
        door, glass: outlines to turn, radius and height in metres.
        enamel, trim: RGB in [0, 1] of the machine, and of its door's ring and worktop.
    """
    return f"""
    <asset>
      {rounded_box("machine", (_HALF, _HALF, (_TOP - 0.01) / 2), 0.009)}
      {rounded_box("worktop", (_HALF + 0.005, _HALF + 0.005, 0.008), 0.006)}
      {rounded_box("drawer", (0.006, 0.03, 0.014), 0.004)}
      {lathe("door_ring", door)}
      {lathe("door_glass", glass)}
      {lathe("drum_ring", _DRUM)}
      {lathe("knob", _KNOB)}
      <material name="enamel" rgba="{enamel} 1" specular="0.6" shininess="0.7"/>
      <material name="worktop" rgba="{trim} 1" specular="0.4" shininess="0.5"/>
      <material name="ring" rgba="{trim} 1" specular="0.8" shininess="0.8"/>
      <material name="glass" rgba="0.55 0.75 0.85 1" specular="0.9" shininess="0.9"/>
      <material name="cloth" rgba="0.85 0.45 0.15 1" specular="0"/>
      <material name="lamp" rgba="0.1 0.9 0.3 1" emission="0.7"/>
    </asset>
    <worldbody>
      <body name="machine" mocap="true">
        <geom class="visual" type="mesh" mesh="machine" pos="0 0 {_TOP / 2 - 0.001}"
          material="enamel"/>
        <geom class="visual" type="mesh" mesh="worktop" pos="0 0 {_TOP - 0.008}"
          material="worktop"/>
        <geom class="collision" type="box" size="{_HALF} {_HALF} {_TOP / 2}"
          pos="0 0 {_TOP / 2}"/>
        <geom class="visual" type="mesh" mesh="drawer" pos="-{_HALF} 0.055 0.212"
          material="enamel"/>
        <geom class="visual" type="box" size="0.004 0.018 0.003" pos="-{_HALF + 0.005} 0.055 0.205"
          material="dark"/>
        <geom class="visual" type="mesh" mesh="knob" pos="-{_HALF} -0.055 0.212" {_OUT}
          material="dark"/>
        <geom class="visual" type="box" size="0.001 0.014 0.007" pos="-{_HALF + 0.001} -0.012 0.214"
          material="lamp"/>
        <geom class="visual" type="mesh" mesh="drum_ring" pos="-{_HALF} 0 {_PORT}" {_OUT}
          material="metal"/>
        <geom class="visual" type="cylinder" size="0.051 0.001" pos="-{_HALF} 0 {_PORT}" {_OUT}
          material="dark"/>
        <geom class="visual" type="ellipsoid" size="0.006 0.036 0.018" material="cloth"
          pos="-{_HALF} 0.004 {_PORT - 0.028}"/>
        <geom class="visual" type="box" size="0.003 {_HALF - 0.012} 0.01" material="dark"
          pos="-{_HALF - 0.001} 0 0.016"/>
        <body name="door" pos="{_FRONT} {RING + 0.004} {_PORT}">
          <joint name="door_joint" axis="0 0 -1" range="0 1.7" damping="0.05"
            frictionloss="0.05" armature="0.002" {STAYS}/>
          <geom class="visual" type="mesh" mesh="door_ring" pos="0 -{RING + 0.004} 0" {_OUT}
            material="ring"/>
          <geom class="visual" type="mesh" mesh="door_glass" pos="0 -{RING + 0.004} 0" {_OUT}
            material="glass"/>
          <geom class="collision" type="cylinder" size="{RING} 0.008" mass="0.2"
            pos="-0.008 -{RING + 0.004} 0" {_OUT}/>
          <geom type="box" size="0.006 0.008 0.014" pos="-0.005 -0.002 0" material="metal"
            mass="0.01"/>
          <body name="handle" pos="{_BAR[0]} {_BAR[1] - RING - 0.004} 0">
            {handle}
          </body>
        </body>
      </body>
    </worldbody>
    """


class OpenWashingMachine(Swing):
    """RLBench's open_washing_machine: the door must turn by more than 40 degrees.

    The machine looks half towards the front camera, so that pictures show its door. The hinge is
    stiff: let go, the door stays where it is.
    """

    mjcf = washing_machine()

    def place(self, scene: Scene, variation: int, rng: np.random.RandomState) -> None:
        x, y = rng.uniform(0.1, 0.2), rng.uniform(-0.22, 0.05)
        scene.place("machine", x, y, -0.8 * np.pi + rng.uniform(-np.pi / 4, np.pi / 4))

    def instructions(self, variation: int) -> list[str]:
        return [
            "open the washing machine",
            "open the door of the washing machine",
            "pull the round door of the washer open by its handle",
            "take the handle and swing the washing machine's door open",
        ]

    def success(self, scene: Scene) -> bool:
        return scene.travel("door_joint") > np.deg2rad(40)

    def waypoints(self, scene: Scene) -> list[Waypoint]:
        bar = np.array([_FRONT + _BAR[0], _BAR[1], _PORT + 0.004])
        closed = scene.pose("machine") @ forward(bar, dip=_DIP) @ HALF_TURN  # suits this side
        return grip_and_swing(scene, "door_joint", closed, angle=0.95, turn=0.8, count=3, back=0.1)
