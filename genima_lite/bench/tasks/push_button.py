"""Push the button whose base has the colour that is asked for."""

from __future__ import annotations

import numpy as np

from genima_lite.bench.scene import Scene
from genima_lite.bench.task import COLORS, Task, Waypoint, along, top_down

BASE_COLORS = [name for name in COLORS if name not in ("red", "lime")]


class PushButton(Task):
    """RLBench's push_button: the plunger must travel more than 3 mm."""

    variations = len(BASE_COLORS)
    mjcf = """
    <worldbody>
      <body name="button" mocap="true">
        <geom name="base" type="box" size="0.06 0.06 0.015" pos="0 0 0.015"/>
        <geom name="collar" type="cylinder" size="0.036 0.008" pos="0 0 0.038" material="dark"/>
        <body name="plunger" pos="0 0 0.046">
          <joint name="button_joint" type="slide" axis="0 0 -1" range="0 0.008" stiffness="300"
            damping="4" armature="0.01"/>
          <geom type="cylinder" size="0.027 0.012" rgba="0.85 0.05 0.05 1" mass="0.03"/>
        </body>
      </body>
    </worldbody>
    """

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
        plunger = scene.pose("plunger")
        above = top_down(plunger[:3, 3] + [0, 0, 0.09])
        return [
            Waypoint(above, gripper=0.0),
            Waypoint(along(above, z=0.085), straight=True),
        ]
