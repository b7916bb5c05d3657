"""Charts of an evaluation: success rates, time, learning curves."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.ticker import LogLocator, NullLocator

from genima_lite.viz.figure import (
    JOINT_COLOURS,
    MARK_COLOUR,
    QUIET_COLOUR,
    TEXT_COLOUR,
    Figure,
    literal,
)

WIDTH = 5.6
"""Inches; narrow, so that letters stay readable on a phone."""

FONT = 10
"""Points."""

MARKERS = "osD^vPX"
"""One a policy, beside its colour."""

STAGE_COLOURS = {
    "environment": "#C9C9C9",
    "policy": "#56B4E9",
    "draw": "#D55E00",
    "control": "#0072B2",
}


def success_figure(
    summaries: Mapping[str, Mapping[str, Any]], label: str = "episodes solved (%)"
) -> Figure:
    """Draw success rates with their 95 % intervals, a row a task, a marker a policy.

    Args:
        summaries: by policy, what `genima_lite.evaluation.statistics.summarize` gives.
        label: what the numbers are; those above 100 % widen the axis.
    """
    tasks = list(dict.fromkeys(task for summary in summaries.values() for task in summary))
    row = 0.22 + 0.14 * len(summaries)
    figure = Figure(figsize=(WIDTH, row * len(tasks) + 1.1), layout="constrained")
    axes = figure.add_subplot()
    for index, (policy, summary) in enumerate(summaries.items()):
        offset = (index - (len(summaries) - 1) / 2) * 0.7 / max(len(summaries), 1)
        rows = {task: row for task, row in summary.items() if row["n"]}
        places = [tasks.index(task) + offset for task in rows]
        _intervals(axes, places, list(rows.values()), index, policy)
    for edge in range(1, len(tasks)):
        axes.axhline(edge - 0.5, color="#E4E4E4", lw=0.7, zorder=0)
    ends = [100 * r["interval_95"][1] for rows in summaries.values() for r in rows.values()]
    axes.set(xlim=(-2, max([100.0, *ends]) + 2), ylim=(len(tasks) - 0.5, -0.5), xlabel=label)
    axes.set_yticks(range(len(tasks)), [literal(task.replace("_", " ")) for task in tasks])
    _quiet(axes)
    _legend(figure)
    return figure


def _intervals(
    axes: Axes, places: Sequence[float], rows: Sequence[Mapping[str, Any]], index: int, policy: str
) -> None:
    """Draw one policy's rates and intervals at the heights `places`."""
    colour, marker = JOINT_COLOURS[index % 7], MARKERS[index % 7]
    low, high = 100 * np.array([row["interval_95"] for row in rows]).reshape(-1, 2).T
    axes.hlines(places, low, high, color=colour, lw=2.2, alpha=0.45)
    rates = [100 * row["rate"] for row in rows]
    axes.plot(rates, places, marker, color=colour, ms=6, label=literal(policy), clip_on=False)


def time_figure(
    per_decision: Mapping[str, Mapping[str, float]],
    per_episode: Mapping[str, Mapping[str, float]],
    minutes: Mapping[str, float] | None = None,
) -> Figure:
    """Draw where the time goes: stacked bars a policy, and one bar a stage of training.

    Args:
        per_decision, per_episode: by policy, seconds by stage.
        minutes: of training by stage, if known.
    """
    counts = [len(per_decision), len(per_episode)] + ([len(minutes)] if minutes else [])
    heights = [0.55 + 0.36 * count for count in counts]
    size = (WIDTH, sum(heights) + 0.45 + 0.35 * len(heights))
    figure = Figure(figsize=size, layout="constrained")
    grid = figure.add_gridspec(len(counts), 1, height_ratios=heights)
    _stacked(figure.add_subplot(grid[0]), per_decision, "seconds a decision")
    _stacked(figure.add_subplot(grid[1]), per_episode, "seconds an episode")
    if minutes:
        bars = {name: {"": value} for name, value in minutes.items()}
        _stacked(figure.add_subplot(grid[2]), bars, "minutes of training")
    _legend(figure)
    return figure


def _stacked(axes: Axes, bars: Mapping[str, Mapping[str, float]], label: str) -> None:
    """Draw one stacked bar a name, with its total at its end."""
    stages = list(dict.fromkeys(stage for parts in bars.values() for stage in parts))
    order = [stage for stage in STAGE_COLOURS if stage in stages]
    order += [stage for stage in stages if stage not in STAGE_COLOURS]
    spare = iter(("#009E73", "#CC79A7", "#E69F00", "#4D4D4D") * len(order))
    ends = np.zeros(len(bars))
    for stage in order:
        widths = np.array([parts.get(stage, 0.0) for parts in bars.values()])
        colour = STAGE_COLOURS.get(stage) or next(spare)
        axes.barh(range(len(bars)), widths, 0.6, ends, color=colour, label=literal(stage))
        ends += widths
    for place, end in enumerate(ends):
        axes.text(end, place, f"  {end:.3g}", va="center", fontsize=FONT - 1, color=TEXT_COLOUR)
    axes.set(xlim=(0, max(ends.max(), 1e-9) * 1.15), xlabel=label)
    axes.set_yticks(range(len(bars)), [literal(name) for name in bars])
    axes.set_ylim(len(bars) - 0.5, -0.5)
    _quiet(axes)


def curves_figure(curves: Sequence[Mapping[str, Any]]) -> Figure:
    """Draw learning curves over minutes, those of one `panel` in one chart.

    Args:
        curves: each with `label`, `minutes`, `y` at these, and maybe `panel`, what y is; a curve
            without has a chart of its own. Charts of positive numbers over more than a factor
            of twenty are logarithmic.
    """
    panels: dict[str, list[Mapping[str, Any]]] = {}
    for curve in curves:
        panels.setdefault(curve.get("panel") or curve["label"], []).append(curve)
    size = (WIDTH, 2.3 * len(panels) + 0.2)
    figure = Figure(figsize=size, layout="constrained")
    for place, (name, group) in enumerate(panels.items()):
        axes = figure.add_subplot(len(panels), 1, place + 1)
        for index, curve in enumerate(group):
            style: dict[str, Any] = {"color": JOINT_COLOURS[index % 7], "lw": 1.6}
            style["marker"] = "o" if len(curve["minutes"]) < 12 else ""
            axes.plot(curve["minutes"], curve["y"], ms=4, label=literal(curve["label"]), **style)
        _finish_curves(axes, name, np.concatenate([np.asarray(c["y"], float) for c in group]))
    return figure


def _finish_curves(axes: Axes, name: str, values: np.ndarray) -> None:
    """Set scale, title and legend of a chart; `values` are all numbers in it."""
    values = values[np.isfinite(values)]
    if values.size and values.min() > 0 and values.max() > 20 * values.min():
        axes.set_yscale("log")
        axes.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
        axes.yaxis.set_major_formatter("{x:g}")
        axes.yaxis.set_minor_locator(NullLocator())
    axes.set_title(literal(name), fontsize=FONT, loc="left", color=TEXT_COLOUR, weight="bold")
    axes.set_xlabel("minutes of training")
    axes.grid(axis="y", color="#E4E4E4", lw=0.7)
    _quiet(axes)
    if len(axes.lines) > 1:
        axes.legend(frameon=False, fontsize=FONT - 1, labelcolor=QUIET_COLOUR)


def _quiet(axes: Axes) -> None:
    """Leave of the box one pale line below."""
    axes.spines[["top", "right", "left"]].set_visible(False)
    axes.spines["bottom"].set_color(MARK_COLOUR)
    axes.tick_params(length=0, labelsize=FONT, labelcolor=TEXT_COLOUR)
    axes.xaxis.label.set(fontsize=FONT, color=QUIET_COLOUR)


def _legend(figure: Figure) -> None:
    """Write a figure's legend above it, each name once."""
    named: dict[str, Artist] = {}
    for axes in figure.axes:
        handles, labels = axes.get_legend_handles_labels()
        named |= {name: handle for name, handle in zip(labels, handles, strict=True) if name}
    if named:
        figure.legend(
            list(named.values()),
            list(named),
            loc="outside upper center",
            ncols=min(4, len(named)),
            frameon=False,
            fontsize=FONT,
            labelcolor=TEXT_COLOUR,
        )
