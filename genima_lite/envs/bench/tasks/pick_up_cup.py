"""Pick up the cup that has the colour that is asked for; another cup stands beside it."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import numpy as np

from genima_lite.envs.bench.scene import Scene
from genima_lite.envs.bench.shapes import lathe, wall
from genima_lite.envs.bench.task import COLORS, Task, Waypoint, along, top_down

NAMES = list(COLORS)
RADIUS, HEIGHT, WALL, SIDES = 0.045, 0.1, 0.005, 16
_CUP = [(0, 0.0), (0.038, 0.0), (0.043, 0.006), (RADIUS, HEIGHT), (0.041, HEIGHT), (0.038, 0.01)]
_WALL = wall(RADIUS - 0.001, WALL, 0.01, HEIGHT, SIDES)
_TURN = np.linspace(-np.pi / 2, np.pi / 2, 7)
_RING = np.stack([RADIUS + 0.0015 + 0.026 * np.cos(_TURN), 0.052 + 0.028 * np.sin(_TURN)], axis=1)


def _handle(cup: str, path: np.ndarray) -> str:
    """Return six capsules that stick out of the cup along its x axis; x and z of their ends."""
    return "".join(
        f'<geom name="{cup}_handle{i}" type="capsule" size="0.0055" material="china" mass="0.003" '
        f'fromto="{x0:.5f} 0 {z0:.5f} {x1:.5f} 0 {z1:.5f}"/>'
        for i, ((x0, z0), (x1, z1)) in enumerate(pairwise(path))
    )


def _cup(name: str, path: np.ndarray, foot: float, felt: str) -> str:
    """Return a free cup: drawn as one mesh, felt as a ring of boxes and a floor."""
    return f"""
      <body name="{name}">
        <freejoint/>
        <geom name="{name}_body" class="visual" type="mesh" mesh="cup" material="china"/>
        {_handle(name, path)}
        <geom class="collision" type="cylinder" size="{foot} 0.005" pos="0 0 0.005" mass="0.08"/>
        {felt}
      </body>"""


def cups(
    outline: Sequence[tuple[float, float]] = _CUP,
    path: np.ndarray = _RING,
    foot: float = 0.04,
    felt: str = _WALL,
) -> str:
    """Return two cups and the zone where the first one stands.

    Args:
        outline: radius and height in metres of the outside upwards, then of the inside downwards.
        path: (7, 2), x and z in metres of the points that the handle goes through.
        foot: its radius in metres.
        felt: collision geoms; at the rim they are those of the cup that is known.
    """
    return f"""
    <asset>
      {lathe("cup", [*outline, (0, 0.01)])}
      <material name="china" rgba="0.5 0.5 0.5 1" specular="0.5" shininess="0.7"/>
    </asset>
    <worldbody>
      <body name="start" mocap="true">
        <geom name="start_zone" class="zone" type="cylinder" size="0.05 0.05" pos="0 0 0.05"/>
      </body>
      {_cup("cup1", path, foot, felt)}
      {_cup("cup2", path, foot, felt)}
    </worldbody>
    """


class PickUpCup(Task):
    """RLBench's pick_up_cup: the cup is held and has left the place where it stood."""

    graspable = ("cup1", "cup2")
    variations = len(NAMES)
    mjcf = cups()

    def place(self, scene: Scene, variation: int, rng: np.random.RandomState) -> None:
        low, high = [0.08, -0.27], [0.4, 0.27]
        target, other = rng.uniform(low, high), rng.uniform(low, high)
        while np.linalg.norm(other - target) < 0.17:
            other = rng.uniform(low, high)
        yaws = rng.uniform(-np.pi, np.pi, 2)
        scene.place("start", target[0], target[1])
        scene.place("cup1", target[0], target[1], yaws[0])
        scene.place("cup2", other[0], other[1], yaws[1])
        color = NAMES[variation]
        for cup, name in (("cup1", color), ("cup2", rng.choice(_distractors(color)))):
            for part in ("body", *(f"handle{i}" for i in range(6))):
                scene.paint(f"{cup}_{part}", COLORS[name])

    def instructions(self, variation: int) -> list[str]:
        color = NAMES[variation]
        return [
            f"pick up the {color} cup",
            f"lift the {color} mug off the table",
            f"grab the {color} cup by its rim and raise it",
            f"take the cup that is {color} and hold it up",
        ]

    def success(self, scene: Scene) -> bool:
        return scene.is_held("cup1") and not scene.detects("start_zone", "cup1")

    def waypoints(self, scene: Scene) -> list[Waypoint]:
        grasp = pinch(scene.pose("cup1"))
        return [
            Waypoint(along(grasp, z=-0.08)),
            Waypoint(grasp, gripper=0.0, straight=True),
            Waypoint(along(grasp, z=-0.15), straight=True),
        ]


def pinch(cup: np.ndarray) -> np.ndarray:
    """Return the (4, 4) tip pose that takes the rim of a cup that stands at a (4, 4) pose.

    It is the left or the right side as the robot sees it, whichever is farther from the handle,
    and there the middle of a wall segment.
    """
    yaw = np.arctan2(cup[1, 0], cup[0, 0])
    turn = yaw - 2 * np.pi / SIDES * np.round(yaw / (2 * np.pi / SIDES))
    side = -1 if np.sin(yaw) > 0 else 1
    rim = side * (RADIUS - 0.001 - WALL / 2) * np.array([-np.sin(turn), np.cos(turn), 0])
    return top_down(cup[:3, 3] + rim + [0, 0, HEIGHT - 0.014], turn)


def _distractors(color: str) -> list[str]:
    """Return the colours that nobody takes for this one: far from it in RGB."""
    target = np.array(COLORS[color])
    return [name for name, rgb in COLORS.items() if np.linalg.norm(rgb - target) > 0.75]
