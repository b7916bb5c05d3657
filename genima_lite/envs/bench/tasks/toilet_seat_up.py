"""Put the seat of a toilet up; its lid already stands."""

from __future__ import annotations

import numpy as np

from genima_lite.envs.bench.hinge import STAYS, Swing, grip_and_swing, leaning
from genima_lite.envs.bench.scene import Scene
from genima_lite.envs.bench.shapes import lathe, rounded_box, wall
from genima_lite.envs.bench.task import Waypoint, along, top_down
from genima_lite.transforms import pose_matrix

_RIM, RING, TUBE = 0.14, 0.082, 0.012
"""metres: height of the bowl's rim, radius of the seat's ring, and of the tube it is made of."""

HINGE = RING + 0.012
"""metres from the bowl's middle to the hinge."""

_LEAN = 0.55
"""radians by which the hand leans away from the tank when it takes the seat's front."""

_BOWL = [
    *[(0.0, 0.0), (0.062, 0.0), (0.064, 0.012), (0.052, 0.03), (0.05, 0.055), (0.068, 0.085)],
    *[(0.09, 0.115), (0.095, 0.13), (0.093, _RIM), (0.072, _RIM), (0.068, 0.125), (0.03, 0.07)],
    (0.0, 0.062),
]
_WATER = [(0.0, 0.06), (0.04, 0.06), (0.041, 0.082), (0.0, 0.082)]
_LID = [(0.0, 0.0), (0.088, 0.0), (0.092, 0.004), (0.09, 0.009), (0.075, 0.012), (0.0, 0.013)]


def _ring_profile(points: int = 12) -> list[tuple[float, float]]:
    """Return the outline of the seat's tube, a circle beside the axis."""
    turn = np.linspace(0, 2 * np.pi, points, endpoint=False)
    return [(RING + TUBE * np.cos(t), TUBE * np.sin(t)) for t in turn]


def _ring(count: int = 20) -> str:
    """Return the seat's collision geoms: a ring of capsules, one of them across its front."""
    turn = np.linspace(0, 2 * np.pi, count, endpoint=False) + np.pi / count - np.pi / 2
    x, y = RING * np.cos(turn), RING * np.sin(turn) - HINGE
    return "".join(
        f'<geom class="collision" type="capsule" size="{TUBE}" mass="0.012" '
        f'friction="1.5 0.02 0.001" '
        f'fromto="{x[i]:.5f} {y[i]:.5f} 0 {x[i - 1]:.5f} {y[i - 1]:.5f} 0"/>'
        for i in range(count)
    )


_SEAT = f'<geom class="visual" type="mesh" mesh="seat" pos="0 -{HINGE} 0" material="seat"/>'
_FELT = _ring()
_COVER = '<geom class="visual" type="mesh" mesh="toilet_lid" pos="0 0.095 0" material="seat"/>'
_TANK = rounded_box("tank", (0.095, 0.034, 0.075), 0.014)


def toilet(
    seat: str = _SEAT,
    felt: str = _FELT,
    cover: str = _COVER,
    tank: str = _TANK,
    porcelain: str = "0.93 0.94 0.95",
) -> str:
    """Return a toilet whose lid stands.

    Args:
        seat: visual geoms in the seat's frame, which is that of its hinge.
        felt: collision geoms in the seat's frame; the fingers take a tube of radius `TUBE` along
            x, `RING` before the bowl's middle.
        cover: a visual geom in the lid's frame.
        tank: a mesh.
        porcelain: RGB in [0, 1].
    """
    return f"""
    <asset>
      {lathe("bowl", _BOWL)}
      {lathe("water", _WATER)}
      {lathe("seat", _ring_profile())}
      {lathe("toilet_lid", _LID)}
      {tank}
      {rounded_box("tank_lid", (0.102, 0.04, 0.011), 0.009)}
      {rounded_box("neck", (0.05, 0.05, 0.055), 0.02)}
      <material name="porcelain" rgba="{porcelain} 1" specular="0.7" shininess="0.8"/>
      <material name="seat" rgba="0.12 0.3 0.62 1" specular="0.6" shininess="0.6"/>
      <material name="water" rgba="0.35 0.6 0.75 1" specular="0.9" shininess="0.9"/>
    </asset>
    <worldbody>
      <body name="toilet" mocap="true">
        <geom class="visual" type="mesh" mesh="bowl" material="porcelain"/>
        <geom class="visual" type="mesh" mesh="water" material="water"/>
        <geom class="visual" type="mesh" mesh="neck" pos="0 0.095 0.075" material="porcelain"/>
        <geom class="visual" type="mesh" mesh="tank" pos="0 0.175 0.185" material="porcelain"/>
        <geom class="visual" type="mesh" mesh="tank_lid" pos="0 0.175 0.266" material="porcelain"/>
        <geom class="visual" type="cylinder" size="0.012 0.004" pos="0 0.175 0.278"
          material="metal"/>
        <geom class="collision" type="cylinder" size="0.055 0.04" pos="0 0 0.04"/>
        {wall(radius=0.094, thickness=0.022, bottom=0.1, top=_RIM)}
        {wall(radius=0.072, thickness=0.012, bottom=0.06, top=0.1)}
        <geom class="collision" type="box" size="0.05 0.05 0.055" pos="0 0.095 0.075"/>
        <geom class="collision" type="box" size="0.1 0.038 0.085" pos="0 0.175 0.192"/>
        <geom type="capsule" size="0.009" fromto="-0.03 {HINGE + 0.012} {_RIM + 0.006}
          0.03 {HINGE + 0.012} {_RIM + 0.006}" material="metal"/>
        <body name="toilet_lid" pos="0 {HINGE + 0.016} {_RIM + 0.006}" euler="1.35 0 0">
          {cover}
          <geom class="collision" type="cylinder" size="0.09 0.006" pos="0 0.095 0.006"/>
        </body>
        <body name="seat" pos="0 {HINGE} {_RIM + TUBE + 0.002}">
          <joint name="seat_joint" axis="-1 0 0" range="0 1.62" damping="0.05" frictionloss="0.4"
            armature="0.002" {STAYS}/>
          {seat}
          {felt}
        </body>
      </body>
    </worldbody>
    """


class ToiletSeatUp(Swing):
    """RLBench's toilet_seat_up: the seat must turn by more than 1.40 rad.

    Its hinge is stiff: let go, it stays where it is.
    """

    named = ("seat",)
    mjcf = toilet()

    def place(self, scene: Scene, variation: int, rng: np.random.RandomState) -> None:
        yaw = rng.uniform(-np.pi / 4, np.pi / 4)
        x = 0.255 - 0.06 * np.sin(yaw) + rng.uniform(-0.07, 0.07)  # the seat stays in reach
        scene.place("toilet", x, rng.uniform(-0.15, 0.15), yaw)

    def instructions(self, variation: int) -> list[str]:
        return [
            "put the toilet seat up",
            "lift the toilet seat",
            "raise the seat of the toilet until it stands",
            "take the blue ring at its front and leave the toilet seat up",
        ]

    def success(self, scene: Scene) -> bool:
        return scene.travel("seat_joint") > 1.40

    def waypoints(self, scene: Scene) -> list[Waypoint]:
        front = pose_matrix([0, -RING, _RIM + TUBE + 0.002])
        closed = along(
            scene.pose("toilet") @ front @ leaning(_LEAN) @ top_down(np.zeros(3)), z=0.003
        )
        return grip_and_swing(scene, "seat_joint", closed, angle=1.52, turn=0.6)
