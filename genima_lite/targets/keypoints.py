"""Targets drawn on many samples at once, for the controller's data and for the oracle."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from genima_lite import panda
from genima_lite.cameras import Camera
from genima_lite.targets.draw import draw_spheres
from genima_lite.targets.joints import JOINT_POSES_INDEX, JointTargets, Spheres, spheres_in_view
from genima_lite.targets.labels import view_labels


@dataclass(frozen=True, eq=False)
class DrawnViews:
    """Views of N samples with targets on them.

    Attributes:
        views: (N, V, H, W, 3) uint8.
        keypoints: (N, V, 4, 2) float32, sphere centres as shares of the view's width and height.
        visible: (N, V, 4) bool, the centre is in the view and some of the sphere shows.
        axes: (N, V, 4, 3) float32, unit vectors along the stripes' axes, in the camera's axes.
        opened: (N,) bool, whether the gripper's sphere has the colour of an open one.
    """

    views: np.ndarray
    keypoints: np.ndarray
    visible: np.ndarray
    axes: np.ndarray
    opened: np.ndarray


def sphere_poses(joints: np.ndarray) -> np.ndarray:
    """Return the poses (..., 4, 4, 4) of the spheres of postures (..., 7) in radians, to world in
    metres, in the order of `JOINTS`, by forward kinematics.
    """
    joint_poses, tip = panda.forward_kinematics(joints)
    frames = (joint_poses[..., i, :, :] for i in JOINT_POSES_INDEX.values())
    return np.stack([tip, *frames], axis=-3)


def targets_of(joints: np.ndarray, gripper_open: float) -> JointTargets:
    """Return the spheres of a posture (7,) in radians."""
    return JointTargets(sphere_poses(joints), bool(gripper_open > 0.5))


def draw_views(
    backgrounds: np.ndarray,
    cameras: Sequence[Sequence[Camera]],
    names: Sequence[str],
    targets: Sequence[JointTargets],
    shown: np.ndarray | None = None,
) -> DrawnViews:
    """Draw the targets of N samples in V views each.

    Args:
        backgrounds: (N, V, H, W, 3) uint8.
        cameras: N times V.
        names: of the V cameras; they decide the spheres' sizes.
        targets: N.
        shown: (N, V, 4) bool, which spheres are drawn; `None` for all.
    """
    height, width = backgrounds.shape[2:4]
    batch = backgrounds.shape[:2]
    spheres = _spheres(cameras, names, targets)
    radii = np.stack([each.radii for each in spheres])
    if shown is not None:
        radii = radii * shown.reshape(radii.shape)
    poses = np.stack([each.poses for each in spheres])
    colors = np.stack([each.colors for each in spheres])
    flat = [camera for row in cameras for camera in row]
    pictures = backgrounds.reshape(-1, height, width, 3)
    drawing = draw_spheres(pictures, flat, Spheres(poses, colors, radii))
    labels = [
        view_labels(camera, pose[:, :3, 3], radius, share, (height, width))
        for camera, pose, radius, share in zip(flat, poses, radii, drawing.visible(), strict=True)
    ]
    keypoints = np.stack([label.pixels for label in labels]) / [width, height]
    visible = np.stack([label.visible for label in labels])
    rotations = np.stack([camera.pose[:3, :3] for camera in flat])
    return DrawnViews(
        drawing.pictures.reshape(backgrounds.shape),
        np.nan_to_num(keypoints).astype(np.float32).reshape(*batch, 4, 2),
        visible.reshape(*batch, 4),
        (poses[..., :3, 0] @ rotations).astype(np.float32).reshape(*batch, 4, 3),
        np.array([target.gripper_open for target in targets]),
    )


def only_labels(
    cameras: Sequence[Sequence[Camera]],
    names: Sequence[str],
    targets: Sequence[JointTargets],
    size: int,
) -> DrawnViews:
    """Return where the spheres of N samples would be, with empty pictures (N, V, 0, 0, 3).

    Nothing is drawn, so a sphere counts as visible wherever its centre is in the view.
    """
    flat = [camera for row in cameras for camera in row]
    spheres = _spheres(cameras, names, targets)
    labels = [
        view_labels(camera, each.poses[:, :3, 3], each.radii, each.radii > 0, (size, size))
        for camera, each in zip(flat, spheres, strict=True)
    ]
    batch = (len(targets), len(names), 4)
    axes = np.stack([each.poses[:, :3, 0] for each in spheres])
    axes = axes @ np.stack([camera.pose[:3, :3] for camera in flat])
    keypoints = np.stack([label.pixels for label in labels]) / size
    return DrawnViews(
        np.zeros((*batch[:2], 0, 0, 3), np.uint8),
        np.nan_to_num(keypoints).astype(np.float32).reshape(*batch, 2),
        np.stack([label.visible for label in labels]).reshape(batch),
        axes.astype(np.float32).reshape(*batch, 3),
        np.array([target.gripper_open for target in targets]),
    )


def _spheres(
    cameras: Sequence[Sequence[Camera]], names: Sequence[str], targets: Sequence[JointTargets]
) -> list[Spheres]:
    """Return what to draw in each of N times V views."""
    return [
        spheres_in_view(target, name, camera.on_wrist)
        for target, row in zip(targets, cameras, strict=True)
        for name, camera in zip(names, row, strict=True)
    ]


def without_targets(views: np.ndarray) -> DrawnViews:
    """Return views (N, V, H, W, 3) uint8 as they are, with no sphere in them."""
    spheres = (*views.shape[:2], 4)
    return DrawnViews(
        views,
        np.zeros((*spheres, 2), np.float32),
        np.zeros(spheres, bool),
        np.zeros((*spheres, 3), np.float32),
        np.zeros(len(views), bool),
    )
