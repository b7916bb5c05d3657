"""The posture that has its spheres where they are seen, and a chunk of actions that leads there.

A controller learns which way the arm goes for the postures of its training. What it sees of the
spheres is more general: their pixels and axes, where cameras are known, say by geometry alone which
posture is meant. So the two are put together: the network says how the arm moves, geometry where
it ends.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy.optimize import OptimizeResult, least_squares

from genima_lite import panda
from genima_lite.cameras import Camera
from genima_lite.controller.keypoint_heads import Found
from genima_lite.targets.keypoints import sphere_poses

_SEEN = 0.5
"""From this certainty on a sphere counts as seen in a view."""

_AXIS = 3.0
"""Pixels that a stripe axis which is wrong by one radian counts."""

_NEAREST = 0.02
"""Metres; spheres nearer to a camera are not compared."""

_STEP = 1e-6
"""Radians, for slopes."""

_STILL = 1e-2
"""Radians; a chunk that ends nearer to its beginning does not say how it gets there."""


def fit_posture(
    found: Found,
    cameras: Sequence[Camera],
    size: int,
    starts: Sequence[np.ndarray],
    weight: float,
) -> np.ndarray:
    """Return the posture (7,) in radians whose spheres lie nearest to those found.

    Least squares with a soft absolute loss, so that a view that is wrong is outvoted by the
    others: pixels between keypoints, and what the stripes' axes differ by.

    Args:
        found: by the sphere finder, B = 1.
        cameras: V, where the views were taken from.
        size: pixels along each side of a view.
        starts: postures (7,) in radians where a search begins; from afar it may end in a wrong
            one, so the best end counts. The first one decides what no sphere tells.
        weight: pixels a radian: how much a joint near the first start is kept there. One that the
            spheres place far from it counts little more.
    """
    misfit = _Misfit(found, cameras, size, starts[0], weight)
    ends = [_search(misfit, start) for start in starts]
    return min(ends, key=lambda end: float(end.cost)).x


def lead_to(actions: np.ndarray, joints: np.ndarray, end: np.ndarray) -> np.ndarray:
    """Return a chunk (K, 8) that gets to another end as the given one gets to its own.

    Args:
        actions: (K, 8), joint targets in radians and gripper open.
        joints: (7,) radians, where the arm is.
        end: (7,) radians, where the chunk shall lead.
    """
    last = actions[-1, :7]
    way = last - joints
    share = np.arange(1, len(actions) + 1) / len(actions)
    if np.linalg.norm(way) > _STILL:
        share = np.clip((actions[:, :7] - joints) @ way / (way @ way), 0.0, 1.0)
    led = actions.copy()
    led[:, :7] = np.clip(led[:, :7] + share[:, None] * (end - last), panda.LOWER, panda.UPPER)
    return led


class _Misfit:
    """How far the spheres of postures are from those found."""

    def __init__(
        self, found: Found, cameras: Sequence[Camera], size: int, near: np.ndarray, weight: float
    ):
        keypoints, visible, axes, _ = (part[0].cpu().double().numpy() for part in found.geometry())
        self._pixels, self._axes = size * keypoints, axes  # (V, S, 2), (V, S, 3)
        self._trust = np.where(visible > _SEEN, visible, 0.0)[..., None]  # (V, S, 1)
        self._cameras, self._near, self._weight = cameras, near, weight

    def __call__(self, joints: np.ndarray) -> np.ndarray:
        """Return (..., R) pixels for postures (..., 7)."""
        spheres = sphere_poses(joints)  # (..., S, 4, 4)
        parts = [_heavy_tailed(self._weight * (joints - self._near))]
        for view, camera in enumerate(self._cameras):
            pixels, depth = camera.project(spheres[..., :3, 3])
            off = (pixels - self._pixels[view]) * (depth > _NEAREST)[..., None]
            turned = spheres[..., :3, 0] @ camera.pose[:3, :3] - self._axes[view]
            parts += [self._trust[view] * off, _AXIS * self._trust[view] * turned]
        batch = joints.shape[:-1]
        return np.concatenate([part.reshape(*batch, -1) for part in parts], axis=-1)

    def slopes(self, joints: np.ndarray) -> np.ndarray:
        """Return (R, 7) pixels a radian at a posture (7,)."""
        here, *moved = self(joints + _STEP * np.eye(8, 7, -1))
        return ((np.stack(moved) - here) / _STEP).T


def _heavy_tailed(pixels: np.ndarray) -> np.ndarray:
    """Return what few pixels count as they are and many hardly more: Cauchy's loss, its root."""
    return np.sign(pixels) * np.sqrt(np.log1p(np.square(pixels)))


def _search(misfit: _Misfit, start: np.ndarray) -> OptimizeResult:
    """Return where a search from a posture (7,) ends."""
    inside = np.clip(start, panda.LOWER + 1e-3, panda.UPPER - 1e-3)
    bounds = (panda.LOWER, panda.UPPER)
    how = {"loss": "soft_l1", "xtol": 1e-4, "ftol": 1e-4, "max_nfev": 30}
    return least_squares(misfit, inside, jac=misfit.slopes, bounds=bounds, **how)
