"""Turn the handle of the left window and push it open."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from genima_lite import panda
from genima_lite.envs.bench.latch import Latch
from genima_lite.envs.bench.scene import Scene
from genima_lite.envs.bench.shapes import rounded_box
from genima_lite.envs.bench.task import Task, Waypoint, along, forward
from genima_lite.transforms import inverse

WIDTH, LOW, HIGH = 0.25, 0.035, 0.43
"""metres, a sash's width, and its lower and upper edge above the table."""

_BAR = 0.014
"""metres, half the width of the bars of frame and sashes."""

_MIDDLE = (LOW + HIGH) / 2

_HUB = np.array([-0.054, 0.045, 0.155])
"""metres, the middle of the handle's axle in the window's frame; y from the middle bar."""

LEVER = 0.095
"""metres from the axle to the end of the handle."""

_DIP = 0.95
"""radians by which the gripper points down."""

_ASKEW = 0.3
"""radians by which the gripper may point beside where it pushes."""

_TURNED_AWAY = 0.35
"""radians from the robot's line of sight to the direction in which one pushes: beyond, the forearm
would have to reach through the post with the hinges."""

_NEAR = 0.05
"""metres that the tip may be beside the way along which it turns the handle."""

LATCH = Latch("left_window_joint", "left_handle_joint", np.deg2rad(80))


def _bar(size: tuple[float, float, float], pos: tuple[float, float, float], material: str) -> str:
    """Return one bar: half sizes and middle in metres."""
    return (
        f'<geom type="box" size="{size[0]} {size[1]:.5f} {size[2]:.5f}" '
        f'pos="{pos[0]:.5f} {pos[1]:.5f} {pos[2]:.5f}" material="{material}"/>'
    )


def _sash(side: int) -> str:
    """Return bars and panes of a sash in the frame of its hinge; `side` 1: it extends to -y."""
    half, high = WIDTH / 2, (HIGH - LOW) / 2
    middle, inner = -side * half, WIDTH - 2 * _BAR
    bars = [_bar((0.011, half, _BAR), (0, middle, z), "sash") for z in (LOW + _BAR, HIGH - _BAR)]
    bars += [
        _bar((0.011, _BAR, high), (0, -side * y, _MIDDLE), "sash") for y in (_BAR, WIDTH - _BAR)
    ]
    bars.append(_bar((0.008, half - _BAR, 0.005), (0, middle, _MIDDLE + 0.06), "sash"))
    pane = _bar((0.003, inner / 2, high - 2 * _BAR), (0, middle, _MIDDLE), "glass")
    return "".join([*bars, pane])


def _frame() -> str:
    """Return the bars that stand still: around both sashes, over their gap, and a sill."""
    outer, top = WIDTH + 0.03, HIGH + 0.016
    uprights = [_bar((0.017, 0.014, top / 2), (0, y, top / 2), "frame") for y in (-outer, outer)]
    middle = _bar((0.003, 0.008, (HIGH - LOW) / 2), (-0.0145, 0, _MIDDLE), "frame")
    lintel = _bar((0.017, outer + 0.014, 0.014), (0, 0, top), "frame")
    below = _bar((0.017, outer, 0.015), (0, 0, 0.015), "frame")
    sill = _bar((0.05, outer + 0.03, 0.008), (0, 0, 0.008), "frame")
    return "".join([*uprights, middle, lintel, below, sill])


def _tip(scene: Scene) -> np.ndarray:
    return panda.forward_kinematics(scene.robot.joints)[1]


def _beside(start: np.ndarray, end: np.ndarray, tip: np.ndarray) -> float:
    """Return the metres between the tip and the straight way between two poses (4, 4)."""
    way, off = (pose[:3, 3] - start[:3, 3] for pose in (end, tip))
    return float(np.linalg.norm(off - np.clip(off @ way / (way @ way), 0, 1) * way))


_HANDLE = f'<geom class="visual" type="mesh" mesh="lever" pos="0 0 {LEVER / 2}" material="lever"/>'
_MESH = rounded_box("lever", (0.009, 0.009, LEVER / 2 + 0.008), 0.0075)


def window(
    lever: str = _HANDLE,
    assets: str = _MESH,
    more: str = "",
    frame: str = "0.36 0.2 0.11",
    sash: str = "0.92 0.92 0.9",
) -> str:
    """Return a window of two sashes.

    Args:
        lever: visual geoms in the handle's frame; its sides are 0.009 metres from the z axis.
        assets: the meshes of the lever.
        more: visual geoms of the left sash in the frame of its hinge.
        frame, sash: RGB in [0, 1].
    """
    return f"""
    <asset>
      {assets}
      <material name="frame" rgba="{frame} 1" specular="0.3" shininess="0.4"/>
      <material name="sash" rgba="{sash} 1" specular="0.4" emission="0.25"/>
      <material name="glass" rgba="0.55 0.75 0.9 0.28" specular="0.9" shininess="0.9"/>
      <material name="lever" rgba="0.85 0.12 0.08 1" specular="0.7" shininess="0.7"/>
    </asset>
    <worldbody>
      <body name="window" mocap="true">
        {_frame()}
        <body name="right_window" pos="0 -{WIDTH + 0.002} 0">{_sash(-1)}</body>
        <body name="left_window" pos="0 {WIDTH + 0.002} 0">
          <joint name="left_window_joint" axis="0 0 1" range="0 1.4" damping="0.15"
            frictionloss="0.05" armature="0.005"/>
          {_sash(1)}{more}
          <geom type="box" size="0.004 0.013 0.04" pos="-0.014 {_HUB[1] - WIDTH - 0.012:.4f}
            {_HUB[2]}" material="metal"/>
          <geom type="cylinder" size="0.008" fromto="-0.012 {_HUB[1] - WIDTH - 0.012:.4f} {_HUB[2]}
            {_HUB[0]} {_HUB[1] - WIDTH - 0.012:.4f} {_HUB[2]}" material="metal"/>
          <body name="left_handle" gravcomp="1"
            pos="{_HUB[0]} {_HUB[1] - WIDTH - 0.012:.4f} {_HUB[2]}">
            <joint name="left_handle_joint" axis="-1 0 0" range="0 1.65" damping="0.02"
              frictionloss="0.06" armature="0.0005"/>
            {lever}
            <geom class="collision" type="capsule" size="0.009" fromto="0 0 0 0 0 {LEVER - 0.001}"
              mass="0.04" friction="0.3 0.005 0.0001" priority="1"/>
          </body>
        </body>
      </body>
    </worldbody>
    {LATCH.mjcf}
    """


class OpenWindow(Task):
    """RLBench's open_window: the left sash must turn by more than 30 degrees.

    It is locked until its handle has turned by more than 80 degrees. The handle stands upright and
    stays where it is turned. All of it moves by contact only.
    """

    named = ("lever",)
    mjcf = window()

    def place(self, scene: Scene, variation: int, rng: np.random.RandomState) -> None:
        while True:
            x, y = rng.uniform([0.4, -0.1], [0.45, 0.08])
            yaw = rng.uniform(-np.pi / 4, np.pi / 4)
            if yaw - np.arctan2(y - panda.BASE[1, 3], x - panda.BASE[0, 3]) < _TURNED_AWAY:
                break
        scene.place("window", x, y, yaw)

    def instructions(self, variation: int) -> list[str]:
        return [
            "open the left window",
            "turn the handle and push the left window open",
            "turn the red handle to the side and swing the left window outwards",
            "unlock the window on the left and push it",
        ]

    def success(self, scene: Scene) -> bool:
        return scene.travel("left_window_joint") > np.deg2rad(30)

    def after_step(self, scene: Scene) -> None:
        LATCH.after_step(scene)

    def recover(self, scene: Scene, first: Sequence[Waypoint]) -> list[Waypoint]:
        """From beyond the handle, and with open fingers, begin anew: on the way from there the hand
        would not turn it, or take it between the fingers. From beside the turn go on with it.
        """
        if LATCH.is_open(scene):
            return super().recover(scene, first)
        waypoints, tip = self.waypoints(scene), _tip(scene)
        if scene.robot.commanded_open or (inverse(scene.pose("left_handle")) @ tip)[1, 3] > 0:
            return waypoints
        if _beside(waypoints[2].tip, waypoints[3].tip, tip) < _NEAR:
            return waypoints[3:]
        return super().recover(scene, first)

    def waypoints(self, scene: Scene) -> list[Waypoint]:
        window = scene.pose("window")
        facing = np.arctan2(window[1, 0], window[0, 0])
        bearing = np.arctan2(*(window[:2, 3] - panda.BASE[:2, 3])[::-1])
        yaw = facing + np.clip(bearing - facing, -_ASKEW, _ASKEW)  # rather straight from the robot

        def tip(x: float, y: float, z: float) -> np.ndarray:
            return forward(along(window, x, y, z)[:3, 3], yaw, _DIP)

        x, y, z = _HUB[0] + 0.004, _HUB[1] - 0.01, _HUB[2]
        beside = tip(x, y - 0.035, z + 0.06)
        turned = tip(x, y + 0.07, z + 0.012)
        reach = 0.13
        before, pushed = tip(-0.08, reach, z + 0.05), tip(0.08, reach, z + 0.05)
        return [
            Waypoint(tip(-0.17, y - 0.06, 0.46), gripper=0.0),  # before the frame, above it
            Waypoint(along(beside, z=-0.08)),
            Waypoint(beside, straight=True),
            Waypoint(turned, straight=True, done=LATCH.is_open),
            Waypoint(before, straight=True),
            Waypoint(pushed, straight=True),
        ]
