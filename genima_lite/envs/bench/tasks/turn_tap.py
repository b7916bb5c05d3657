"""Turn one of the two taps of a wash-basin."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from genima_lite import panda
from genima_lite.envs.bench.hinge import STAYS, Swing, grip_and_swing
from genima_lite.envs.bench.scene import Scene
from genima_lite.envs.bench.shapes import lathe, rounded_box
from genima_lite.envs.bench.task import Waypoint, along, top_down
from genima_lite.transforms import yaw_pose

SIDES = ("left", "right")

_ASIDE, _HEIGHT, _ARM = 0.085, 0.13, 0.034
"""metres: from the spout to a handle, height of the handles, length of one of their four arms."""

_GRIP = 0.024
"""metres from a handle's axle where the hand takes an arm."""

_TURN = 1.74
"""radians that the expert turns a handle."""

BACK = 0.095
"""metres from the basin's middle to the taps."""

_BASIN = [
    *[(0.0, 0.0), (0.06, 0.0), (0.085, 0.02), (0.104, 0.055), (0.105, 0.062), (0.1, 0.064)],
    *[(0.092, 0.06), (0.075, 0.028), (0.04, 0.014), (0.0, 0.012)],
]
_STEM = [(0.0, 0.0), (0.02, 0.0), (0.02, 0.006), (0.013, 0.02), (0.01, 0.066), (0.0, 0.066)]
_HUB = [(0.0, -0.009), (0.011, -0.009), (0.011, 0.008), (0.008, 0.011), (0.0, 0.012)]


def _arm(x: float, y: float) -> str:
    """Return one of a handle's four arms."""
    return f"""
    <geom type="capsule" size="0.0055" fromto="0 0 0 {x * _ARM:.4f} {y * _ARM:.4f} 0"
      material="metal" mass="0.01" friction="1.5 0.02 0.001"/>"""


def _tap(side: str, y: float, mark: str, arms: str) -> str:
    """Return a handle with four arms on its stem."""
    return f"""
    <geom class="visual" type="mesh" mesh="stem" pos="{BACK} {y} 0.06" material="metal"/>
    <geom class="collision" type="cylinder" size="0.012 0.03" pos="{BACK} {y} 0.087"/>
    <body name="{side}_handle" pos="{BACK} {y} {_HEIGHT}">
      <joint name="{side}_joint" axis="0 0 1" range="0 2" damping="0.02" frictionloss="0.03"
        armature="0.001" {STAYS}/>
      <geom class="visual" type="mesh" mesh="hub" material="metal"/>
      <geom class="collision" type="cylinder" size="0.01 0.009" mass="0.02"/>
      <geom class="visual" type="cylinder" size="0.0085 0.002" pos="0 0 0.011" material="{mark}"/>
      {arms}
    </body>"""


_ARMS = "".join(_arm(*along) for along in ((1, 0), (-1, 0), (0, 1), (0, -1)))
_SPOUT = f"""<geom type="capsule" size="0.009" fromto="{BACK} 0 0.06 {BACK} 0 0.095"
          material="metal"/>
        <geom type="capsule" size="0.009" fromto="{BACK} 0 0.095 {BACK - 0.025} 0 0.112"
          material="metal"/>
        <geom type="capsule" size="0.009" fromto="{BACK - 0.025} 0 0.112 {BACK - 0.06} 0 0.11"
          material="metal"/>
        <geom type="capsule" size="0.009" fromto="{BACK - 0.06} 0 0.11 {BACK - 0.072} 0 0.09"
          material="metal"/>"""


def taps(
    arms: str = _ARMS,
    hub: Sequence[tuple[float, float]] = _HUB,
    basin: Sequence[tuple[float, float]] = _BASIN,
    spout: str = _SPOUT,
    ceramic: str = "0.93 0.94 0.95",
) -> str:
    """Return a basin with two taps.

    Args:
        arms: geoms of a handle's four arms; the fingers close on one, `_GRIP` from the axle.
        hub, basin: outlines to turn, radius and height in metres.
        spout: geoms.
        ceramic: RGB in [0, 1].
    """
    return f"""
    <asset>
      {lathe("basin", basin)}
      {lathe("stem", _STEM)}
      {lathe("hub", hub)}
      {rounded_box("ledge", (0.034, 0.125, 0.03), 0.01)}
      <material name="ceramic" rgba="{ceramic} 1" specular="0.7" shininess="0.8"/>
      <material name="hot" rgba="0.9 0.08 0.06 1" specular="0.5"/>
      <material name="cold" rgba="0.08 0.25 0.9 1" specular="0.5"/>
    </asset>
    <worldbody>
      <body name="basin" mocap="true">
        <geom class="visual" type="mesh" mesh="basin" material="ceramic"/>
        <geom class="collision" type="cylinder" size="0.1 0.03" pos="0 0 0.03"/>
        <geom class="visual" type="mesh" mesh="ledge" pos="{BACK} 0 0.03" material="ceramic"/>
        <geom class="collision" type="box" size="0.034 0.125 0.03" pos="{BACK} 0 0.03"/>
        <geom class="visual" type="cylinder" size="0.012 0.001" pos="0 0 0.013" material="dark"/>
        <geom class="visual" type="mesh" mesh="stem" pos="{BACK} 0 0.06" material="metal"/>
        {spout}
        {_tap("left", _ASIDE, "hot", arms)}
        {_tap("right", -_ASIDE, "cold", arms)}
      </body>
    </worldbody>
    """


class TurnTap(Swing):
    """RLBench's turn_tap: the chosen handle must turn by more than 90 degrees (1.57 rad).

    Left and right are those of someone who stands before the basin; left is hot, marked red.
    """

    variations = len(SIDES)
    named = ("hot", "cold")
    mjcf = taps()

    def place(self, scene: Scene, variation: int, rng: np.random.RandomState) -> None:
        x, y = rng.uniform(0.15, 0.34), rng.uniform(-0.2, 0.2)
        scene.place("basin", x, y, rng.uniform(-np.pi, np.pi))

    def instructions(self, variation: int) -> list[str]:
        side, mark = SIDES[variation], ("red", "blue")[variation]
        return [
            f"turn the {side} tap",
            f"turn the {side} handle of the tap on",
            f"open the {side} tap of the basin, the one with the {mark} mark",
            f"take the {side} handle and turn it by a quarter turn",
        ]

    def success(self, scene: Scene) -> bool:
        return scene.travel(f"{SIDES[scene.variation]}_joint") > 1.57

    def waypoints(self, scene: Scene) -> list[Waypoint]:
        basin, side = scene.pose("basin"), SIDES[scene.variation]
        yaw = np.arctan2(basin[1, 0], basin[0, 0])
        axle = along(basin, x=BACK, y=_ASIDE if side == "left" else -_ASIDE, z=_HEIGHT)[:3, 3]
        ahead = np.arctan2(*(axle[:2] - panda.BASE[:2, 3])[::-1])
        middle = ahead - np.deg2rad(50)  # the wrist turns from about -50 degrees to +50
        arm = (yaw - middle + np.pi / 4) % (np.pi / 2) - np.pi / 4 + middle
        closed = yaw_pose(axle, arm) @ along(top_down(np.array([_GRIP, 0, 0])), z=0.002)
        return grip_and_swing(scene, f"{side}_joint", closed, angle=_TURN, turn=_TURN, count=2)
