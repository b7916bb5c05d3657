"""Open a box by the bar at the edge of its lid."""

from __future__ import annotations

import numpy as np

from genima_lite.envs.bench.hinge import STAYS, Swing, grip_and_swing, leaning
from genima_lite.envs.bench.scene import Scene
from genima_lite.envs.bench.shapes import rounded_box
from genima_lite.envs.bench.task import Waypoint, top_down
from genima_lite.transforms import pose_matrix

LENGTH, WIDTH, _HEIGHT = 0.11, 0.085, 0.1
"""metres: half along the hinge, half across it, height of the box without its lid."""

BAR = (-2 * WIDTH - 0.03, 0.02)
"""metres across the hinge and above it where the handle's bar is."""

_LEAN = 0.6
"""radians by which the hand leans away from the box when it takes the bar."""

_THICK = 0.005


def _corner(x: float, y: float) -> str:
    """Return one of the four metal edges of the box."""
    return f"""
    <geom class="visual" type="capsule" size="0.007" material="brass"
      fromto="{x} {y} 0.007 {x} {y} {_HEIGHT - 0.006}"/>"""


def _post(x: float) -> str:
    """Return one of the two posts that carry the bar, in the lid's frame."""
    y, z = BAR
    return f"""
    <geom type="capsule" size="0.005" fromto="{x} {-2 * WIDTH + 0.01} 0.01 {x} {y} {z}"
      material="brass" mass="0.005"/>"""


_HANDLE = f"""<geom type="capsule" size="0.0075" fromto="-0.032 {BAR[0]} {BAR[1]} 0.032 {BAR[0]}
            {BAR[1]}" material="brass" mass="0.02" friction="1.5 0.02 0.001"/>
          {_post(-0.032)}
          {_post(0.032)}"""

_TOP = rounded_box("box_lid", (LENGTH + 0.008, WIDTH + 0.008, 0.011), 0.009)


def box(
    handle: str = _HANDLE,
    top: str = _TOP,
    walls: str = "0.08 0.36 0.3",
    lid: str = "0.12 0.5 0.42",
    trim: str = "0.86 0.68 0.25",
) -> str:
    """Return a box with a lid on a hinge.

    Args:
        handle: geoms in the lid's frame; the fingers close on a bar along x at `BAR`, and between
            the bar's posts, 0.05 metres or more apart.
        top: a mesh `box_lid` in the frame of the lid's middle; it lies on the box from z = -0.011.
        walls, lid, trim: RGB in [0, 1] of the box, its lid and its metal.
    """
    return f"""
    <asset>
      {top}
      {rounded_box("box_band", (0.013, WIDTH + 0.0095, 0.0125), 0.009)}
      {rounded_box("box_foot", (LENGTH + 0.006, WIDTH + 0.006, 0.008), 0.006)}
      <material name="box" rgba="{walls} 1" specular="0.5" shininess="0.6"/>
      <material name="lid" rgba="{lid} 1" specular="0.5" shininess="0.6"/>
      <material name="brass" rgba="{trim} 1" specular="0.9" shininess="0.8"/>
      <material name="lining" rgba="0.62 0.1 0.12 1" specular="0"/>
    </asset>
    <default>
      <default class="box_wall">
        <geom type="box" material="box"/>
      </default>
      <default class="box_lining">
        <geom type="box" material="lining" contype="0" conaffinity="0" mass="0"/>
      </default>
    </default>
    <worldbody>
      <body name="box" mocap="true">
        <geom class="visual" type="mesh" mesh="box_foot" pos="0 0 0.008" material="box"/>
        <geom class="box_wall" size="{LENGTH} {WIDTH} 0.006" pos="0 0 0.006"/>
        <geom class="box_wall" size="{_THICK} {WIDTH} {_HEIGHT / 2}"
          pos="{LENGTH - _THICK} 0 {_HEIGHT / 2}"/>
        <geom class="box_wall" size="{_THICK} {WIDTH} {_HEIGHT / 2}"
          pos="-{LENGTH - _THICK} 0 {_HEIGHT / 2}"/>
        <geom class="box_wall" size="{LENGTH} {_THICK} {_HEIGHT / 2}"
          pos="0 {WIDTH - _THICK} {_HEIGHT / 2}"/>
        <geom class="box_wall" size="{LENGTH} {_THICK} {_HEIGHT / 2}"
          pos="0 -{WIDTH - _THICK} {_HEIGHT / 2}"/>
        <geom class="box_lining" size="{LENGTH - 0.011} {WIDTH - 0.011} 0.001" pos="0 0 0.0165"/>
        {"".join(_corner(x, y) for x in (-LENGTH, LENGTH) for y in (-WIDTH, WIDTH))}
        <body name="lid" pos="0 {WIDTH} {_HEIGHT}">
          <joint name="box_joint" axis="-1 0 0" range="0 1.9" damping="0.05" frictionloss="0.45"
            armature="0.002" {STAYS}/>
          <geom class="visual" type="mesh" mesh="box_lid" pos="0 -{WIDTH} 0.011" material="lid"/>
          <geom class="visual" type="mesh" mesh="box_band" pos="0.07 -{WIDTH} 0.011"
            material="brass"/>
          <geom class="visual" type="mesh" mesh="box_band" pos="-0.07 -{WIDTH} 0.011"
            material="brass"/>
          <geom class="box_lining" size="{LENGTH - 0.012} {WIDTH - 0.012} 0.0006"
            pos="0 -{WIDTH} 0"/>
          <geom class="collision" type="box" size="{LENGTH + 0.006} {WIDTH} 0.011"
            pos="0 -{WIDTH} 0.0115" mass="0.25"/>
          {handle}
        </body>
      </body>
    </worldbody>
    """


class OpenBox(Swing):
    """RLBench's open_box: the lid must turn by more than 90 degrees.

    The lid opens sideways. Its hinge is stiff: let go, it stays where it is.
    """

    mjcf = box()

    def place(self, scene: Scene, variation: int, rng: np.random.RandomState) -> None:
        yaw = rng.uniform(-np.pi / 8, np.pi / 8)
        x = 0.23 - 0.1 * np.sin(yaw) + rng.uniform(-0.1, 0.1)  # the bar stays in reach
        scene.place("box", x, rng.uniform(-0.16, 0.18), yaw)

    def instructions(self, variation: int) -> list[str]:
        return [
            "open the box",
            "open the lid of the box",
            "lift the lid by its handle until the box stands open",
            "take the bar on the lid and swing the box open",
        ]

    def success(self, scene: Scene) -> bool:
        return scene.travel("box_joint") > np.pi / 2

    def waypoints(self, scene: Scene) -> list[Waypoint]:
        bar = pose_matrix([0, WIDTH + BAR[0], _HEIGHT + BAR[1]])
        closed = scene.pose("box") @ bar @ leaning(_LEAN) @ top_down(np.zeros(3))
        return grip_and_swing(scene, "box_joint", closed, angle=1.8, turn=0.8)
