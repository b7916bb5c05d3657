"""Seven joint angles and the gripper over time, measured and commanded."""

from __future__ import annotations

import math
from itertools import pairwise
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.lines import Line2D

from genima_lite.errors import UserError
from genima_lite.observation import CONTROL_PERIOD, Demo
from genima_lite.viz.figure import (
    CLOSED_COLOUR,
    JOINT_COLOURS,
    OPEN_COLOUR,
    QUIET_COLOUR,
    TEXT_COLOUR,
)

MEASURED: dict[str, Any] = {"lw": 3.2, "alpha": 0.45, "solid_capstyle": "round"}
COMMANDED: dict[str, Any] = {"lw": 1.1, "ls": (0, (4, 2))}


def times(demo: Demo) -> np.ndarray:
    """Return the steps' times, (T,) seconds from the episode's start."""
    return np.arange(len(demo)) * CONTROL_PERIOD


def measured_joints(demo: Demo) -> np.ndarray:
    """Return the joint positions reached, (T, 7) radians.

    Raises:
        UserError: a step without joint positions.
    """
    rows = [demo[t].joint_positions for t in range(len(demo))]
    if any(row is None for row in rows):
        raise UserError("this episode has steps without joint positions; there are no curves")
    return np.stack([np.asarray(row, dtype=np.float64) for row in rows])


def commanded_joints(demo: Demo) -> np.ndarray:
    """Return the joint positions asked for, (T, 7) radians; NaN where none was recorded.

    Row t holds the command that led to `demo[t]`, so it compares with the position reached.
    """
    rows = np.full((len(demo), 7), np.nan)
    for t in range(len(demo)):
        command = demo[t].misc.get("joint_position_action")
        if command is not None:
            rows[t] = np.asarray(command)[:7]
    return rows


def gripper_spans(demo: Demo) -> list[tuple[float, float, bool]]:
    """Return `(start, end, open)` of each stretch of one gripper state, in seconds.

    The state changes half-way between two steps. Steps without a gripper state belong to no
    stretch.
    """
    states = [demo[t].gripper_open for t in range(len(demo))]
    changes = [t - 0.5 for t in range(1, len(states)) if states[t] != states[t - 1]]
    edges = [0.0, *changes, len(states) - 1.0]
    return [
        (start * CONTROL_PERIOD, end * CONTROL_PERIOD, float(state) > 0.5)
        for start, end in pairwise(edges)
        if (state := states[math.ceil(start)]) is not None
    ]


def draw_joints(axes: Axes, demo: Demo, size: float) -> None:
    """Draw the seven joints' curves with their names at the right-hand end.

    Measured: pale and broad, commanded: thin and dashed upon it. A line's label is, for example,
    `joint 4, measured`. `size` is the font size in points. Set the axes' place and `xlim` first.
    """
    measured, commanded = measured_joints(demo), commanded_joints(demo)
    for joint, colour in enumerate(JOINT_COLOURS):
        name = f"joint {joint + 1}"
        axes.plot(times(demo), measured[:, joint], c=colour, label=f"{name}, measured", **MEASURED)
        if not np.isnan(commanded).all():
            label = f"{name}, commanded"
            axes.plot(times(demo), commanded[:, joint], c=colour, label=label, **COMMANDED)
    axes.set_ylabel("joint angle (rad)", fontsize=size, color=QUIET_COLOUR)
    quiet_axes(axes, size)
    _name_curves(axes, times(demo)[-1], measured[-1], size)
    bottom, top = axes.get_ylim()
    ticks = [tick for tick in axes.get_yticks() if bottom <= tick <= top]
    axes.hlines(ticks, axes.get_xlim()[0], times(demo)[-1], lw=0.5, color="#DEDEDE", zorder=0.4)


def draw_gripper(axes: Axes, demo: Demo, size: float) -> None:
    """Draw the gripper's state as a band: pale while open, dark while closed."""
    left, right = axes.get_xlim()
    for start, end, is_open in gripper_spans(demo):
        axes.axvspan(start, end, color=OPEN_COLOUR if is_open else CLOSED_COLOUR, lw=0)
        if end - start > 0.08 * (right - left):
            colour = CLOSED_COLOUR if is_open else "white"
            text = "gripper open" if is_open else "closed"
            middle = (start + end) / 2
            axes.text(middle, 0.46, text, ha="center", va="center", fontsize=size, color=colour)
    ticks = [tick for tick in axes.get_xticks() if 0 <= tick <= times(demo)[-1] + 1e-9]
    axes.set(xticks=ticks, yticks=[], xlim=(left, right), ylim=(0, 1))
    axes.set_xlabel("time (s)", fontsize=size, color=QUIET_COLOUR)
    quiet_axes(axes, size)


def quiet_axes(axes: Axes, size: float) -> None:
    """Take away an axes' box and let its ticks step back."""
    axes.spines[:].set_visible(False)
    axes.tick_params(length=0, labelsize=size, labelcolor=QUIET_COLOUR)


def legend_handles(demo: Demo) -> list[Line2D]:
    """Return grey sample lines for a legend; no `commanded` where none was recorded."""
    handles = [Line2D([], [], color=QUIET_COLOUR, label="measured", **MEASURED)]
    if not np.isnan(commanded_joints(demo)).all():
        handles.append(Line2D([], [], color=QUIET_COLOUR, label="commanded", **COMMANDED))
    return handles


def spread(values: np.ndarray, gap: float) -> np.ndarray:
    """Move numbers (n,) apart as little as needed to lie about `gap` from each other, in order."""
    order = np.argsort(values, kind="stable")
    placed = np.asarray(values, dtype=np.float64)[order]
    for _ in range(200):
        overlap = np.maximum(gap - np.diff(placed), 0.0) / 2
        placed[:-1] -= overlap
        placed[1:] += overlap
    result = np.empty_like(placed)
    result[order] = placed
    return result


def _name_curves(axes: Axes, end: float, values: np.ndarray, size: float) -> None:
    """Write each joint's name beside its last value (7,), with a thin line where it had to move."""
    left, right = axes.get_xlim()
    bottom, top = axes.get_ylim()
    width, height = _size_in_points(axes)
    heights = spread(values, 1.3 * size / height * (top - bottom))
    leader = 1.6 * size / width * (right - left)
    for joint, colour in enumerate(JOINT_COLOURS):
        axes.annotate(
            f"joint {joint + 1}",
            xy=(end, values[joint]),
            xytext=(end + leader, heights[joint]),
            va="center",
            fontsize=size,
            color=TEXT_COLOUR,
            arrowprops={"arrowstyle": "-", "color": colour, "lw": 1.4, "shrinkA": 2, "shrinkB": 2},
        )
    axes.set_ylim(min(bottom, heights.min()), max(top, heights.max()))


def _size_in_points(axes: Axes) -> tuple[float, float]:
    """Return an axes' width and height in points, the unit of font sizes."""
    points = 72 / axes.figure.dpi
    return axes.bbox.width * points, axes.bbox.height * points
