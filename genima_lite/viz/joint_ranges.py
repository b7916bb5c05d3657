"""How far joints move within what they may, and what a command asks beyond that."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from genima_lite.viz.figure import JOINT_COLOURS, QUIET_COLOUR, TEXT_COLOUR, Figure

FONT = 9
"""Points."""

MARKS = ("X", "D", "s", "^")


def joint_ranges(
    lower: np.ndarray,
    upper: np.ndarray,
    motion: np.ndarray,
    postures: Mapping[str, np.ndarray],
) -> Figure:
    """Draw each joint's limits as a pale bar, a motion's range on it, and single postures.

    Args:
        lower, upper: (7,) radians.
        motion: (T, 7) radians.
        postures: by name, (7,) radians, at most four; those outside the limits have a black rim.

    Raises:
        ValueError: more than four postures.
    """
    if len(postures) > len(MARKS):
        raise ValueError(f"{len(postures)} postures; at most {len(MARKS)} can be told apart")
    figure = Figure(figsize=(9.0, 3.2), layout="constrained")
    axes = figure.add_subplot()
    rows = np.arange(7)
    axes.barh(rows, upper - lower, left=lower, height=0.6, color="#E4E9ED")
    low, high = motion.min(axis=0), motion.max(axis=0)
    axes.barh(rows, np.maximum(high - low, 0.02), left=low, height=0.22, color=JOINT_COLOURS)
    for mark, (name, posture) in zip(MARKS, postures.items(), strict=False):
        outside = (posture < lower) | (posture > upper)
        style: dict[str, Any] = {"marker": mark, "s": 58, "color": "#9A9A9A", "zorder": 3.0}
        axes.scatter(posture, rows, label=name, **style)
        rim = {**style, "color": "#D00000", "edgecolors": "black"}
        axes.scatter(posture[outside], rows[outside], **rim)
    axes.set(yticks=rows, yticklabels=[f"joint {k + 1}" for k in rows], ylim=(6.6, -0.6))
    axes.set_xlabel("radians (RLBench's angles)", fontsize=FONT, color=QUIET_COLOUR)
    axes.tick_params(length=0, labelsize=FONT, labelcolor=TEXT_COLOUR)
    axes.spines[:].set_visible(False)
    axes.legend(loc="lower left", bbox_to_anchor=(0, 1), ncols=4, frameon=False, fontsize=FONT)
    return figure
