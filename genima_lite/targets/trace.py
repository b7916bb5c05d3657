"""Where rays meet spheres: coverage, depth and stripes of every pixel that a sphere touches.

For a ray d = (x, y, 1) and a sphere at c with radius r, in camera axes, the near intersection
is t d with `t = (c . d - sqrt(q)) / (d . d)` and `q = (c . d)^2 - (d . d)(|c|^2 - r^2)`. Around
the middle of the outline q has no linear term, which keeps float32 exact enough:
`q = q0 - k (dx^2 + dy^2) + (cx dx + cy dy)^2` with `k = |c|^2 - r^2`, `q0 = k r^2 / (z^2 - r^2)`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from genima_lite.cameras import Camera
from genima_lite.targets.joints import Spheres
from genima_lite.targets.outline import Outlines, focal_lengths
from genima_lite.targets.stripes import stripe_intensity

_CHUNK = 1 << 15
"""pixels in flight: small enough for a processor's cache."""

_LEVELS = np.float32(4)
"""Steps of a pixel's coverage: graphics hardware tests four samples a pixel."""

_GRAZING = np.float32(1e-3)
"""Rays that just miss, in pixels that are partly covered, are shaded as if they grazed."""

_Columns = tuple[np.ndarray, ...]


@dataclass(frozen=True, eq=False)
class Fragments:
    """The P pixels that some spheres cover; each pixel at most once a sphere.

    Attributes:
        picture: (P,) int, n of the sphere.
        pixel: (P,) int, n * H * W + row * W + column.
        depth: (P,) float32, metres along the optical axis.
        coverage: (P,) float32, 0.25 to 1.
        intensity: (P,) float32, from black 0 to coloured 1.
    """

    picture: np.ndarray
    pixel: np.ndarray
    depth: np.ndarray
    coverage: np.ndarray
    intensity: np.ndarray


@dataclass(frozen=True, eq=False)
class _Balls:
    """M spheres, a row each: `picture` is (M,) int, everything else (M, 1, 1) float32."""

    picture: np.ndarray
    center: _Columns  # x, y, z in camera axes, metres
    axis: _Columns  # unit stripe axis in camera axes
    middle: _Columns  # of the outline, rays: (pixel - principal) / focal
    first: _Columns  # column and row where the box begins
    focal: _Columns
    principal: _Columns
    radius: np.ndarray


def trace(
    cameras: Sequence[Camera],
    spheres: Spheres,
    outline: Outlines,
    which: np.ndarray,
    size: tuple[int, int],
) -> Iterator[Fragments]:
    """Yield the pixels that one sphere of each picture covers, some pictures at a time.

    Args:
        cameras: N.
        spheres: with one batch dimension N, S a picture.
        outline: their outlines.
        which: (N,) int, 0 to S - 1: the sphere of each picture.
        size: height and width of the pictures in pixels.
    """
    for pictures, side in _groups(outline, which, size):
        balls = _balls(cameras, spheres, outline, pictures, which[pictures])
        yield _trace_boxes(balls, side, *size)


def _groups(
    outline: Outlines, which: np.ndarray, size: tuple[int, int]
) -> Iterator[tuple[np.ndarray, int]]:
    """Yield numbers of pictures whose spheres have boxes of the same side, in pixels."""
    row = np.arange(len(which))
    middles, halves = outline.middles[row, which], outline.halves[row, which]
    touching = ((middles + halves > 0) & (middles - halves < size[::-1])).all(-1)
    chosen = np.flatnonzero(outline.in_front[row, which] & touching)
    sides = np.minimum(2 * halves[chosen].max(-1) + 2, max(size))
    step = np.where(sides <= 64, 4, 16)
    sides = (np.ceil(sides / step) * step).astype(int)
    for side in np.unique(sides):
        group = chosen[sides == side]
        parts = min(len(group), -(-len(group) * int(side) ** 2 // _CHUNK))
        yield from ((part, int(side)) for part in np.array_split(group, parts))


def _balls(
    cameras: Sequence[Camera],
    spheres: Spheres,
    outline: Outlines,
    n: np.ndarray,
    s: np.ndarray,
) -> _Balls:
    """Gather sphere s of picture n, for M pairs."""
    rotation = np.stack([cameras[i].pose[:3, :3] for i in n])
    focal, principal = (values[:, 0] for values in focal_lengths([cameras[i] for i in n]))
    middle, half = outline.middles[n, s], outline.halves[n, s]
    return _Balls(
        n,
        center=_columns(outline.centers[n, s]),
        axis=_columns(np.einsum("mi,mij->mj", spheres.poses[n, s, :3, 0], rotation)),
        middle=_columns((middle - principal) / focal),
        first=_columns(np.floor(np.maximum(middle - half, 0.0))),
        focal=_columns(focal),
        principal=_columns(principal),
        radius=spheres.radii[n, s].astype(np.float32)[:, None, None],
    )


def _columns(values: np.ndarray) -> _Columns:
    """Split (M, n) into n arrays (M, 1, 1) float32."""
    return tuple(np.moveaxis(values.astype(np.float32), 1, 0)[..., None, None])


def _trace_boxes(balls: _Balls, side: int, height: int, width: int) -> Fragments:
    """Trace M spheres inside boxes of one side."""
    pixels = np.arange(side, dtype=np.float32)
    columns, rows = balls.first[0] + pixels, balls.first[1] + pixels[:, None]
    x = (columns + np.float32(0.5) - balls.principal[0]) / balls.focal[0]
    y = (rows + np.float32(0.5) - balls.principal[1]) / balls.focal[1]
    q = _closeness(balls, x, y)
    coverage = _coverage(balls, q) * (columns < width) * (rows < height)
    depth, intensity = _shade(balls, x, y, q)
    kept = np.flatnonzero(coverage)
    first_pixel = balls.picture[:, None, None] * (height * width)
    pixel = first_pixel + rows.astype(np.intp) * width + columns.astype(np.intp)
    return Fragments(
        balls.picture[kept // (side * side)],
        *(values.ravel()[kept] for values in (pixel, depth, coverage, intensity)),
    )


def _closeness(balls: _Balls, x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Return q / q0, (M, side, side): 1 in the middle of the outline, 0 on it, then negative.

    `x` (M, 1, side) and `y` (M, side, 1) are the rays (x, y, 1) of pixel centres.
    """
    cx, cy, z = balls.center
    gap = z * z - balls.radius**2
    scale = gap / balls.radius**2  # k / q0
    root = np.sqrt(scale / (cx * cx + cy * cy + gap))
    dx, dy = x - balls.middle[0], y - balls.middle[1]
    q = root * cx * dx + root * cy * dy
    q *= q
    q += (np.float32(0.5) - scale * dx * dx) + (np.float32(0.5) - scale * dy * dy)
    return q


def _coverage(balls: _Balls, q: np.ndarray) -> np.ndarray:
    """Return the share of each pixel inside its outline, in quarters, (M, side, side).

    Along a radius q falls as 1 - (distance / radius)^2, so q times half the outline's radius in
    pixels is the distance to the edge.
    """
    radius = balls.radius * balls.focal[0] / np.sqrt(balls.center[2] ** 2 - balls.radius**2)
    share = q * (radius * _LEVELS / 2) + (_LEVELS / 2)
    return np.rint(np.clip(share, 0, _LEVELS, out=share), out=share) / _LEVELS


def _shade(
    balls: _Balls, x: np.ndarray, y: np.ndarray, q: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Return depth in metres and stripe intensity at pixel centres, (M, side, side)."""
    (cx, cy, z), (ax, ay, az), r = balls.center, balls.axis, balls.radius
    gap = z * z - r * r
    root = np.sqrt(np.maximum(q, _GRAZING))
    root *= np.sqrt((cx * cx + cy * cy + gap) / gap) * r
    t = (cx * x + (cy * y + z) - root) / (x * x + (y * y + 1))
    along = ax * x + (ay * y + az)  # stripe axis times ray
    s = (t * along - (ax * cx + ay * cy + az * z)) / (2 * r) + np.float32(0.5)
    slope = along / root
    across = ((t * x - cx) * slope + ax) / balls.focal[0]
    down = ((t * y - cy) * slope + ay) / balls.focal[1]
    footprint = np.sqrt(across * across + down * down) * t / (2 * r)
    return t, stripe_intensity(s, footprint)
