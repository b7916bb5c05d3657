"""Put one, two or three books on the top shelf of a bookshelf."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from genima_lite import panda
from genima_lite.envs.bench.fingers import downwards, edge
from genima_lite.envs.bench.recovery import waypoints_ahead
from genima_lite.envs.bench.scene import Scene
from genima_lite.envs.bench.shapes import rounded_box
from genima_lite.envs.bench.task import TABLE, Task, Waypoint, along

BOOKS = {"book2": "red", "book1": "green", "book0": "blue"}
"""Colours by name, in the order in which the books are put on the shelf."""

HALF = (0.015, 0.045, 0.065)
"""metres, half a book's thickness, depth and height."""

_COVERS = {"red": "0.85 0.08 0.07", "green": "0.1 0.6 0.2", "blue": "0.1 0.25 0.85"}
_PLACES = (0.082, 0.0, -0.082)
"""metres along the shelf, where the books stand, before and after."""

_SHELF, _ROW = 0.1, -0.09
"""metres from the middle of the scene: the shelf and the row of books."""

TOP = 0.068
"""metres, height of the upper board's top."""

_ABOVE, _DROP = 0.02, 0.003
"""metres above the board, where a book comes over its place and where it is let go."""

_DEPTH = 0.02
"""metres that the fingertips reach down beside a book."""

_PACE = 1.3
"""how much faster than usual the arm moves, for three books in 200 steps."""


def _covers(color: str) -> str:
    """Return two covers and a spine around white pages."""
    x, y, z = HALF
    cover = f'material="{color}"'
    return f"""
        <geom class="visual" type="box" size="{x - 0.003} {y - 0.003} {z - 0.003}" pos="0 0.001 0"
          material="pages"/>
        <geom class="visual" type="mesh" mesh="cover" pos="{x - 0.0025} 0 0" {cover}/>
        <geom class="visual" type="mesh" mesh="cover" pos="{0.0025 - x} 0 0" {cover}/>
        <geom class="visual" type="mesh" mesh="spine" pos="0 {0.003 - y} 0" {cover}/>
        <geom class="collision" type="box" size="{x} {y} {z}" mass="0.2"/>
        <geom class="visual" type="box" size="{0.6 * x} 0.0005 0.012" pos="0 -{y} 0.03"
          material="pages"/>"""


def _book(name: str, geoms: str) -> str:
    """Return a free book that stands."""
    return f"""
      <body name="{name}">
        <freejoint/>{geoms}
      </body>"""


def _shelf() -> str:
    """Return two boards, two sides and a back; the upper board is the top shelf."""
    x, y, side = 0.15, 0.062, 0.06
    return f"""
      <geom class="plank" size="{x} {y} 0.006" pos="0 0 0.012"/>
      <geom class="plank" size="{x} {y} 0.006" pos="0 0 {TOP - 0.006}"/>
      <geom class="plank" size="0.006 {y} {side}" pos="{x} 0 {side}"/>
      <geom class="plank" size="0.006 {y} {side}" pos="-{x} 0 {side}"/>
      <geom class="plank" size="{x} 0.004 {side}" pos="0 {y - 0.004} {side}"/>"""


_MESHES = f"""\
{rounded_box("cover", (0.0025, HALF[1], HALF[2]), 0.0024)}
      {rounded_box("spine", (HALF[0], 0.003, HALF[2]), 0.0029)}"""


def library(
    book: Callable[[str], str] = _covers,
    assets: str = _MESHES,
    shelf: str = "0.36 0.2 0.12",
    pages: str = "0.95 0.93 0.86",
) -> str:
    """Return a bookshelf and the books before it.

    Args:
        book: returns the geoms of a book by its material; the fingers take the upper edge of what
            is as thick and high as `HALF` says.
        assets: the meshes of the books.
        shelf, pages: RGB in [0, 1].
    """
    return f"""
    <asset>
      {assets}
      <material name="shelf" rgba="{shelf} 1" specular="0.3" shininess="0.4"/>
      <material name="pages" rgba="{pages} 1" specular="0.1"/>
      {"".join(f'<material name="{n}" rgba="{c} 1" specular="0.4"/>' for n, c in _COVERS.items())}
    </asset>
    <default>
      <default class="plank">
        <geom type="box" material="shelf"/>
      </default>
    </default>
    <worldbody>
      <body name="bookshelf" mocap="true">
        {_shelf()}
        <geom name="success" class="zone" type="box" size="0.14 0.05 0.001"
          pos="0 0 {TOP + 0.001}"/>
      </body>
      {"".join(_book(name, book(color)) for name, color in BOOKS.items())}
    </worldbody>
    """


class PutBooksOnBookshelf(Task):
    """RLBench's put_books_on_bookshelf: the first one, two or three books are on the top shelf.

    Always the red book is the first and the blue one the last.
    """

    graspable = tuple(BOOKS)
    variations = len(BOOKS)
    named = tuple(BOOKS.values())
    time_limit = 400
    mjcf = library()

    def place(self, scene: Scene, variation: int, rng: np.random.RandomState) -> None:
        while True:
            x, y, yaw = rng.uniform(0.15, 0.4), rng.uniform(-0.25, 0.25), rng.uniform(-1, 1)
            yaw *= np.pi / 2
            ahead, beside = [-np.sin(yaw), np.cos(yaw)], [np.cos(yaw), np.sin(yaw)]
            corners = np.array(
                [
                    [x, y] + np.multiply(v, ahead) + np.multiply(u, beside)
                    for u in (-0.165, 0.165)
                    for v in (_SHELF + 0.065, _ROW - HALF[1])
                ]
            )
            low, high = corners.min(0), corners.max(0)
            if low[0] > 0.03 and high[0] < 0.53 and low[1] > -0.34 and high[1] < 0.34:
                break
        scene.place("bookshelf", x + _SHELF * ahead[0], y + _SHELF * ahead[1], yaw)
        for book, u in zip(BOOKS, _PLACES, strict=True):
            scene.place(
                book,
                x + _ROW * ahead[0] + u * beside[0],
                y + _ROW * ahead[1] + u * beside[1],
                yaw,
                TABLE + HALF[2],
            )

    def instructions(self, variation: int) -> list[str]:
        return [
            [
                "put one book on the top shelf",
                "put the red book on the bookshelf",
                "pick up the red book and stand it on the upper shelf",
            ],
            [
                "put two books on the top shelf",
                "put the red and the green book on the bookshelf",
                "pick up the red book and the green one and stand them on the upper shelf",
            ],
            [
                "put three books on the top shelf",
                "put all the books on the bookshelf",
                "pick up the books one by one and stand them on the upper shelf",
            ],
        ][variation]

    def success(self, scene: Scene) -> bool:
        return all(scene.detects("success", book) for book in list(BOOKS)[: scene.variation + 1])

    def waypoints(self, scene: Scene) -> list[Waypoint]:
        books = list(zip(BOOKS, _PLACES, strict=True))[: scene.variation + 1]
        ways = [_put(scene, book, u, k > 0) for k, (book, u) in enumerate(books)]
        return [waypoint for way in ways for waypoint in way]

    def recover(self, scene: Scene, first: Sequence[Waypoint]) -> list[Waypoint]:
        """Rise from between the books before the fingers open or go elsewhere: books fall over."""
        ahead = waypoints_ahead(scene, first)
        tip = panda.forward_kinematics(scene.robot.joints)[1]
        top = TABLE + 2 * HALF[2] + 0.01
        grasps = ahead[0].gripper == 0.0
        if scene.robot.held or grasps or tip[2, 3] > top:
            return ahead
        risen = tip.copy()
        risen[2, 3] = top
        if np.array_equal(ahead[0].tip, tip):  # the fingers would open here
            return [Waypoint(risen, gripper=1.0, straight=True), *ahead[1:]]
        return [Waypoint(risen, straight=True), *ahead]


def _put(scene: Scene, book: str, u: float, from_shelf: bool) -> list[Waypoint]:
    """Return the waypoints that take a book and stand it on the shelf, `u` metres along it.

    From the shelf the hand goes straight back to the next book: so it leaves the one that it has
    let go along its covers, and needs no way up.
    """
    grasp, shelf = edge(scene.pose(book), HALF, _DEPTH), scene.pose("bookshelf")
    across = shelf[:3, 0] * (1 if shelf[:3, 0] @ grasp[:3, 1] > 0 else -1)
    place = along(shelf, x=u, y=-0.005, z=TOP + 2 * HALF[2] - _DEPTH + _DROP)
    put = downwards(place[:3, 3], across)
    lifted = grasp.copy()
    lifted[2, 3] = max(lifted[2, 3], put[2, 3] + _ABOVE - _DROP)
    return [
        Waypoint(along(grasp, z=-0.035), straight=from_shelf, pace=_PACE),
        Waypoint(grasp, gripper=0.0, straight=True, grasps=book, pace=_PACE),
        Waypoint(lifted, straight=True, pace=_PACE),
        Waypoint(along(put, z=_DROP - _ABOVE), straight=True, pace=_PACE),
        Waypoint(put, gripper=1.0, straight=True, done=_is_on_shelf(book), pace=_PACE),
    ]


def _is_on_shelf(book: str) -> Callable[[Scene], bool]:
    return lambda scene: scene.detects("success", book)
