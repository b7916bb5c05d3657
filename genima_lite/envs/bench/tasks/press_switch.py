"""Press the raised end of a big rocker switch until it tips over."""

from __future__ import annotations

import numpy as np

from genima_lite.envs.bench.scene import Scene
from genima_lite.envs.bench.shapes import rounded_box
from genima_lite.envs.bench.task import Task, Waypoint, along, top_down

_TILT = 0.57
"""radians from level to either side."""

_HINGE = 0.062
"""metres, height of the rocker's axle above the table."""


_ROCKER = """
          <geom type="mesh" mesh="rocker" material="rocker" mass="0.05"/>
          <geom class="visual" type="box" size="0.013 0.003 0.0005" pos="-0.03 0 0.007"
            material="mark"/>
          <geom class="visual" type="cylinder" size="0.014 0.0005" pos="0.028 0 0.0069"
            material="mark"/>
          <geom class="visual" type="cylinder" size="0.009 0.0005" pos="0.028 0 0.0072"
            material="rocker"/>"""


def switch(
    rocker: str = _ROCKER,
    assets: str = rounded_box("rocker", (0.052, 0.035, 0.007), 0.005),
    plate: str = "0.93 0.92 0.88",
) -> str:
    """Return a rocker switch.

    Args:
        rocker: geoms; 0.028 metres from the axle its face is 0.007 above it.
        assets: what these need.
        plate: RGB in [0, 1].
    """
    return f"""
    <asset>
      {rounded_box("plate", (0.095, 0.072, 0.012), 0.01)}
      {rounded_box("cheek", (0.03, 0.006, 0.025), 0.0055)}
      {assets}
      <material name="plate" rgba="{plate} 1" specular="0.5" shininess="0.6"/>
      <material name="rocker" rgba="0.82 0.06 0.07 1" specular="0.7" shininess="0.7"/>
      <material name="mark" rgba="0.97 0.97 0.97 1"/>
    </asset>
    <worldbody>
      <body name="switch" mocap="true">
        <geom class="visual" type="mesh" mesh="plate" pos="0 0 0.012" material="plate"/>
        <geom class="collision" type="box" size="0.095 0.072 0.012" pos="0 0 0.012"/>
        <geom type="mesh" mesh="cheek" pos="0 0.043 0.047" material="dark"/>
        <geom type="mesh" mesh="cheek" pos="0 -0.043 0.047" material="dark"/>
        <geom class="visual" type="box" size="0.055 0.04 0.001" pos="0 0 0.025" material="dark"/>
        <geom class="visual" type="cylinder" size="0.006 0.04" pos="0 0 {_HINGE}" euler="1.5708 0 0"
          material="dark"/>
        <site name="anchor" pos="0 0 0.084" group="4"/>
        <body name="rocker" pos="0 0 {_HINGE}" euler="0 -{_TILT} 0">
          <joint name="rocker_joint" axis="0 1 0" range="0 {2 * _TILT}" damping="0.04"
            armature="0.001" frictionloss="0.02"/>
          {rocker}
          <site name="pull" pos="0 0 -0.02" group="4"/>
        </body>
      </body>
    </worldbody>
    <tendon>
      <spatial name="snap" stiffness="120" springlength="0" group="4">
        <site site="anchor"/>
        <site site="pull"/>
      </spatial>
    </tendon>
    """


class PressSwitch(Task):
    """RLBench's press_switch: the rocker must turn by more than 1.0 rad.

    A spring across the hinge pulls the rocker away from level, to the side that it leans to.
    """

    named = ("rocker",)
    mjcf = switch()

    def place(self, scene: Scene, variation: int, rng: np.random.RandomState) -> None:
        x, y, yaw = rng.uniform(0.06, 0.41), rng.uniform(-0.29, 0.29), rng.uniform(-np.pi, np.pi)
        scene.place("switch", x, y, yaw)

    def instructions(self, variation: int) -> list[str]:
        return [
            "press the switch",
            "flick the red switch",
            "turn the switch to its other side",
            "push the raised end of the rocker down",
        ]

    def success(self, scene: Scene) -> bool:
        return scene.travel("rocker_joint") > 1.0

    def waypoints(self, scene: Scene) -> list[Waypoint]:
        switch = scene.pose("switch")
        yaw = np.arctan2(switch[1, 0], switch[0, 0])
        folded = (yaw + np.pi / 4) % (np.pi / 2) - np.pi / 4  # either way the closed fingers fit
        pressed = top_down(along(switch, x=0.028, z=_HINGE - 0.002)[:3, 3], folded)
        return [
            Waypoint(along(pressed, z=-0.15), gripper=0.0),
            Waypoint(along(pressed, z=-0.05), straight=True),
            Waypoint(pressed, straight=True),
        ]
