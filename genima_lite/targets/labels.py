"""Where the spheres truly are in a view: what drawn pictures and detections are scored against."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from genima_lite.cameras import Camera


@dataclass(frozen=True, eq=False)
class ViewLabels:
    """The spheres of one view, in the order of `genima_lite.targets.joints.JOINTS`.

    Attributes:
        pixels: (4, 2) float64, projected centres, column then row, continuous.
        depths: (4,) float64, metres along the optical axis.
        radii: (4,) float64, pixels, the small half axis of each outline; 0 where not drawn.
        shares: (4,) float64 in [0, 1], how much of each outline is inside the view and not
            hidden by other spheres.
        visible: (4,) bool, the centre is inside the view and some of the sphere shows.
    """

    pixels: np.ndarray
    depths: np.ndarray
    radii: np.ndarray
    shares: np.ndarray
    visible: np.ndarray


def view_labels(
    camera: Camera,
    positions: np.ndarray,
    radii: np.ndarray,
    shares: np.ndarray,
    size: tuple[int, int],
) -> ViewLabels:
    """Return the labels of one view.

    Args:
        camera: of the view.
        positions: (4, 3) metres, world frame.
        radii: (4,) metres, 0 for spheres that are not drawn.
        shares: (4,), a row of `Drawing.visible`.
        size: height and width of the view in pixels.
    """
    pixels, depths = camera.project(positions)
    inside = ((pixels >= 0) & (pixels < size[::-1])).all(-1) & (depths > 0)
    gap = np.sqrt(np.maximum(depths**2 - radii**2, 1e-12))
    focal = np.sqrt(camera.intrinsics[0, 0] * camera.intrinsics[1, 1])
    outline_radii = np.where(depths > radii, focal * radii / gap, 0.0)
    return ViewLabels(pixels, depths, outline_radii, shares, inside & (shares > 0))
