"""A point in space from where several cameras see it."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from genima_lite.cameras import Camera


def triangulate(
    pixels: np.ndarray, cameras: Sequence[Camera], weights: np.ndarray | None = None
) -> np.ndarray:
    """Return the point (3,) in metres, world frame, that lies nearest to all rays.

    Minimises the sum of `weight * distance^2` to the rays, in closed form, then once more with
    each distance divided by how far away the first answer is: a pixel is wider there.

    Args:
        pixels: (V, 2) column and row, continuous, V >= 2 views.
        cameras: V.
        weights: (V,), positive; `None` for equal ones.

    Raises:
        ValueError: fewer than two views, or rays that are almost parallel.
    """
    if len(pixels) != len(cameras) or len(pixels) < 2:
        raise ValueError(f"need two views or more, got {len(pixels)} of {len(cameras)} cameras")
    origins, rays = rays_of(pixels, cameras)
    base = np.ones(len(rays)) if weights is None else np.asarray(weights, dtype=np.float64)
    point = _nearest(origins, rays, base)
    focal = np.array([camera.intrinsics[0, 0] for camera in cameras])
    distance = np.linalg.norm(point - origins, axis=1)
    return _nearest(origins, rays, base * np.square(focal / distance / focal.max()))


def triangulate_agreeing(
    pixels: np.ndarray,
    cameras: Sequence[Camera],
    weights: np.ndarray | None = None,
    tolerance: float = 0.05,
) -> np.ndarray | None:
    """Return the point of those views that agree, `None` where no two do.

    The view whose ray passes farthest from the point is left out until all pass within
    `tolerance` metres. Other arguments are those of `triangulate`.
    """
    kept = np.arange(len(pixels))
    weights = np.ones(len(pixels)) if weights is None else np.asarray(weights)
    while len(kept) >= 2:
        chosen = [cameras[int(i)] for i in kept]
        try:
            point = triangulate(pixels[kept], chosen, weights[kept])
        except ValueError:  # parallel
            return None
        origins, rays = rays_of(pixels[kept], chosen)
        miss = np.linalg.norm(np.cross(point - origins, rays), axis=1)
        if miss.max() <= tolerance:
            return point
        kept = np.delete(kept, miss.argmax())
    return None


def rays_of(pixels: np.ndarray, cameras: Sequence[Camera]) -> tuple[np.ndarray, np.ndarray]:
    """Return origins in metres and unit directions of the views' rays, both (V, 3), world frame.

    Args:
        pixels: (V, 2) column and row, continuous.
        cameras: V.
    """
    origins = np.stack([camera.pose[:3, 3] for camera in cameras])
    depth = np.array(1.0)
    ends = np.stack([c.unproject(pixel, depth) for c, pixel in zip(cameras, pixels, strict=True)])
    return origins, (ends - origins) / np.linalg.norm(ends - origins, axis=1, keepdims=True)


def _nearest(origins: np.ndarray, rays: np.ndarray, weights: np.ndarray) -> np.ndarray:
    across = weights[:, None, None] * (np.eye(3) - rays[:, :, None] * rays[:, None])
    normal = across.sum(0)
    if np.linalg.cond(normal) > 1e6:
        raise ValueError("the rays are almost parallel: no point is nearest to them")
    return np.linalg.solve(normal, np.einsum("vij,vj->i", across, origins))
