"""Throw a crumpled sheet of paper into the bin and leave the tomatoes on the table."""

from __future__ import annotations

import numpy as np
from scipy.spatial import ConvexHull

from genima_lite.envs.bench.fingers import downwards, leftwards
from genima_lite.envs.bench.scene import Scene
from genima_lite.envs.bench.shapes import lathe, wall
from genima_lite.envs.bench.task import TABLE, Task, Waypoint, along

_RADIUS, _FLAT = 0.031, 0.02
"""metres from the paper's middle to its outermost corners, and to the table that it lies on."""

_RIM, _HEIGHT = 0.074, 0.125
"""metres, the bin's outer radius and height at its rim."""

_PLACES = {"tomato1": (0.095, -0.1), "rubbish": (0.095, 0.0), "tomato2": (0.095, 0.1)}
"""metres, where things lie from the middle between them and the bin."""

_BIN_PLACE = (-0.095, 0.0)

_BIN = [
    *[(0.0, 0.0), (0.054, 0.0), (0.058, 0.004), (0.07, 0.115), (_RIM, 0.118), (_RIM, _HEIGHT)],
    *[(0.068, _HEIGHT), (0.055, 0.006), (0.0, 0.006)],
]


def crumpled(
    name: str, seed: int = 3, points: int = 90, low: float = 0.74, square: float = 2.0
) -> str:
    """Return a `<mesh>` element: a ball of paper with creases, always the same.

    Args:
        name: the mesh's.
        seed: of its creases.
        points: how many corners.
        low: the distance of the innermost from the middle, as a share of the outermost one's.
        square: exponent of the ball's shape; 2 is round, more is nearer to a cube.
    """
    rng = np.random.RandomState(seed)
    count = np.arange(points) + 0.5
    azimuth, height = np.pi * (1 + 5**0.5) * count, 1 - 2 * count / len(count)
    around = np.sqrt(1 - height**2)
    ball = np.stack([around * np.cos(azimuth), around * np.sin(azimuth), height], axis=-1)
    faces = _outwards(ball, ConvexHull(ball).simplices)
    if square != 2.0:
        ball /= np.linalg.norm(ball, ord=square, axis=1)[:, None] * np.sqrt(2)
    vertices = _RADIUS * rng.uniform(low, 1.0, (len(ball), 1)) * ball
    vertices[:, 2] = np.maximum(vertices[:, 2], -_FLAT)
    numbers = " ".join(f"{v:.5f}" for v in vertices.ravel())
    indices = " ".join(str(i) for i in faces.ravel())
    return f'<mesh name="{name}" vertex="{numbers}" face="{indices}"/>'


def _outwards(points: np.ndarray, faces: np.ndarray) -> np.ndarray:
    """Return triangles (n, 3) about the origin so that they are counter-clockwise from outside."""
    a, b, c = points[faces].transpose(1, 0, 2)
    inwards = (np.cross(b - a, c - a) * a).sum(axis=1) < 0
    return np.where(inwards[:, None], faces[:, ::-1], faces)


def _ribs(count: int = 14) -> str:
    """Return the stripes of the bin's side."""
    turn = 2 * np.pi * np.arange(count) / count
    return "".join(
        f'<geom class="visual" type="capsule" size="0.003" material="rib" fromto="'
        f"{0.0605 * np.cos(a):.5f} {0.0605 * np.sin(a):.5f} 0.016 "
        f'{0.0705 * np.cos(a):.5f} {0.0705 * np.sin(a):.5f} 0.108"/>'
        for a in turn
    )


def _tomato(name: str) -> str:
    """Return a free tomato with five green leaves and a stalk; it does not roll."""
    leaves = "".join(
        f'<geom class="visual" type="ellipsoid" size="0.011 0.004 0.002" material="leaf" '
        f'pos="{0.01 * np.cos(a):.5f} {0.01 * np.sin(a):.5f} 0.0255" euler="0 0.25 {a:.5f}"/>'
        for a in 2 * np.pi * np.arange(5) / 5
    )
    return f"""
      <body name="{name}">
        <freejoint/>
        <geom class="visual" type="ellipsoid" size="0.031 0.031 0.026" material="tomato"/>
        {leaves}
        <geom class="visual" type="capsule" size="0.0025" fromto="0 0 0.024 0.003 0 0.034"
          material="leaf"/>
        <geom class="collision" type="cylinder" size="0.02 0.026" mass="0.04"/>
        <geom class="collision" type="cylinder" size="0.03 0.013" mass="0.04"/>
      </body>"""


_PAPER = crumpled("paper")
_RIBS = _ribs()


def rubbish(
    paper: str = _PAPER,
    ribs: str = _RIBS,
    color: str = "0.84 0.84 0.82",
    side: str = "0.16 0.3 0.42",
    stripes: str = "0.3 0.48 0.62",
) -> str:
    """Return a bin, a piece of paper and two tomatoes.

    Args:
        paper: a mesh; it lies on z = -`_FLAT` and reaches no farther than `_RADIUS`.
        ribs: visual geoms on the bin's side.
        color: RGB in [0, 1] of the paper.
        side, stripes: RGB in [0, 1] of the bin and its ribs.
    """
    return f"""
    <asset>
      {paper}
      {lathe("bin", _BIN)}
      <material name="paper" rgba="{color} 1" specular="0.1" shininess="0.1"/>
      <material name="bin" rgba="{side} 1" specular="0.4" shininess="0.5"/>
      <material name="rib" rgba="{stripes} 1" specular="0.4" shininess="0.5"/>
      <material name="tomato" rgba="0.86 0.1 0.06 1" specular="0.7" shininess="0.8"/>
      <material name="leaf" rgba="0.13 0.45 0.1 1" specular="0.2"/>
    </asset>
    <worldbody>
      <body name="bin" mocap="true">
        <geom class="visual" type="mesh" mesh="bin" material="bin"/>
        {ribs}
        <geom class="collision" type="cylinder" size="0.056 0.003" pos="0 0 0.003"/>
        {wall(radius=0.062, thickness=0.006, bottom=0.0, top=0.06)}
        {wall(radius=0.072, thickness=0.006, bottom=0.06, top=_HEIGHT)}
        <geom name="success" class="zone" type="cylinder" size="0.045 0.02" pos="0 0 0.028"/>
      </body>
      <body name="rubbish">
        <freejoint/>
        <geom type="mesh" mesh="paper" material="paper" mass="0.02"/>
      </body>
      {_tomato("tomato1")}
      {_tomato("tomato2")}
    </worldbody>
    """


class PutRubbishInBin(Task):
    """RLBench's put_rubbish_in_bin: the rubbish is in the bin.

    Bin, rubbish and tomatoes keep their distances, the whole is placed and turned at random, and
    as in RLBench the rubbish changes places with one tomato, the other or none.
    """

    graspable = ("rubbish",)
    mjcf = rubbish()

    def place(self, scene: Scene, variation: int, rng: np.random.RandomState) -> None:
        swapped = ("tomato2", "rubbish", "tomato1")[rng.randint(3)]
        places = {**_PLACES, "rubbish": _PLACES[swapped]}
        if swapped != "rubbish":
            places[swapped] = _PLACES["rubbish"]
        while True:
            middle, yaw = rng.uniform([0.07, -0.28], [0.43, 0.28]), rng.uniform(-np.pi, np.pi)
            turn = np.array([[np.cos(yaw), -np.sin(yaw)], [np.sin(yaw), np.cos(yaw)]])
            bin_place, *others = (middle + turn @ p for p in (_BIN_PLACE, *places.values()))
            if all(0.06 < x < 0.44 and abs(y) < 0.3 for x, y in (bin_place, *others)):
                break
        scene.place("bin", bin_place[0], bin_place[1], yaw)
        for name, spot in zip(places, others, strict=True):
            low = _FLAT if name == "rubbish" else 0.026
            scene.place(name, spot[0], spot[1], rng.uniform(-np.pi, np.pi), TABLE + low)

    def instructions(self, variation: int) -> list[str]:
        return [
            "put the rubbish in the bin",
            "drop the crumpled paper into the bin",
            "throw the paper ball away and leave the tomatoes on the table",
            "pick up the trash and let it fall into the basket",
        ]

    def success(self, scene: Scene) -> bool:
        return scene.detects("success", "rubbish")

    def waypoints(self, scene: Scene) -> list[Waypoint]:
        rubbish, bin_place = scene.pose("rubbish")[:3, 3], scene.pose("bin")[:3, 3]
        x, y = (bin_place - rubbish)[:2] / np.linalg.norm((bin_place - rubbish)[:2])
        across = leftwards(rubbish, np.array([-y, x, 0.0]))  # the fingers go between the tomatoes
        grasp = downwards(rubbish - [0, 0, 0.002], across)
        above = downwards(bin_place + [0, 0, _HEIGHT + 0.015], across)
        return [
            Waypoint(along(grasp, z=-0.09)),
            Waypoint(grasp, gripper=0.0, straight=True),
            Waypoint(along(grasp, z=-_HEIGHT - 0.045), straight=True),
            Waypoint(along(above, z=-0.04)),
            Waypoint(above, gripper=1.0, straight=True),
        ]
