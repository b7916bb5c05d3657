"""Tiled views as a figure: one set of four, or several beside each other."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from genima_lite.errors import UserError
from genima_lite.tiling import TILE_ORDER
from genima_lite.viz.figure import TEXT_COLOUR, Figure, literal
from genima_lite.viz.views import label_views, lay_out

WIDTH, TITLE = 3.6, 0.3
"""Inches: of a picture, and what its title takes."""

MOST_LETTERS = 44
"""Of a title on one line."""


def show_views(views: Mapping[str, np.ndarray], title: str = "") -> Figure:
    """Draw four views, by camera (H, W, 3) uint8, as the one picture that the networks see."""
    return show_side_by_side({title: views})


def show_side_by_side(pictures: Mapping[str, Mapping[str, np.ndarray]]) -> Figure:
    """Draw sets of four views side by side, each below its title.

    Raises:
        UserError: none given, or a set without one of the four tiled cameras.
    """
    for title, views in pictures.items():
        if missing := [camera for camera in TILE_ORDER if camera not in views]:
            raise UserError(f"'{title}' has no view of the {missing[0]} camera")
    if not pictures:
        raise UserError("nothing to show")
    top = TITLE if any(pictures) else 0.0
    height = WIDTH + top
    figure = Figure(figsize=(WIDTH * len(pictures), height))
    for column, (title, views) in enumerate(pictures.items()):
        box = ((column + 0.01) / len(pictures), 0.01, 0.98 / len(pictures), 0.98 * WIDTH / height)
        axes = figure.add_axes(box)
        picture = lay_out({camera: views[camera] for camera in TILE_ORDER})
        axes.imshow(picture, interpolation="nearest", aspect="auto")
        axes.set_axis_off()
        axes.set_title(literal(title)[:MOST_LETTERS], fontsize=10, color=TEXT_COLOUR)
        label_views(axes, TILE_ORDER, 8, names=column == 0)
    named = f"Side by side: {'; '.join(pictures)}. " if any(pictures) else ""
    return figure.saying(f"{named}Four views: wrist and front, below right and left shoulder")
