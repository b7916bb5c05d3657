"""Lift a scarf off the table: a soft object's stand-in, a chain of flat pieces on loose hinges."""

from __future__ import annotations

import numpy as np

from genima_lite.envs.bench.scene import Scene
from genima_lite.envs.bench.task import COLORS, TABLE, Task, Waypoint, along, top_down

CHOICES = ("red", "blue", "yellow")

PIECES, LENGTH = 9, 0.03
"""How many pieces there are, and metres from one hinge to the next."""


def _chain(piece: int = 1) -> str:
    """Return the pieces from one on, each hanging on the one before."""
    if piece == PIECES:
        return ""
    return f"""
      <body name="scarf_{piece}" pos="{LENGTH} 0 0">
        <joint type="hinge" axis="0 1 0" range="-1.6 1.6" limited="true" damping="0.0006"
          stiffness="0.001" armature="0.00002"/>
        <geom name="scarf_{piece}" type="box" size="0.0145 0.03 0.003" pos="0.015 0 0" mass="0.006"
          friction="0.5 0.005 0.0001"/>{_chain(piece + 1)}
      </body>"""


class LiftScarf(Task):
    """One end is held, and the other hangs clear of the table."""

    graspable = ("scarf",)
    variations = len(CHOICES)
    mjcf = f"""
    <worldbody>
      <body name="scarf">
        <freejoint/>
        <geom name="scarf_0" type="box" size="0.0145 0.012 0.012" pos="0.015 0 0.009" mass="0.02"/>
        {_chain()}
      </body>
    </worldbody>
    """

    def place(self, scene: Scene, variation: int, rng: np.random.RandomState) -> None:
        x, y = rng.uniform(0.12, 0.32), rng.uniform(-0.2, 0.2)
        scene.place("scarf", x, y, rng.uniform(-0.8, 0.8), z=TABLE + 0.004)
        for piece in range(PIECES):
            scene.paint(f"scarf_{piece}", COLORS[CHOICES[variation]])

    def instructions(self, variation: int) -> list[str]:
        color = CHOICES[variation]
        return [
            f"lift the {color} scarf",
            f"pick the {color} scarf up by its end",
            f"take the {color} scarf off the table",
        ]

    def success(self, scene: Scene) -> bool:
        lowest = min(scene.pose(f"scarf_{piece}")[2, 3] for piece in range(1, PIECES))
        return scene.is_held("scarf") and lowest > TABLE + 0.03

    def waypoints(self, scene: Scene) -> list[Waypoint]:
        scarf = scene.pose("scarf")
        middle = scarf[:3, 3] + scarf[:3, :3] @ [0.015, 0, 0.009]
        grasp = top_down(middle, np.arctan2(scarf[1, 0], scarf[0, 0]))
        return [
            Waypoint(along(grasp, z=-0.1)),
            Waypoint(grasp, gripper=0.0, straight=True),
            Waypoint(along(grasp, z=-0.36), straight=True),
        ]
