"""Where the spheres truly are in a view: what drawn pictures and detections are scored against."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from genima_lite.cameras import Camera


@dataclass(frozen=True, eq=False)
class ViewLabels:
    """The spheres of one view, in the order of `genima_lite.targets.JOINTS`.

    Attributes:
        pixels: (4, 2) float64, projected centres, column then row, continuous.
        depths: (4,) float64, metres along the optical axis.
        shares: (4,) float64 in [0, 1], how much of each outline is inside the view and not
            hidden by other spheres.
        visible: (4,) bool, the centre is inside the view and some of the sphere shows.
    """

    pixels: np.ndarray
    depths: np.ndarray
    shares: np.ndarray
    visible: np.ndarray


def view_labels(
    cameras: Sequence[Camera], positions: np.ndarray, shares: np.ndarray, size: tuple[int, int]
) -> list[ViewLabels]:
    """Return the labels of N views.

    Args:
        cameras: N.
        positions: (N, 4, 3) metres, world frame.
        shares: (N, 4), as `Drawing.visible` gives them.
        size: height and width of the views in pixels.
    """
    return [
        _labels(*camera.project(points), share, size)
        for camera, points, share in zip(cameras, positions, shares, strict=True)
    ]


def _labels(
    pixels: np.ndarray, depths: np.ndarray, shares: np.ndarray, size: tuple[int, int]
) -> ViewLabels:
    inside = ((pixels >= 0) & (pixels < size[::-1])).all(-1) & (depths > 0)
    return ViewLabels(pixels, depths, shares, inside & (shares > 0))
