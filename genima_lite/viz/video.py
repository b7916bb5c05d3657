"""An episode as a film: tiled views beside the joints' curves with a moving cursor."""

from __future__ import annotations

import os
import textwrap
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from PIL import Image

from genima_lite.observation import Demo
from genima_lite.viz.curves import draw_gripper, draw_joints, legend_handles, times
from genima_lite.viz.figure import QUIET_COLOUR, TEXT_COLOUR, Figure
from genima_lite.viz.views import label_views, shown_cameras, view_picture

VIEW_PIXELS = 512
"""Small views are enlarged up to this size; large ones keep theirs."""

FONT = 10
"""Points on a panel 512 pixels high at 100 dpi; taller panels scale it."""

CURSOR = (213, 43, 43)
FADE = 0.3
"""How much of the panel's ink stays where the cursor has not been yet."""

H264_OPTIONS = {"crf": "18", "preset": "fast", "g": "20"}
"""Visually lossless, a key frame at least every second so that a browser can seek."""


def write_video(path: Path | str, frames: Iterable[np.ndarray], fps: float = 20) -> None:
    """Write an H.264 MP4 that browsers play, whole or not at all.

    Args:
        path: the file; one that is there is replaced when the new one is complete.
        frames: (H, W, 3) uint8 RGB each, all of one size. H.264 wants even sizes: an odd last
            row or column is doubled.
        fps: frames per second; 20 plays a demonstration at its own speed.

    Raises:
        ValueError: no frames, frames of different sizes, or a frame that is no uint8 RGB image.
    """
    path = Path(path)
    partial = path.with_name(f".{path.name}.{os.getpid()}.partial")
    try:
        _encode(partial, frames, fps)
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)


def episode_frames(demo: Demo, title: str = "", instruction: str = "") -> Iterator[np.ndarray]:
    """Yield a film's frames, one a step: the views on the left, the curves on the right.

    Args:
        demo: T steps with RGB views of at least one of the four tiled cameras.
        title: for example the task.
        instruction: shown in quotation marks below the title.

    Yields:
        T frames (H, W, 3) uint8, all of one size, H and W even. The panel is drawn once; each
        frame fades what lies ahead of its moment and paints the cursor.

    Raises:
        UserError: no picture or joint angle to show.
    """
    cameras = shown_cameras(demo)
    scale = _enlargement(view_picture(demo[0], cameras))
    first = _enlarge(view_picture(demo[0], cameras), scale)
    height = max(VIEW_PIXELS, first.shape[0] + first.shape[0] % 2)
    labels = _draw_labels(first.shape[0], first.shape[1], cameras)
    panel = _draw_panel(demo, height, title, instruction)
    for step in range(len(demo)):
        picture = _enlarge(view_picture(demo[step], cameras), scale)
        yield _even(_beside(_lay_over(picture, labels), panel.at(step)))


@dataclass(frozen=True)
class _Panel:
    """The curves drawn once.

    `image` (H, W, 3) uint8; `columns` (T,) int, the cursor's pixel column at each step; `rows`,
    the pixel rows of the curves and the gripper's band.
    """

    image: np.ndarray
    columns: np.ndarray
    rows: slice

    def at(self, step: int) -> np.ndarray:
        """Return the panel with the cursor at a step, (H, W, 3) uint8."""
        image = self.image.copy()
        column = int(self.columns[step])
        ahead = image[self.rows, column : int(self.columns[-1]) + 1]
        ahead[:] = 255 - (FADE * (255.0 - ahead)).astype(np.uint8)
        image[self.rows, column - 1 : column + 1] = CURSOR
        return image


def _draw_panel(demo: Demo, height: int, title: str, instruction: str) -> _Panel:
    """Draw the curves, `height` pixels high and a quarter wider."""
    figure = Figure(figsize=(6.4, 5.12), dpi=100 * height / 512)
    canvas = FigureCanvasAgg(figure)
    duration = float(max(times(demo)[-1], times(demo[:2])[-1]))
    curves = figure.add_axes((0.1, 0.24, 0.88, 0.58), xlim=(0, duration * 1.16))
    band = figure.add_axes((0.1, 0.16, 0.88, 0.055), sharex=curves)
    draw_joints(curves, demo, FONT)
    draw_gripper(band, demo, FONT)
    return _Panel(image, columns, rows)
