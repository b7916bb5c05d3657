"""Push the button whose base has the colour that is asked for."""

from __future__ import annotations

import numpy as np

from genima_lite.envs.bench.scene import Scene
from genima_lite.envs.bench.shapes import lathe, rounded_box
from genima_lite.envs.bench.task import COLORS, Task, Waypoint, along, top_down

BASE_COLORS = [name for name in COLORS if name not in ("red", "lime")]

_COLLAR = [(0.0, 0.0), (0.041, 0.0), (0.041, 0.008), (0.037, 0.013), (0.031, 0.013), (0.031, 0.0)]
_PLUNGER = [
    (0.0, -0.02),
    (0.028, -0.02),
    (0.028, 0.007),
    (0.025, 0.011),
    (0.016, 0.0135),
    (0, 0.0145),
]


def button(
    base: str = rounded_box("base", (0.064, 0.064, 0.017), 0.014),
    collar: str = lathe("collar", _COLLAR),
    plunger: str = lathe("plunger", _PLUNGER),
) -> str:
    """Return a button on a base; its top is 0.0145 metres above the plunger's middle.

    Args:
        base, collar, plunger: meshes of these names. All buttons are felt as the known one is.
    """
    return f"""
    <asset>
      {base}
      {collar}
      {plunger}
      <material name="glossy" specular="0.7" shininess="0.7"/>
      <material name="plunger" rgba="0.85 0.05 0.05 1" specular="0.8" shininess="0.8"/>
    </asset>
    <worldbody>
      <body name="button" mocap="true">
        <geom name="base" class="visual" type="mesh" mesh="base" pos="0 0 0.017" material="glossy"/>
        <geom class="visual" type="mesh" mesh="collar" pos="0 0 0.034" material="dark"/>
        <geom class="collision" type="box" size="0.064 0.064 0.017" pos="0 0 0.017"/>
        <geom class="collision" type="cylinder" size="0.041 0.0065" pos="0 0 0.0405"/>
        <body name="plunger" pos="0 0 0.05">
          <joint name="button_joint" type="slide" axis="0 0 -1" range="0 0.008" stiffness="300"
            damping="4" armature="0.01"/>
          <geom class="visual" type="mesh" mesh="plunger" material="plunger"/>
          <geom class="collision" type="cylinder" size="0.027 0.012" mass="0.03"/>
        </body>
      </body>
    </worldbody>
    """


class PushButton(Task):
    """RLBench's push_button: the plunger must travel more than 3 mm."""

    variations = len(BASE_COLORS)
    mjcf = button()

    def place(self, scene: Scene, variation: int, rng: np.random.RandomState) -> None:
        x, y, yaw = rng.uniform(0.05, 0.42), rng.uniform(-0.3, 0.3), rng.uniform(-np.pi, np.pi)
        scene.place("button", x, y, yaw)
        scene.paint("base", COLORS[BASE_COLORS[variation]])

    def instructions(self, variation: int) -> list[str]:
        color = BASE_COLORS[variation]
        return [
            f"push the {color} button",
            f"press the button on the {color} base",
            f"push down the button whose base is {color}",
            f"give the {color} button a press",
        ]

    def success(self, scene: Scene) -> bool:
        return scene.travel("button_joint") > 0.003

    def waypoints(self, scene: Scene) -> list[Waypoint]:
        top = top_down(scene.pose("plunger")[:3, 3] + [0, 0, 0.0145])
        return [
            Waypoint(along(top, z=-0.12), gripper=0.0),
            Waypoint(along(top, z=-0.04), straight=True),
            Waypoint(along(top, z=0.007), straight=True),
        ]
