"""Press a button on a post with the elbow, hands full: one of the paper's tasks on a real arm.

The tip's way leads the elbow: with the arm in the post's plane, where the tip is says where the
elbow is. Genima draws the elbow's sphere, and this is the task in which that one matters.
"""

from __future__ import annotations

import numpy as np

from genima_lite import panda
from genima_lite.envs.bench.scene import Scene
from genima_lite.envs.bench.task import COLORS, Task, Waypoint

CHOICES = ("green", "blue", "magenta")

RADIUS, HEIGHT = 0.33, 0.33
"""Metres from the arm's axis to the post, and from the table to the plunger's top."""

_LEANING, _ABOVE, _PRESSING = (0.35, -0.8, 1.8), (0.9, -0.8, 1.8), (1.18, -0.8, 1.8)
"""Joints 2, 4 and 6 upright with a bent elbow, with the elbow above the button, and on it."""


def tip_at(turn: float, bend: tuple[float, float, float]) -> np.ndarray:
    """Return where the tip is (4, 4) with the arm bent in the plane at an angle about its axis."""
    joints = panda.HOME.copy()
    joints[0], joints[[1, 3, 5]] = turn, bend
    return panda.forward_kinematics(joints)[1]


class PushButtonWithElbow(Task):
    """The plunger must travel more than 3 mm; hand and forearm are too high to do it."""

    variations = len(CHOICES)
    mjcf = f"""
    <worldbody>
      <body name="post" mocap="true">
        <geom name="post" class="visual" type="cylinder" size="0.025 {HEIGHT / 2 - 0.01}"
          pos="0 0 {HEIGHT / 2 - 0.01}"/>
        <geom class="collision" type="cylinder" size="0.025 {HEIGHT / 2 - 0.01}"
          pos="0 0 {HEIGHT / 2 - 0.01}"/>
        <body name="plunger" pos="0 0 {HEIGHT - 0.015}">
          <joint name="button_joint" type="slide" axis="0 0 -1" range="0 0.012" stiffness="300"
            damping="4" armature="0.01"/>
          <geom class="visual" type="cylinder" size="0.04 0.015" rgba="0.85 0.05 0.05 1"/>
          <geom class="collision" type="cylinder" size="0.04 0.015" mass="0.05"/>
        </body>
      </body>
    </worldbody>
    """

    def place(self, scene: Scene, variation: int, rng: np.random.RandomState) -> None:
        turn = rng.uniform(-0.7, 0.7)
        axis = panda.BASE[:2, 3]
        x, y = axis + RADIUS * np.array([np.cos(turn), np.sin(turn)])
        scene.place("post", x, y)
        scene.paint("post", COLORS[CHOICES[variation]])

    def instructions(self, variation: int) -> list[str]:
        color = CHOICES[variation]
        return [
            f"push the button on the {color} post with the elbow",
            f"press the {color} post's button using your elbow",
            f"with the elbow, push down the button on the {color} post",
        ]

    def success(self, scene: Scene) -> bool:
        return scene.travel("button_joint") > 0.003

    def waypoints(self, scene: Scene) -> list[Waypoint]:
        x, y = scene.pose("post")[:2, 3] - panda.BASE[:2, 3]
        turn = float(np.arctan2(y, x))
        bends = (_LEANING, _ABOVE, _PRESSING)
        return [Waypoint(tip_at(turn, each), gripper=0.0) for each in bends]
