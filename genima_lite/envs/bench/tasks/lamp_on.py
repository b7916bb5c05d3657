"""Switch a desk lamp on with the button on its foot."""

from __future__ import annotations

import numpy as np

from genima_lite.envs.bench.scene import Scene
from genima_lite.envs.bench.shapes import lathe, rounded_box
from genima_lite.envs.bench.task import COLORS, Task, Waypoint, along, top_down
from genima_lite.panda import BASE

_SHADE = [
    *[(0.02, -0.075), (0.026, -0.07), (0.034, -0.045), (0.05, -0.018), (0.066, 0.0)],
    *[(0.063, 0.0), (0.047, -0.018), (0.031, -0.045), (0.02, -0.07)],
]
_SOCKET = [(0.0, -0.085), (0.02, -0.085), (0.023, -0.08), (0.023, -0.06), (0.0, -0.06)]
_BULB = [
    *[(0.0, -0.06), (0.014, -0.06), (0.016, -0.045), (0.03, -0.02), (0.036, 0.0)],
    *[(0.034, 0.014), (0.027, 0.026), (0.015, 0.034), (0.0, 0.036)],
]
_BUTTON = [(0.0, -0.01), (0.022, -0.01), (0.022, 0.004), (0.019, 0.008), (0.012, 0.01), (0, 0.0105)]


def lamp(
    foot: str = rounded_box("foot", (0.095, 0.06, 0.013), 0.011),
    shade: str = lathe("shade", _SHADE),
    button: str = lathe("lamp_button", _BUTTON),
    enamel: str = "0.1 0.42 0.5",
) -> str:
    """Return a desk lamp; the button's top is 0.0105 metres above the button's middle.

    Args:
        foot, shade, button: meshes `foot`, `shade`, `lamp_button`. All lamps are felt alike.
        enamel: RGB in [0, 1].
    """
    return f"""
    <asset>
      {foot}
      {shade}
      {lathe("socket", _SOCKET)}
      {lathe("bulb", _BULB)}
      {button}
      <material name="enamel" rgba="{enamel} 1" specular="0.7" shininess="0.7"/>
      <material name="bulb" specular="0.9" shininess="0.9" emission="0.9"/>
      <material name="lamp_button" rgba="0.95 0.75 0.1 1" specular="0.6" shininess="0.6"/>
    </asset>
    <worldbody>
      <body name="lamp" mocap="true">
        <geom class="visual" type="mesh" mesh="foot" pos="0 0 0.013" material="enamel"/>
        <geom class="collision" type="box" size="0.095 0.06 0.013" pos="0 0 0.013"/>
        <geom type="capsule" size="0.006" fromto="-0.05 0 0.02 -0.035 0 0.12" material="metal"/>
        <geom type="sphere" size="0.011" pos="-0.035 0 0.12" material="dark"/>
        <geom type="capsule" size="0.006" fromto="-0.035 0 0.12 -0.067 0 0.195" material="metal"/>
        <body name="head" pos="-0.14 0 0.215" euler="0 -1.35 0">
          <geom class="visual" type="mesh" mesh="shade" material="enamel"/>
          <geom class="visual" type="mesh" mesh="socket" material="dark"/>
          <geom name="bulb" class="visual" type="mesh" mesh="bulb" material="bulb" rgba="0 0 0 1"/>
          <geom class="collision" type="cylinder" size="0.025 0.02" pos="0 0 -0.065"/>
          <geom class="collision" type="cylinder" size="0.06 0.02" pos="0 0 -0.02"/>
          <geom class="collision" type="sphere" size="0.035"/>
        </body>
        <body name="lamp_button" pos="0.055 0 0.03">
          <joint name="button_joint" type="slide" axis="0 0 -1" range="0 0.007" stiffness="300"
            damping="4" armature="0.01"/>
          <geom class="visual" type="mesh" mesh="lamp_button" material="lamp_button"/>
          <geom class="collision" type="cylinder" size="0.021 0.009" mass="0.02"/>
        </body>
        <geom class="visual" type="cylinder" size="0.027 0.002" pos="0.055 0 0.027"
          material="dark"/>
      </body>
    </worldbody>
    """


class LampOn(Task):
    """RLBench's lamp_on: the button must travel more than 3 mm; then the bulb lights up.

    The button is on the robot's side of the lamp, give or take 75 degrees: over the rest of
    RLBench's full turn the arm would have to reach past the lamp's head.
    """

    named = ("bulb", "lamp_button")
    mjcf = lamp()

    def place(self, scene: Scene, variation: int, rng: np.random.RandomState) -> None:
        x, y = rng.uniform(0.12, 0.385), rng.uniform(-0.25, 0.25)
        to_robot = np.arctan2(BASE[1, 3] - y, BASE[0, 3] - x)
        yaw = to_robot + rng.uniform(-1.31, 1.31)
        scene.place("lamp", x, y, yaw)

    def instructions(self, variation: int) -> list[str]:
        return [
            "turn on the lamp",
            "switch the light on",
            "press the yellow button on the foot of the lamp",
            "push the button so that the bulb lights up",
        ]

    def success(self, scene: Scene) -> bool:
        return scene.travel("button_joint") > 0.003

    def after_step(self, scene: Scene) -> None:
        if self.success(scene):
            scene.paint("bulb", COLORS["white"])

    def waypoints(self, scene: Scene) -> list[Waypoint]:
        lamp, button = scene.pose("lamp"), scene.pose("lamp_button")
        yaw = np.arctan2(lamp[1, 0], lamp[0, 0])
        top = top_down(along(button, z=0.0105)[:3, 3], yaw)
        return [
            Waypoint(along(top, z=-0.12), gripper=0.0),
            Waypoint(along(top, z=-0.04), straight=True),
            Waypoint(along(top, z=0.003), straight=True),
        ]
