"""One perturbation on several tasks: the clean scene, the perturbed one, what was drawn on it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from genima_lite.errors import UserError
from genima_lite.viz.figure import TEXT_COLOUR, Figure, literal
from genima_lite.viz.views import lay_out

if TYPE_CHECKING:
    from genima_lite.evaluation.recording import Recording

CELL, LEFT, TOP = 1.5, 0.9, 0.3
"""Inches: a picture's side, what the rows' names take, and the tasks'."""


def robustness_strip(clean: Mapping[str, Recording], perturbed: Mapping[str, Recording]) -> Figure:
    """Draw the first decision of an episode of each task: a column a task.

    Args:
        clean, perturbed: by task, recordings of the same episode.

    Raises:
        UserError: no task in both with pictures.
    """
    tasks = [name for name in clean if name in perturbed and clean[name].steps]
    if not tasks:
        raise UserError("no recorded decision with pictures to show")
    size = (LEFT + CELL * len(tasks), TOP + 3 * CELL)
    figure = Figure(figsize=size)
    for column, task in enumerate(tasks):
        before, now = clean[task].steps[0], perturbed[task].steps[0]
        rows = {"clean": before.seen, "perturbed": now.seen, "drawn": now.drawn}
        for row, (name, views) in enumerate(rows.items()):
            box = (
                (LEFT + column * CELL) / size[0],
                (2 - row) * CELL / size[1],
                0.97 * CELL / size[0],
                0.97 * CELL / size[1],
            )
            axes = figure.add_axes(box)
            axes.set_axis_off()
            if views:
                axes.imshow(lay_out(views), interpolation="nearest", aspect="auto")
            if column == 0:
                y = (2.5 - row) * CELL / size[1]
                figure.text(0.1 / size[0], y, name, va="center", fontsize=9, color=TEXT_COLOUR)
            if row == 0:
                axes.set_title(literal(task.replace("_", " ")), fontsize=8, color=TEXT_COLOUR)
    return figure
