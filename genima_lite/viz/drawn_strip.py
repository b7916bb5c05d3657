"""Decisions of an episode on one page: what was seen, what was drawn, what was true."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from textwrap import shorten
from typing import TYPE_CHECKING, Any

import numpy as np
from matplotlib.axes import Axes

from genima_lite.errors import UserError
from genima_lite.observation import CONTROL_PERIOD
from genima_lite.viz.figure import QUIET_COLOUR, TEXT_COLOUR, Figure, literal
from genima_lite.viz.views import label_views, lay_out

if TYPE_CHECKING:
    from genima_lite.evaluation.recording import RecordedStep

FONT = 9.0
"""Points."""

CELL, GAP = 1.85, 0.07
"""Inches: a picture's width, and what lies between two."""

LEFT, TOP, BOTTOM = 0.3, 0.42, 0.3
"""Inches around the pictures: for the rows' names, the title, the times."""


def drawn_strip(steps: Sequence[RecordedStep], title: str = "", instruction: str = "") -> Figure:
    """Draw decisions side by side: a row each for what was seen, drawn and true.

    A row of which there is nothing is left out.

    Args:
        steps: with views of at least one of the four tiled cameras.
        title: in bold.
        instruction: shown in quotation marks behind the title.

    Raises:
        UserError: no steps, or none with pictures.
    """
    rows = _rows(steps)
    if not rows:
        raise UserError("no decision with pictures to show")
    layout = _Layout(len(rows), len(steps), next(iter(rows.values()))[0].shape)
    figure = Figure(figsize=(layout.width, layout.height))
    _write_title(figure, title, instruction)
    for row, (name, pictures) in enumerate(rows.items()):
        _name_row(figure, layout, row, name)
        for column, picture in enumerate(pictures):
            axes = figure.add_axes(layout.box(row, column))
            _show(axes, picture)
            label_views(axes, list(steps[0].seen), 8, names=row == column == 0)
    for axes, step in zip(figure.axes[-len(steps) :], steps, strict=True):
        text = f"{step.step * CONTROL_PERIOD:.2f} s"
        axes.set_xlabel(text, fontsize=FONT, color=TEXT_COLOUR)
    return figure.saying(
        f"{len(steps)} decisions of {title or 'an episode'} from left to right; rows from above: "
        f"{', '.join(rows)}"
    )


@dataclass(frozen=True)
class _Layout:
    """Where things stand, in inches, for pictures of one shape (H, W, 3)."""

    rows: int
    columns: int
    shape: tuple[int, ...]

    @property
    def cell(self) -> float:
        """A picture's height."""
        return CELL * self.shape[0] / self.shape[1]

    @property
    def width(self) -> float:
        return LEFT + self.columns * (CELL + GAP)

    @property
    def height(self) -> float:
        return TOP + self.rows * (self.cell + GAP) + BOTTOM

    def box(self, row: int, column: int) -> tuple[float, float, float, float]:
        """Return a picture's place in parts of the figure."""
        x = LEFT + column * (CELL + GAP)
        y = self.height - TOP - row * (self.cell + GAP) - self.cell
        return x / self.width, y / self.height, CELL / self.width, self.cell / self.height


def _name_row(figure: Figure, layout: _Layout, row: int, name: str) -> None:
    """Write a row's name upwards, left of its pictures."""
    _, bottom, _, height = layout.box(row, 0)
    style: dict[str, Any] = {"va": "center", "ha": "center", "rotation": 90, "color": TEXT_COLOUR}
    figure.text(LEFT / 2 / layout.width, bottom + height / 2, name, fontsize=FONT, **style)


def _rows(steps: Sequence[RecordedStep]) -> dict[str, list[np.ndarray]]:
    """Return the pictures by row's name."""
    kinds = {
        "what the robot saw": [step.seen for step in steps],
        "drawn": [step.drawn for step in steps if step.drawn],
        "true": [step.true for step in steps if step.true],
    }
    return {
        name: [lay_out(view) for view in views]
        for name, views in kinds.items()
        if views and len(views) == len(steps) and all(views)
    }


def _write_title(figure: Figure, title: str, instruction: str) -> None:
    """Write both into one line above the pictures."""
    width, height = figure.get_size_inches()
    y = 1 - TOP / 2 / height
    text = figure.text(
        LEFT / width, y, literal(title), va="center", weight="bold", fontsize=FONT + 1.5
    )
    if instruction:
        after = text.get_window_extent().x1 / figure.bbox.width + 0.1 / width
        room = max(20, int((1 - after) * width / 0.085))
        quoted = literal(f"“{shorten(instruction, room, placeholder=' …')}”")
        figure.text(after, y, quoted, va="center", fontsize=FONT + 1, color=QUIET_COLOUR)


def _show(axes: Axes, picture: np.ndarray) -> None:
    axes.imshow(picture, extent=(0, 1, 0, 1), aspect="auto", interpolation="nearest")
    axes.set(xticks=[], yticks=[], xlim=(0, 1), ylim=(0, 1))
    axes.spines[:].set_visible(False)
