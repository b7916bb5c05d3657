"""From a demonstration to pictures with targets: the one entry that training calls."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from genima_lite.cameras import Camera
from genima_lite.errors import UserError
from genima_lite.observation import Demo
from genima_lite.targets.draw import draw_spheres
from genima_lite.targets.horizon import HORIZON, target_frames
from genima_lite.targets.joints import JointTargets, Spheres, joint_targets, spheres_in_view
from genima_lite.targets.labels import ViewLabels, view_labels
from genima_lite.tiling import TILE_ORDER

Backdrop = Callable[[np.ndarray], np.ndarray]
"""Makes of a view (H, W, 3) uint8 the picture on which the spheres are drawn, same shape."""


@dataclass(frozen=True, eq=False)
class TargetViews:
    """The views of one frame with the targets of a later frame drawn on them.

    Attributes:
        frame: t, whose views these are.
        target: the frame whose joints are drawn, t + K or the next keyframe.
        joints: where the spheres are in the world.
        views: by camera, each (H, W, 3) uint8.
        labels: by camera, where the spheres are in each view.
    """

    frame: int
    target: int
    joints: JointTargets
    views: dict[str, np.ndarray]
    labels: dict[str, ViewLabels]


def draw_targets(
    demo: Demo,
    frame: int,
    cameras: Sequence[str] = TILE_ORDER,
    horizon: int = HORIZON,
    backdrop: Backdrop | None = None,
    keyframes: bool = True,
) -> TargetViews:
    """Draw one frame's targets; see `draw_targets_of`."""
    return draw_targets_of(demo, [frame], cameras, horizon, backdrop, keyframes)[0]


def draw_targets_of(
    demo: Demo,
    frames: Sequence[int],
    cameras: Sequence[str] = TILE_ORDER,
    horizon: int = HORIZON,
    backdrop: Backdrop | None = None,
    keyframes: bool = True,
) -> list[TargetViews]:
    """Draw the targets of several frames of a demonstration, all in one batch.

    The views and cameras are those of frame t, the joints those of its target.

    Args:
        demo: with the RGB images of `frames`, joint poses, and camera matrices.
        frames: numbers from 0 to T - 1.
        cameras: whose views to draw.
        horizon: K in steps; see `target_frames`.
        backdrop: called once a view, frame by frame in the order of `cameras`; `None` draws on
            the RGB view itself, which is what the diffusion model learns to draw. For the
            controller's pictures see `genima_lite.targets.backgrounds`.
        keyframes: cut targets at keyframes; see `target_frames`.

    Raises:
        KeyError: a frame without one of the images or cameras; the message names those present.
        UserError: no joint poses, or a camera for which no sphere size is known.
        ValueError: no frames, a frame outside the episode, or views of different sizes.
    """
    if not frames or not cameras:
        raise ValueError("no frames or no cameras to draw")
    if outside := [frame for frame in frames if not 0 <= frame < len(demo)]:
        raise ValueError(f"no frame {outside[0]} in an episode of {len(demo)} frames")
    targets = demo_targets(demo, horizon, keyframes)[list(frames)].tolist()
    joints = [joint_targets(demo[target]) for target in targets]
    views = [demo[frame].image(camera) for frame in frames for camera in cameras]
    if backdrop is not None:
        views = [backdrop(view) for view in views]
    seen_by = [Camera.from_observation(demo[frame], name) for frame in frames for name in cameras]
    each = [(joint, name) for joint in joints for name in cameras]
    spheres = [
        spheres_in_view(joint, name, camera.on_wrist)
        for (joint, name), camera in zip(each, seen_by, strict=True)
    ]
    pictures, labels = _draw(views, seen_by, spheres)
    count = len(cameras)
    return [
        TargetViews(
            frame,
            targets[i],
            joints[i],
            dict(zip(cameras, pictures[i * count : (i + 1) * count], strict=True)),
            dict(zip(cameras, labels[i * count : (i + 1) * count], strict=True)),
        )
        for i, frame in enumerate(frames)
    ]


def demo_targets(demo: Demo, horizon: int = HORIZON, keyframes: bool = True) -> np.ndarray:
    """Return the target frame of every frame of a demonstration, (T,) int; see `target_frames`.

    Raises:
        UserError: an observation without joint positions or without its gripper's state.
    """
    if any(seen.joint_positions is None or seen.gripper_open is None for seen in demo):
        raise UserError("targets need joint_positions and gripper_open in every observation")
    joints = np.stack([np.asarray(seen.joint_positions) for seen in demo])
    opening = np.array([float(seen.gripper_open or 0) for seen in demo])
    return target_frames(joints, opening, horizon, keyframes)


def _draw(
    views: Sequence[np.ndarray], cameras: Sequence[Camera], spheres: Sequence[Spheres]
) -> tuple[np.ndarray, list[ViewLabels]]:
    """Draw N views; return pictures (N, H, W, 3) and their labels."""
    pictures = np.stack(views)
    batch = Spheres(
        np.stack([each.poses for each in spheres]),
        np.stack([each.colors for each in spheres]),
        np.stack([each.radii for each in spheres]),
    )
    drawing = draw_spheres(pictures, cameras, batch)
    size = (pictures.shape[1], pictures.shape[2])
    shares = drawing.visible()
    labels = [
        view_labels(camera, each.poses[:, :3, 3], each.radii, share, size)
        for camera, each, share in zip(cameras, spheres, shares, strict=True)
    ]
    return drawing.pictures, labels
