"""Take a clothes hanger off its rack and hang it on the other one."""

from __future__ import annotations

from itertools import pairwise

import numpy as np

from genima_lite.envs.bench.scene import Scene
from genima_lite.envs.bench.task import TABLE, Task, Waypoint, top_down
from genima_lite.transforms import yaw_pose

_FROM, _TO = 0.17, -0.17
"""metres, y of the rail with the hanger and of the other one; both lie along x."""

_ENDS = (-0.05, 0.5)
"""metres, x of the rails' ends."""

_RAIL, _THICK = 0.2, 0.008
"""metres, height of a rail's axis above the table and its radius."""

_HOOK, _BAND = 0.0205, 0.0035
"""metres, radius of the hook's bend and half the thickness of its band."""

_BESIDE, _UP = 0.06, 0.1
"""metres from where it hangs to where the hanger may turn: beside its rail, on the side on which
the hook is closed, and up, so steeply that the end of the hook passes above the rail."""


def _rack(name: str, material: str) -> str:
    """Return a rack: a rail on two posts with broad feet."""
    posts = "".join(
        f'<geom type="capsule" size="0.009" fromto="{x} 0 0.012 {x} 0 {_RAIL}" '
        f'material="{material}"/>'
        f'<geom type="capsule" size="0.012" fromto="{x} -0.06 0.012 {x} 0.06 0.012" '
        f'material="{material}"/>'
        for x in _ENDS
    )
    return f"""
      <body name="{name}" mocap="true">
        {posts}
        <geom type="capsule" size="{_THICK}" fromto="{_ENDS[0]} 0 {_RAIL} {_ENDS[1]} 0 {_RAIL}"
          material="chrome"/>
      </body>"""


def _hook(segments: int = 10) -> str:
    """Return the hook: a flat band over the rail, open on the side away from the other rack."""
    turn = np.linspace(0, np.pi, segments + 1)
    y, z = _HOOK * np.cos(turn), _THICK + _BAND - _HOOK * (1 - np.sin(turn))
    points = [*zip(y, z, strict=True), (-_HOOK, -0.045), (0.0, -0.07)]
    return "".join(_piece(a, b) for a, b in pairwise(points))


def _piece(start: tuple[float, float], end: tuple[float, float]) -> str:
    """Return a piece of the band from y, z to y, z in metres."""
    (y, z), way = start, np.subtract(end, start)
    length, turn = np.hypot(*way), np.arctan2(way[1], way[0])
    return (
        f'<geom type="box" size="0.008 {length / 2 + 0.001:.5f} {_BAND}" euler="{turn:.5f} 0 0" '
        f'pos="0 {y + way[0] / 2:.5f} {z + way[1] / 2:.5f}" material="hook" mass="0.002" '
        f'condim="4" priority="1" friction="0.9 0.01 0.001"/>'
    )


_SHOULDERS = """\
<geom type="capsule" size="0.0085" fromto="0 0 -0.076 0 0.1 -0.112" material="hanger"
          mass="0.015"/>
        <geom type="capsule" size="0.0085" fromto="0 0 -0.076 0 -0.1 -0.112" material="hanger"
          mass="0.015"/>
        <geom type="capsule" size="0.0065" fromto="0 0.1 -0.114 0 -0.1 -0.114" material="hanger"
          mass="0.015"/>"""


def racks(
    shoulders: str = _SHOULDERS,
    hook: str = "0.8 0.81 0.84",
    posts: str = "dark",
) -> str:
    """Return two racks and a hanger on one of them.

    Args:
        shoulders: geoms below the hook, symmetrical and about 0.045 kg in weight.
        hook: RGB in [0, 1].
        posts: the material of the racks' posts.
    """
    return f"""
    <asset>
      <material name="hook" rgba="{hook} 1" specular="0.7" shininess="0.7"/>
      <material name="chrome" rgba="0.62 0.64 0.68 1" specular="0.9" shininess="0.8"/>
      <material name="hanger" rgba="0.05 0.33 0.75 1" specular="0.5" shininess="0.6"/>
    </asset>
    <worldbody>
      {_rack("rack0", posts)}
      {_rack("rack1", posts)}
      <body name="target" mocap="true">
        <geom name="success" class="zone" type="box" size="0.26 0.006 0.005"
          pos="0.225 0 {_RAIL + _THICK + 0.006:.4f}"/>
      </body>
      <body name="clothes_hanger">
        <joint name="hanger_joint" type="free" damping="0.0005"/>
        <geom type="sphere" size="0.011" pos="0 0 -0.074" material="hanger" mass="0.005"/>
        {_hook()}
        {shoulders}
      </body>
    </worldbody>
    """


class MoveHanger(Task):
    """RLBench's move_hanger: the hanger hangs on the other rack and the hand has let it go.

    As in RLBench the racks stand still and the hanger alone is shifted along its rail.
    """

    graspable = ("clothes_hanger",)
    named = ("hanger",)
    time_limit = 300
    mjcf = racks()

    def place(self, scene: Scene, variation: int, rng: np.random.RandomState) -> None:
        scene.place("rack0", 0, _FROM)
        scene.place("rack1", 0, _TO)
        scene.place("target", 0, _TO)
        x = 0.12 + rng.uniform(-0.1, 0.3)
        scene.place("clothes_hanger", x, _FROM, 0.0, TABLE + _RAIL)

    def instructions(self, variation: int) -> list[str]:
        return [
            "move the hanger to the other rack",
            "take the hanger off its rail and hang it on the other one",
            "hang the blue hanger on the empty rack",
            "put the clothes hanger on the other rail",
        ]

    def success(self, scene: Scene) -> bool:
        return scene.detects("success", "clothes_hanger") and not scene.robot.held

    def waypoints(self, scene: Scene) -> list[Waypoint]:
        hanger = scene.pose("clothes_hanger")
        x, y, z = hanger[:3, 3] + [0, 0, 0.004]
        yaw = np.arctan2(hanger[1, 0], hanger[0, 0])
        hung = TABLE + _RAIL + 0.005
        beside = _TO + _BESIDE
        return [
            Waypoint(top_down(np.array([x, y, z + 0.09]), yaw)),
            Waypoint(top_down(np.array([x, y, z]), yaw), gripper=0.0, straight=True),
            Waypoint(_turned(x, y - _BESIDE, z + _UP, 0), straight=True),
            Waypoint(_turned(x, 0.0, hung + _UP, np.pi / 2)),
            Waypoint(_turned(x, beside, hung + _UP, np.pi)),
            Waypoint(_turned(x, _TO, hung, np.pi), gripper=1.0, straight=True),
        ]


def _turned(x: float, y: float, z: float, yaw: float) -> np.ndarray:
    """Return a (4, 4) tip pose that points straight down, turned by up to half a turn."""
    return yaw_pose(np.array([x, y, z]), yaw) @ top_down(np.zeros(3))
