"""A figure that shows itself in a notebook, and the colours all pictures share."""

from __future__ import annotations

from io import BytesIO

import matplotlib.figure

JOINT_COLOURS = ("#0072B2", "#E69F00", "#009E73", "#D55E00", "#56B4E9", "#CC79A7", "#4D4D4D")
"""One a joint, base to hand: Okabe and Ito's colour-blind safe set, grey in place of yellow."""

OPEN_COLOUR, CLOSED_COLOUR = "#DDE6ED", "#44546A"
MARK_COLOUR = "#B4B4B4"
TEXT_COLOUR = "#222222"
QUIET_COLOUR = "#5F5F5F"

NOTEBOOK_DPI = 150


class Figure(matplotlib.figure.Figure):
    """A matplotlib figure made without pyplot: no window, no global state, no double display."""

    def _repr_png_(self) -> bytes:
        """Return the PNG that Jupyter shows."""
        buffer = BytesIO()
        self.savefig(buffer, format="png", dpi=NOTEBOOK_DPI)
        return buffer.getvalue()


def literal(text: str) -> str:
    """Return a text of which matplotlib reads no part as a formula."""
    return text.replace("$", r"\$")
