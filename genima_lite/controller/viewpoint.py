"""Cameras that stand elsewhere: their views drawn anew, as the controller knows them.

A controller learns RLBench's cameras by heart (`genima_lite.cameras.RLBENCH_MOUNTS`). Where others
look, and the observation tells where those are, three steps bring their views back:

    views ──► sphere finder ──► posture that has its spheres there ──► drawn for known cameras

Nothing of the scene is needed for it: the controller ignores what spheres are drawn on. Where the
cameras are the known ones, the views stay as they are.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import torch
from scipy.optimize import least_squares

from genima_lite import panda
from genima_lite.cameras import Camera
from genima_lite.controller.act import ACT
from genima_lite.controller.keypoint_heads import Found
from genima_lite.controller.normalise import normalise_state
from genima_lite.controller.pictures import known_cameras, stack_views, to_input
from genima_lite.observation import Observation
from genima_lite.targets.keypoints import draw_views, targets_of

_SHIFT, _TURN, _PIXELS = 1e-3, 2e-3, 0.05
"""A camera is another one from so many metres, so many radians, so many pixels of intrinsics."""

_SEEN = 0.5
"""From this certainty on a sphere counts as seen in a view."""

_AXIS, _POSTURE = 3.0, 0.02
"""Weights of the stripes' axes and of staying at the present posture, in pixels."""

_NEAREST = 0.02
"""Metres; spheres nearer to a camera are not compared."""

_PAPER = 128
"""The grey level on which spheres are drawn anew."""


def known_views(
    model: ACT,
    views: Mapping[str, np.ndarray],
    observation: Observation,
    joints: np.ndarray,
    gripper_open: float,
) -> Mapping[str, np.ndarray]:
    """Return views with drawn targets as the cameras that the controller knows would see them.

    Args:
        model: a controller that follows spheres.
        views: by camera, (H, W, 3) uint8, with targets drawn on them.
        observation: tells where the cameras are; one that does not is taken for RLBench's.
        joints: (7,) radians, where the arm is.
        gripper_open: in [0, 1].

    Returns:
        `views` itself where all cameras are the known ones, else targets on grey.
    """
    names, size = model.config.cameras, model.config.image_size
    known = known_cameras(model.config, panda.forward_kinematics(joints)[1])
    present = cameras_of(observation, names)
    if present is None or all(map(_same, present, known)):
        return views
    found = find_targets(model, stack_views(model.config, views), joints, gripper_open)
    target = targets_of(fit_posture(found, present, size, joints), _opening(found))
    paper = np.full((1, len(names), size, size, 3), _PAPER, np.uint8)
    drawn = draw_views(paper, [known], names, [target])
    return dict(zip(names, drawn.views[0], strict=True))


def cameras_of(observation: Observation, names: Sequence[str]) -> list[Camera] | None:
    """Return the cameras of an observation, `None` where it does not say where one of them is."""
    if any(f"{name}_camera_extrinsics" not in observation.misc for name in names):
        return None
    return [Camera.from_observation(observation, name) for name in names]


def _same(one: Camera, other: Camera) -> bool:
    shift = np.abs(one.pose[:3, 3] - other.pose[:3, 3]).max()
    turn = np.abs(one.pose[:3, :3] - other.pose[:3, :3]).max()
    pixels = np.abs(one.intrinsics - other.intrinsics).max()
    return bool(shift < _SHIFT and turn < _TURN and pixels < _PIXELS)


@torch.no_grad()
def find_targets(model: ACT, views: np.ndarray, joints: np.ndarray, gripper_open: float) -> Found:
    """Return where a controller sees the spheres of one sample, B = 1.

    Args:
        model: a controller that follows spheres.
        views: (V, H, W, 3) uint8.
        joints: (7,) radians.
        gripper_open: in [0, 1].
    """
    device = next(model.parameters()).device
    state = torch.from_numpy(normalise_state(joints, gripper_open))[None].to(device)
    found = model(to_input(views)[None].to(device), state).found
    assert found is not None, "a controller without spheres"
    return found


def fit_posture(
    found: Found, cameras: Sequence[Camera], size: int, start: np.ndarray
) -> np.ndarray:
    """Return the posture (7,) in radians whose spheres lie nearest to those found.

    Least squares with a soft absolute loss, so that a view that is wrong is outvoted by the
    others: pixels between keypoints, and what the stripes' axes differ by.

    Args:
        found: by the sphere finder, B = 1.
        cameras: V, where the views were taken from.
        size: pixels along each side of a view.
        start: (7,) radians, what decides where nothing is seen. The search begins there and at
            home: from afar it may end in a wrong elbow.
    """
    keypoints, visible, axes, _ = (part[0].cpu().numpy() for part in found.geometry())
    trust = np.where(visible > _SEEN, visible, 0.0)[..., None]  # (V, S, 1)

    def misfit(joints: np.ndarray) -> np.ndarray:
        poses = targets_of(joints, 1.0).poses
        parts = [_POSTURE * (joints - start)]
        for camera, pixels, axis, weight in zip(
            cameras, size * keypoints, axes, trust, strict=True
        ):
            seen, depth = camera.project(poses[:, :3, 3])
            off = (seen - pixels) * (depth > _NEAREST)[:, None]
            turned = poses[:, :3, 0] @ camera.pose[:3, :3] - axis
            parts += [(weight * off).ravel(), (_AXIS * weight * turned).ravel()]
        return np.concatenate(parts)

    bounds = (panda.LOWER, panda.UPPER)
    fits = [
        least_squares(misfit, begin, bounds=bounds, loss="soft_l1", xtol=1e-4, max_nfev=30)
        for begin in (np.clip(start, panda.LOWER + 1e-3, panda.UPPER - 1e-3), panda.HOME)
    ]
    return min(fits, key=lambda fit: fit.cost).x


def _opening(found: Found) -> float:
    """Return whether the gripper's sphere is that of an open one, 0 or 1, by all views."""
    _, visible, _, opened = (part[0].cpu().numpy() for part in found.geometry())
    return float(np.average(opened, weights=visible[:, 0] + 1e-6) > 0.5)
