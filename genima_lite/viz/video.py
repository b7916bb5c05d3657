"""An episode as a film: tiled views beside the joints' curves with a moving cursor."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from PIL import Image

from genima_lite.files import written_whole
from genima_lite.observation import CONTROL_PERIOD, Demo
from genima_lite.viz.curves import draw_gripper, draw_joints, legend_handles, times
from genima_lite.viz.figure import QUIET_COLOUR, TEXT_COLOUR, Figure
from genima_lite.viz.views import label_views, shown_cameras, tile_places, view_picture

VIEW_PIXELS = 512
"""Small views are enlarged up to this size; large ones keep theirs."""

FONT = 10
"""Points on a panel 512 pixels high at 100 dpi; taller panels scale it."""

CURSOR = (213, 43, 43)
INK_AHEAD = 0.3
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
    with written_whole(path) as partial:
        _encode(partial, frames, fps)


def episode_frames(demo: Demo, title: str = "", instruction: str = "") -> Iterator[np.ndarray]:
    """Yield a film's frames, one a step: the views on the left, the curves on the right.

    Args:
        demo: T steps with RGB views of at least one of the four tiled cameras.
        title: for example the task.
        instruction: shown in quotation marks below the title.

    Yields:
        T frames (H, W, 3) uint8, all of one size, H and W even. The panel is drawn once; each
        frame fades what lies ahead of its step and paints the cursor.

    Raises:
        UserError: no picture or joint angle to show.
    """
    cameras = shown_cameras(demo)
    first = _enlarge(view_picture(demo[0], cameras))
    labels = _draw_labels(first.shape[0], first.shape[1], cameras)
    panel = _draw_panel(demo, max(VIEW_PIXELS, first.shape[0]), title, instruction)
    for step in range(len(demo)):
        picture = _enlarge(view_picture(demo[step], cameras))
        yield _even(_beside(_lay_over(picture, labels), panel.at(step)))


@dataclass(frozen=True)
class _Panel:
    """The curves, drawn once.

    `image` (H, W, 3) uint8; `columns` (T,) int, the cursor's pixel column at each step; `rows`,
    the pixel rows of the curves and the gripper's band.
    """

    image: np.ndarray
    columns: np.ndarray
    rows: slice

    def at(self, step: int) -> np.ndarray:
        """Return the panel with the cursor at a step, (H, W, 3) uint8."""
        image = self.image.copy()
        column, end = self.columns[step], self.columns[-1]
        ahead = image[self.rows, column : end + 1]
        ahead[:] = 255 - (INK_AHEAD * (255.0 - ahead)).astype(np.uint8)
        image[self.rows, column - 1 : column + 1] = CURSOR
        return image


def _draw_panel(demo: Demo, height: int, title: str, instruction: str) -> _Panel:
    """Draw the curves, `height` pixels high and a quarter wider."""
    figure = Figure(figsize=(6.4, 5.12), dpi=height / 5.12)
    steps = times(demo)
    end = max(steps[-1], CONTROL_PERIOD) * 1.18
    curves = figure.add_axes((0.1, 0.24, 0.89, 0.57), xlim=(0, end))
    band = figure.add_axes((0.1, 0.165, 0.89, 0.05), sharex=curves)
    draw_joints(curves, demo, FONT)
    draw_gripper(band, demo, FONT)
    curves.tick_params(labelbottom=False)
    _write_heading(figure, demo, title, instruction)
    image = _render(figure)[..., :3]
    columns = curves.transData.transform([(step, 0) for step in steps])[:, 0]
    edges = len(image) - np.array([curves.bbox.y1, band.bbox.y0])
    rows = slice(*edges.round().astype(int).tolist())
    return _Panel(image, columns.round().astype(int), rows)


def _write_heading(figure: Figure, demo: Demo, title: str, instruction: str) -> None:
    figure.text(0.1, 0.945, title, fontsize=FONT + 4, weight="bold", color=TEXT_COLOUR)
    if instruction:
        text = textwrap.fill(f"“{instruction}”", 64, max_lines=2, placeholder=" …")
        figure.text(0.1, 0.92, text, va="top", fontsize=FONT + 1, color=QUIET_COLOUR)
    figure.legend(
        handles=legend_handles(demo),
        loc="lower right",
        ncols=2,
        frameon=False,
        fontsize=FONT,
        labelcolor=QUIET_COLOUR,
    )


def _draw_labels(height: int, width: int, cameras: Sequence[str]) -> np.ndarray:
    """Draw the cameras' names for a picture on a clear ground, (H, W, 4) uint8."""
    figure = Figure(figsize=(width / 100, height / 100), dpi=100, facecolor="none")
    axes = figure.add_axes((0, 0, 1, 1), facecolor="none", xlim=(0, 1), ylim=(0, 1))
    axes.set_axis_off()
    rows, _, _ = tile_places(cameras)
    label_views(axes, cameras, FONT * height / rows / (VIEW_PIXELS / 2))
    return _render(figure)


def _render(figure: Figure) -> np.ndarray:
    """Draw a figure into pixels, (H, W, 4) uint8."""
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    return np.array(canvas.buffer_rgba())


def _enlarge(picture: np.ndarray) -> np.ndarray:
    """Enlarge a small picture (H, W, 3) uint8 until its longer side is `VIEW_PIXELS`."""
    height, width = picture.shape[:2]
    scale = max(1.0, VIEW_PIXELS / max(height, width))
    size = (round(width * scale), round(height * scale))
    whole = scale.is_integer()
    kind = Image.Resampling.NEAREST if whole else Image.Resampling.BICUBIC
    return np.asarray(Image.fromarray(picture).resize(size, kind))


def _lay_over(picture: np.ndarray, overlay: np.ndarray) -> np.ndarray:
    """Blend an overlay (H, W, 4) uint8 over a picture (H, W, 3) uint8."""
    alpha = overlay[..., 3:] / 255.0
    return (picture * (1 - alpha) + overlay[..., :3] * alpha).round().astype(np.uint8)


def _beside(picture: np.ndarray, panel: np.ndarray) -> np.ndarray:
    """Put a picture left of a panel that is at least as high, on white, centred upright."""
    above = (panel.shape[0] - picture.shape[0]) // 2
    below = panel.shape[0] - picture.shape[0] - above
    padded = np.pad(picture, ((above, below), (0, 0), (0, 0)), constant_values=255)
    return np.concatenate([padded, panel], axis=1)


def _even(frame: np.ndarray) -> np.ndarray:
    """Double an odd last row or column of a frame (H, W, 3)."""
    height, width = frame.shape[:2]
    return np.pad(frame, ((0, height % 2), (0, width % 2), (0, 0)), mode="edge")


def _encode(path: Path, frames: Iterable[np.ndarray], fps: float) -> None:
    options = {"movflags": "faststart"}  # the index comes first, so playing starts at once
    with av.open(str(path), "w", format="mp4", options=options) as container:
        rate = Fraction(fps).limit_denominator(1001)
        stream = container.add_stream("libx264", rate=rate, options=H264_OPTIONS)
        stream.pix_fmt = "yuv420p"
        shape = None
        for frame in frames:
            shape = shape or frame.shape
            _check_frame(frame, shape)
            image = av.VideoFrame.from_ndarray(_even(frame), format="rgb24")
            if stream.height != image.height:
                stream.height, stream.width = image.height, image.width
            container.mux(stream.encode(image))
        if shape is None:
            raise ValueError("a video needs at least one frame")
        container.mux(stream.encode())


def _check_frame(frame: np.ndarray, shape: tuple[int, ...]) -> None:
    if frame.dtype != np.uint8 or frame.ndim != 3 or frame.shape[2] != 3:
        raise ValueError(f"a frame must be (H, W, 3) uint8, not {frame.shape} {frame.dtype}")
    if frame.shape != shape:
        raise ValueError(f"frames differ in size: {shape[:2]}, then {frame.shape[:2]}")
