"""Other crumpled papers, of the size of the known one."""

from __future__ import annotations

import numpy as np

from genima_lite.envs.bench.tasks.put_rubbish_in_bin import PutRubbishInBin, crumpled, rubbish

_HOOPS = "".join(
    f'<geom class="visual" type="cylinder" size="{radius} 0.005" pos="0 0 {height}" '
    f'material="rib"/>'
    for radius, height in ((0.0625, 0.025), (0.0665, 0.055), (0.0705, 0.085))
)
_DOTS = "".join(
    f'<geom class="visual" type="sphere" size="0.01" material="rib" '
    f'pos="{radius * np.cos(a):.5f} {radius * np.sin(a):.5f} {height}"/>'
    for radius, height in ((0.0585, 0.03), (0.064, 0.075))
    for a in 2 * np.pi * np.arange(9) / 9
)


class BrownWad(PutRubbishInBin):
    """A rough wad of brown paper with large creases, and a bin with hoops."""

    mjcf = rubbish(
        paper=crumpled("paper", seed=9, points=34, low=0.66),
        ribs=_HOOPS,
        color="0.42 0.27 0.13",
        side="0.5 0.5 0.5",
        stripes="0.3 0.3 0.32",
    )


class BluePack(PutRubbishInBin):
    """A pack of blue paper, nearly a cube, and a bin with dots."""

    mjcf = rubbish(
        paper=crumpled("paper", seed=8, points=160, low=0.86, square=8.0),
        ribs=_DOTS,
        color="0.3 0.5 0.85",
        side="0.22 0.4 0.25",
        stripes="0.85 0.8 0.6",
    )
