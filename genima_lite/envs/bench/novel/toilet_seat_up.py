"""Other toilets; the tube at the front of their seats is taken at the same place."""

from __future__ import annotations

from itertools import pairwise

import numpy as np

from genima_lite.envs.bench.shapes import lathe, rounded_box
from genima_lite.envs.bench.tasks.toilet_seat_up import HINGE, RING, TUBE, ToiletSeatUp, toilet


def _tube(corners: list[tuple[float, float]], kind: str, mass: float) -> str:
    """Return a closed tube through corners (x, y) in metres from the bowl's middle."""
    return "".join(
        f'<geom class="{kind}" type="capsule" size="{TUBE}" material="seat" mass="{mass}" '
        f'friction="1.5 0.02 0.001" '
        f'fromto="{x0:.5f} {y0 - HINGE:.5f} 0 {x1:.5f} {y1 - HINGE:.5f} 0"/>'
        for (x0, y0), (x1, y1) in pairwise([*corners, corners[0]])
    )


_SQUARE = [
    (-0.07, -RING),
    (0.07, -RING),
    (0.08, -0.07),
    (0.08, RING),
    (-0.08, RING),
    (-0.08, -0.07),
]
_TURN = np.linspace(0, 2 * np.pi, 20, endpoint=False) + np.pi / 20 - np.pi / 2
_OVAL = [(0.104 * np.cos(t), RING * np.sin(t)) for t in _TURN]


class SquareToilet(ToiletSeatUp):
    """A rose toilet with an angular seat and lid."""

    mjcf = toilet(
        seat=_tube(_SQUARE, "visual", 0),
        felt=_tube(_SQUARE, "collision", 0.04),
        cover='<geom class="visual" type="box" size="0.085 0.09 0.006" pos="0 0.095 0.006" '
        'material="seat"/>',
        tank=rounded_box("tank", (0.08, 0.034, 0.075), 0.005),
        porcelain="0.85 0.6 0.6",
    )


class OvalToilet(ToiletSeatUp):
    """A green toilet with a wide oval seat and lid, and a round tank."""

    mjcf = toilet(
        seat=_tube(_OVAL, "visual", 0),
        felt=_tube(_OVAL, "collision", 0.012),
        cover='<geom class="visual" type="ellipsoid" size="0.11 0.09 0.012" pos="0 0.095 0.006" '
        'material="seat"/>',
        tank=lathe("tank", [(0, -0.075), (0.03, -0.075), (0.055, 0.0), (0.055, 0.075), (0, 0.075)]),
        porcelain="0.45 0.62 0.5",
    )
