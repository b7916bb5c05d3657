"""Views to network input, the same function in training and in closed loop."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import torch
from torch import Tensor

from genima_lite.cameras import Camera, mounted_camera
from genima_lite.controller.config import ControllerConfig
from genima_lite.errors import UserError
from genima_lite.tiling import check_picture


def stack_views(config: ControllerConfig, views: Mapping[str, np.ndarray]) -> np.ndarray:
    """Return the views in the network's order, (V, H, W, 3) uint8.

    Args:
        config: which cameras, in which order and size.
        views: by camera, each (H, W, 3) uint8; other cameras' are ignored. The views of a tiled
            picture are what `genima_lite.tiling.untile` gives.

    Raises:
        UserError: a camera is missing, or a view has another size or type.
    """
    if missing := [camera for camera in config.views if camera not in views]:
        present = ", ".join(views) or "none"
        raise UserError(f"the controller needs a view of {missing[0]} (present: {present})")
    wanted = (config.image_size, config.image_size, 3)
    for camera in config.views:
        view = views[camera]
        check_picture(f"the view of {camera}", view)
        if view.shape != wanted:
            raise UserError(
                f"the controller sees {wanted} uint8 views, the one of {camera} is {view.shape} "
                f"{view.dtype}; take pictures of {config.image_size} pixels"
            )
    return np.stack([views[camera] for camera in config.views])


def known_cameras(config: ControllerConfig, tip: np.ndarray) -> list[Camera]:
    """Return the rig's V cameras, from which a controller that follows spheres sees them.

    Args:
        config: which cameras, in which order and size.
        tip: (4, 4) pose of the gripper's tip in the world, where the wrist's camera is.
    """
    return [mounted_camera(name, config.image_size, tip, config.rig) for name in config.cameras]


def to_input(views: np.ndarray) -> Tensor:
    """Return views (..., H, W, 3) uint8 as input (..., 3, H, W) float32 in [-1, 1]."""
    floats = torch.from_numpy(np.ascontiguousarray(views)).float()
    return (floats / 127.5 - 1).movedim(-1, -3).contiguous()
