"""Other telephones; their receivers have the same grip and rest at the same height."""

from __future__ import annotations

from genima_lite.envs.bench.shapes import lathe, rounded_hull
from genima_lite.envs.bench.tasks.phone_on_base import PhoneOnBase, telephone

_BLOCK = [
    *[(x, y, 0.006) for x in (-0.076, 0.058) for y in (-0.062, 0.062)],
    *[(-0.076, y, 0.012) for y in (-0.062, 0.062)],
    *[(x, y, 0.048) for x in (0.0, 0.058) for y in (-0.045, 0.045)],
]
_ROUND = [
    *[(-0.08, y, 0.006) for y in (-0.03, 0.03)],
    *[(-0.03, y, 0.006) for y in (-0.06, 0.06)],
    *[(0.06, y, 0.006) for y in (-0.04, 0.04)],
    *[(x, y, 0.048) for x in (0.004, 0.042) for y in (-0.024, 0.024)],
]
_SQUARE_EAR = [
    *[(x, y, 0.004) for x in (-0.022, 0.022) for y in (-0.018, 0.018)],
    *[(x, y, 0.022) for x in (-0.022, 0.022) for y in (-0.018, 0.018)],
    *[(x, y, 0.036) for x in (-0.01, 0.01) for y in (-0.012, 0.012)],
]
_BELL = [(0, 0.0), (0.032, 0.0), (0.032, 0.003), (0.02, 0.014), (0.014, 0.036), (0, 0.04)]
_KEYS = "".join(
    f'<geom class="visual" type="box" size="0.006 0.007 0.002" material="ivory" '
    f'pos="{x} {y} 0.0045"/>'
    for x in (-0.024, -0.008, 0.008, 0.024)
    for y in (-0.02, 0.0, 0.02)
)
_RING = """
    <geom class="visual" type="cylinder" size="0.034 0.003" pos="0 0 0.0035" material="steel"/>
    <geom class="visual" type="cylinder" size="0.024 0.003" pos="0 0 0.0045" material="dark"/>
    <geom class="visual" type="cylinder" size="0.012 0.003" pos="0 0 0.0055" material="ivory"/>"""


class KeyPhone(PhoneOnBase):
    """A black angular telephone with keys, and a receiver with square ends."""

    mjcf = telephone(
        body=rounded_hull("phone_base", _BLOCK, 0.006),
        dial=_KEYS,
        ear=rounded_hull("ear", _SQUARE_EAR, 0.004),
        shell="0.12 0.12 0.14",
    )


class BellPhone(PhoneOnBase):
    """A green telephone with a ring as its dial, and a receiver that ends in bells."""

    mjcf = telephone(
        body=rounded_hull("phone_base", _ROUND, 0.006),
        dial=_RING,
        ear=lathe("ear", _BELL),
        shell="0.3 0.55 0.4",
    )
