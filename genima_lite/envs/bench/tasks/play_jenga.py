"""Pull the protruding brick out of a tower without bringing it down."""

from __future__ import annotations

import numpy as np

from genima_lite.envs.bench.scene import Scene
from genima_lite.envs.bench.task import Task, Waypoint, along, top_down
from genima_lite.transforms import pose_matrix

LENGTH, WIDTH, HEIGHT = 0.126, 0.04, 0.028
PITCH = LENGTH / 3
"""metres between the middles of neighbouring bricks in a layer."""

OUT, SLACK = 0.052, 0.002
"""metres that the target sticks out of the tower, and that it is thinner than the others."""


def _tower() -> dict[str, tuple[float, float, float, float]]:
    """Return x, y, z, yaw of every brick in the tower's frame; the target points along -x."""
    bricks = []
    for layer, slots in enumerate([(-1, 0, 1), (-1, 0, 1), (-1, 0, 1), (-1, 1), (-1, 1)]):
        z = (layer + 0.5) * HEIGHT
        for slot in slots:
            crosswise = layer % 2 == 0
            x, y = (slot * PITCH, 0.0) if crosswise else (0.0, slot * PITCH)
            bricks.append((x, y, z, np.pi / 2 if crosswise else 0.0))
    tower = {f"brick{i}": brick for i, brick in enumerate(bricks)}
    return {**tower, "target_brick": (-OUT, 0.0, 3.5 * HEIGHT - SLACK / 2, 0.0)}


TOWER = _tower()
BRICKS = tuple(name for name in TOWER if name != "target_brick")


_BOX = f'type="box" size="{LENGTH / 2} {(WIDTH - SLACK) / 2} {(HEIGHT - SLACK) / 2}"'
"""The loose brick's shape."""


def _brick(index: int, name: str, loose: str) -> str:
    """Return a free brick; every third one has the same shade, the target is loose."""
    shade = (1.0, 0.8, 0.9)[index % 3]
    red, green, blue = shade * np.array([0.85, 0.77, 0.63])
    whole = f'type="box" size="{LENGTH / 2} {WIDTH / 2} {HEIGHT / 2}"'
    return f"""
      <body name="{name}">
        <freejoint/>
        <geom {loose if name == "target_brick" else whole}
          density="600" friction="0.5 0.01 0.001"
          material="birch" rgba="{red:.3f} {green:.3f} {blue:.3f} 1"/>
      </body>"""


def bricks(loose: str = _BOX, assets: str = "") -> str:
    """Return a tower with one loose brick.

    Args:
        loose: MJCF attributes of its shape, along x; it is taken at half its height.
        assets: what that shape needs.
    """
    return f"""
    <asset>
      <material name="birch" specular="0.1" shininess="0.2"/>{assets}
    </asset>
    <worldbody>
      <body name="tower" mocap="true">
        <geom name="tower_zone" class="zone" type="box" size="0.05 0.05 {2.5 * HEIGHT}"
          pos="0 0 {2.5 * HEIGHT}"/>
      </body>
      {"".join(_brick(i, name, loose) for i, name in enumerate(TOWER))}
    </worldbody>
    """


class PlayJenga(Task):
    """RLBench's play_jenga: the target is out, let go, and all other bricks are in place."""

    graspable = ("target_brick",)
    mjcf = bricks()

    def place(self, scene: Scene, variation: int, rng: np.random.RandomState) -> None:
        x, y, turn = rng.uniform(0.1, 0.38), rng.uniform(-0.08, 0.28), rng.uniform(-1, 1)
        yaw = np.pi / 2 + turn * np.pi / 8
        scene.place("tower", x, y, yaw)
        tower = scene.pose("tower")
        for name, (*local, brick_yaw) in TOWER.items():
            brick_x, brick_y, brick_z = (tower @ pose_matrix(local))[:3, 3]
            scene.place(name, brick_x, brick_y, yaw + brick_yaw, brick_z)

    def instructions(self, variation: int) -> list[str]:
        return [
            "pull the protruding block out of the jenga tower",
            "take out the brick that sticks out and leave the tower standing",
            "play jenga: remove the loose block without toppling the others",
            "slide the protruding brick from the stack and put it down",
        ]

    def success(self, scene: Scene) -> bool:
        standing = all(scene.detects("tower_zone", brick) for brick in BRICKS)
        out = not scene.detects("tower_zone", "target_brick")
        return standing and out and not scene.robot.held

    def waypoints(self, scene: Scene) -> list[Waypoint]:
        x, _, z, _ = TOWER["target_brick"]
        grasp = scene.pose("tower") @ top_down(np.array([x - LENGTH / 2 + 0.024, 0, z]))
        pulled = along(grasp, x=0.17)
        return [
            Waypoint(along(grasp, z=-0.08)),
            Waypoint(grasp, gripper=0.0, straight=True),
            Waypoint(pulled, straight=True),
            Waypoint(along(pulled, z=z - HEIGHT / 2 - 0.002), gripper=1.0, straight=True),
        ]
