"""Coordinate frames: of the arm, drawn on a camera's picture, and of cameras, in the room."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes

from genima_lite.cameras import Camera
from genima_lite.viz.figure import JOINT_COLOURS, QUIET_COLOUR, TEXT_COLOUR, Figure

FONT = 9
"""Points."""

CELL = 3.1
"""Inches: a panel's width."""

COLUMNS = 3
"""Panels a row, at most."""

AXIS_COLOURS = ("#E03030", "#20A040", "#3060F0")
"""Of x, y and z, as everywhere in robotics: red, green, blue."""

ARM_COLOUR = "#FFD21F"


def draw_frames(
    picture: np.ndarray,
    panels: Mapping[str, tuple[Camera, np.ndarray]],
    axis: float = 0.0,
    window: tuple[float, float, float, float] | None = None,
    names: Sequence[str] = (),
    truth: np.ndarray | None = None,
) -> Figure:
    """Draw chains of frames on copies of one picture, a panel each.

    Args:
        picture: (H, W, 3) uint8, what a camera saw.
        panels: by title, the camera to project with and frames (N, 4, 4) to world, joined by a
            line in their order. A panel says so where points lie behind its camera or outside.
        axis: metres, length of the axes drawn at each frame; 0 draws none.
        window: what of the picture to show: left, right, top, bottom in pixels, which may lie
            beyond its edges; `None` for all of it.
        names: of the frames, written beside them; none for those without.
        truth: (M, 4, 4) frames to world where they should be, dashed on every panel.

    Raises:
        ValueError: no panels.
    """
    if not panels:
        raise ValueError("no panels to draw")
    columns = min(COLUMNS, len(panels))
    rows = -(-len(panels) // columns)
    left, right, top, bottom = window or (0, picture.shape[1], 0, picture.shape[0])
    notes = [where_seen(*panel, picture.shape) for panel in panels.values()]
    height = CELL * (bottom - top) / (right - left) + (0.5 if any(notes) else 0.32)
    figure = Figure(figsize=(CELL * columns, height * rows), layout="constrained")
    for place, (title, (camera, frames)) in enumerate(panels.items()):
        axes = figure.add_subplot(rows, columns, place + 1)
        axes.imshow(picture, extent=(0, picture.shape[1], picture.shape[0], 0))
        axes.set(xticks=[], yticks=[], xlim=(left, right), ylim=(bottom, top))
        axes.set_title(title, fontsize=FONT + 1, color=TEXT_COLOUR)
        axes.spines[:].set_visible(False)
        _draw_chain(axes, camera, frames, axis)
        if truth is not None:
            should, _ = camera.project(truth[:, :3, 3])
            axes.plot(*should.T, "--", color="black", lw=1.2, zorder=1.5)
        _write_names(axes, camera, frames, names)
        axes.set_xlabel(notes[place], fontsize=FONT)
    if axis:
        _explain_colours(figure.axes[0])
    return figure


def _write_names(axes: Axes, camera: Camera, frames: np.ndarray, names: Sequence[str]) -> None:
    """Write names left of frames (N, 4, 4), those that share a point together."""
    shared: dict[tuple[float, ...], list[str]] = {}
    for point, name in zip(frames[:, :3, 3].round(6).tolist(), names, strict=False):
        shared.setdefault(tuple(point), []).append(name)
    box = {"facecolor": "white", "alpha": 0.8, "linewidth": 0, "pad": 1.0}
    for at, those in shared.items():
        pixel, _ = camera.project(np.array(at))
        style: dict[str, Any] = {"ha": "right", "va": "bottom", "fontsize": FONT, "bbox": box}
        place = (float(pixel[0]), float(pixel[1]))
        axes.annotate(" and ".join(those), place, (-7, 4), textcoords="offset points", **style)


def _explain_colours(axes: Axes) -> None:
    for k, colour in enumerate(AXIS_COLOURS):
        style: dict[str, Any] = {"color": colour, "fontsize": FONT + 2, "fontweight": "bold"}
        axes.text(0.03 + 0.06 * k, 0.03, "xyz"[k], transform=axes.transAxes, **style)


def where_seen(camera: Camera, frames: np.ndarray, shape: tuple[int, ...]) -> str:
    """Return in words how many frames (N, 4, 4) land in a picture of (H, W, ...) pixels.

    Nothing is said where all do, in front of the camera.
    """
    pixels, depth = camera.project(frames[:, :3, 3])
    inside = ((pixels >= 0) & (pixels < [shape[1], shape[0]])).all(axis=1)
    behind = np.count_nonzero(depth <= 0)
    words = [] if inside.all() else [f"{np.count_nonzero(~inside)} of {len(frames)} outside"]
    words += [f"{behind} of {len(frames)} behind the camera"] if behind else []
    return ", ".join(words)


def _draw_chain(axes: Axes, camera: Camera, frames: np.ndarray, axis: float) -> None:
    origins, _ = camera.project(frames[:, :3, 3])
    if len(frames) > 1:
        axes.plot(*origins.T, color="black", lw=4.0, alpha=0.6, clip_on=True)
        axes.plot(*origins.T, color=ARM_COLOUR, lw=2.2, clip_on=True)
    axes.plot(*origins.T, "o", color=ARM_COLOUR, ms=6, mec="black", mew=0.8, clip_on=True)
    for k, colour in enumerate(AXIS_COLOURS if axis else ()):
        ends, _ = camera.project(frames[:, :3, 3] + axis * frames[:, :3, k])
        for start, end in zip(origins, ends, strict=True):
            axes.plot(*np.stack([start, end]).T, color=colour, lw=2.4, clip_on=True)


def camera_map(cameras: Mapping[str, Camera], arm: np.ndarray) -> Figure:
    """Draw where cameras stand around the arm, from the side and from above.

    Each camera is a mark with 0.3 m of its optical axis, its z, and the edges of what it sees.

    Args:
        cameras: by name.
        arm: (N, 4, 4) frames to world, joined by a line.
    """
    figure = Figure(figsize=(9.3, 4.3), layout="constrained")
    for place, (across, up) in enumerate(((0, 2), (1, 0))):
        axes = figure.add_subplot(1, 2, place + 1)
        axes.plot(*arm[:, [across, up], 3].T, "-o", color="black", mfc=ARM_COLOUR, lw=3, ms=6)
        looks = zip(JOINT_COLOURS, "sD^ov", cameras.items(), strict=False)
        for colour, marker, (name, camera) in looks:
            _draw_camera(axes, camera, [across, up], colour)
            label = name.replace("_", " ")
            at = camera.pose[[across, up], 3]
            axes.plot(*at, marker, color=colour, ms=8, mec="white", mew=0.6, label=label)
        labels = [f"{'xyz'[i]} (m)" for i in (across, up)]
        axes.set(xlabel=labels[0], ylabel=labels[1], aspect="equal")
        axes.set_title(("from the side", "from above")[place], fontsize=FONT + 1)
        axes.tick_params(labelsize=FONT, colors=QUIET_COLOUR)
        axes.grid(color="#E6E6E6", lw=0.6)
        if up == 2:
            axes.axhline(0.75, color="#A07040", lw=2.5, zorder=0.5)
            axes.text(0.7, 0.78, "table", fontsize=FONT, color="#A07040", va="bottom")
            axes.legend(loc="upper right", frameon=False, fontsize=FONT)
        else:
            axes.set_xlim(0.9, -0.9)  # y points to the left when one looks along x
    names = ", ".join(name.replace("_", " ") for name in cameras)
    return figure.saying(
        f"Where cameras stand around the arm and look to, from the side and from above: {names}"
    )


def _draw_camera(axes: Axes, camera: Camera, plane: list[int], colour: str) -> None:
    position, size = camera.pose[:3, 3], 2 * camera.intrinsics[:2, 2]
    corners = np.array([[0.0, 0.0], [1.0, 0.0], [1.0, 1.0], [0.0, 1.0]]) * size
    for end in camera.unproject(corners, np.full(4, 0.3)):
        axes.plot(*np.stack([position, end])[:, plane].T, color=colour, lw=1.0)
    tip = position + 0.3 * camera.pose[:3, 2]
    axes.plot(*np.stack([position, tip])[:, plane].T, color=colour, lw=3.0)


def pinhole_from_above() -> Figure:
    """Draw a point, its ray and its place in the picture: two similar triangles."""
    figure = Figure(figsize=(7.5, 2.5), layout="constrained")
    axes = figure.add_subplot()
    focal, depth, slope = 1.0, 3.0, 0.4
    side, forward = AXIS_COLOURS[0], AXIS_COLOURS[2]
    axes.plot([0, 3.5], [0, 0], color=QUIET_COLOUR, lw=1)
    axes.plot([0, depth], [0, depth * slope], color=TEXT_COLOUR, lw=1.2)
    axes.plot([focal, focal], [-0.55, 0.75], color="#A9B7C4", lw=5, zorder=0)
    for z, name in ((focal, "$u - c_x$"), (depth, "$x$")):
        axes.plot([z, z], [0, z * slope], color=side, lw=2.5)
        axes.text(z + 0.05, z * slope / 2, name, color=side, va="center", fontsize=FONT + 2)
    for y, z, name in ((-0.68, focal, "$f_x$"), (-1.02, depth, "$z$")):
        arrow = {"arrowstyle": "<->", "color": forward, "shrinkA": 0, "shrinkB": 0}
        axes.annotate("", xy=(z, y), xytext=(0, y), arrowprops=arrow)
        axes.text(z / 2, y - 0.04, name, color=forward, va="bottom", fontsize=FONT + 2)
    axes.plot(depth, depth * slope, "o", color=ARM_COLOUR, mec="black", ms=8)
    axes.text(depth + 0.1, depth * slope, "a point of the room", va="center", fontsize=FONT)
    axes.plot(0, 0, "s", color=TEXT_COLOUR, ms=9)
    axes.text(-0.08, 0, "camera", ha="right", va="center", fontsize=FONT)
    axes.text(focal, 0.8, "the picture", ha="center", va="top", fontsize=FONT)
    axes.text(3.52, 0, "optical axis", va="center", fontsize=FONT, color=QUIET_COLOUR)
    axes.set(xlim=(-0.6, 4.3), ylim=(1.35, -1.3), aspect="equal")
    axes.set_axis_off()
    return figure.saying(
        "Two similar triangles with a corner in the camera: focal length and pixels in the "
        "picture, depth z and the point's x in the room"
    )


def axes_conventions(conventions: Mapping[str, np.ndarray]) -> Figure:
    """Draw camera axes as one sees them from behind the camera, a panel a convention.

    Args:
        conventions: by title, (3, 3) whose columns are the convention's x, y and z in OpenCV's
            axes (x right, y down, z forward).
    """
    figure = Figure(figsize=(CELL * len(conventions), 2.6), layout="constrained")
    slant = np.array([[1.0, 0.0, 0.42], [0.0, -1.0, 0.42]])  # forward is up and to the right
    for place, (title, axes_of) in enumerate(conventions.items()):
        axes = figure.add_subplot(1, len(conventions), place + 1)
        box = np.array([[-0.35, 0.35, 0.35, -0.35, -0.35], [-0.25, -0.25, 0.25, 0.25, -0.25]])
        axes.plot(box[0], box[1], color=QUIET_COLOUR, lw=1.2)
        axes.plot(box[0] + 0.3, box[1] + 0.3, color="#C0C0C0", lw=1.0)
        for start in box.T[:4]:
            axes.plot(*np.stack([start, start + 0.3]).T, color="#C0C0C0", lw=1.0)
        for k, colour in enumerate(AXIS_COLOURS):
            end = slant @ axes_of[:, k]
            x, y = 1.18 * end
            arrow = {"arrowstyle": "-|>", "color": colour, "lw": 2.6, "shrinkA": 0, "shrinkB": 0}
            axes.annotate("", xy=tuple(end), xytext=(0, 0), arrowprops=arrow)
            axes.text(x, y, "xyz"[k], color=colour, ha="center", va="center", size=13)
        axes.set(xlim=(-1.35, 1.35), ylim=(-1.3, 1.3), aspect="equal", xticks=[], yticks=[])
        axes.set_title(title, fontsize=FONT + 1, color=TEXT_COLOUR)
        axes.spines[:].set_visible(False)
    return figure.saying(
        "Camera axes as seen from behind the camera, x, y and z as arrows: "
        + ", ".join(conventions)
    )
