"""The outline of a sphere in a picture: an ellipse, from the pinhole camera in closed form.

For a sphere at c = (cx, cy, z) in camera axes with radius r, rays (x, y, 1) that touch it solve
`(c . d)^2 = k (d . d)` with `k = |c|^2 - r^2`: an ellipse whose middle lies at
`(cx, cy) z / (z^2 - r^2)`, slightly further out than the projection of the centre.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from genima_lite.cameras import Camera
from genima_lite.transforms import inverse


@dataclass(frozen=True, eq=False)
class Outlines:
    """Outlines of spheres in N pictures, S a picture; lengths in pixels, continuous.

    Attributes:
        centers: (N, S, 3) float64, sphere centres in camera axes (OpenCV), metres.
        middles: (N, S, 2), middle of each ellipse, column then row.
        halves: (N, S, 2), half the ellipse's extent along columns and rows.
        areas: (N, S), pixels; 0 where the sphere is not in front of the camera.
        in_front: (N, S) bool: drawn, and wholly in front of the camera.
    """

    centers: np.ndarray
    middles: np.ndarray
    halves: np.ndarray
    areas: np.ndarray
    in_front: np.ndarray


def outlines(cameras: Sequence[Camera], positions: np.ndarray, radii: np.ndarray) -> Outlines:
    """Return the outlines of spheres at `positions` (N, S, 3), world, with `radii` (N, S).

    Picture n is seen by `cameras[n]`; positions and radii in metres.
    """
    world_to_camera = inverse(np.stack([camera.pose for camera in cameras]))
    rotation, shift = world_to_camera[:, :3, :3], world_to_camera[:, :3, 3]
    centers = positions @ np.swapaxes(rotation, 1, 2) + shift[:, None]
    z = centers[..., 2]
    in_front = (radii > 0) & (z > 1.001 * radii)
    gap = np.where(in_front, z * z - radii * radii, 1.0)[..., None]
    flat = centers[..., :2]
    focal, principal = focal_lengths(cameras)
    reach = np.sqrt(np.maximum(flat * flat + gap, 0.0))
    middles = focal * flat * z[..., None] / gap + principal
    halves = focal * radii[..., None] * reach / gap
    slant = np.sqrt(np.maximum((centers * centers).sum(-1) - radii * radii, 0.0))
    areas = np.pi * focal.prod(-1) * radii**2 * slant / gap[..., 0] ** 1.5
    return Outlines(centers, middles, halves, np.where(in_front, areas, 0.0), in_front)


def focal_lengths(cameras: Sequence[Camera]) -> tuple[np.ndarray, np.ndarray]:
    """Return focal lengths and principal points, both (N, 1, 2), in pixels."""
    intrinsics = np.stack([camera.intrinsics for camera in cameras])
    return intrinsics[:, None, [0, 1], [0, 1]], intrinsics[:, None, [0, 1], [2, 2]]
