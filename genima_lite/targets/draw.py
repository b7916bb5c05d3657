"""Draw striped spheres onto pictures, analytically and without a graphics library.

All pictures of a batch, over views and time, are drawn together, and only inside the boxes
around the spheres' outlines. The spheres hide one another as they should; the robot hides none
of them (paper, section 3.1). Edges are smoothed with four samples a pixel as in the paper's
renderer, but blend with the picture below, where the paper's keep a rim of white.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from genima_lite.cameras import Camera
from genima_lite.targets.joints import Spheres
from genima_lite.targets.outline import outlines
from genima_lite.targets.trace import Fragments, trace


@dataclass(frozen=True, eq=False)
class Drawing:
    """Pictures with spheres on them.

    Attributes:
        pictures: (N, H, W, 3) uint8.
        owners: (N, H, W) int8: which sphere covers at least half of a pixel, -1 for none.
        areas: (N, S) float64, pixels inside each whole outline.
    """

    pictures: np.ndarray
    owners: np.ndarray
    areas: np.ndarray

    def visible(self) -> np.ndarray:
        """Return how much of each outline shows, (N, S) float64 from 0 to 1.

        What is missing is outside the picture or hidden by other spheres.
        """
        spheres = range(self.areas.shape[1])
        pixels = [np.count_nonzero(self.owners == s, axis=(1, 2)) for s in spheres]
        return np.minimum(np.stack(pixels, axis=1) / np.maximum(self.areas, 1.0), 1.0)


def draw_spheres(pictures: np.ndarray, cameras: Sequence[Camera], spheres: Spheres) -> Drawing:
    """Draw spheres on copies of pictures.

    Spheres that reach behind the camera are left out.

    Args:
        pictures: (N, H, W, 3) uint8.
        cameras: N, one a picture.
        spheres: with one batch dimension N.

    Raises:
        ValueError: shapes or the dtype do not fit.
    """
    _check(pictures, cameras, spheres)
    canvas = pictures.copy()
    owners = np.full(pictures.shape[:3], -1, np.int8)
    outline = outlines(cameras, spheres.poses[..., :3, 3], spheres.radii)
    far_to_near = np.argsort(-np.linalg.norm(outline.centers, axis=-1), axis=1)
    nearest = np.full(owners.shape, np.inf, np.float32)
    for which in far_to_near.T:
        for fragments in trace(cameras, spheres, outline, which, pictures.shape[1:3]):
            colors = spheres.colors[fragments.picture, which[fragments.picture]]
            solid = _paint(canvas.reshape(-1, 3), nearest.reshape(-1), fragments, colors)
            owners.reshape(-1)[fragments.pixel[solid]] = which[fragments.picture[solid]]
    return Drawing(canvas, owners, outline.areas)


def _check(pictures: np.ndarray, cameras: Sequence[Camera], spheres: Spheres) -> None:
    if pictures.ndim != 4 or pictures.shape[3] != 3 or pictures.dtype != np.uint8:
        raise ValueError(
            f"pictures must be (N, H, W, 3) uint8, not {pictures.shape} {pictures.dtype}"
        )
    if len(cameras) != len(pictures):
        raise ValueError(f"{len(cameras)} cameras for {len(pictures)} pictures")
    batch = (len(pictures), *spheres.radii.shape[1:])
    wanted = (batch, (*batch, 3), (*batch, 4, 4))
    shapes = (spheres.radii.shape, spheres.colors.shape, spheres.poses.shape)
    if len(batch) != 2 or shapes != wanted:
        raise ValueError(f"radii, colors and poses must be {wanted}, not {shapes}")


def _paint(
    canvas: np.ndarray, nearest: np.ndarray, fragments: Fragments, colors: np.ndarray
) -> np.ndarray:
    """Paint over what is farther, in place, and return which fragments now own their pixel.

    Spheres come farthest first, which is all it takes while they are whole and of one size. The
    test of depth is for spheres that run through one another.

    Args:
        canvas: (N*H*W, 3) uint8.
        nearest: (N*H*W,) float32, metres, depth of what is painted there.
        fragments: P of them.
        colors: (P, 3) uint8.
    """
    pixel = fragments.pixel
    below = np.take(canvas, pixel, axis=0).astype(np.float32)
    alpha = fragments.coverage * (fragments.depth < np.take(nearest, pixel))
    paint = colors * fragments.intensity[:, None]
    canvas[pixel] = np.rint(below + alpha[:, None] * (paint - below))
    solid = np.flatnonzero(alpha >= 0.5)
    nearest[pixel[solid]] = fragments.depth[solid]
    return solid
