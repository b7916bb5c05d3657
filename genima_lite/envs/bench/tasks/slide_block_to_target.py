"""Slide a block along the table onto a green target."""

from __future__ import annotations

import numpy as np

from genima_lite.envs.bench.scene import Scene
from genima_lite.envs.bench.shapes import rounded_box
from genima_lite.envs.bench.task import Task, Waypoint, top_down

_DISTANCE = 0.17
"""metres from the block to the target's centre."""

HALF = 0.03
"""metres, half the block's edge."""


def pieces(
    block: str = rounded_box("block", (HALF, HALF, HALF), 0.006),
    felt: str = f'type="box" size="{HALF} {HALF} {HALF}"',
) -> str:
    """Return the target and the block.

    Args:
        block: a mesh of this name, `HALF` long backwards, and high.
        felt: MJCF attributes of what is felt.
    """
    return f"""
    <asset>
      {block}
      <material name="block" rgba="0.93 0.36 0.1 1" specular="0.5" shininess="0.6"/>
      <material name="target" rgba="0.05 0.62 0.18 1" specular="0.2"/>
      <material name="ring" rgba="0.95 0.97 0.95 1" specular="0.2"/>
    </asset>
    <worldbody>
      <body name="target" mocap="true">
        <geom class="visual" type="cylinder" size="0.07 0.001" pos="0 0 0.001" material="target"/>
        <geom class="visual" type="cylinder" size="0.052 0.0012" pos="0 0 0.0012" material="ring"/>
        <geom class="visual" type="cylinder" size="0.038 0.0014" pos="0 0 0.0014"
          material="target"/>
        <geom name="success" class="zone" type="cylinder" size="0.015 0.02" pos="0 0 0.02"/>
      </body>
      <body name="block">
        <freejoint/>
        <geom class="visual" type="mesh" mesh="block" material="block"/>
        <geom class="collision" {felt} mass="0.2"
          priority="1" friction="0.4 0.005 0.0001"/>
      </body>
    </worldbody>
    """


class SlideBlockToTarget(Task):
    """RLBench's slide_block_to_target: the block must reach into a zone at the target's centre.

    The gripper cannot take the block. Block and target lie on a line with a fixed distance; the
    line may point anywhere, since the closed gripper can come from any side.
    """

    named = ("block", "target")
    mjcf = pieces()

    def place(self, scene: Scene, variation: int, rng: np.random.RandomState) -> None:
        x, y = rng.uniform(0.2, 0.36), rng.uniform(-0.22, 0.22)
        yaw = rng.uniform(-np.pi, np.pi)
        half = _DISTANCE / 2 * np.array([np.cos(yaw), np.sin(yaw)])
        scene.place("target", x + half[0], y + half[1], yaw)
        scene.place("block", x - half[0], y - half[1], yaw, scene.pose("target")[2, 3] + HALF)

    def instructions(self, variation: int) -> list[str]:
        return [
            "slide the block to the target",
            "push the block onto the green target",
            "move the orange block to the green circle without lifting it",
            "shove the block along the table until it lies on the target",
        ]

    def success(self, scene: Scene) -> bool:
        return scene.detects("success", "block")

    def low_dim_state(self, scene: Scene) -> np.ndarray:
        return np.concatenate([scene.pose("block")[:3, 3], scene.pose("target")[:3, 3]])

    def waypoints(self, scene: Scene) -> list[Waypoint]:
        block, target = scene.pose("block")[:3, 3], scene.pose("target")[:3, 3]
        way = (target - block)[:2] / np.linalg.norm((target - block)[:2])
        yaw = np.arctan2(way[1], way[0])
        folded = (yaw + np.pi / 4) % (np.pi / 2) - np.pi / 4  # the closed fingers' four sides push

        def behind(place: np.ndarray, gap: float, height: float) -> np.ndarray:
            return top_down(np.append(place[:2] - (HALF + gap) * way, height), folded)

        low = target[2] + 0.02
        return [
            Waypoint(behind(block, 0.03, low + 0.12), gripper=0.0),
            Waypoint(behind(block, 0.025, low), straight=True),
            Waypoint(behind(target, 0.02, low), straight=True),
        ]
