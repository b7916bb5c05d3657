"""An episode on one page: tiled views in a row, the joints' curves below."""

from __future__ import annotations

from dataclasses import dataclass
from textwrap import shorten
from typing import Any

import numpy as np
from matplotlib.axes import Axes

from genima_lite.errors import UserError
from genima_lite.observation import CONTROL_PERIOD, Demo
from genima_lite.viz.curves import (
    draw_gripper,
    draw_joints,
    legend_handles,
)
from genima_lite.viz.figure import MARK_COLOUR, QUIET_COLOUR, TEXT_COLOUR, Figure
from genima_lite.viz.views import label_views, shown_cameras, view_picture

FONT = 8.5
"""Points."""


def filmstrip(demo: Demo, frames: int = 6, title: str = "", instruction: str = "") -> Figure:
    """Draw an episode as a strip of pictures with its joint curves.

    Each picture stands right above its step in the curves, marked there by a line.

    Args:
        demo: T steps with the RGB views of at least one of the four tiled cameras.
        frames: how many pictures, evenly spread from the first step to the last, or one of the
            middle; an episode shorter than that shows each of its steps.
        title: for example the task.
        instruction: shown in quotation marks behind the title.

    Returns:
        A figure that shows itself in Jupyter; `savefig` writes it to a file.

    Raises:
        UserError: no picture or joint angle to show, or `frames` below 1.
    """
    steps = shown_steps(len(demo), frames)
    cameras = shown_cameras(demo)
    pictures = [view_picture(demo[step], cameras) for step in steps]
    height, width = pictures[0].shape[:2]
    layout = _Layout(len(steps), height / width)
    figure = Figure(figsize=(layout.width, layout.height))
    _write_title(figure, layout, title, instruction)
    for place, (step, picture) in enumerate(zip(steps, pictures, strict=True)):
        axes = figure.add_axes(layout.picture(place))
        _show_picture(axes, picture, step)
        label_views(axes, cameras, layout.name_size, place == 0, layout.name_size < FONT)
    _draw_curves(figure, layout, demo, steps)
    named = title or "an episode"
    return figure.saying(f"{len(pictures)} moments of {named}, and its joint angles over time")


def shown_steps(length: int, frames: int) -> list[int]:
    """Return at most `frames` step numbers, evenly spread over `length` steps, ends included.

    A single one is the middle.

    Raises:
        UserError: `frames` is below 1.
    """
    if frames < 1:
        raise UserError(f"a filmstrip needs at least one frame, not {frames}")
    if frames == 1:
        return [(length - 1) // 2]
    steps = np.linspace(0, length - 1, min(frames, length))
    return [int(step) for step in steps.round()]


@dataclass(frozen=True)
class _Layout:
    """Where things stand, in inches; the axes are given to matplotlib in parts of the figure.

    `columns` pictures of height/width ratio `aspect` stand side by side over the curves.
    """

    columns: int
    aspect: float
    width: float = 11.0
    left: float = 0.6
    right: float = 0.3
    gap: float = 0.08
    curves: float = 2.3
    band: float = 0.2
    bottom: float = 0.45
    top: float = 0.4

    @property
    def cell(self) -> float:
        return (self.width - self.left - self.right) / self.columns

    @property
    def picture_height(self) -> float:
        return min((self.cell - self.gap) * self.aspect, 3.2)

    @property
    def name_size(self) -> float:
        """Points of the cameras' names, so that they fit into their views."""
        return min(3.6 * self.picture_height / self.aspect, FONT)

    @property
    def picture_bottom(self) -> float:
        return self.bottom + self.band + 0.08 + self.curves + 0.32

    @property
    def height(self) -> float:
        return self.picture_bottom + self.picture_height + self.top

    def _box(
        self, x: float, y: float, width: float, height: float
    ) -> tuple[float, float, float, float]:
        return x / self.width, y / self.height, width / self.width, height / self.height

    def picture(self, place: int) -> tuple[float, float, float, float]:
        """Box of the picture in column `place`, centred in its cell."""
        width = self.picture_height / self.aspect
        x = self.left + place * self.cell + (self.cell - width) / 2
        return self._box(x, self.picture_bottom, width, self.picture_height)

    def curve_panel(self) -> tuple[float, float, float, float]:
        """Box of the curves."""
        y = self.bottom + self.band + 0.08
        return self._box(self.left, y, self.width - self.left - self.right, self.curves)

    def gripper_band(self) -> tuple[float, float, float, float]:
        """Box of the gripper's band."""
        return self._box(self.left, self.bottom, self.width - self.left - self.right, self.band)


def _write_title(figure: Figure, layout: _Layout, title: str, instruction: str) -> None:
    y = 1 - 0.2 / layout.height
    x = layout.picture(0)[0]
    style: dict[str, Any] = {"va": "center", "fontsize": FONT + 3}
    text = figure.text(x, y, title, weight="bold", color=TEXT_COLOUR, **style)
    if instruction:
        after = text.get_window_extent().x1 / figure.bbox.width + 0.1 / layout.width
        figure.text(
            after if title else x, y, f"“{shorten(instruction, 110)}”", color=QUIET_COLOUR, **style
        )


def _show_picture(axes: Axes, picture: np.ndarray, step: int) -> None:
    axes.imshow(picture, extent=(0, 1, 0, 1), aspect="auto")
    axes.set(xticks=[], yticks=[], xlim=(0, 1), ylim=(0, 1))
    axes.spines[:].set_visible(False)
    axes.set_xlabel(f"{step * CONTROL_PERIOD:.2f} s", fontsize=FONT, color=TEXT_COLOUR)


def _draw_curves(figure: Figure, layout: _Layout, demo: Demo, steps: list[int]) -> None:
    """Draw curves and band; the time axis puts step 0 below the first picture's middle."""
    duration = (len(demo) - 1) * CONTROL_PERIOD
    margin = max(duration, CONTROL_PERIOD) / max(len(steps) - 1, 1) / 2
    curves = figure.add_axes(layout.curve_panel(), xlim=(-margin, duration + margin))
    band = figure.add_axes(layout.gripper_band(), sharex=curves)
    for axes in (curves, band):
        for step in steps:
            axes.axvline(step * CONTROL_PERIOD, color=MARK_COLOUR, lw=0.7, zorder=0.5)
    draw_joints(curves, demo, FONT)
    draw_gripper(band, demo, FONT)
    curves.tick_params(labelbottom=False)
    band.legend(
        handles=legend_handles(demo),
        loc="upper right",
        bbox_to_anchor=(1, -0.6),
        ncols=2,
        frameon=False,
        fontsize=FONT,
        labelcolor=QUIET_COLOUR,
    )
