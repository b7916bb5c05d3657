"""The renderer that a reader of notebook 02 puts together, beside the library's."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from genima_lite.cameras import Camera
from genima_lite.observation import Observation
from genima_lite.targets import Spheres, joint_targets, spheres_in_view
from genima_lite.transforms import inverse
from genima_lite.viz.target_pictures import drawn_on
from genima_lite.viz.views import BLANK


def yours_beside_ours(
    observation: Observation,
    name: str,
    ray_depth: Callable[..., np.ndarray],
    is_coloured: Callable[..., np.ndarray],
    nearest: Callable[..., np.ndarray],
) -> dict[str, np.ndarray]:
    """Return one view with the arm's spheres by three functions of the reader's and by ours.

    A grey picture stands for functions that are not written yet.
    """
    camera = Camera.from_observation(observation, name)
    view, spheres = observation.image(name), spheres_in_view(joint_targets(observation), name)
    ours = {"the library's": drawn_on(view, camera, spheres)}
    try:
        yours = assembled(view, camera, spheres, ray_depth, is_coloured, nearest)
    except NotImplementedError:
        return {"yours: solve exercises 2 to 4": np.full_like(view, BLANK), **ours}
    return {"exercises 2 to 4, put together": yours, **ours}


def assembled(
    picture: np.ndarray,
    camera: Camera,
    spheres: Spheres,
    ray_depth: Callable[..., np.ndarray],
    is_coloured: Callable[..., np.ndarray],
    nearest: Callable[..., np.ndarray],
) -> np.ndarray:
    """Return a picture (H, W, 3) with spheres drawn by the functions of notebook 02."""
    rows, columns = np.indices(picture.shape[:2])
    pixels = np.stack([columns, rows], axis=-1) + 0.5
    rays = camera.unproject(pixels, np.ones(pixels.shape[:2])) - camera.pose[:3, 3]
    directions = rays @ camera.pose[:3, :3]
    to_camera = inverse(camera.pose)
    centers = [to_camera[:3, :3] @ pose[:3, 3] + to_camera[:3, 3] for pose in spheres.poses]
    depths = np.stack(
        [ray_depth(directions, c, r) for c, r in zip(centers, spheres.radii, strict=True)]
    )
    owner, canvas = nearest(depths), picture.copy()
    for i, pose in enumerate(spheres.poses):
        mine = owner == i
        points = camera.unproject(pixels[mine], depths[i][mine])
        coloured = is_coloured(points, pose, spheres.radii[i])
        canvas[mine] = np.where(coloured[:, None], spheres.colors[i], 0)
    return canvas
