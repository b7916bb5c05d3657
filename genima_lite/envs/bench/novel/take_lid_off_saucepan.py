"""Other saucepans; all lids have a knob that is taken at the same height."""

from __future__ import annotations

from genima_lite.envs.bench.tasks.take_lid_off_saucepan import TakeLidOffSaucepan, saucepan


def _ear(side: int) -> str:
    """Return a handle on one side of a casserole."""
    ends = (f"0.03 {side * 0.076} 0.062", f"0.024 {side * 0.108} 0.066")
    return "".join(
        f'<geom type="capsule" size="0.007" fromto="{start} {end}" material="enamel"/>'
        for start, end in (ends, [f"-{end}" for end in ends], (ends[1], f"-{ends[1]}"))
    )


class Casserole(TakeLidOffSaucepan):
    """A blue casserole with two ears, a lid of its colour and a ball on it."""

    mjcf = saucepan(
        pan=[(0, 0.0), (0.076, 0.0), (0.08, 0.004), (0.08, 0.082), (0.075, 0.082), (0.075, 0.012)],
        lid=[(0, 0.0), (0.083, 0.0), (0.084, 0.004), (0.07, 0.015), (0.04, 0.0225), (0, 0.025)],
        knob=[
            *[(0, 0.0), (0.008, 0.0), (0.008, 0.006), (0.0145, 0.01), (0.018, 0.019)],
            *[(0.0145, 0.028), (0.007, 0.032), (0, 0.033)],
        ],
        handle=_ear(1) + _ear(-1),
        enamel="0.1 0.22 0.5",
        cover="enamel",
    )


class MilkPan(TakeLidOffSaucepan):
    """A cream pan that widens upwards, with a flat wooden handle and a broad knob."""

    mjcf = saucepan(
        pan=[(0, 0.0), (0.05, 0.0), (0.056, 0.006), (0.08, 0.082), (0.075, 0.082), (0.052, 0.012)],
        lid=[(0, 0.0), (0.084, 0.0), (0.084, 0.007), (0.03, 0.011), (0.026, 0.023), (0, 0.024)],
        knob=[(0, 0.0), (0.017, 0.0), (0.018, 0.003), (0.018, 0.028), (0.015, 0.031), (0, 0.031)],
        handle="""
        <geom type="box" size="0.065 0.011 0.005" pos="0.138 0 0.068" rgba="0.6 0.4 0.2 1"/>
        <geom type="cylinder" size="0.016 0.005" pos="0.2 0 0.068" rgba="0.6 0.4 0.2 1"/>""",
        enamel="0.85 0.8 0.68",
    )
