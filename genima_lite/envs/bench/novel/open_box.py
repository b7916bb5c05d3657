"""Other boxes; the bar of their lids is at the same place."""

from __future__ import annotations

from itertools import pairwise

from genima_lite.envs.bench.shapes import rounded_hull
from genima_lite.envs.bench.tasks.open_box import BAR, LENGTH, WIDTH, OpenBox, box

_Y, _Z = BAR
_EDGE = -2 * WIDTH + 0.01
_ROOF = [(x, y, 0.0) for x in (-LENGTH, LENGTH) for y in (-WIDTH, WIDTH)]
_RIDGE = [(x, y, 0.045) for x in (-LENGTH, LENGTH) for y in (-0.035, 0.035)]
_PEAK = [(x, y, 0.05) for x in (-0.045, 0.045) for y in (-0.03, 0.03)]


def _ring() -> str:
    """Return a handle like half a ring: its middle is the bar that the fingers take."""
    path = [(-0.062, _EDGE, 0.006), (-0.05, _Y + 0.014, _Z), (-0.026, _Y, _Z)]
    path += [(-x, y, z) for x, y, z in reversed(path)]
    return "".join(
        f'<geom type="capsule" size="0.0075" material="brass" mass="0.006" '
        f'friction="1.5 0.02 0.001" fromto="{" ".join(map(str, start + end))}"/>'
        for start, end in pairwise(path)
    )


class VaultedChest(OpenBox):
    """A brown chest with a high lid and a long bar that ends in balls."""

    mjcf = box(
        handle=f"""
        <geom type="capsule" size="0.0075" fromto="-0.07 {_Y} {_Z} 0.07 {_Y} {_Z}"
          material="brass" mass="0.02" friction="1.5 0.02 0.001"/>
        <geom type="sphere" size="0.014" pos="-0.072 {_Y} {_Z}" material="brass" mass="0.005"/>
        <geom type="sphere" size="0.014" pos="0.072 {_Y} {_Z}" material="brass" mass="0.005"/>
        <geom type="capsule" size="0.006" fromto="-0.055 {_EDGE} 0.01 -0.055 {_Y} {_Z}"
          material="brass" mass="0.005"/>
        <geom type="capsule" size="0.006" fromto="0.055 {_EDGE} 0.01 0.055 {_Y} {_Z}"
          material="brass" mass="0.005"/>""",
        top=rounded_hull("box_lid", _ROOF + _RIDGE, 0.008),
        walls="0.33 0.19 0.1",
        lid="0.42 0.25 0.13",
        trim="0.3 0.31 0.34",
    )


class RoofedBox(OpenBox):
    """A white box with a lid like a roof and half a ring as its handle."""

    mjcf = box(
        handle=_ring(),
        top=rounded_hull("box_lid", _ROOF + _PEAK, 0.008),
        walls="0.85 0.83 0.78",
        lid="0.2 0.26 0.5",
        trim="0.75 0.2 0.2",
    )
