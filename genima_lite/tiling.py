"""Four camera views as one picture, laid out as in the paper.

    wrist           front
    right_shoulder  left_shoulder

Training, evaluation and figures all tile here, so what a model sees is what we look at.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from genima_lite.errors import UserError

TILE_ORDER = ("wrist", "front", "right_shoulder", "left_shoulder")
"""Cameras of the four tiles, row by row: top left, top right, bottom left, bottom right."""


def check_picture(name: str, picture: object) -> None:
    """Refuse what is no picture as cameras give them, (H, W, 3) uint8.

    Other pictures of numbers, such as shares from 0 to 1, would be taken for nearly black ones.

    Args:
        name: which picture, for the message.
        picture: anything.

    Raises:
        UserError: the message has its shape and dtype.
    """
    if not isinstance(picture, np.ndarray):
        raise UserError(f"{name} is a {type(picture).__name__}, not a picture (H, W, 3) uint8")
    if picture.ndim != 3 or picture.shape[2] != 3 or picture.dtype != np.uint8 or not picture.size:
        raise UserError(
            f"{name} is {picture.shape} {picture.dtype}; give a picture (H, W, 3) uint8, red, "
            "green and blue from 0 to 255"
        )


def tile(views: Mapping[str, np.ndarray]) -> np.ndarray:
    """Lay four views out two by two.

    Args:
        views: by camera name, each (H, W) or (H, W, C) of any one dtype; cameras outside
            `TILE_ORDER` are ignored.

    Returns:
        (2H, 2W) or (2H, 2W, C), same dtype, a copy.

    Raises:
        UserError: a camera is missing, or views differ in shape or dtype.
    """
    if missing := [camera for camera in TILE_ORDER if camera not in views]:
        present = ", ".join(views) or "none"
        raise UserError(f"no view of {', '.join(missing)}; tiles need all four (given: {present})")
    first, *others = TILE_ORDER
    for camera in others:
        _check_alike(first, views[first], camera, views[camera])
    wrist, front, right, left = (views[camera] for camera in TILE_ORDER)
    return np.concatenate(
        [np.concatenate([wrist, front], axis=1), np.concatenate([right, left], axis=1)]
    )


def untile(picture: np.ndarray) -> dict[str, np.ndarray]:
    """Cut a tiled picture into its views, the inverse of `tile`.

    Args:
        picture: (2H, 2W) or (2H, 2W, C).

    Returns:
        Views by camera name in `TILE_ORDER`, each (H, W) or (H, W, C); they share the
        picture's memory.

    Raises:
        UserError: an odd height or width, or no picture.
    """
    if picture.ndim not in (2, 3):
        raise UserError(f"a tiled picture is (2H, 2W) or (2H, 2W, C), this one {picture.shape}")
    height, width = picture.shape[:2]
    if height % 2 or width % 2:
        raise UserError(f"a tiled picture has even sides, this one is {height}x{width}")
    rows = (picture[: height // 2], picture[height // 2 :])
    tiles = [half for row in rows for half in (row[:, : width // 2], row[:, width // 2 :])]
    return dict(zip(TILE_ORDER, tiles, strict=True))


def _check_alike(name: str, view: np.ndarray, other_name: str, other: np.ndarray) -> None:
    if (view.shape, view.dtype) != (other.shape, other.dtype):
        raise UserError(
            f"views must be alike to be tiled: {name} is {view.shape} {view.dtype}, "
            f"{other_name} is {other.shape} {other.dtype}"
        )
