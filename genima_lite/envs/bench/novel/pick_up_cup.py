"""Other cups; all have the rim that the fingers take."""

from __future__ import annotations

import numpy as np

from genima_lite.envs.bench.shapes import wall
from genima_lite.envs.bench.tasks.pick_up_cup import HEIGHT, RADIUS, SIDES, WALL, PickUpCup, cups

_CONE = [(0, 0.0), (0.026, 0.0), (0.029, 0.004), (RADIUS, HEIGHT), (0.041, HEIGHT), (0.024, 0.01)]
_SQUARE = np.array(
    [
        *[(0.03, 0.032), (0.052, 0.032), (0.068, 0.032), (0.068, 0.058)],
        *[(0.068, 0.084), (0.054, 0.084), (0.04, 0.084)],
    ]
)
_BARREL = [
    *[(0, 0.0), (0.03, 0.0), (0.043, 0.022), (0.049, 0.045), (0.047, 0.07), (RADIUS, 0.084)],
    *[(RADIUS, HEIGHT), (0.041, HEIGHT), (0.041, 0.084), (0.045, 0.045), (0.03, 0.012)],
]
_TURN = np.linspace(-0.4 * np.pi, 0.4 * np.pi, 7)
_EAR = np.stack([0.046 + 0.034 * np.cos(_TURN), 0.05 + 0.024 * np.sin(_TURN)], axis=1)
_RIM = RADIUS - 0.001


class ConicalCup(PickUpCup):
    """A cup that widens from a narrow foot, with an angular handle."""

    mjcf = cups(
        _CONE,
        _SQUARE,
        foot=0.027,
        felt=wall(0.034, WALL, 0.01, 0.05, SIDES) + wall(_RIM, WALL, 0.05, HEIGHT, SIDES),
    )


class BarrelCup(PickUpCup):
    """A cup with a belly and a wide, low ear."""

    mjcf = cups(
        _BARREL,
        _EAR,
        foot=0.032,
        felt=wall(0.047, WALL, 0.01, 0.07, SIDES) + wall(_RIM, WALL, 0.07, HEIGHT, SIDES),
    )
