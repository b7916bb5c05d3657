"""Drop a little basketball through a hoop."""

from __future__ import annotations

import numpy as np

from genima_lite.envs.bench.scene import Scene
from genima_lite.envs.bench.shapes import lathe, rounded_box, wall
from genima_lite.envs.bench.task import TABLE, Task, Waypoint, along, top_down
from genima_lite.panda import BASE

BALL = 0.031
"""metres, the ball's radius."""

RING = np.array([0.12, 0.0, 0.215])
"""metres, the middle of the hoop from the foot of its pole."""

_WIDE, _NARROW, _LONG = 0.048, 0.026, 0.1
"""metres, the net's radius above and below, and its length."""

BOARD = 0.034
"""metres from the pole to the board's front."""


def _torus(name: str, radius: float, thickness: float) -> str:
    """Return a `<mesh>` element: a ring about z, its middle at `radius`, all in metres."""
    turn = 2 * np.pi * np.arange(8) / 8
    profile = zip(radius + thickness * np.cos(turn), thickness * np.sin(turn), strict=True)
    return lathe(name, list(profile))


def _seams() -> str:
    """Return the ball's black lines: two great circles and two small ones."""
    aside = 0.58 * BALL
    places = [("0 0 0", "0 0 0", "seam"), ("0 0 0", "0 1.5708 0", "seam")]
    places += [(f"0 {y:.4f} 0", "1.5708 0 0", "small_seam") for y in (-aside, aside)]
    return "".join(
        f'<geom class="visual" type="mesh" mesh="{mesh}" pos="{pos}" euler="{euler}" '
        f'material="seam"/>'
        for pos, euler, mesh in places
    )


def _net(count: int = 12) -> str:
    """Return the cords of the net in the frame of the hoop's middle."""

    def knot(turn: float, depth: float) -> str:
        radius = _WIDE + (_NARROW - _WIDE) * depth
        return f"{radius * np.cos(turn):.5f} {radius * np.sin(turn):.5f} {-_LONG * depth:.5f}"

    half = np.pi / count
    return "".join(
        f'<geom class="visual" type="capsule" size="0.0013" material="cord" '
        f'fromto="{knot(half * (2 * k + row % 2), row / 4)} '
        f'{knot(half * (2 * k + row % 2 + way), (row + 1) / 4)}"/>'
        for k in range(count)
        for row in range(4)
        for way in (-1, 1)
    )


def _frame(half_width: float, half_height: float, height: float) -> str:
    """Return a red rectangle on the front of the board, its middle at a height in metres."""
    bars = [(0.0, side * half_height, half_width, 0.0025) for side in (-1, 1)]
    bars += [(side * half_width, 0.0, 0.0025, half_height + 0.0025) for side in (-1, 1)]
    return "".join(
        f'<geom class="visual" type="box" size="0.0008 {wide} {high}" '
        f'pos="{BOARD} {y} {height + z}" material="line"/>'
        for y, z, wide, high in bars
    )


_BALL_LOOK = _seams()
_BOARD_LOOK = f"""\
<geom type="mesh" mesh="board" pos="{BOARD - 0.004} 0 {RING[2] + 0.05}" material="board"/>
        {_frame(0.088, 0.058, RING[2] + 0.05)}
        {_frame(0.034, 0.024, RING[2] + 0.04)}"""


def court(
    ball: str = _BALL_LOOK,
    board: str = _BOARD_LOOK,
    backing: str = "0.93 0.94 0.95",
    rim: str = "0.92 0.25 0.05",
    seam: str = "0.08 0.06 0.05",
) -> str:
    """Return a hoop on its pole, and a ball.

    Args:
        ball: visual geoms on a ball of radius `BALL`, in its frame.
        board: the board's geoms in the frame of the pole's foot.
        backing, rim, seam: RGB in [0, 1] of the board, the hoop and the ball's lines.
    """
    return f"""
    <asset>
      {rounded_box("foot", (0.055, 0.055, 0.01), 0.008)}
      {rounded_box("board", (0.004, 0.095, 0.065), 0.0035)}
      {_torus("rim", _WIDE + 0.003, 0.0045)}
      {_torus("seam", BALL, 0.0009)}
      {_torus("small_seam", np.sqrt(1 - 0.58**2) * BALL, 0.0009)}
      <material name="ball" rgba="0.9 0.38 0.08 1" specular="0.2" shininess="0.2"/>
      <material name="seam" rgba="{seam} 1" specular="0.1"/>
      <material name="board" rgba="{backing} 1" specular="0.3" emission="0.35"/>
      <material name="line" rgba="0.85 0.1 0.08 1" specular="0.2"/>
      <material name="rim" rgba="{rim} 1" specular="0.6" shininess="0.6"/>
      <material name="cord" rgba="0.97 0.97 0.97 1" specular="0.1" emission="0.2"/>
    </asset>
    <worldbody>
      <body name="hoop" mocap="true">
        <geom type="mesh" mesh="foot" pos="0 0 0.01" material="dark"/>
        <geom type="cylinder" size="0.009 0.13" pos="0 0 0.14" material="dark"/>
        <geom type="box" size="0.014 0.012 0.012" pos="0.016 0 {RING[2] + 0.035}" material="dark"/>
        {board}
        <geom type="box" size="{(RING[0] - _WIDE - BOARD) / 2:.4f} 0.014 0.004"
          pos="{(RING[0] - _WIDE + BOARD) / 2:.4f} 0 {RING[2]}" material="rim"/>
        <body name="ring" pos="{RING[0]} {RING[1]} {RING[2]}">
          <geom class="visual" type="mesh" mesh="rim" material="rim"/>
          {_net()}
          {wall(radius=_WIDE + 0.007, thickness=0.008, bottom=-0.005, top=0.005)}
          {wall(radius=_WIDE, thickness=0.006, bottom=-0.055, top=-0.005)}
          {wall(radius=0.036, thickness=0.01, bottom=-_LONG, top=-0.065)}
          <geom name="success" class="zone" type="cylinder" size="0.015 0.01" pos="0 0 -0.06"/>
        </body>
      </body>
      <body name="ball">
        <freejoint/>
        <geom type="sphere" size="{BALL}" material="ball" mass="0.05" condim="6" priority="1"
          friction="0.8 0.01 0.002"/>
        {ball}
      </body>
    </worldbody>
    """


class BasketballInHoop(Task):
    """RLBench's basketball_in_hoop: the ball is in the hoop, in the hand or not.

    The net is so narrow below that the ball stays in it. The board is on the far or the left side
    of the hoop: elsewhere the arm would have to reach over it.
    """

    graspable = ("ball",)
    named = ("ball",)
    mjcf = court()

    def place(self, scene: Scene, variation: int, rng: np.random.RandomState) -> None:
        while True:
            x, y = rng.uniform([0.26, -0.08], [0.46, 0.32])
            scene.place("hoop", x, y, -0.75 * np.pi + rng.uniform(-np.pi / 4, np.pi / 4))
            ring, hoop = scene.pose("ring")[:2, 3], scene.pose("hoop")
            ball = rng.uniform([0.07, -0.3], [0.42, 0.3])
            before = (ball - hoop[:2, 3]) @ hoop[:2, 0]  # metres before the pole
            room = _from_line(hoop[:2, 3], BASE[:2, 3], ball)  # for the forearm beside the board
            if before > 0.07 and room > 0.22 and np.linalg.norm(ball - ring) > 0.22:
                break
        scene.place("ball", ball[0], ball[1], rng.uniform(-np.pi, np.pi), TABLE + BALL)

    def instructions(self, variation: int) -> list[str]:
        return [
            "put the ball in the hoop",
            "drop the basketball through the ring",
            "play basketball: take the orange ball and score",
            "lift the ball over the rim and let it fall into the net",
        ]

    def success(self, scene: Scene) -> bool:
        return scene.detects("success", "ball")

    def waypoints(self, scene: Scene) -> list[Waypoint]:
        hoop = scene.pose("hoop")
        yaw = np.arctan2(hoop[1, 0], hoop[0, 0])  # the fingers open along the board
        grasp = top_down(scene.pose("ball")[:3, 3], yaw)
        above = top_down(scene.pose("ring")[:3, 3] + [0, 0, BALL + 0.012], yaw)
        higher = along(above, z=-0.04)
        lifted = grasp.copy()
        lifted[2, 3] = higher[2, 3]
        return [
            Waypoint(along(grasp, z=-0.09)),
            Waypoint(grasp, gripper=0.0, straight=True),
            Waypoint(lifted, straight=True),
            Waypoint(higher),
            Waypoint(above, gripper=1.0, straight=True),
        ]


def _from_line(point: np.ndarray, start: np.ndarray, end: np.ndarray) -> float:
    """Return the metres from a point (2,) to the line between two others."""
    way = end - start
    share = np.clip((point - start) @ way / (way @ way), 0, 1)
    return float(np.linalg.norm(point - start - share * way))
