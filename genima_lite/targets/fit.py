"""The fine step: fit a sphere's outline to the pixels that belong to it, and judge the fit."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from genima_lite.targets.evidence import Evidence

_FAR = 1e6
"""pixels; a focal length at which every outline is a circle."""

START = (1.5, 1.0)
"""Softness and strength with which a fit begins."""

_FAINTEST = 0.35
"""The least strength that a fit tries."""

_STEPS = 12
_PROBE = 0.1
_CLOSE = 1e-2
_DAMPING = 1e-2
"""The fit: most steps, change for a slope, change that ends it, and damping."""


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


def cover(inside: np.ndarray, softness: float = 1.0) -> np.ndarray:
    """Return how much of each pixel a sphere covers, from its `outline_distance`.

    `softness` is the width of its edge in pixels, 1 in a picture that nothing has blurred.
    """
    return np.clip(inside / softness + 0.5, 0.0, 1.0)


def outline_distance(
    params: np.ndarray, columns: np.ndarray, rows: np.ndarray, lens: Lens
) -> np.ndarray:
    """Return about how many pixels points lie inside a sphere's outline, negative outside.

    Args:
        params: column and row of the projected centre, and radius, the ellipse's small half
            axis, in pixels; what follows is not used.
        columns, rows: of the points, broadcastable, continuous pixel coordinates.
        lens: of the camera.
    """
    column, row, radius = params[:3]
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
        member, shade, opacity, known = (
            part[color][box]
            for part in (evidence.member, evidence.shade, evidence.opacity, evidence.known)
        )
        weight = known if hidden is None else 1.0 - hidden[box]
        rows, columns = (np.arange(part.start, part.stop) + 0.5 for part in box)
        return cls(columns[None], rows[:, None], opacity, weight, member, shade)


def model(params: np.ndarray, window: Window, lens: Lens) -> np.ndarray:
    """Return the opacity that a sphere with params (5,) has in a window, (h, w)."""
    inside = outline_distance(params, window.columns, window.rows, lens)
    return params[4] * cover(inside, params[3])


def fit_outline(window: Window, params: np.ndarray, lens: Lens) -> np.ndarray:
    """Return the parameters that match the window's opacity best, from a guess.

    Weighted least squares by Gauss and Newton, with numerical slopes.

    Args:
        window: around the guess.
        params: (5,) column, row, radius and width of the edge in pixels, and strength: 1 for a
            sphere that hides what is behind it, less for a pale one.
        lens: of the camera.
    """
    params, weight = np.array(params, float), window.weight.ravel()
    for _ in range(_STEPS):
        now = model(params, window, lens)
        slopes = np.stack(
            [(model(params + h, window, lens) - now).ravel() for h in _PROBE * np.eye(5)]
        )
        residual = weight * (window.opacity - now).ravel() * _PROBE
        normal = (weight * slopes) @ slopes.T + _DAMPING * _PROBE**2 * np.eye(5)
        step = np.linalg.solve(normal, slopes @ residual)
        before, params = params, _bounded(params, step)
        if np.abs(params - before).max() < _CLOSE:
            break
    return params


def _bounded(params: np.ndarray, step: np.ndarray) -> np.ndarray:
    """Return params + step (5,), neither too far away nor beyond what a sphere can be."""
    longest = np.array([*3 * [0.3 * params[2]], 0.5, 0.2])
    params = params + np.clip(step, -longest, longest)
    params[2] = max(params[2], 1.0)
    params[3] = np.clip(params[3], 1.0, 1.0 + 0.6 * params[2])
    params[4] = np.clip(params[4], _FAINTEST, 1.0)
    return params
