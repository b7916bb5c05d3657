"""A figure that shows itself in a notebook, and the colours all pictures share."""

from __future__ import annotations

from io import BytesIO

import matplotlib.figure
from matplotlib.text import Text

from genima_lite.viz.described import picture_html

JOINT_COLOURS = ("#0072B2", "#E69F00", "#009E73", "#D55E00", "#56B4E9", "#CC79A7", "#4D4D4D")
"""One a joint, base to hand: Okabe and Ito's colour-blind safe set, grey in place of yellow."""

OPEN_COLOUR, CLOSED_COLOUR = "#DDE6ED", "#44546A"
MARK_COLOUR = "#B4B4B4"
TEXT_COLOUR = "#222222"
QUIET_COLOUR = "#5F5F5F"

NOTEBOOK_DPI = 150

COLUMN, NARROW = 7.67, 4.91
"""Inches: the site's column, and the width of a figure whose pixels just fill it."""

LEAST_POINTS = 8.0
"""Of text as it is shown in that column."""


class Figure(matplotlib.figure.Figure):
    """A matplotlib figure made without pyplot: no window, no global state, no double display.

    Attributes:
        alt: what it shows, for those who do not see it; by default its titles and axes' names.
    """

    alt = ""

    def saying(self, alt: str) -> Figure:
        """Return this figure with a text for those who do not see it."""
        self.alt = " ".join(alt.split())
        return self

    def _repr_html_(self) -> str:
        """Return the picture that Jupyter shows, with its alternative text."""
        return picture_html(self.png(), self.described())

    def described(self) -> str:
        """Return the text for those who do not see the figure."""
        return self.alt or self._titles()

    def png(self) -> bytes:
        """Return the figure as a PNG file.

        Text that would be smaller than `LEAST_POINTS` in the site's column is enlarged.
        """
        self._enlarge_text(self.smallest_points())
        buffer = BytesIO()
        self.savefig(buffer, format="png", dpi=NOTEBOOK_DPI)
        return buffer.getvalue()

    def smallest_points(self) -> float:
        """Return the size below which a text is too small once the figure fills the column."""
        return LEAST_POINTS * max(float(self.get_size_inches()[0]), NARROW) / COLUMN

    def _enlarge_text(self, least: float) -> None:
        self.draw_without_rendering()  # makes the labels of ticks
        for axes in self.axes:
            for axis in (axes.xaxis, axes.yaxis):
                if any(float(each.get_fontsize()) < least for each in axis.get_ticklabels()):
                    axis.set_tick_params(which="both", labelsize=least)
        for text in self.findobj(Text):
            if float(text.get_fontsize()) < least:
                text.set_fontsize(least)

    def _titles(self) -> str:
        names = (
            name
            for axes in self.axes
            for name in (axes.get_title(), axes.get_xlabel(), axes.get_ylabel())
        )
        return "; ".join(dict.fromkeys(" ".join(name.split()) for name in names if name)) or "views"


def literal(text: str) -> str:
    """Return a text of which matplotlib reads no part as a formula."""
    return text.replace("$", r"\$")
