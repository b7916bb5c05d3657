"""Other washing machines; the handles of their doors are gripped at the same place."""

from __future__ import annotations

from genima_lite.envs.bench.tasks.open_washing_machine import (
    RING,
    OpenWashingMachine,
    washing_machine,
)

_BROAD = [(0.03, 0.0), (RING, 0.0), (RING, 0.008), (0.058, 0.014), (0.034, 0.016), (0.03, 0.01)]
_SMALL = [(0.0, 0.002), (0.032, 0.002), (0.032, 0.008), (0.02, 0.014), (0.0, 0.016)]
_NARROW = [(0.056, 0.0), (RING, 0.0), (RING, 0.012), (0.061, 0.015), (0.056, 0.012)]
_WIDE = [(0.0, 0.002), (0.058, 0.002), (0.056, 0.006), (0.03, 0.016), (0.0, 0.019)]


class PortholeWasher(OpenWashingMachine):
    """A dark machine whose door has a small window and a thick peg."""

    mjcf = washing_machine(
        handle="""
        <geom type="cylinder" size="0.0105 0.022" material="metal" mass="0.02"
          friction="1.5 0.02 0.001"/>
        <geom type="capsule" size="0.007" fromto="0 0 -0.008 0.036 0.003 -0.008" material="metal"
          mass="0.01"/>""",
        door=_BROAD,
        glass=_SMALL,
        enamel="0.25 0.26 0.29",
        trim="0.75 0.75 0.72",
    )


class GlassWasher(OpenWashingMachine):
    """A yellow machine whose door is nearly all glass, with an upright fin."""

    mjcf = washing_machine(
        handle="""
        <geom type="box" size="0.01 0.007 0.026" material="dark" mass="0.02"
          friction="1.5 0.02 0.001"/>
        <geom type="box" size="0.014 0.005 0.008" pos="0.022 0.002 -0.018" material="dark"
          mass="0.005"/>
        <geom type="box" size="0.014 0.005 0.006" pos="0.022 0.002 0.02" material="dark"
          mass="0.005"/>""",
        door=_NARROW,
        glass=_WIDE,
        enamel="0.85 0.7 0.3",
        trim="0.5 0.12 0.1",
    )
