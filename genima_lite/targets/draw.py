"""Draw striped spheres onto pictures: one ray a pixel, intersected with each sphere.

All pictures of a batch, over views and time, are drawn together, and only inside the boxes
around the spheres' outlines. The spheres hide one another as they should; the robot hides none
of them (paper, section 3.1). Edges are smoothed with four samples a pixel, as in the paper's
renderer, but blend with the picture below instead of with white.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from genima_lite.cameras import Camera
from genima_lite.targets.joints import Spheres
from genima_lite.targets.outline import Outlines, focal_lengths, outlines
from genima_lite.targets.stripes import stripe_intensity

_SAMPLES = ((0.375, 0.125), (0.875, 0.375), (0.125, 0.625), (0.625, 0.875))
_CHUNK = 1 << 16
"""pixels in flight: small enough for a processor's cache."""


@dataclass(frozen=True, eq=False)
class Drawing:
    """Pictures with spheres on them.

    Attributes:
        pictures: (N, H, W, 3) uint8.
        owners: (N, H, W) int8: which sphere covers at least half of a pixel, -1 for none.
        visible: (N, S) float64, how much of each outline is in the picture and not hidden by
            other spheres, 0 to 1.
    """

    pictures: np.ndarray
    owners: np.ndarray
    visible: np.ndarray


@dataclass(frozen=True, eq=False)
class _Fragments:
    """Pixels of some spheres, P of them: where they lie and what covers them."""

    sphere: np.ndarray  # (P,) int, n * S + s
    pixel: np.ndarray  # (P,) int, into the pictures as one row
    depth: np.ndarray  # (P,) float32, metres along the optical axis
    coverage: np.ndarray  # (P,) float32, 0.25 to 1
    intensity: np.ndarray  # (P,) float32, black 0 to coloured 1


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
    outline = outlines(cameras, spheres.poses[..., :3, 3], spheres.radii)
    table = _sphere_table(cameras, spheres, outline)
    height, width = pictures.shape[1:3]
    fragments = [
        _trace({name: rows[chosen] for name, rows in table.items()}, size, height, width)
        for chosen, size in _groups(outline, height, width)
    ]
    canvas, owners = _compose(pictures, _joined(fragments), spheres, table["order"])
    return Drawing(canvas, owners, _visible(owners, outline.areas))


def _check(pictures: np.ndarray, cameras: Sequence[Camera], spheres: Spheres) -> None:
    if pictures.ndim != 4 or pictures.shape[3] != 3 or pictures.dtype != np.uint8:
        raise ValueError(f"pictures must be (N, H, W, 3) uint8, not {_kind(pictures)}")
    if len(cameras) != len(pictures):
        raise ValueError(f"{len(cameras)} cameras for {len(pictures)} pictures")
    batch = (len(pictures), *spheres.radii.shape[1:])
    wanted = (batch, (*batch, 3), (*batch, 4, 4))
    shapes = (spheres.radii.shape, spheres.colors.shape, spheres.poses.shape)
    if len(batch) != 2 or shapes != wanted:
        raise ValueError(f"spheres must have shapes {wanted}, not {shapes}")


def _kind(array: np.ndarray) -> str:
    return f"{array.shape} {array.dtype}"


def _sphere_table(
    cameras: Sequence[Camera], spheres: Spheres, outline: Outlines
) -> dict[str, np.ndarray]:
    """Return all that tracing needs, one row for each of the N * S spheres, by name."""
    count = spheres.radii.shape[1]
    rotation = np.stack([camera.pose[:3, :3] for camera in cameras])
    axes = spheres.poses[..., :3, 0] @ rotation  # stripe axes in camera axes
    focal, principal = focal_lengths(cameras)
    distance = np.linalg.norm(outline.centers, axis=-1)
    rank = np.argsort(np.argsort(-distance, axis=1), axis=1)  # 0: farthest
    each = (
        ("center", outline.centers),
        ("axis", axes),
        ("radius", spheres.radii[..., None]),
        ("middle", outline.middles),
        ("half", outline.halves),
        ("focal", np.repeat(focal, count, axis=1)),
        ("principal", np.repeat(principal, count, axis=1)),
        ("order", rank[..., None]),
    )
    rows = {name: values.reshape(-1, values.shape[-1]) for name, values in each}
    rows["sphere"] = np.arange(len(rows["radius"]))[:, None]
    return {**rows, "picture": rows["sphere"] // count}


def _groups(outline: Outlines, height: int, width: int) -> Iterator[tuple[np.ndarray, int]]:
    """Yield spheres (rows of the table) that fit a box of the same side, in pixels, in chunks."""
    middles, halves = outline.middles.reshape(-1, 2), outline.halves.reshape(-1, 2)
    touching = (middles + halves > 0) & (middles - halves < [width, height])
    chosen = np.flatnonzero(outline.in_front.ravel() & touching.all(-1))
    sides = np.minimum(2 * halves[chosen].max(-1) + 2, max(height, width))
    step = np.where(sides <= 32, 4, 16)
    sides = (np.ceil(sides / step) * step).astype(int)
    for side in np.unique(sides):
        group = chosen[sides == side]
        for part in np.array_split(group, -(-len(group) * side * side // _CHUNK)):
            yield part, int(side)


def _trace(rows: dict[str, np.ndarray], side: int, height: int, width: int) -> _Fragments:
    """Trace M spheres inside square boxes of one side and return the pixels they cover."""
    columns = _box_pixels(rows["middle"][:, 0], rows["half"][:, 0], side, width)
    lines = _box_pixels(rows["middle"][:, 1], rows["half"][:, 1], side, height)
    coverage = _coverage(rows, columns, lines)
    inside = ((columns >= 0) & (columns < width))[:, None] & ((lines >= 0) & (lines < height))[
        ..., None
    ]
    coverage *= inside
    depth, intensity = _shade(rows, columns, lines)
    kept = np.flatnonzero(coverage)
    pixel = (rows["picture"] * height + lines)[..., None] * width + columns[:, None]
    return _Fragments(
        np.broadcast_to(rows["sphere"][..., None], coverage.shape).ravel()[kept],
        pixel.ravel()[kept],
        depth.ravel()[kept],
        coverage.ravel()[kept],
        intensity.ravel()[kept],
    )


def _box_pixels(middle: np.ndarray, half: np.ndarray, side: int, size: int) -> np.ndarray:
    """Return pixel numbers (M, side) along one image side that hold each sphere's outline."""
    first = np.floor(np.maximum(middle - half, 0.0)).astype(int)
    last = np.floor(np.minimum(middle + half, size)).astype(int)
    return (first + np.maximum(last - first - side + 1, 0))[:, None] + np.arange(side)
