"""Other sticks and laptops; the sticks are as wide and their plugs the same."""

from __future__ import annotations

from itertools import pairwise

import numpy as np

from genima_lite.envs.bench.shapes import rounded_hull
from genima_lite.envs.bench.tasks.insert_usb_in_computer import BODY, InsertUsbInComputer, laptop

_X, _Y, _Z = BODY
_DROP = [(x, y, z) for x in (-0.006, 0.021) for y in (-0.0095, 0.0095) for z in (-0.0045, 0.0045)]
_DROP += [(-0.026, y, z) for y in (-0.002, 0.002) for z in (-0.002, 0.002)]
_PILL = [(x, y, 0.0) for x in (-0.019, 0.017) for y in (-0.005, 0.005)]
_TURN = np.linspace(0, 2 * np.pi, 11)
_RING = np.stack([-_X - 0.014 + 0.013 * np.cos(_TURN), 0.013 * np.sin(_TURN)], axis=1)
_KEY_RING = "".join(
    f'<geom class="visual" type="capsule" size="0.0022" material="metal" '
    f'fromto="{x0:.5f} {y0:.5f} -0.005 {x1:.5f} {y1:.5f} -0.005"/>'
    for (x0, y0), (x1, y1) in pairwise(_RING)
)


class DropStick(InsertUsbInComputer):
    """A stick like a drop on a key ring, and a black laptop."""

    mjcf = laptop(
        stick=rounded_hull("stick", _DROP, 0.0045),
        mark=_KEY_RING,
        case="0.16 0.16 0.18",
        key="0.5 0.5 0.53",
        display="0.1 0.5 0.3",
    )


class PillStick(InsertUsbInComputer):
    """A round stick with a dark cap and a white ring around it, and a golden laptop."""

    mjcf = laptop(
        stick=rounded_hull("stick", _PILL, 0.009),
        mark=f"""
        <geom class="visual" type="box" size="0.004 {_Y + 0.0005} {_Z + 0.0005}"
          pos="-0.006 0 0" material="window"/>
        <geom class="visual" type="ellipsoid" size="0.01 0.012 0.0085" pos="-0.022 0 0"
          material="dark"/>""",
        case="0.75 0.62 0.42",
        key="0.93 0.92 0.9",
        display="0.65 0.25 0.45",
    )
