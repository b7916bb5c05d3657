"""Pull the knife out of a knife block and put it on the chopping board."""

from __future__ import annotations

import numpy as np

from genima_lite.envs.bench.scene import Scene
from genima_lite.envs.bench.shapes import rounded_box
from genima_lite.envs.bench.task import TABLE, Task, Waypoint, along, forward
from genima_lite.panda import BASE

_BOARD = (0.13, 0.09, 0.011)
"""metres, half the board's size."""

_SLOPE = 0.66
"""radians from level to the knife in its block."""

CASE = (0.034, 0.045, 0.07)
"""metres, half the slanted part of the block: across, along its width, along the knife."""

_HIGH = 0.09
"""metres, height of the middle of the slanted part."""

BLADE, _HEIGHT = 0.12, 0.034
"""metres, length and height of the blade."""

_HOLD = 0.088
"""metres along the handle to where it is taken."""

_REST = 0.14
"""radians by which the blade points down when the knife is let go."""

_BLOCK_PROFILE = [(-0.1, 0.0), (0.03, 0.0), (0.081, 0.112), (0.036, 0.163), (-0.1, 0.055)]


def _block_mesh(name: str, radius: float = 0.007) -> str:
    """Return a `<mesh>`: the block's side view, as wide as it is, with rounded edges."""
    outline = np.array(_BLOCK_PROFILE)
    inner = outline + radius * np.sign(outline.mean(0) - outline)
    ring = [(np.cos(t), np.sin(t), z) for z in (-1, -0.5, 0.5, 1) for t in np.arange(0, 6.2, 0.7)]
    directions = [(c * np.sqrt(1 - z * z), z, s * np.sqrt(1 - z * z)) for c, s, z in ring]
    vertices = [
        np.array([x, side * (CASE[1] - radius), z]) + radius * np.array(direction)
        for x, z in inner
        for side in (-1, 1)
        for direction in directions
    ]
    numbers = " ".join(f"{v:.5f}" for v in np.ravel(vertices))
    return f'<mesh name="{name}" vertex="{numbers}"/>'


def _slots() -> str:
    """Return the openings on the block's upper face, drawn dark."""
    top = CASE[2] + 0.003
    return "".join(
        f'<geom class="visual" type="box" size="0.02 0.003 0.001" pos="0 {y} {top}"'
        ' material="dark"/>'
        for y in (-0.028, 0.0, 0.028)
    )


def _walls() -> str:
    """Return the collision boxes of the slanted part, with one slot along its middle."""
    x, y, z = CASE
    gap, slot = 0.0035, _HEIGHT / 2 + 0.001
    rest = (x - slot) / 2
    half = (y - gap) / 2
    sizes: dict[str, list[tuple[float, float]]] = {
        f"{x} {half} {z}": [(0, side * (gap + half)) for side in (-1, 1)],
        f"{rest} {gap} {z}": [(side * (slot + rest), 0) for side in (-1, 1)],
    }
    return "".join(
        f'<geom class="collision" type="box" size="{size}" pos="{u} {v} 0"/>'
        for size, places in sizes.items()
        for u, v in places
    )


_HANDLE = """\
<geom class="visual" type="mesh" mesh="knife_handle" pos="0 0 0.062" material="grip"/>"""
_HANDLE_MESH = rounded_box("knife_handle", (0.014, 0.0105, 0.055), 0.007)
_BLADE_MESH = f"""\
<mesh name="blade" vertex="0.017 0.0012 0 0.017 -0.0012 0 -0.017 0.0004 0 -0.017 -0.0004 0
        0.017 0.0012 -0.1 0.017 -0.0012 -0.1 -0.017 0.0004 -0.07 -0.017 -0.0004 -0.07
        0.015 0.0005 -{BLADE} 0.015 -0.0005 -{BLADE}"/>"""
_SLOTS = _slots()


def kitchen(
    handle: str = _HANDLE,
    assets: str = _HANDLE_MESH,
    blade: str = _BLADE_MESH,
    marks: str = _SLOTS,
    maple: str = "0.8 0.73 0.56",
    walnut: str = "0.3 0.16 0.09",
) -> str:
    """Return a chopping board, and a knife in its block.

    Args:
        handle: visual geoms in the knife's frame, over a box 0.028 x 0.021 x 0.11 metres large
            whose middle is at z = 0.062.
        assets: the meshes of the handle.
        blade: a mesh from z = 0 down to -`BLADE`.
        marks: visual geoms on the upper face of the block.
        maple, walnut: RGB in [0, 1] of the board and the block.
    """
    return f"""
    <size nuserdata="1"/>
    <asset>
      {rounded_box("board", _BOARD, 0.008)}
      {_block_mesh("block")}
      {assets}
      {blade}
      <material name="maple" rgba="{maple} 1" specular="0.2"/>
      <material name="groove" rgba="0.72 0.55 0.36 1" specular="0.1"/>
      <material name="walnut" rgba="{walnut} 1" specular="0.4" shininess="0.5"/>
      <material name="grip" rgba="0.85 0.1 0.08 1" specular="0.6" shininess="0.6"/>
      <material name="steel" rgba="0.82 0.84 0.87 1" specular="0.9" shininess="0.8"/>
    </asset>
    <worldbody>
      <body name="board" mocap="true">
        <geom class="visual" type="mesh" mesh="board" pos="0 0 {_BOARD[2]}" material="maple"/>
        <geom class="collision" type="box" size="{_BOARD[0]} {_BOARD[1]} {_BOARD[2]}"
          pos="0 0 {_BOARD[2]}"/>
        <geom class="visual" type="box" size="0.115 0.003 0.0006" pos="0 0.076 {2 * _BOARD[2]}"
          material="groove"/>
        <geom class="visual" type="box" size="0.115 0.003 0.0006" pos="0 -0.076 {2 * _BOARD[2]}"
          material="groove"/>
        <geom class="visual" type="box" size="0.003 0.076 0.0006" pos="0.115 0 {2 * _BOARD[2]}"
          material="groove"/>
        <geom class="visual" type="box" size="0.003 0.076 0.0006" pos="-0.115 0 {2 * _BOARD[2]}"
          material="groove"/>
        <geom class="visual" type="cylinder" size="0.011 0.0007" pos="0.095 0 {2 * _BOARD[2]}"
          material="dark"/>
        <geom name="on_board" class="zone" type="box" size="0.11 0.075 0.012"
          pos="0 0 {2 * _BOARD[2] + 0.012}"/>
      </body>
      <body name="block" mocap="true">
        <geom class="visual" type="mesh" mesh="block" material="walnut"/>
        <geom class="collision" type="box" size="0.06 {CASE[1]} 0.02" pos="-0.04 0 0.02"/>
        <body name="case" pos="0 0 {_HIGH}" euler="0 {np.pi / 2 - _SLOPE} 0">
          {marks}
          {_walls()}
        </body>
      </body>
      <body name="loose">
        <freejoint/>
        <body name="knife" euler="0 {np.pi / 2 - _SLOPE} 0">
          {handle}
          <geom class="collision" type="box" size="0.014 0.0105 0.055" pos="0 0 0.062" mass="0.08"/>
          <geom type="box" size="0.016 0.009 0.006" pos="0 0 0.004" material="steel" mass="0.02"/>
          <geom class="visual" type="mesh" mesh="blade" material="steel"/>
          <geom class="collision" type="box" size="{_HEIGHT / 2} 0.0015 {BLADE / 2}"
            pos="0 0 -{BLADE / 2}" mass="0.05"/>
        </body>
      </body>
    </worldbody>
    """


class PutKnifeOnChoppingBoard(Task):
    """RLBench's put_knife_on_chopping_board: the knife was on the board, then it was let go.

    The knife's handle points to the robot, give or take 60 degrees: over the rest of RLBench's
    full turn the wrist cannot lay the knife down.
    """

    graspable = ("knife",)
    named = ("grip",)
    time_limit = 300
    mjcf = kitchen()

    def place(self, scene: Scene, variation: int, rng: np.random.RandomState) -> None:
        while True:
            board = rng.uniform([0.25, -0.24], [0.41, 0.24])
            block = rng.uniform([0.2, -0.3], [0.4, 0.3])
            far = np.linalg.norm(board - BASE[:2, 3]) > 0.575  # nearer, the arm folds too much
            if far and np.linalg.norm(board - block) > 0.29:
                break
        yaw = np.arctan2(*(BASE[:2, 3] - block)[::-1]) + rng.uniform(-np.pi / 3, np.pi / 3)
        scene.place("board", board[0], board[1], rng.uniform(-np.pi, np.pi))
        scene.place("block", block[0], block[1], yaw)
        knife = along(scene.pose("case"), z=CASE[2] + 0.0025)[:3, 3]
        scene.place("loose", knife[0], knife[1], yaw, knife[2])

    def instructions(self, variation: int) -> list[str]:
        return [
            "put the knife on the chopping board",
            "pull the knife out of the block and lay it on the cutting board",
            "take the red knife from the knife block and leave it on the chopping board",
            "move the knife from its holder to the cutting board",
        ]

    def success(self, scene: Scene) -> bool:
        was_there = bool(scene.data.userdata[0]) or scene.detects("on_board", "knife")
        return was_there and not scene.robot.held

    def after_step(self, scene: Scene) -> None:
        if scene.detects("on_board", "knife"):
            scene.data.userdata[0] = 1

    def waypoints(self, scene: Scene) -> list[Waypoint]:
        knife, board = scene.pose("knife"), scene.pose("board")
        grasp = _grip(knife)
        pulled = grasp.copy()
        pulled[:3, 3] += (BLADE + 0.015) * knife[:3, 2]
        clear = pulled.copy()  # above the block, before the knife turns
        clear[2, 3] += 0.09
        to_robot = (BASE - board)[:2, 3] / np.linalg.norm((BASE - board)[:2, 3])
        low = (_HOLD + BLADE) * np.sin(_REST) + _HEIGHT / 2 + 2 * _BOARD[2] + 0.004
        position = np.append(board[:2, 3] + 0.125 * to_robot, TABLE + low)
        azimuth = np.arctan2(-to_robot[1], -to_robot[0])
        laid = forward(position, azimuth, np.pi / 2 - _SLOPE + _REST)
        above = laid.copy()
        above[2, 3] += 0.1
        return [
            Waypoint(along(grasp, z=-0.08)),
            Waypoint(grasp, gripper=0.0, straight=True),
            Waypoint(pulled, straight=True),
            Waypoint(clear, straight=True),
            Waypoint(above),
            Waypoint(laid, gripper=1.0, straight=True),
        ]


def _grip(knife: np.ndarray) -> np.ndarray:
    """Return the (4, 4) tip pose that takes the handle of a knife at a (4, 4) pose, from above.

    The handle points along the tip's x axis, as far as the wrist turns.
    """
    handle = knife[:3, 2]
    position = knife[:3, 3] + _HOLD * handle
    azimuth = np.arctan2(position[1] - BASE[1, 3], position[0] - BASE[0, 3])
    turn = (np.arctan2(-handle[1], -handle[0]) - azimuth + np.pi) % (2 * np.pi) - np.pi
    if abs(turn) > 2.0:
        turn -= np.sign(turn) * np.pi
    return forward(position, azimuth + turn, np.pi / 2)
