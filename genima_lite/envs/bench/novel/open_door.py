"""Other doors; their handles are pressed at the same place."""

from __future__ import annotations

from genima_lite.envs.bench.shapes import lathe, rounded_box
from genima_lite.envs.bench.tasks.open_door import HUB, LEVER, THICK, OpenDoor, door


def _flat(side: int) -> str:
    """Return a flat lever with a turned-up end."""
    x = side * -HUB[0]
    return f"""
        <geom type="cylinder" size="0.011" fromto="{side * THICK} 0 0 {x} 0 0" material="brass"
          mass="0.005"/>
        <geom type="box" size="0.005 {LEVER / 2} 0.009" pos="{x} {LEVER / 2} 0" material="brass"
          mass="0.015" friction="0.3 0.005 0.0001" priority="1"/>
        <geom class="visual" type="box" size="0.005 0.007 0.022" pos="{x} {LEVER} -0.013"
          material="brass"/>"""


def _round(side: int) -> str:
    """Return a round lever with a ball at either end."""
    x = side * -HUB[0]
    return f"""
        <geom type="cylinder" size="0.008" fromto="{side * THICK} 0 0 {x} 0 0" material="brass"
          mass="0.005"/>
        <geom type="capsule" size="0.009" fromto="{x} 0 0 {x} {LEVER} 0" material="brass"
          mass="0.015" friction="0.3 0.005 0.0001" priority="1"/>
        <geom class="visual" type="sphere" size="0.018" pos="{x} 0 0" material="brass"/>
        <geom class="visual" type="sphere" size="0.014" pos="{x} {LEVER + 0.004} 0"
          material="brass"/>"""


_PLANKS = "".join(
    f'<geom class="visual" type="box" size="0.0015 0.003 0.17" '
    f'pos="{side * THICK} {-0.09 + 0.045 * i:.3f} 0" material="panel"/>'
    for side in (-1, 1)
    for i in range(5)
)
_WINDOW = "".join(
    f'<geom class="visual" type="box" size="0.002 {0.075 + more} {0.06 + more}" '
    f'pos="{side * (THICK + 0.001 - more / 10):.4f} 0 0.11" material="{material}"/>'
    for side in (-1, 1)
    for more, material in ((0.0, "frame"), (0.012, "panel"))
)


class PlankDoor(OpenDoor):
    """A brown door of planks with a flat lever on a square plate."""

    mjcf = door(
        handle=_flat(-1) + _flat(1),
        panels=_PLANKS,
        plate=rounded_box("plate", (0.003, 0.026, 0.026), 0.0025),
        leaf="0.42 0.25 0.14",
        panel="0.2 0.11 0.06",
    )


class WindowDoor(OpenDoor):
    """A blue door with a window and a round lever that ends in balls, on a small plate."""

    mjcf = door(
        handle=_round(-1) + _round(1),
        panels=_WINDOW,
        plate=lathe("plate", [(0, -0.002), (0.012, -0.002), (0.012, 0.002), (0, 0.002)]),
        leaf="0.15 0.22 0.5",
        panel="0.09 0.13 0.32",
    )
