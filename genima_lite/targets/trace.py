"""Where rays meet spheres: coverage, depth and stripes of every pixel that a sphere touches.

For a ray d = (x, y, 1) and a sphere at c with radius r, in camera axes, the near intersection
is t d with `t = (c . d - sqrt(q)) / (d . d)` and `q = (c . d)^2 - (d . d)(|c|^2 - r^2)`. Around
the middle of the outline q has no linear term, which keeps float32 exact enough:
`q = q0 - k (dx^2 + dy^2) + (cx dx + cy dy)^2` with `k = |c|^2 - r^2`, `q0 = k r^2 / (z^2 - r^2)`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from genima_lite.cameras import Camera
from genima_lite.targets.joints import Spheres
from genima_lite.targets.outline import Outlines, focal_lengths
from genima_lite.targets.stripes import stripe_intensity

_CHUNK = 1 << 14
"""pixels in flight: small enough for a processor's cache."""

_LEVELS = np.float32(4)
"""Steps of a pixel's coverage: graphics hardware tests four samples a pixel."""

_GRAZING = np.float32(1e-3)
"""Rays that just miss, in pixels that are partly covered, are shaded as if they grazed."""


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


class _SphereColumns(NamedTuple):
    """M spheres; every field is (M, 1, 1) float32, or one column of such a table."""

    cx: np.ndarray  # centre in camera axes, metres
    cy: np.ndarray
    z: np.ndarray
    ax: np.ndarray  # unit stripe axis in camera axes
    ay: np.ndarray
    az: np.ndarray
    middle_x: np.ndarray  # of the outline, as a ray: (pixel - principal) / focal
    middle_y: np.ndarray
    column: np.ndarray  # where the box around the outline begins, pixels
    row: np.ndarray
    fx: np.ndarray  # focal lengths and principal point, pixels
    fy: np.ndarray
    px: np.ndarray
    py: np.ndarray
    radius: np.ndarray  # metres


class Tracer:
    """Traces the spheres of N pictures, S a picture."""

    def __init__(
        self,
        cameras: Sequence[Camera],
        spheres: Spheres,
        outline: Outlines,
        size: tuple[int, int],
    ) -> None:
        """Take N cameras, spheres with one batch dimension N, their outlines, height and width."""
        self.outline = outline
        self.size = size
        self.table = _table(cameras, spheres, outline)

    def trace(self, which: np.ndarray) -> Iterator[Fragments]:
        """Yield the pixels that sphere `which[n]` of each picture n covers, `which` (N,) int."""
        for pictures, side in _groups(self.outline, which, self.size):
            rows = self.table[pictures, which[pictures]]
            spheres = _SphereColumns(*np.ascontiguousarray(rows.T)[..., None, None])
            yield _trace_boxes(spheres, pictures, side, *self.size)


def _table(cameras: Sequence[Camera], spheres: Spheres, outline: Outlines) -> np.ndarray:
    """Return (N, S, 15) float32, the fields of `_SphereColumns` for every sphere."""
    focal, principal = focal_lengths(cameras)
    rotations = np.stack([camera.pose[:3, :3] for camera in cameras])
    corner = np.floor(np.maximum(outline.middles - outline.halves, 0.0))
    parts = (
        outline.centers,
        spheres.poses[..., :3, 0] @ rotations,
        (outline.middles - principal) / focal,
        corner,
        np.broadcast_to(focal, corner.shape),
        np.broadcast_to(principal, corner.shape),
        spheres.radii[..., None],
    )
    return np.concatenate(parts, axis=-1, dtype=np.float32)


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


def _trace_boxes(
    spheres: _SphereColumns, pictures: np.ndarray, side: int, height: int, width: int
) -> Fragments:
    """Trace the spheres of M pictures inside boxes of one side."""
    steps = np.arange(side, dtype=np.float32)
    columns, rows = spheres.column + steps, spheres.row + steps[:, None]
    x = (columns + np.float32(0.5) - spheres.px) / spheres.fx
    y = (rows + np.float32(0.5) - spheres.py) / spheres.fy
    q = _closeness(spheres, x, y)
    coverage = _coverage(spheres, q)
    if columns.max() >= width or rows.max() >= height:
        coverage *= (columns < width) & (rows < height)
    kept = np.flatnonzero(coverage)
    depth, s, footprint = (values.ravel()[kept] for values in _surface(spheres, x, y, q))
    first = pictures[:, None, None] * (height * width)
    pixel = first + rows.astype(np.intp) * width + columns.astype(np.intp)
    return Fragments(
        pictures[kept // (side * side)],
        pixel.ravel()[kept],
        depth,
        coverage.ravel()[kept],
        stripe_intensity(s, footprint),
    )


def _closeness(spheres: _SphereColumns, x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Return q / q0, (M, side, side): 1 in the middle of the outline, 0 on it, then negative.

    `x` (M, 1, side) and `y` (M, side, 1) are the rays (x, y, 1) of pixel centres.
    """
    cx, cy, z, radius = spheres.cx, spheres.cy, spheres.z, spheres.radius
    gap = z * z - radius * radius
    scale = gap / (radius * radius)  # k / q0
    root = np.sqrt(scale / (cx * cx + cy * cy + gap))
    dx, dy = x - spheres.middle_x, y - spheres.middle_y
    q = root * cx * dx + root * cy * dy
    q *= q
    q += (np.float32(0.5) - scale * dx * dx) + (np.float32(0.5) - scale * dy * dy)
    return q


def _coverage(spheres: _SphereColumns, q: np.ndarray) -> np.ndarray:
    """Return the share of each pixel inside its outline, in quarters, (M, side, side).

    Along a radius q falls as 1 - (distance / radius)^2, so q times half the outline's radius in
    pixels is the distance to the edge.
    """
    radius = spheres.radius * spheres.fx / np.sqrt(spheres.z**2 - spheres.radius**2)
    share = q * (radius * _LEVELS / 2) + (_LEVELS / 2)
    np.rint(np.clip(share, 0, _LEVELS, out=share), out=share)
    share /= _LEVELS
    return share


def _surface(
    spheres: _SphereColumns, x: np.ndarray, y: np.ndarray, q: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return where the rays of pixel centres meet the spheres, each (M, side, side).

    Returns:
        Depth in metres; position s along the stripe axis, 0 to 1; what a pixel spans of s.
    """
    cx, cy, z, r = spheres.cx, spheres.cy, spheres.z, spheres.radius
    ax, ay, az = spheres.ax, spheres.ay, spheres.az
    gap = z * z - r * r
    root = np.sqrt(np.maximum(q, _GRAZING))
    root *= np.sqrt((cx * cx + cy * cy + gap) / gap) * r
    t = cx * x + (cy * y + z)
    t -= root
    t /= x * x + (y * y + 1)
    along = ax * x + (ay * y + az)  # stripe axis times ray
    s = t * along
    s -= ax * cx + ay * cy + az * z
    s /= 2 * r
    s += np.float32(0.5)
    slope = np.divide(along, root, out=along)
    across = ((t * x - cx) * slope + ax) / spheres.fx
    down = ((t * y - cy) * slope + ay) / spheres.fy
    footprint = np.sqrt(across * across + down * down)
    footprint *= t / (2 * r)
    return t, s, footprint
