"""Where a chunk will lead: the ways of tip and elbow, drawn on what the cameras see."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw

from genima_lite.cameras import Camera
from genima_lite.envs.arm.workspace import POINTS, watched_points
from genima_lite.files import written_whole
from genima_lite.observation import Observation

SIDE = 384
"""Pixels along each side of a view."""

COLOURS = {"tip": (255, 214, 10), "elbow": (48, 209, 88)}
"""RGB of the watched points that are drawn."""

_DOT, _END = 2, 6
"""Radius in pixels of a row's dot, and of the last one's ring."""


def preview(observation: Observation, rows: np.ndarray, cameras: Sequence[str]) -> np.ndarray:
    """Return the views side by side, (SIDE, n SIDE, 3) uint8, a dot for each row and a ring where
    the last one ends.

    Args:
        observation: with the cameras' pictures and poses.
        rows: (n, 8), Franka's joint targets, then the gripper's opening.
        cameras: one at least.
    """
    points = watched_points(rows[:, :7])
    views = [_drawn(observation, name, points) for name in cameras]
    return np.concatenate(views, axis=1)


def write_preview(
    path: Path | str, observation: Observation, rows: np.ndarray, cameras: Sequence[str]
) -> None:
    """Write `preview` to a PNG file, whole or not at all."""
    with written_whole(path) as partial:
        Image.fromarray(preview(observation, rows, cameras)).save(partial)


def _drawn(observation: Observation, name: str, points: np.ndarray) -> np.ndarray:
    """Return one view (SIDE, SIDE, 3) with the ways of points (n, 5, 3)."""
    picture = observation.image(name)
    view = Image.fromarray(picture).resize((SIDE, SIDE))
    draw, camera = ImageDraw.Draw(view), Camera.from_observation(observation, name)
    for point, colour in COLOURS.items():
        pixels, depth = camera.project(points[:, POINTS.index(point)])
        pixels = pixels * SIDE / picture.shape[1]
        for pixel in pixels[depth > 0]:
            draw.ellipse([*(pixel - _DOT), *(pixel + _DOT)], fill=colour)
        if depth[-1] > 0:
            draw.ellipse([*(pixels[-1] - _END), *(pixels[-1] + _END)], outline=colour, width=2)
    return np.asarray(view)
