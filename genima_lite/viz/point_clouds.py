"""Point clouds from the side: on a level table a wrong convention shows at once."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from genima_lite.viz.figure import QUIET_COLOUR, TEXT_COLOUR, Figure

FONT = 9
"""Points."""

COLUMNS = 3
"""Panels a row, at most."""


def side_views(
    clouds: Mapping[str, np.ndarray],
    colours: np.ndarray,
    level: float = 0.75,
    window: tuple[float, float, float, float] = (-0.7, 1.5, 0.3, 1.9),
) -> Figure:
    """Draw point clouds seen along the world's y axis, a panel each.

    Each panel says how far its points lie from those of the first, the median.

    Args:
        clouds: by title, (H, W, 3) world points in metres; the first is the true one.
        colours: (H, W, 3) uint8, the picture whose pixels the points are.
        level: metres, a height at which to draw a line; the table's by default.
        window: x from, x to, z from, z to, metres.

    Raises:
        ValueError: a cloud that has not the picture's shape.
    """
    columns = min(COLUMNS, len(clouds))
    rows = -(-len(clouds) // columns)
    figure = Figure(figsize=(3.1 * columns, 2.5 * rows), layout="constrained")
    truth = next(iter(clouds.values()))
    for place, (title, cloud) in enumerate(clouds.items()):
        if cloud.shape != colours.shape:
            raise ValueError(f"'{title}' is {cloud.shape}, the picture {colours.shape}")
        axes = figure.add_subplot(rows, columns, place + 1)
        points, shades = cloud.reshape(-1, 3), colours.reshape(-1, 3) / 255
        axes.scatter(points[:, 0], points[:, 2], c=shades, s=1.5, linewidths=0)
        axes.axhline(level, color="#D55E00", lw=0.8)
        axes.set(xlim=window[:2], ylim=window[2:], aspect="equal")
        axes.set_title(title, fontsize=FONT + 1, color=TEXT_COLOUR)
        off = 100 * np.median(np.linalg.norm(cloud - truth, axis=-1))
        if place:
            said: dict[str, Any] = {
                "ha": "right",
                "va": "top",
                "fontsize": FONT,
                "color": "#B04000",
            }
            axes.text(0.97, 0.96, f"{off:.1f} cm off", transform=axes.transAxes, **said)
        axes.tick_params(labelsize=FONT - 1, colors=QUIET_COLOUR)
        if place % columns == 0:
            axes.set_ylabel("z (m)", fontsize=FONT)
        if place >= (rows - 1) * columns:
            axes.set_xlabel("x (m)", fontsize=FONT)
    return figure
