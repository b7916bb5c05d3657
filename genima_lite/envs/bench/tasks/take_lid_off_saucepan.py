"""Take the lid off the saucepan by its knob."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from genima_lite.envs.bench.scene import Scene
from genima_lite.envs.bench.shapes import lathe, wall
from genima_lite.envs.bench.task import TABLE, Task, Waypoint, along, top_down

HANDLE_END = 0.215
"""metres from the pan's middle to the end of its handle."""

_PAN = [(0, 0.0), (0.068, 0.0), (0.078, 0.006), (0.08, 0.082), (0.075, 0.082), (0.073, 0.012)]
_LID = [(0, 0.0), (0.083, 0.0), (0.084, 0.005), (0.072, 0.012), (0.04, 0.021), (0, 0.024)]
_KNOB = [(0, 0.0), (0.013, 0.0), (0.009, 0.008), (0.018, 0.018), (0.017, 0.027), (0, 0.031)]


_LONG_HANDLE = """
        <geom type="capsule" size="0.008" fromto="0.078 0 0.062 0.11 0 0.066" material="steel"/>
        <geom type="capsule" size="0.012" fromto="0.11 0 0.066 0.203 0 0.078" material="dark"/>"""


def saucepan(
    pan: Sequence[tuple[float, float]] = _PAN,
    lid: Sequence[tuple[float, float]] = _LID,
    knob: Sequence[tuple[float, float]] = _KNOB,
    handle: str = _LONG_HANDLE,
    enamel: str = "0.72 0.07 0.06",
    cover: str = "steel",
) -> str:
    """Return a saucepan with its lid. They stand, touch and are taken as the known one is.

    Args:
        pan, lid, knob: outlines to turn, radius and height in metres.
        handle: geoms.
        enamel: the pan's colour, RGB in [0, 1].
        cover: the lid's material.
    """
    return f"""
    <asset>
      {lathe("pan", [*pan, (0, 0.012)])}
      {lathe("lid", lid)}
      {lathe("knob", knob)}
      <material name="enamel" rgba="{enamel} 1" specular="0.7" shininess="0.7"/>
      <material name="steel" rgba="0.55 0.56 0.59 1" specular="0.8" shininess="0.6"/>
    </asset>
    <worldbody>
      <body name="saucepan" mocap="true">
        <geom class="visual" type="mesh" mesh="pan" material="enamel"/>
        <geom class="collision" type="cylinder" size="0.07 0.006" pos="0 0 0.006"/>
        {wall(radius=0.079, thickness=0.005, bottom=0.012, top=0.082)}{handle}
        <geom name="lifted" class="zone" type="box" size="0.05 0.05 0.05" pos="0 0 0.27"/>
      </body>
      <body name="lid" pos="0 0 0.083">
        <freejoint/>
        <geom class="visual" type="mesh" mesh="lid" material="{cover}"/>
        <geom class="collision" type="cylinder" size="0.083 0.003" pos="0 0 0.003" mass="0.2"/>
        <geom class="collision" type="cylinder" size="0.045 0.009" pos="0 0 0.012" mass="0.05"/>
        <body name="lid_knob" pos="0 0 0.023">
          <geom class="visual" type="mesh" mesh="knob" material="dark"/>
          <geom class="collision" type="cylinder" size="0.009 0.009" pos="0 0 0.009" mass="0.01"/>
          <geom class="collision" type="cylinder" size="0.018 0.0065" pos="0 0 0.0245" mass="0.02"/>
        </body>
      </body>
    </worldbody>
    """


class TakeLidOffSaucepan(Task):
    """RLBench's take_lid_off_saucepan: the knob is held and high above the pan."""

    graspable = ("lid_knob",)
    mjcf = saucepan()

    def place(self, scene: Scene, variation: int, rng: np.random.RandomState) -> None:
        while True:
            x, y, yaw = rng.uniform(0.06, 0.4), rng.uniform(-0.29, 0.29), rng.uniform(-np.pi, np.pi)
            end_x, end_y = x + HANDLE_END * np.cos(yaw), y + HANDLE_END * np.sin(yaw)
            if -0.07 < end_x < 0.57 and abs(end_y) < 0.45:
                break
        scene.place("saucepan", x, y, yaw)
        scene.place("lid", x, y, yaw, z=TABLE + 0.083)

    def instructions(self, variation: int) -> list[str]:
        return [
            "take the lid off the saucepan",
            "lift the lid from the pan by its knob",
            "uncover the saucepan",
            "grip the knob and raise the lid above the pot",
            "open the pan by lifting its cover",
        ]

    def success(self, scene: Scene) -> bool:
        return scene.is_held("lid_knob") and scene.detects("lifted", "lid_knob")

    def waypoints(self, scene: Scene) -> list[Waypoint]:
        knob = top_down(scene.pose("lid_knob")[:3, 3] + [0, 0, 0.02])
        return [
            Waypoint(along(knob, z=-0.1)),
            Waypoint(knob, gripper=0.0, straight=True),
            Waypoint(along(knob, z=-0.14), straight=True),
        ]
