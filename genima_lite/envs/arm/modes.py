"""How much the arm is allowed: from a rehearsal without it to its normal speed."""

from __future__ import annotations

from dataclasses import dataclass

from genima_lite.errors import UserError


@dataclass(frozen=True)
class Mode:
    """One mode.

    Attributes:
        name: of the mode.
        speed: share of the policy's own speed.
        moves: whether anything is sent to a robot; without, the twin rehearses.
        asks: whether a person confirms each chunk.
    """

    name: str
    speed: float
    moves: bool
    asks: bool


DRY_RUN = Mode("dry-run", 1.0, False, False)
MODES = {
    each.name: each
    for each in (
        DRY_RUN,
        Mode("confirm", 0.2, True, True),
        Mode("slow", 0.2, True, False),
        Mode("normal", 1.0, True, False),
    )
}
"""By name, in the order in which one goes through them."""


def mode_of(name: str) -> Mode:
    """Return a mode.

    Raises:
        UserError: no such mode.
    """
    if name not in MODES:
        raise UserError(f"mode is '{name}': choose from {', '.join(MODES)}")
    return MODES[name]
