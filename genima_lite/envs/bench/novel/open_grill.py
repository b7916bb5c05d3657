"""Other grills; the bar of their lids is at the same place."""

from __future__ import annotations

from itertools import pairwise

from genima_lite.envs.bench.tasks.open_grill import BAR, OpenGrill, grill

_Y, _Z = BAR
_FLAT = [
    *[(0.094, 0.0), (0.104, 0.0), (0.104, 0.006), (0.098, 0.05), (0.09, 0.062), (0.0, 0.07)],
    *[(0.0, 0.064), (0.086, 0.056), (0.092, 0.048)],
]
_CONE = [
    *[(0.094, 0.0), (0.108, 0.0), (0.106, 0.008), (0.092, 0.03), (0.05, 0.062), (0.016, 0.1)],
    *[(0.0, 0.102), (0.0, 0.09), (0.046, 0.056), (0.086, 0.028)],
]
_CAP = [(0.0, 0.0), (0.045, 0.0), (0.045, 0.006), (0.0, 0.007)]
_BALL = [(0.0, 0.02), (0.01, 0.024), (0.018, 0.034), (0.018, 0.042), (0.01, 0.052), (0.0, 0.055)]


def _bow() -> str:
    """Return a bowed handle: its middle is the bar that the fingers take."""
    path = [(-0.06, -0.08, 0.026), (-0.052, _Y + 0.016, _Z - 0.004), (-0.028, _Y, _Z)]
    path += [(-x, y, z) for x, y, z in reversed(path)]
    return "".join(
        f'<geom type="capsule" size="0.0085" material="grip" mass="0.006" '
        f'friction="1.5 0.02 0.001" fromto="{" ".join(map(str, start + end))}"/>'
        for start, end in pairwise(path)
    )


class FlatGrill(OpenGrill):
    """A blue grill with a flat lid and a long bar of steel."""

    mjcf = grill(
        dome=_FLAT,
        vent=_CAP,
        handle=f"""
        <geom type="capsule" size="0.0085" fromto="-0.075 {_Y} {_Z} 0.075 {_Y} {_Z}"
          material="metal" mass="0.02" friction="1.5 0.02 0.001"/>
        <geom type="capsule" size="0.006" fromto="-0.052 -0.08 0.024 -0.052 {_Y} {_Z}"
          material="metal" mass="0.005"/>
        <geom type="capsule" size="0.006" fromto="0.052 -0.08 0.024 0.052 {_Y} {_Z}"
          material="metal" mass="0.005"/>""",
        kettle="0.12 0.2 0.42",
    )


class PointedGrill(OpenGrill):
    """A grey grill with a pointed lid, a ball on its top and a bowed handle."""

    mjcf = grill(dome=_CONE, vent=_BALL, handle=_bow(), kettle="0.5 0.5 0.48")
