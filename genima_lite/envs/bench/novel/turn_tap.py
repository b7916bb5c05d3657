"""Other taps; their handles have four arms too, as high as the known ones."""

from __future__ import annotations

from genima_lite.envs.bench.tasks.turn_tap import BACK, TurnTap, taps

_AROUND = ((1, 0, 0.0), (-1, 0, 0.0), (0, 1, 1.5708), (0, -1, 1.5708))
_KNOBBED = "".join(
    f'<geom type="capsule" size="0.0055" fromto="0 0 0 {x * 0.046} {y * 0.046} 0" '
    f'material="metal" mass="0.008" friction="1.5 0.02 0.001"/>'
    f'<geom type="sphere" size="0.0105" pos="{x * 0.049} {y * 0.049} 0" material="metal" '
    f'mass="0.004"/>'
    for x, y, _ in _AROUND
)
_BLADES = "".join(
    f'<geom type="box" size="0.019 0.0055 0.0075" pos="{x * 0.02} {y * 0.02} -0.001" '
    f'euler="0 0 {turn}" material="dark" mass="0.01" friction="1.5 0.02 0.001"/>'
    for x, y, turn in _AROUND
)
_FLAT_HUB = [(0.0, -0.01), (0.015, -0.01), (0.015, 0.009), (0.0, 0.01)]
_TALL_HUB = [(0.0, -0.009), (0.009, -0.009), (0.013, 0.0), (0.009, 0.009), (0.0, 0.012)]
_BOWL = [
    *[(0.0, 0.0), (0.04, 0.0), (0.08, 0.012), (0.1, 0.035), (0.105, 0.064), (0.099, 0.064)],
    *[(0.093, 0.04), (0.07, 0.02), (0.0, 0.01)],
]
_PAN = [(0.0, 0.0), (0.1, 0.0), (0.105, 0.064), (0.082, 0.064), (0.076, 0.012), (0.0, 0.01)]


class KnobbedTaps(TurnTap):
    """Taps with a ball at the end of each arm, a slanting spout and a brown bowl."""

    mjcf = taps(
        arms=_KNOBBED,
        hub=_TALL_HUB,
        basin=_BOWL,
        spout=f"""
        <geom type="capsule" size="0.012" fromto="{BACK} 0 0.06 {BACK - 0.07} 0 0.1"
          material="metal"/>
        <geom type="capsule" size="0.014" fromto="{BACK - 0.07} 0 0.1 {BACK - 0.072} 0 0.088"
          material="metal"/>""",
        ceramic="0.5 0.33 0.22",
    )


class BladeTaps(TurnTap):
    """Dark taps with flat arms, an angular spout and a green basin with a broad rim."""

    mjcf = taps(
        arms=_BLADES,
        hub=_FLAT_HUB,
        basin=_PAN,
        spout=f"""
        <geom type="box" size="0.01 0.012 0.025" pos="{BACK} 0 0.085" material="dark"/>
        <geom type="box" size="0.045 0.012 0.006" pos="{BACK - 0.035} 0 0.112" material="dark"/>
        """,
        ceramic="0.4 0.6 0.52",
    )
