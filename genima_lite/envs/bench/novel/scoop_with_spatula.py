"""Other spatulas; they are felt as the known one, and taken at the same place."""

from __future__ import annotations

from genima_lite.envs.bench.tasks.scoop_with_spatula import (
    HEEL,
    LENGTH,
    SLOPE,
    WIDTH,
    ScoopWithSpatula,
    spatula,
)


def _blade(outline: list[tuple[float, float]]) -> str:
    """Return the mesh of a blade: half its outline from the heel to the lip, x and y in metres."""
    points = "".join(
        f"{x} {side * y} 0.0003 {x} {side * y} {HEEL * (1 - x / LENGTH) + 0.0004:.5f} "
        for x, y in outline
        for side in (-1, 1)
    )
    return f'<mesh name="blade" vertex="{points}"/>'


def _on_blade(shape: str, x: float, y: float) -> str:
    """Return a hole drawn on the blade."""
    return (
        f'<geom class="visual" {shape} material="hole" euler="0 {SLOPE:.5f} 0" '
        f'pos="{x} {y} {HEEL * (1 - x / LENGTH) + 0.0004:.5f}"/>'
    )


_ROUND = [(0.0, 0.02), (0.012, 0.034), (0.035, WIDTH), (0.06, 0.04), (0.078, 0.03), (LENGTH, 0.012)]
_FAN = [(0.0, 0.016), (0.02, 0.02), (LENGTH, WIDTH)]
_DOTS = "".join(
    _on_blade('type="cylinder" size="0.006 0.0004"', x, y)
    for x in (0.028, 0.05)
    for y in (-0.022, 0.0, 0.022)
)
_GRID = "".join(
    _on_blade('type="box" size="0.0035 0.014 0.0004"', x, 0.0) for x in (0.03, 0.046, 0.062)
)


class RoundSpatula(ScoopWithSpatula):
    """A spatula with a round blade of steel, dark holes and an angular red handle."""

    mjcf = spatula(
        blade=_blade(_ROUND),
        holes=_DOTS,
        handle="""
        <geom type="capsule" size="0.005" fromto="0.01 0 0.008 -0.045 0 0.0335" material="metal"
          mass="0.01"/>
        <geom type="box" size="0.05 0.009 0.009" pos="-0.0875 0 0.0583" euler="0 0.527 0"
          material="handle" mass="0.03"/>""",
        color="0.55 0.58 0.62",
        grip="0.7 0.12 0.1",
    )


class FanSpatula(ScoopWithSpatula):
    """A green spatula that widens to its lip, with slots across and a ball at its end."""

    mjcf = spatula(
        blade=_blade(_FAN),
        holes=_GRID,
        handle="""
        <geom type="capsule" size="0.009" fromto="0.01 0 0.01 -0.13 0 0.083" material="handle"
          mass="0.04"/>
        <geom class="visual" type="sphere" size="0.016" pos="-0.134 0 0.085" material="blade"/>""",
        color="0.15 0.5 0.25",
        grip="0.9 0.88 0.8",
    )
