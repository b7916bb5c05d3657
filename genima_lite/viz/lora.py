"""Figures of notebook 05: matrices to scale, bars with numbers, rows with their intervals."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.patches import Rectangle

from genima_lite.checks.alternatives import Row
from genima_lite.viz.anatomy import MARKERS
from genima_lite.viz.figure import JOINT_COLOURS, QUIET_COLOUR, TEXT_COLOUR, Figure

_GAP = 0.22


def low_rank_figure(out: int, inside: int, ranks: Sequence[int]) -> Figure:
    """Draw a layer's weight and the two matrices of LoRA at some ranks, all to scale.

    Args:
        out, inside: sizes of the weight.
        ranks: of LoRA.
    """
    figure = Figure(figsize=(8.4, 1.25), layout="constrained")
    axes = figure.add_subplot()
    place = _rectangle(axes, 0.0, out, inside, f"W  {out} x {inside}\n{out * inside:,} numbers", 6)
    for number, rank in enumerate(ranks):
        place += _GAP * inside
        many = rank * (out + inside)
        place = _rectangle(axes, place, out, rank, "up", number)
        label = f"down\nrank {rank}: {many:,}\n{100 * many / (out * inside):.0f} % of W"
        place = _rectangle(axes, place + 0.03 * inside, rank, inside, label, number)
    axes.set_xlim(-1, place + 1)
    axes.set_ylim(-0.95 * out, 1.03 * out)
    axes.set_aspect("equal")
    axes.set_axis_off()
    return figure.saying(
        f"A weight of {out} x {inside} as a rectangle, and beside it, to the same scale, the thin "
        f"matrices up and down of LoRA at ranks {', '.join(map(str, ranks))}"
    )


def share_kept(change: np.ndarray) -> np.ndarray:
    """Return which share of a matrix's sum of squares its best approximations keep, by rank."""
    squares = np.linalg.svd(change, compute_uv=False) ** 2
    return np.cumsum(squares) / squares.sum()


def bars_figure(values: Mapping[str, float], what: str, form: str = ".1f") -> Figure:
    """Draw numbers as bars, each with its number beside it.

    Args:
        values: by name, not negative.
        what: the axis's name.
        form: of the numbers, for `format`.
    """
    figure = Figure(figsize=(6.6, 0.55 + 0.36 * len(values)), layout="constrained")
    axes = figure.add_subplot()
    places, most = np.arange(len(values))[::-1], max(*values.values(), 1e-12)
    axes.barh(places, list(values.values()), color=JOINT_COLOURS[0], height=0.62)
    for place, value in zip(places, values.values(), strict=True):
        axes.text(value + 0.015 * most, place, format(value, form), va="center", fontsize=9)
    axes.set_yticks(places, list(values), fontsize=9)
    axes.set_xlim(0, 1.16 * most)
    axes.set_xlabel(what, fontsize=9)
    axes.tick_params(labelsize=8.5)
    axes.spines[["top", "right"]].set_visible(False)
    said = "; ".join(f"{name} {format(value, form)}" for name, value in values.items())
    return figure.saying(f"Bars of {what}: {said}")


def rows_figure(rows: Sequence[Row]) -> Figure:
    """Draw what rows of the table miss, and what they leave of the change, with intervals."""
    figure = Figure(figsize=(8.4, 0.9 + 0.34 * len(rows)), layout="constrained")
    panels = figure.subplots(1, 2, sharey=True)
    places = np.arange(len(rows))[::-1]
    for place, row in zip(places, rows, strict=True):
        if row.missed is None or row.missed_interval is None:
            panels[0].text(50, place, "no spheres to find", fontsize=8.5, ha="center", va="center")
        else:
            _dot(panels[0], place, 100 * row.missed, 100 * np.array(row.missed_interval), 0)
        _dot(panels[1], place, row.left, np.array(row.left_interval), 1)
    panels[0].set_yticks(places, [row.name for row in rows], fontsize=9)
    panels[0].set_ylim(-0.6, len(rows) - 0.4)
    panels[0].set(xlim=(0, 104), xlabel="spheres missed (%)")
    panels[1].set(xlim=(0, 1.05), xlabel="change left (1: a copy)")
    for axes in panels:
        axes.grid(axis="x", color="0.9")
        axes.tick_params(labelsize=8.5)
        axes.xaxis.label.set_size(9)
    said = "; ".join(
        f"{row.name}: missed {'-' if row.missed is None else f'{row.missed:.0%}'}, "
        f"left {row.left:.2f}"
        for row in rows
    )
    return figure.saying(f"Dots with 95 % intervals. {said}")


def _dot(axes: Any, place: float, value: float, interval: np.ndarray, number: int) -> None:
    colour = JOINT_COLOURS[number]
    axes.plot(interval, [place, place], color=colour, lw=2)
    axes.plot([value], [place], MARKERS[number], color=colour, ms=6)


def _rectangle(axes: Any, left: float, height: int, width: int, label: str, number: int) -> float:
    """Draw a matrix that stands on the line; return its right edge."""
    axes.add_patch(
        Rectangle(
            (left, 0), width, height, fc=JOINT_COLOURS[number], ec=QUIET_COLOUR, lw=0.6, alpha=0.8
        )
    )
    axes.text(left + width / 2, -6, label, ha="center", va="top", fontsize=8.5, color=TEXT_COLOUR)
    return left + width
