"""Other hangers; all have the hook that the fingers take."""

from __future__ import annotations

from itertools import pairwise

from genima_lite.envs.bench.tasks.move_hanger import MoveHanger, racks


def _clip(side: int) -> str:
    """Return a clip at one end of the bar."""
    y = 0.085 * side
    return (
        f'<geom type="box" size="0.007 0.011 0.022" pos="0 {y} -0.118" material="hanger" '
        f'mass="0.008"/>'
    )


def _tube(points: list[tuple[float, float]], radius: float, mass: float) -> str:
    """Return capsules through points (y, z) in metres."""
    return "".join(
        f'<geom type="capsule" size="{radius}" fromto="0 {y0} {z0} 0 {y1} {z1}" '
        f'material="hanger" mass="{mass}"/>'
        for (y0, z0), (y1, z1) in pairwise(points)
    )


_YOKE = [(-0.1, -0.13), (-0.085, -0.1), (-0.045, -0.083), (0, -0.077)]
_YOKE += [(-y, z) for y, z in reversed(_YOKE[:-1])]


class ClipHanger(MoveHanger):
    """A hanger for trousers: a straight bar with two clips, on brown racks."""

    mjcf = racks(
        shoulders=_tube([(0, -0.076), (0, -0.1)], 0.008, 0.005)
        + _tube([(-0.1, -0.1), (0.1, -0.1)], 0.008, 0.024)
        + _clip(1)
        + _clip(-1),
        hook="0.45 0.22 0.12",
        posts="hook",
    )


class YokeHanger(MoveHanger):
    """A thick bent hanger without a bar below, on pale racks."""

    mjcf = racks(shoulders=_tube(_YOKE, 0.0115, 0.0075), hook="0.85 0.65 0.2", posts="chrome")
