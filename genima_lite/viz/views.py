"""The camera views of one step as one picture, whichever of the four cameras there are."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes

from genima_lite.errors import UserError
from genima_lite.observation import Demo, Observation
from genima_lite.tiling import TILE_ORDER, tile

BLANK = 225
"""Grey level in place of a view that was not recorded."""


def shown_cameras(demo: Demo) -> tuple[str, ...]:
    """Return the cameras of `TILE_ORDER` that have an RGB image in the first step.

    Raises:
        UserError: no steps, or none of the four cameras.
    """
    if not len(demo):
        raise UserError("this episode has no steps")
    images = demo[0].images()
    if cameras := tuple(camera for camera in TILE_ORDER if f"{camera}_rgb" in images):
        return cameras
    raise UserError(
        f"this episode has no RGB images of {', '.join(TILE_ORDER)} "
        f"(present: {', '.join(images) or 'no images'})"
    )


def view_picture(obs: Observation, cameras: Sequence[str]) -> np.ndarray:
    """Return the RGB views of `cameras`, (H, W, 3) uint8 each, as one picture.

    Three or four lie in the tiles' order, (2H, 2W, 3), a missing one grey; one or two lie side
    by side, (H, W, 3) or (H, 2W, 3).

    Raises:
        UserError: views differ in size.
        KeyError: this step has no image of a camera.
    """
    return lay_out({camera: obs.image(camera) for camera in cameras})


def lay_out(views: Mapping[str, np.ndarray]) -> np.ndarray:
    """Return views by camera, (H, W, 3) uint8 each, as one picture; see `view_picture`.

    Raises:
        UserError: views differ in size.
    """
    cameras = list(views)
    blank = np.full_like(views[cameras[0]], BLANK)
    if len(cameras) > 2:
        return tile({camera: views.get(camera, blank) for camera in TILE_ORDER})
    left, right = views[cameras[0]], views[cameras[-1]]
    if left.shape != right.shape:
        raise UserError(f"views differ in size: {left.shape[:2]} and {right.shape[:2]}")
    return left if len(cameras) == 1 else np.concatenate([left, right], axis=1)


def tile_places(cameras: Sequence[str]) -> tuple[int, int, dict[str, tuple[int, int]]]:
    """Return how `view_picture` lays views out: rows, columns, and (row, column) by camera."""
    if len(cameras) > 2:
        places = {camera: divmod(TILE_ORDER.index(camera), 2) for camera in cameras}
        return 2, 2, places
    return 1, len(cameras), {camera: (0, column) for column, camera in enumerate(cameras)}


def label_views(
    axes: Axes, cameras: Sequence[str], size: float, names: bool = True, short: bool = False
) -> None:
    """Draw white seams between the views on `axes`, and each camera's name in its corner.

    The picture must fill the axes. `size` is the names' font size in points; `short` leaves their
    second word out, so that "right shoulder" is "right".
    """
    rows, columns, places = tile_places(cameras)
    if rows == 2:
        axes.plot([0, 1], [0.5, 0.5], "w", lw=size / 6, transform=axes.transAxes)
    if columns == 2:
        axes.plot([0.5, 0.5], [0, 1], "w", lw=size / 6, transform=axes.transAxes)
    box = {"boxstyle": "round,pad=0.25", "facecolor": "black", "alpha": 0.6, "linewidth": 0}
    for camera, (row, column) in places.items() if names else ():
        axes.text(
            (column + 0.04) / columns,
            1 - (row + 0.04) / rows,
            camera.split("_")[0] if short else camera.replace("_", " "),
            transform=axes.transAxes,
            va="top",
            color="white",
            fontsize=size,
            bbox=box,
        )
