"""Other plates, as thick and high as the known one; they stand on the same rails."""

from __future__ import annotations

import numpy as np

from genima_lite.envs.bench.tasks.take_plate_off_colored_dish_rack import (
    RADIUS,
    RAIL,
    THICK,
    TakePlateOffColoredDishRack,
    dishes,
)

_FOOT = np.sqrt(RADIUS**2 - RAIL**2)
_HALF, _MIDDLE = (RADIUS + _FOOT) / 2, (RADIUS - _FOOT) / 2
_ALONG_X = 'euler="0 1.5708 0"'
_PETALS = "".join(
    f'<geom class="visual" type="cylinder" size="0.019 0.006" {_ALONG_X} material="china" '
    f'pos="0.002 {0.071 * np.cos(a):.5f} {0.071 * np.sin(a):.5f}"/>'
    for a in np.pi / 2 + 2 * np.pi * np.arange(10) / 10
)


class SquarePlate(TakePlateOffColoredDishRack):
    """A yellow square plate with a green middle."""

    mjcf = dishes(
        look=f"""
        <geom class="visual" type="box" size="{THICK / 4} 0.05 0.055" material="china"
          pos="-{THICK / 4} 0 {_MIDDLE}"/>
        <geom class="visual" type="box" size="{THICK / 4} 0.082 {_HALF}" material="china"
          pos="{THICK / 4} 0 {_MIDDLE}"/>
        <geom class="visual" type="box" size="0.0006 0.05 0.055" material="band"
          pos="{THICK / 2} 0 {_MIDDLE}"/>""",
        felt=f"""
        <geom class="collision" type="box" size="{THICK / 2} 0.082 {_HALF}" mass="0.25"
          pos="0 0 {_MIDDLE}"/>""",
        china="0.9 0.75 0.25",
        band="0.2 0.5 0.25",
        mat="0.45 0.5 0.7",
    )


class FlowerPlate(TakePlateOffColoredDishRack):
    """A pale blue plate like a flower with ten petals and an orange middle."""

    mjcf = dishes(
        look=f"""{_PETALS}
        <geom class="visual" type="cylinder" size="0.07 0.007" {_ALONG_X} material="china"/>
        <geom class="visual" type="cylinder" size="0.034 0.0076" {_ALONG_X} material="band"/>""",
        china="0.5 0.72 0.9",
        band="0.95 0.55 0.1",
        mat="0.75 0.6 0.55",
    )
