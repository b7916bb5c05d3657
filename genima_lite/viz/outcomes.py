"""Which policy solved which episode, as a table of marks."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from matplotlib.axes import Axes
from matplotlib.patches import Rectangle

from genima_lite.errors import UserError
from genima_lite.viz.figure import MARK_COLOUR, QUIET_COLOUR, TEXT_COLOUR, Figure

SOLVED, FAILED = "#0072B2", "#F2F2F2"
"""Fills of a cell; both carry a mark too, for those who do not tell the colours apart."""

Episode = tuple[str, int]
"""A task and the environment's seed."""


def outcome_figure(outcomes: Mapping[str, Mapping[Episode, bool]]) -> Figure:
    """Draw a row a policy and a column an episode, grouped by task.

    Args:
        outcomes: by policy, best informed first: success by episode. All have the same episodes.

    Raises:
        UserError: no policies, or one that lacks an episode of another.
    """
    if not outcomes:
        raise UserError("no outcomes to show")
    episodes = list(next(iter(outcomes.values())))
    for policy, each in outcomes.items():
        if set(each) != set(episodes):
            raise UserError(f"policy '{policy}' was not tried on the same episodes as the others")
    figure = Figure(figsize=(1.1 + 0.48 * len(episodes), 0.75 + 0.42 * len(outcomes)))
    axes = figure.add_axes((0.0, 0.0, 1.0, 1.0))
    axes.set_xlim(-2.3, len(episodes) + 0.1)
    axes.set_ylim(len(outcomes) + 0.75, -0.9)
    axes.set_axis_off()
    for row, (policy, each) in enumerate(outcomes.items()):
        axes.text(-0.2, row + 0.5, policy, ha="right", va="center", color=TEXT_COLOUR)
        for column, episode in enumerate(episodes):
            _cell(axes, column, row, each[episode])
    for column, (task, seed) in enumerate(episodes):
        text: dict[str, Any] = {
            "ha": "center",
            "va": "center",
            "fontsize": 8,
            "color": QUIET_COLOUR,
        }
        axes.text(column + 0.5, len(outcomes) + 0.25, str(seed), **text)
        if column == 0 or episodes[column - 1][0] != task:
            axes.text(column + 0.05, -0.35, task, fontsize=9, color=TEXT_COLOUR)
            axes.plot([column, column], [-0.6, len(outcomes)], color=MARK_COLOUR, lw=0.8)
    axes.text(-0.2, len(outcomes) + 0.25, "seed", ha="right", va="center", fontsize=8)
    tasks = ", ".join(dict.fromkeys(task for task, _ in episodes))
    return figure.saying(f"Solved or failed, a mark an episode of {tasks}: {', '.join(outcomes)}")


def _cell(axes: Axes, column: int, row: int, solved: bool) -> None:
    fill = SOLVED if solved else FAILED
    axes.add_patch(Rectangle((column + 0.06, row + 0.06), 0.88, 0.88, color=fill))
    mark, colour = ("✓", "white") if solved else ("✗", QUIET_COLOUR)
    place: dict[str, Any] = {"ha": "center", "va": "center", "fontsize": 11}
    axes.text(column + 0.5, row + 0.5, mark, color=colour, **place)
