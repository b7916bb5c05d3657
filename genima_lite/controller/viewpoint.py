"""Cameras that stand elsewhere: their views drawn anew, as the controller knows them.

A controller learns RLBench's cameras by heart (`genima_lite.cameras.RLBENCH_MOUNTS`). Where others
look, and the observation tells where those are, three steps bring their views back:

    views ──► sphere finder ──► posture that has its spheres there ──► drawn for known cameras

Nothing of the scene is needed for it: the controller ignores what spheres are drawn on.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from genima_lite.cameras import Camera
from genima_lite.controller.config import ControllerConfig
from genima_lite.controller.keypoint_heads import Found
from genima_lite.observation import Observation
from genima_lite.targets.keypoints import draw_views, targets_of

_SHIFT, _TURN, _PIXELS = 1e-3, 2e-3, 0.05
"""A camera is another one from so many metres, so many radians, so many pixels of intrinsics."""

_PAPER = 128
"""The grey level on which spheres are drawn anew."""


def cameras_of(observation: Observation, names: Sequence[str]) -> list[Camera] | None:
    """Return the cameras of an observation, `None` where it does not say where one of them is."""
    if any(f"{name}_camera_extrinsics" not in observation.misc for name in names):
        return None
    return [Camera.from_observation(observation, name) for name in names]


def elsewhere(cameras: Sequence[Camera], known: Sequence[Camera]) -> bool:
    """Return whether any of V cameras is another one than the V known ones."""
    return not all(map(_same, cameras, known))


def _same(one: Camera, other: Camera) -> bool:
    shift = np.abs(one.pose[:3, 3] - other.pose[:3, 3]).max()
    turn = np.abs(one.pose[:3, :3] - other.pose[:3, :3]).max()
    pixels = np.abs(one.intrinsics - other.intrinsics).max()
    return bool(shift < _SHIFT and turn < _TURN and pixels < _PIXELS)


def drawn_anew(
    config: ControllerConfig, known: Sequence[Camera], posture: np.ndarray, gripper_open: float
) -> dict[str, np.ndarray]:
    """Return the spheres of a posture (7,) in radians as known cameras see them, on grey, by
    camera (H, W, 3) uint8.
    """
    shape = (1, len(known), config.image_size, config.image_size, 3)
    target = targets_of(posture, gripper_open)
    views = draw_views(np.full(shape, _PAPER, np.uint8), [known], config.cameras, [target]).views
    return dict(zip(config.cameras, views[0], strict=True))


def opening(found: Found) -> float:
    """Return whether the gripper's sphere is that of an open one, 0 or 1, by all views together.

    Args:
        found: by the sphere finder, B = 1.
    """
    _, visible, _, opened = (part[0].cpu().numpy() for part in found.geometry())
    return float(np.average(opened, weights=visible[:, 0] + 1e-6) > 0.5)
