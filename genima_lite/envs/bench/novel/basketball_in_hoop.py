"""Other balls and hoops, of the size of the known ones."""

from __future__ import annotations

import numpy as np

from genima_lite.envs.bench.tasks.basketball_in_hoop import (
    BALL,
    BOARD,
    RING,
    BasketballInHoop,
    court,
)

_FIFTH = (1 + 5**0.5) / 2
_CORNERS: list[tuple[float, float, float]] = [
    (0.0, y, z * _FIFTH) for y in (-1, 1) for z in (-1, 1)
]
_CORNERS += [(y, z * _FIFTH, 0.0) for y in (-1, 1) for z in (-1, 1)]
_CORNERS += [(z * _FIFTH, 0.0, y) for y in (-1, 1) for z in (-1, 1)]


def _patch(corner: tuple[float, float, float]) -> str:
    """Return a dark round patch on the ball in a direction."""
    x, y, z = np.array(corner) / np.linalg.norm(corner) * (BALL - 0.006)
    return (
        f'<geom class="visual" type="sphere" size="0.0085" pos="{x:.5f} {y:.5f} {z:.5f}" '
        f'material="seam"/>'
    )


_PATCHES = "".join(_patch(corner) for corner in _CORNERS)
_MERIDIANS = "".join(
    f'<geom class="visual" type="mesh" mesh="seam" euler="1.5708 {turn:.4f} 0" material="seam"/>'
    for turn in np.pi * np.arange(4) / 4
) + "".join(
    f'<geom class="visual" type="cylinder" size="0.012 0.003" pos="0 {y} 0" '
    f'euler="1.5708 0 0" material="seam"/>'
    for y in (-BALL + 0.003, BALL - 0.003)
)
_HEIGHT = RING[2] + 0.05


class SpottedBall(BasketballInHoop):
    """A ball with twelve dark patches and a blue round board."""

    mjcf = court(
        ball=_PATCHES,
        board=f"""
        <geom type="cylinder" size="0.085 0.004" pos="{BOARD - 0.004} 0 {_HEIGHT}"
          euler="0 1.5708 0" material="board"/>
        <geom class="visual" type="cylinder" size="0.04 0.001" pos="{BOARD} 0 {_HEIGHT}"
          euler="0 1.5708 0" material="line"/>""",
        backing="0.15 0.3 0.6",
        rim="0.85 0.8 0.2",
    )


class StripedBall(BasketballInHoop):
    """A ball with white lines from pole to pole and a dark board like a star."""

    mjcf = court(
        ball=_MERIDIANS,
        board=f"""
        <geom type="box" size="0.004 0.05 0.065" pos="{BOARD - 0.004} 0 {_HEIGHT}"
          material="board"/>
        <geom type="box" size="0.004 0.053 0.053" pos="{BOARD - 0.004} 0 {_HEIGHT}"
          euler="0.7854 0 0" material="board"/>
        <geom class="visual" type="box" size="0.001 0.03 0.024" pos="{BOARD} 0 {_HEIGHT - 0.01}"
          material="cord"/>""",
        backing="0.12 0.12 0.14",
        rim="0.2 0.55 0.25",
        seam="0.95 0.94 0.9",
    )
