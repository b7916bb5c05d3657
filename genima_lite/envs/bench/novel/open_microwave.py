"""Other microwaves; their handles are gripped at the same place."""

from __future__ import annotations

from genima_lite.envs.bench.tasks.open_microwave import (
    DEPTH,
    PANEL_MIDDLE,
    OpenMicrowave,
    microwave,
)


def _knobs(radius: float) -> str:
    """Return two knobs, one above the other."""
    return "".join(
        f'<geom class="visual" type="cylinder" size="{radius} 0.008" euler="0 1.5708 0" '
        f'pos="{-DEPTH - 0.016} {PANEL_MIDDLE} {height}" material="key"/>'
        f'<geom class="visual" type="box" size="0.002 0.002 {radius}" '
        f'pos="{-DEPTH - 0.025} {PANEL_MIDDLE} {height}" material="door"/>'
        for height in (0.05, 0.105)
    )


_LONG_KEYS = "".join(
    f'<geom class="visual" type="box" size="0.002 0.03 0.005" '
    f'pos="{-DEPTH - 0.014} {PANEL_MIDDLE} {0.04 + 0.022 * row:.3f}" material="key"/>'
    for row in range(5)
)


class KnobMicrowave(OpenMicrowave):
    """A red microwave with two round knobs; its door has a short thick peg."""

    mjcf = microwave(
        handle="""
        <geom type="cylinder" size="0.0105 0.031" pos="0 0 0.011" material="metal" mass="0.02"
          friction="1.5 0.02 0.001"/>
        <geom type="cylinder" size="0.007" fromto="0 0 -0.012 0.044 0 -0.012" material="metal"
          mass="0.01"/>""",
        keys=_knobs(0.018),
        case="0.6 0.13 0.1",
        door="0.75 0.7 0.6",
    )


class BowMicrowave(OpenMicrowave):
    """A pale green microwave with long keys and a white bowed handle."""

    mjcf = microwave(
        handle="""
        <geom type="capsule" size="0.008" fromto="0 0 -0.02 0 0 0.042" material="key" mass="0.01"
          friction="1.5 0.02 0.001"/>
        <geom type="capsule" size="0.008" fromto="0 0 -0.02 0.012 0 -0.05" material="key"
          mass="0.005"/>
        <geom type="capsule" size="0.008" fromto="0.012 0 -0.05 0.044 0 -0.068" material="key"
          mass="0.005"/>
        <geom type="capsule" size="0.006" fromto="0 0 0.042 0.044 0 0.055" material="key"
          mass="0.005"/>""",
        keys=_LONG_KEYS,
        case="0.5 0.66 0.58",
        door="0.2 0.3 0.27",
    )
