"""What pictures and cameras of a demonstration must be to be learned from together."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from genima_lite.demos.value_rules import CAMERA_VALUES
from genima_lite.observation import Demo


def drawing_fault(demo: Demo, cameras: Sequence[str]) -> str | None:
    """Return why targets cannot be drawn for cameras, `None` if they can: values that lack."""
    names = [f"{camera}_camera_{value}" for camera in cameras for value in CAMERA_VALUES]
    for t, seen in enumerate(demo):
        if seen.gripper_pose is None:
            return f"frame {t}: no gripper_pose, which targets are drawn from"
        for name in ("joint_poses", *names):
            if seen.misc.get(name) is None:
                return f"frame {t}: no misc.{name}, which targets are drawn from"
    return None


def size_fault(sizes: Sequence[tuple[str, tuple[int, int]]]) -> str | None:
    """Return what is wrong with sizes of pictures (name, (height, width)) that are seen together:
    they must be alike and square.
    """
    for name, size in sizes:
        if size != sizes[0][1]:
            return (
                f"{name} is {_words(size)} pixels, {sizes[0][0]} is {_words(sizes[0][1])}; those "
                "that are learned from together have one size"
            )
        if size[0] != size[1]:
            return f"{name} is {_words(size)} pixels; learning needs square pictures"
    return None


def lens_fault(demo: Demo, camera: str, size: tuple[int, int]) -> str | None:
    """Return what is wrong if a camera's matrix is for pictures of another size than (height,
    width).
    """
    lens = demo[0].misc.get(f"{camera}_camera_intrinsics")
    if lens is None:
        return None
    middle = np.asarray(lens, np.float64)[[1, 0], [2, 2]]
    if (np.abs(middle / np.array(size) - 0.5) <= 0.25).all():
        return None
    return (
        f"misc.{camera}_camera_intrinsics has its centre at {middle[1]:.0f}, {middle[0]:.0f}, but "
        f"pictures are {_words(size)} pixels; they were resized without it"
    )


def _words(size: tuple[int, int]) -> str:
    return f"{size[1]}x{size[0]}"
