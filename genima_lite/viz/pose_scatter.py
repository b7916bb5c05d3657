"""Where a task's pieces stood, from above, and which episodes were solved."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import MultipleLocator

from genima_lite.viz.figure import MARK_COLOUR, QUIET_COLOUR, TEXT_COLOUR, Figure, literal

FONT = 10
"""Points."""

CELL = 2.5
"""Inches: a panel's width."""

SOLVED: dict[str, Any] = {"marker": "o", "s": 34, "c": "#009E73", "linewidths": 0}
FAILED: dict[str, Any] = {"marker": "X", "s": 46, "c": "#D55E00", "linewidths": 0}
TRAINING: dict[str, Any] = {"marker": "o", "s": 16, "c": "#BDBDBD", "linewidths": 0}
"""Colours of Okabe and Ito's set, and shapes beside them."""

NEAR, SAME = 0.12, 0.005
"""Metres: pieces belong together that are nearer than this, and whose distance varies less."""

Positions = Mapping[str, Sequence[float]]
"""Where an episode's pieces stood: x, y, z in metres by body name."""


def pose_scatter(
    episodes: Mapping[str, Sequence[tuple[Positions, bool]]], training: Sequence[Positions] = ()
) -> Figure:
    """Draw the table from above: a column of panels a policy, a row a piece.

    The robot stands below the panels and looks up: x points up, y to the left.

    Args:
        episodes: by policy, where the pieces stood and whether the episode was solved.
        training: where they stood in demonstrations.
    """
    everything = [where for rows in episodes.values() for where, _ in rows] + list(training)
    pieces = shown_pieces(everything)
    limits = _limits(everything, pieces)
    height = CELL * np.ptp(limits[0]) / np.ptp(limits[1])
    rows, columns = max(len(pieces), 1), max(len(episodes), 1)
    size = (CELL * columns + 0.75, (height + 0.3) * rows + 0.85)
    figure = Figure(figsize=size, layout="constrained")
    panels = figure.subplots(rows, columns, sharex=True, sharey=True, squeeze=False)
    for line, (piece, name) in zip(panels, pieces.items(), strict=False):
        for axes, (policy, results) in zip(line, episodes.items(), strict=True):
            _panel(axes, piece, results, training)
            axes.set_title(literal(f"{policy}: {name.replace('_', ' ')}"), fontsize=FONT)
            axes.set(xlim=limits[1][::-1], ylim=limits[0], aspect="equal")
    for axes in panels[:, 0]:
        axes.set_ylabel("x (m)", fontsize=FONT, color=QUIET_COLOUR)
    for axes in panels[-1]:
        axes.set_xlabel("y (m); the robot is below", fontsize=FONT, color=QUIET_COLOUR)
    _legend(figure, bool(training))
    return figure


def shown_pieces(episodes: Iterable[Positions]) -> dict[str, str]:
    """Return the pieces that are worth a panel, and what to call each.

    A piece that is near an earlier one and equally far from it in all episodes, as the bricks of
    a tower are, is shown by that one: "tower and 14 more".
    """
    episodes = list(episodes)
    groups: dict[str, list[str]] = {}
    for piece in dict.fromkeys(name for where in episodes for name in where):
        first = next((one for one in groups if _together(episodes, piece, one)), piece)
        groups.setdefault(first, []).append(piece)
    return {
        first: ", ".join(names) if len(names) < 3 else f"{first} and {len(names) - 1} more"
        for first, names in groups.items()
    }


def _together(episodes: Sequence[Positions], piece: str, other: str) -> bool:
    """Return whether two pieces belong together, in all episodes that have both."""
    both = [(where[piece], where[other]) for where in episodes if {piece, other} <= set(where)]
    apart = [float(np.linalg.norm(np.subtract(a, b)[:2])) for a, b in both]
    return bool(apart) and max(apart) < NEAR and max(apart) - min(apart) < SAME


def _limits(
    episodes: Sequence[Positions], pieces: Iterable[str]
) -> tuple[tuple[float, float], tuple[float, float]]:
    """Return the panels' limits in x and in y, metres, at least 0.3 apart."""
    points = np.array([where[p][:2] for where in episodes for p in pieces if p in where])
    if not len(points):
        points = np.array([[0.25, 0.0]])
    middle = (points.min(axis=0) + points.max(axis=0)) / 2
    half = np.maximum(np.ptp(points, axis=0) / 2 + 0.04, 0.15)
    (left, bottom), (right, top) = middle - half, middle + half
    return (float(left), float(right)), (float(bottom), float(top))


def _panel(
    axes: Axes,
    piece: str,
    results: Sequence[tuple[Positions, bool]],
    training: Sequence[Positions],
) -> None:
    """Draw one piece: demonstrations below, failures on top."""
    _points(axes, [where[piece] for where in training if piece in where], TRAINING, "training")
    for solved, style, name in ((True, SOLVED, "solved"), (False, FAILED, "failed")):
        places = [
            where[piece] for where, success in results if success is solved and piece in where
        ]
        _points(axes, places, style, name)
    axes.spines[:].set_color(MARK_COLOUR)
    axes.tick_params(length=0, labelsize=FONT - 1, labelcolor=QUIET_COLOUR)
    axes.xaxis.set_major_locator(MultipleLocator(0.1))
    axes.yaxis.set_major_locator(MultipleLocator(0.1))
    axes.grid(color="#EEEEEE", lw=0.6)
    axes.set_axisbelow(True)


def _points(
    axes: Axes, places: Sequence[Sequence[float]], style: dict[str, Any], name: str
) -> None:
    """Draw positions with y to the left and x up."""
    table = np.array([place[:2] for place in places], float).reshape(-1, 2)
    axes.scatter(table[:, 1], table[:, 0], label=name, **style)


def _legend(figure: Figure, with_training: bool) -> None:
    handles, labels = figure.axes[0].get_legend_handles_labels()
    first = 0 if with_training else 1
    figure.legend(
        handles[first:],
        labels[first:],
        loc="outside upper left",
        ncols=3,
        frameon=False,
        fontsize=FONT,
        labelcolor=TEXT_COLOUR,
        handletextpad=0.1,
    )
