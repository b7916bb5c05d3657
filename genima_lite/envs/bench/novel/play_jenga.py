"""Other loose bricks, of the height of the known one; the tower is the same."""

from __future__ import annotations

import numpy as np

from genima_lite.envs.bench.shapes import prism
from genima_lite.envs.bench.tasks.play_jenga import HEIGHT, LENGTH, SLACK, PlayJenga, bricks

_HALF = (HEIGHT - SLACK) / 2


class RoundBar(PlayJenga):
    """A round bar."""

    mjcf = bricks(f'type="cylinder" size="{_HALF} {LENGTH / 2}" euler="0 {np.pi / 2} 0"')


class SixSidedBar(PlayJenga):
    """A bar with six sides; it lies on one of them."""

    mjcf = bricks(
        f'type="mesh" mesh="six" euler="0 {np.pi / 2} 0"', prism("six", 6, _HALF, LENGTH / 2)
    )
