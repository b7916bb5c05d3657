"""Open a kettle grill by the handle of its lid."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from genima_lite.envs.bench.hinge import STAYS, Swing, grip_and_swing, leaning
from genima_lite.envs.bench.scene import Scene
from genima_lite.envs.bench.shapes import lathe, wall
from genima_lite.envs.bench.task import Waypoint, along, top_down
from genima_lite.transforms import pose_matrix

_RIM, _RADIUS = 0.165, 0.1
"""metres: height of the kettle's rim above the table, its radius."""

_HINGE = _RADIUS + 0.008
"""metres from the kettle's middle to the hinge."""

BAR = (-_RADIUS - 0.055, 0.032)
"""metres from the kettle's middle and above its rim where the handle's bar is."""

_LEAN = 0.35
"""radians by which the hand leans away from the kettle when it takes the bar."""

_KETTLE = [
    *[(0.0, -0.08), (0.03, -0.078), (0.06, -0.066), (0.083, -0.044), (0.096, -0.018)],
    *[(_RADIUS, -0.002), (0.094, -0.002), (0.09, -0.018), (0.07, -0.05), (0.0, -0.06)],
]
_DOME = [
    *[(0.094, 0.0), (0.104, 0.0), (0.104, 0.005), (0.1, 0.006), (0.094, 0.028), (0.078, 0.05)],
    *[(0.052, 0.065), (0.025, 0.072), (0.0, 0.073), (0.0, 0.067), (0.05, 0.059), (0.073, 0.045)],
    (0.089, 0.024),
]
_VENT = [(0.0, 0.0), (0.02, 0.0), (0.02, 0.004), (0.014, 0.008), (0.0, 0.009)]


def _leg(angle: float) -> str:
    """Return one of the kettle's three legs."""
    c, s = np.cos(angle), np.sin(angle)
    return f"""
    <geom type="capsule" size="0.006" material="metal" fromto="{0.055 * c:.4f} {0.055 * s:.4f}
      {_RIM - 0.065} {0.105 * c:.4f} {0.105 * s:.4f} 0.01"/>"""


def _rods() -> str:
    """Return the rods of the grate."""
    rods = []
    for x in np.linspace(-0.075, 0.075, 11):
        half = np.sqrt(0.091**2 - x**2)
        rods.append(
            f'<geom class="visual" type="capsule" size="0.0022" material="metal" '
            f'fromto="{x:.4f} {-half:.4f} {_RIM - 0.008} {x:.4f} {half:.4f} {_RIM - 0.008}"/>'
        )
    return "".join(rods)


def _post(x: float) -> str:
    """Return one of the two posts that carry the bar, in the frame of the kettle's rim."""
    y, z = BAR
    return f"""
    <geom type="capsule" size="0.005" fromto="{x} -0.09 0.024 {x} {y} {z}" material="metal"
      mass="0.005"/>"""


_HANDLE = f"""<geom type="capsule" size="0.0085" fromto="-0.034 {BAR[0]} {BAR[1]} 0.034 {BAR[0]}
              {BAR[1]}" material="grip" mass="0.02" friction="1.5 0.02 0.001"/>
            {_post(-0.034)}
            {_post(0.034)}"""


def grill(
    dome: Sequence[tuple[float, float]] = _DOME,
    vent: Sequence[tuple[float, float]] = _VENT,
    handle: str = _HANDLE,
    kettle: str = "0.1 0.1 0.11",
) -> str:
    """Return a kettle grill with a lid on a hinge.

    Args:
        dome, vent: outlines of the lid and of what is on its top, to turn; radius and height in
            metres.
        handle: geoms in the frame of the kettle's rim; the fingers close on a bar along x at
            `BAR`, and between the bar's posts, 0.05 metres or more apart.
        kettle: RGB in [0, 1].
    """
    return f"""
    <asset>
      {lathe("kettle", _KETTLE)}
      {lathe("dome", dome)}
      {lathe("vent", vent)}
      <material name="kettle" rgba="{kettle} 1" specular="0.8" shininess="0.7"/>
      <material name="dome" rgba="0.72 0.1 0.07 1" specular="0.8" shininess="0.8"/>
      <material name="coals" rgba="0.95 0.35 0.05 1" emission="0.6"/>
      <material name="grip" rgba="0.16 0.13 0.11 1" specular="0.3"/>
    </asset>
    <worldbody>
      <body name="grill" mocap="true">
        <geom class="visual" type="mesh" mesh="kettle" pos="0 0 {_RIM}" material="kettle"/>
        <geom class="visual" type="cylinder" size="0.074 0.002" pos="0 0 {_RIM - 0.042}"
          material="coals"/>
        {_rods()}
        {"".join(_leg(angle) for angle in np.pi / 2 + 2 * np.pi / 3 * np.arange(3))}
        <geom class="visual" type="cylinder" size="0.05 0.002" pos="0 0 0.045" material="metal"/>
        <geom class="collision" type="cylinder" size="0.085 0.025" pos="0 0 {_RIM - 0.04}"/>
        {wall(_RADIUS, 0.01, _RIM - 0.03, _RIM - 0.002)}
        <geom type="box" size="0.024 0.007 0.012" pos="0 {_HINGE} {_RIM - 0.014}"
          material="metal"/>
        <body name="lid" pos="0 {_HINGE} {_RIM}">
          <joint name="lid_joint" axis="-1 0 0" range="0 1.6" damping="0.05" frictionloss="0.7"
            armature="0.002" {STAYS}/>
          <geom class="visual" type="cylinder" size="0.005 0.026" euler="0 1.5708 0"
            material="metal"/>
          <body name="dome" pos="0 -{_HINGE} 0">
            <geom class="visual" type="mesh" mesh="dome" material="dome"/>
            <geom class="visual" type="mesh" mesh="vent" pos="0 0 0.071" material="metal"/>
            {wall(0.102, 0.01, 0.003, 0.028)}
            <geom class="collision" type="cylinder" size="0.08 0.011" pos="0 0 0.039" mass="0.2"/>
            <geom class="collision" type="cylinder" size="0.05 0.011" pos="0 0 0.061" mass="0.1"/>
            {handle}
          </body>
        </body>
      </body>
    </worldbody>
    """


class OpenGrill(Swing):
    """RLBench's open_grill: the lid must turn by more than 50 degrees.

    The hinge is stiff: let go, the lid stays where it is.
    """

    named = ("dome",)
    mjcf = grill()

    def place(self, scene: Scene, variation: int, rng: np.random.RandomState) -> None:
        yaw = rng.uniform(-np.pi / 2, np.pi / 2)
        x = 0.25 - 0.075 * np.sin(yaw) + rng.uniform(-0.055, 0.055)  # the handle stays in reach
        scene.place("grill", x, rng.uniform(-0.15, 0.15), yaw)

    def instructions(self, variation: int) -> list[str]:
        return [
            "open the grill",
            "open the lid of the grill",
            "lift the cover of the barbecue by its handle",
            "raise the red lid so that the coals can be seen",
        ]

    def success(self, scene: Scene) -> bool:
        return scene.travel("lid_joint") > np.deg2rad(50)

    def waypoints(self, scene: Scene) -> list[Waypoint]:
        bar = pose_matrix([0, BAR[0], _RIM + BAR[1]])
        closed = along(scene.pose("grill") @ bar @ leaning(_LEAN) @ top_down(np.zeros(3)), z=0.003)
        return grip_and_swing(scene, "lid_joint", closed, angle=1.1, turn=0.4, count=3)
