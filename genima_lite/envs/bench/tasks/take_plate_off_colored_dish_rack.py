"""Take the plate out of the coloured part of a dish rack and put it on the table."""

from __future__ import annotations

import numpy as np

from genima_lite.envs.bench.fingers import downwards, leftwards
from genima_lite.envs.bench.scene import Scene
from genima_lite.envs.bench.shapes import lathe
from genima_lite.envs.bench.task import TABLE, Task, Waypoint, along

PARTS = ("black", "red", "purple")

RADIUS, THICK = 0.09, 0.018
"""metres, of the plate."""

_SPACING, _LENGTH, _WIDTH = 0.078, 0.125, 0.08
"""metres: from part to part; half length and half width of the rack's frame."""

RAIL, _BAR, _ARCH = 0.045, 0.005, 0.0065
"""metres: from the middle to a rail that the plate rests on; radii of frame and arches."""

_HUB = 2 * _BAR + 0.018 + np.sqrt(RADIUS**2 - RAIL**2)
"""metres, height of the middle of a plate that stands in the rack."""

_ASIDE = 0.235
"""metres from the rack's middle to that of the place where the plate is put."""

_PLATE = [
    *[(0.0, -0.009), (0.052, -0.009), (0.056, -0.006), (RADIUS, 0.006), (RADIUS, 0.009)],
    *[(0.086, 0.009), (0.06, -0.001), (0.056, -0.004), (0.0, -0.004)],
]
_BAND = [(0.07, 0.0036), (0.084, 0.0092), (0.086, 0.0096), (0.084, 0.0098), (0.07, 0.0042)]


def _bar(start: str, end: str, material: str = "chrome", radius: float = _BAR) -> str:
    return f'<geom type="capsule" size="{radius}" fromto="{start} {end}" material="{material}"/>'


def _frame() -> str:
    """Return the rack's frame on four feet, with the two rails on which plates stand."""
    x, y, z = _LENGTH, _WIDTH, 0.018 + _BAR
    long = "".join(_bar(f"-{x} {v} {z}", f"{x} {v} {z}") for v in (-y, -RAIL, RAIL, y))
    short = "".join(_bar(f"{u} -{y} {z}", f"{u} {y} {z}") for u in (-x, x))
    feet = "".join(
        f'<geom type="sphere" size="0.01" pos="{u} {v} 0.01" material="dark"/>'
        for u in (-x, x)
        for v in (-y, y)
    )
    return long + short + feet


def _part(name: str, x: float) -> str:
    """Return the two arches between which a plate stands, in one colour."""
    low, high, y = 0.018 + _BAR, 0.1, 0.058
    arches = ""
    for side in (-1, 1):
        u = x + side * (THICK / 2 + _ARCH + 0.0015)
        arches += _bar(f"{u} -{y} {low}", f"{u} -{y} {high - 0.02}", name, _ARCH)
        arches += _bar(f"{u} {y} {low}", f"{u} {y} {high - 0.02}", name, _ARCH)
        arches += _bar(f"{u} -{y} {high - 0.02}", f"{u} -{y - 0.02} {high}", name, _ARCH)
        arches += _bar(f"{u} {y} {high - 0.02}", f"{u} {y - 0.02} {high}", name, _ARCH)
        arches += _bar(f"{u} -{y - 0.02} {high}", f"{u} {y - 0.02} {high}", name, _ARCH)
    return arches


_LOOK = """\
<geom class="visual" type="mesh" mesh="plate" euler="0 1.5708 0" material="china"/>
        <geom class="visual" type="mesh" mesh="band" euler="0 1.5708 0" material="band"/>"""
_FELT = f"""\
<geom class="collision" type="cylinder" size="{RADIUS} {THICK / 2}" euler="0 1.5708 0"
          mass="0.25"/>"""


def dishes(
    look: str = _LOOK,
    felt: str = _FELT,
    china: str = "0.97 0.97 0.95",
    band: str = "0.1 0.42 0.75",
    mat: str = "0.62 0.74 0.6",
) -> str:
    """Return a rack, a plate and the mat for it.

    Args:
        look: the plate's visual geoms; its axis is x, its top edge at z = `RADIUS`.
        felt: its collision geoms, `THICK` along x; they rest on the rails at `RAIL` on both sides.
        china, band, mat: RGB in [0, 1] of the plate, what is painted on it, and the mat.
    """
    return f"""
    <asset>
      {lathe("plate", _PLATE)}
      {lathe("band", _BAND)}
      <material name="china" rgba="{china} 1" emission="0.15" specular="0.6"
        shininess="0.7"/>
      <material name="band" rgba="{band} 1" specular="0.6" shininess="0.7"/>
      <material name="mat" rgba="{mat} 1" specular="0.1"/>
      <material name="hem" rgba="0.9 0.92 0.86 1" specular="0.1"/>
      <material name="chrome" rgba="0.8 0.82 0.84 1" specular="0.8" shininess="0.7"/>
      <material name="black" rgba="0.05 0.05 0.06 1" specular="0.5" shininess="0.5"/>
      <material name="red" rgba="0.9 0.05 0.05 1" specular="0.5" shininess="0.5"/>
      <material name="purple" rgba="0.5 0.05 0.55 1" specular="0.5" shininess="0.5"/>
    </asset>
    <worldbody>
      <body name="rack" mocap="true">
        {_frame()}
        {"".join(_part(name, (i - 1) * _SPACING) for i, name in enumerate(PARTS))}
        <geom name="source" class="zone" type="box" size="{_LENGTH} {_WIDTH} 0.05"
          pos="0 0 0.05"/>
        <geom class="visual" type="box" size="0.105 0.078 0.001" pos="0 {_ASIDE} 0.001"
          material="hem"/>
        <geom class="visual" type="box" size="0.095 0.068 0.0012" pos="0 {_ASIDE} 0.0012"
          material="mat"/>
        <geom name="target" class="zone" type="box" size="0.1 0.07 0.02"
          pos="0 {_ASIDE} 0.02"/>
      </body>
      <body name="plate">
        <joint name="plate_joint" type="free" damping="0.003"/>
        {look}
        {felt}
      </body>
    </worldbody>
    """


class TakePlateOffColoredDishRack(Task):
    """RLBench's take_plate_off_colored_dish_rack: the plate has left the rack, has reached the
    place beside it on the table and is let go. A place mat shows where that is: the rack looks
    nearly the same from either side.
    """

    graspable = ("plate",)
    variations = len(PARTS)
    named = PARTS
    mjcf = dishes()

    def place(self, scene: Scene, variation: int, rng: np.random.RandomState) -> None:
        while True:
            x, y, yaw = rng.uniform(0.08, 0.42), rng.uniform(-0.3, 0.3), rng.uniform(-np.pi, np.pi)
            goal_x, goal_y = x - _ASIDE * np.sin(yaw), y + _ASIDE * np.cos(yaw)
            reach = (variation - 1) * _SPACING * np.array([np.cos(yaw), np.sin(yaw)])
            low = min(x + reach[0], goal_x)
            high = max(abs(y + reach[1]), abs(goal_y))
            if low > 0.07 and goal_x < 0.42 and high < 0.27 and _inside(x, y, yaw):
                break
        scene.place("rack", x, y, yaw)
        slot = along(scene.pose("rack"), x=(variation - 1) * _SPACING)
        scene.place("plate", slot[0, 3], slot[1, 3], yaw, TABLE + _HUB)

    def instructions(self, variation: int) -> list[str]:
        color = PARTS[variation]
        return [
            f"take the plate off the {color} part of the dish rack and put it on the table",
            f"remove the dish from the {color} arches and set it down on the table",
            f"lift the plate out of the {color} rack and leave it on the table",
            f"move the dish that stands in the {color} part of the rack to the table",
        ]

    def success(self, scene: Scene) -> bool:
        out = not scene.detects("source", "plate")
        return out and scene.detects("target", "plate") and not scene.robot.held

    def waypoints(self, scene: Scene) -> list[Waypoint]:
        grasp, rack = grip(scene.pose("plate")), scene.pose("rack")
        lifted = grasp.copy()
        lifted[2, 3] += 0.13
        across = rack[:3, 0] * np.sign(rack[:3, 0] @ grasp[:3, 1] or 1.0)
        down = downwards(along(rack, y=_ASIDE, z=2 * RADIUS - 0.012)[:3, 3], across)
        return [
            Waypoint(along(grasp, z=-0.08)),
            Waypoint(grasp, gripper=0.0, straight=True),
            Waypoint(lifted, straight=True),
            Waypoint(along(down, z=-0.1)),
            Waypoint(down, gripper=1.0, straight=True),
        ]


def grip(plate: np.ndarray) -> np.ndarray:
    """Return the (4, 4) tip pose that takes a plate, at a (4, 4) pose with the plate's axis as x.

    Where it stands, its top edge, with a finger on either side. Where it lies, its edge on the
    side towards the table's middle line, with one finger outside and one above.
    """
    centre, normal = plate[:3, 3], plate[:3, 0]
    if abs(normal[2]) > 0.8:
        side = -1.0 if centre[1] > 0 else 1.0
        edge = centre + [0, side * (RADIUS - 0.008), THICK / 2 + 0.005]
        return downwards(edge, np.array([0.0, 1.0, 0.0]))
    up = np.array([0, 0, 1]) - normal[2] * normal
    up /= np.linalg.norm(up)
    return downwards(centre + (RADIUS - 0.014) * up, leftwards(centre, normal), up)


def _inside(x: float, y: float, yaw: float) -> bool:
    """Return whether a rack at x, y, turned by `yaw` radians, stands within the workspace."""
    c, s = abs(np.cos(yaw)), abs(np.sin(yaw))
    half_x, half_y = (_LENGTH * c + _WIDTH * s + 0.01, _LENGTH * s + _WIDTH * c + 0.01)
    return x - half_x > -0.07 and x + half_x < 0.57 and abs(y) + half_y < 0.45
