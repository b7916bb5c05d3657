"""Draw striped spheres onto pictures, analytically and without a graphics library.

All pictures of a batch, over views and time, are drawn together, and only inside the boxes
around the spheres' outlines. The spheres hide one another as they should; the robot hides none
of them (paper, section 3.1). Edges cover pixels in quarters, as with the four samples of the
paper's renderer, but blend with the picture below, where the paper's keep a rim of white.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields

import numpy as np

from genima_lite.cameras import Camera
from genima_lite.targets.joints import Spheres
from genima_lite.targets.outline import Outlines, outlines
from genima_lite.targets.trace import Fragments, Tracer


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
    canvas, rows = pictures.copy(), np.arange(len(pictures))
    owners = np.full(pictures.shape[:3], -1, np.int8)
    outline = outlines(cameras, spheres.poses[..., :3, 3], spheres.radii)
    far_to_near = np.argsort(-np.linalg.norm(outline.centers, axis=-1), axis=1)
    depths = np.full(owners.size, np.inf, np.float32) if _cross(outline, spheres) else None
    tracer = Tracer(cameras, spheres, outline, pictures.shape[1:3])
    colors = spheres.colors.astype(np.float32)
    for which in far_to_near.T:
        for fragments in tracer.trace(which):
            if depths is not None:
                fragments = _nearest(fragments, depths)
            paint = np.take(colors[rows, which], fragments.picture, axis=0)
            _paint(canvas, fragments, paint)
            solid = np.flatnonzero(fragments.coverage >= 0.5)
            owner = np.take(which, fragments.picture[solid])
            owners.reshape(-1)[fragments.pixel[solid]] = owner
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


def _cross(outline: Outlines, spheres: Spheres) -> bool:
    """Return whether the order of distances may not tell which sphere hides which.

    It does while spheres are whole and, in one picture, of one size.
    """
    drawn = spheres.radii > 0
    gaps = np.linalg.norm(outline.centers[:, :, None] - outline.centers[:, None], axis=-1)
    pairs = drawn[:, :, None] & drawn[:, None] & ~np.eye(drawn.shape[1], dtype=bool)
    sums = spheres.radii[:, :, None] + spheres.radii[:, None]
    sizes = spheres.radii[:, :, None] != spheres.radii[:, None]
    return bool((pairs & ((gaps < sums) | sizes)).any())


def _nearest(fragments: Fragments, depths: np.ndarray) -> Fragments:
    """Return the fragments that are nearer than `depths` (N*H*W,), and update those."""
    kept = np.flatnonzero(fragments.depth < depths[fragments.pixel])
    nearer = Fragments(*(getattr(fragments, field.name)[kept] for field in fields(Fragments)))
    solid = nearer.coverage >= 0.5
    depths[nearer.pixel[solid]] = nearer.depth[solid]
    return nearer


def _paint(canvas: np.ndarray, fragments: Fragments, colors: np.ndarray) -> None:
    """Paint P fragments of `colors` (P, 3) float32 over `canvas` (N, H, W, 3), in place."""
    colors *= fragments.intensity[:, None]
    pixels = canvas.reshape(-1, 3).view("V3")[:, 0]  # three bytes at once are quicker to move
    edge = np.flatnonzero(fragments.coverage < 1.0)
    below = pixels[fragments.pixel[edge]].view(np.uint8).reshape(-1, 3)
    colors[edge] = below + fragments.coverage[edge, None] * (colors[edge] - below)
    colors += np.float32(0.5)
    pixels[fragments.pixel] = colors.astype(np.uint8).view("V3")[:, 0]
