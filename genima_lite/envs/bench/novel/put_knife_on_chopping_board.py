"""Other knives; their handles are taken at the same place, and their blades fit the same slot."""

from __future__ import annotations

from genima_lite.envs.bench.shapes import rounded_box
from genima_lite.envs.bench.tasks.put_knife_on_chopping_board import (
    BLADE,
    CASE,
    PutKnifeOnChoppingBoard,
    kitchen,
)

_TOP = CASE[2] + 0.003
_DOTS = "".join(
    f'<geom class="visual" type="cylinder" size="0.007 0.001" pos="{x} {y} {_TOP}" '
    f'material="dark"/>'
    for x in (-0.016, 0.016)
    for y in (-0.028, 0.028)
)
_BAND = f"""
    <geom class="visual" type="box" size="0.004 0.04 0.001" pos="0.024 0 {_TOP}" material="steel"/>
    <geom class="visual" type="box" size="0.02 0.003 0.001" pos="0 0 {_TOP}" material="dark"/>"""
_DAGGER = f"""<mesh name="blade" vertex="0.013 0.0012 0 0.013 -0.0012 0 -0.013 0.0012 0
      -0.013 -0.0012 0 0.017 0.0008 -0.05 0.017 -0.0008 -0.05 -0.017 0.0008 -0.05
      -0.017 -0.0008 -0.05 0 0.0005 -{BLADE} 0 -0.0005 -{BLADE}"/>"""
_CLEAVER = f"""<mesh name="blade" vertex="0.017 0.0012 0 0.017 -0.0012 0 -0.017 0.0004 0
      -0.017 -0.0004 0 0.017 0.0012 -{BLADE} 0.017 -0.0012 -{BLADE} -0.017 0.0004 -{BLADE}
      -0.017 -0.0004 -{BLADE}"/>"""


class SpindleKnife(PutKnifeOnChoppingBoard):
    """A knife with two edges and a round handle with a ball at its end, and a white board."""

    mjcf = kitchen(
        handle="""
        <geom class="visual" type="ellipsoid" size="0.019 0.0105 0.06" pos="0 0 0.062"
          material="grip"/>
        <geom class="visual" type="sphere" size="0.014" pos="0 0 0.118" material="steel"/>""",
        blade=_DAGGER,
        marks=_DOTS,
        maple="0.88 0.9 0.92",
        walnut="0.15 0.2 0.25",
        assets="",
    )


class Cleaver(PutKnifeOnChoppingBoard):
    """A knife with a square end and an angular handle with rivets, and a dark board."""

    mjcf = kitchen(
        handle="""
        <geom class="visual" type="box" size="0.0125 0.0105 0.05" pos="0 0 0.057" material="grip"/>
        <geom class="visual" type="mesh" mesh="knife_end" pos="0 0 0.113" material="dark"/>
        <geom class="visual" type="cylinder" size="0.005 0.011" pos="0 0 0.03" euler="1.5708 0 0"
          material="steel"/>
        <geom class="visual" type="cylinder" size="0.005 0.011" pos="0 0 0.062" euler="1.5708 0 0"
          material="steel"/>""",
        blade=_CLEAVER,
        marks=_BAND,
        maple="0.45 0.28 0.16",
        walnut="0.7 0.6 0.42",
        assets=rounded_box("knife_end", (0.021, 0.011, 0.01), 0.004),
    )
