"""The fine step: fit a sphere's outline to the pixels that belong to it, and judge the fit."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.ndimage import uniform_filter

from genima_lite.targets.evidence import Evidence

_FAR = 1e6
"""pixels; a focal length at which every outline is a circle."""

_LEAST_BEHIND = 40.0
_MOST_BEHIND = 130.0
"""Levels by which the surround is taken to differ from the sphere's colours."""

_STEPS = 12
_PROBE = 0.25
_CLOSE = 5e-3
_DAMPING = 1e-2
"""The fit: most steps, pixels to either side for a slope, pixels that end it, and damping."""


@dataclass(frozen=True, eq=False)
class Lens:
    """What the fit knows of the camera: pixels of focal length and the principal point.

    Seen through a real lens a sphere's outline is an ellipse; without, take it for a circle.
    """

    focal: float
    principal: tuple[float, float]

    @classmethod
    def of(cls, intrinsics: np.ndarray | None) -> Lens:
        """Make one of (3, 3) intrinsics, or of none."""
        if intrinsics is None:
            return cls(_FAR, (0.0, 0.0))
        focal = float(np.sqrt(intrinsics[0, 0] * intrinsics[1, 1]))
        return cls(focal, (float(intrinsics[0, 2]), float(intrinsics[1, 2])))


def cover(inside: np.ndarray) -> np.ndarray:
    """Return how much of each pixel a sphere covers, from its `outline_distance`."""
    return np.clip(inside + 0.5, 0.0, 1.0)


def outline_distance(
    params: np.ndarray, columns: np.ndarray, rows: np.ndarray, lens: Lens
) -> np.ndarray:
    """Return about how many pixels points lie inside a sphere's outline, negative outside.

    Args:
        params: (3,) column and row of the projected centre, and radius, the ellipse's small
            half axis, in pixels.
        columns, rows: of the points, broadcastable, continuous pixel coordinates.
        lens: of the camera.
    """
    column, row, radius = params
    cx, cy = (column - lens.principal[0]) / lens.focal, (row - lens.principal[1]) / lens.focal
    spread = (radius / lens.focal) ** 2
    stretch = 1 + spread  # the ellipse's middle lies this much further out than the centre
    dx = (columns - lens.principal[0]) / lens.focal - cx * stretch
    dy = (rows - lens.principal[1]) / lens.focal - cy * stretch
    k = cx * cx + cy * cy + 1 / stretch
    q = 1 - (dx * dx + dy * dy - (cx * dx + cy * dy) ** 2 / k) / spread
    return radius * (1 - np.sqrt(np.maximum(1 - q, 0.0)))


@dataclass(frozen=True, eq=False)
class Window:
    """The part of a picture around one candidate, with one colour's evidence, all (h, w)."""

    columns: np.ndarray  # (1, w) continuous
    rows: np.ndarray  # (h, 1)
    opacity: np.ndarray  # how much of the pixel is sphere, by linear unmixing
    weight: np.ndarray
    member: np.ndarray
    shade: np.ndarray

    @classmethod
    def cut(
        cls, evidence: Evidence, color: int, params: np.ndarray, hidden: np.ndarray | None = None
    ) -> Window:
        """Cut around params (3,), leaving out pixels that another sphere hides.

        Args:
            evidence: of the whole picture.
            color: number of the colour.
            params: column, row and radius in pixels.
            hidden: (H, W) bool; `None` for pixels of other colours.
        """
        height, width = evidence.member.shape[1:]
        reach = 1.6 * params[2] + 4
        box = tuple(
            slice(int(max(middle - reach, 0)), int(min(middle + reach + 1, size)))
            for middle, size in ((params[1], height), (params[0], width))
        )
        member, shade, distance = (
            part[color][box] for part in (evidence.member, evidence.shade, evidence.distance)
        )
        weight = evidence.known[color][box] if hidden is None else 1.0 - hidden[box]
        behind = _behind(distance, member, 2 * max(1, width // 128) + 1)
        opacity = 1 - np.clip(distance / behind, 0.0, 1.0)
        rows, columns = (np.arange(part.start, part.stop) + 0.5 for part in box)
        return cls(columns[None], rows[:, None], opacity, weight, member, shade)


def _behind(distance: np.ndarray, member: np.ndarray, width: int) -> np.ndarray:
    """Return how far from the sphere's colours the surround of each pixel is, in levels.

    A small `width` of the surround keeps a dark rim around the sphere from looking like a pixel
    that is half sphere, half bright background.
    """
    others = 1.001 - member
    mean = uniform_filter(distance * others, width) / uniform_filter(others, width)
    return np.clip(mean, _LEAST_BEHIND, _MOST_BEHIND)


def fit_outline(window: Window, params: np.ndarray, lens: Lens) -> np.ndarray:
    """Return column, row and radius (3,) that match the window's opacity best, from a guess.

    Weighted least squares by Gauss and Newton, with numerical slopes.
    """

    def model(values: np.ndarray) -> np.ndarray:
        inside = outline_distance(values, window.columns, window.rows, lens)
        return cover(inside).ravel()

    params, weight = np.array(params, float), window.weight.ravel()
    for _ in range(_STEPS):
        slopes = np.stack(
            [(model(params + h) - model(params - h)) / (2 * _PROBE) for h in _PROBE * np.eye(3)]
        )
        residual = weight * (window.opacity.ravel() - model(params))
        normal = (weight * slopes) @ slopes.T + _DAMPING * np.eye(3)
        step = np.linalg.solve(normal, slopes @ residual)
        params = params + np.clip(step, -0.3 * params[2], 0.3 * params[2])
        params[2] = max(params[2], 1.0)
        if np.abs(step).max() < _CLOSE:
            break
    return params
