"""Sketches about targets: a pinhole, a ray and a sphere, which frame is drawn, rays that meet."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from mpl_toolkits.mplot3d import Axes3D
from mpl_toolkits.mplot3d.art3d import Poly3DCollection

from genima_lite.cameras import Camera
from genima_lite.observation import Demo
from genima_lite.rlbench import TABLE
from genima_lite.targets import HORIZON, demo_targets, find_keyframes
from genima_lite.targets.stripes import RING, RINGS
from genima_lite.targets.triangulate import rays_of
from genima_lite.viz.figure import Figure

BLUE, ORANGE, GREEN, QUIET = "#0072B2", "#D55E00", "#009E73", "#5F5F5F"
RAYS = (ORANGE, BLUE, GREEN, "#CC79A7")
MARKERS = "sD^o"
"""One each a camera."""


def pinhole() -> Figure:
    """Return a sketch of two points that a pinhole camera sees in one pixel."""
    figure = Figure(figsize=(7.5, 2.7), layout="constrained")
    axes = figure.add_subplot()
    slope, near, far = 0.4, 1.6, 2.6
    axes.plot([0, 3.1], [0, 3.1 * slope], color=BLUE, lw=1, zorder=0)
    axes.plot([far, far, 0], [0, far * slope, far * slope], color=QUIET, lw=1, ls=":", zorder=0)
    axes.text(far + 0.05, far * slope / 2, "X", color=QUIET, va="center")
    axes.text(far / 2, far * slope + 0.03, "Z", color=QUIET, va="bottom")
    for z, name in ((near, "same pixel"), (far, "(X, Y, Z)")):
        axes.plot(z, z * slope, "o", color=ORANGE, ms=7)
        axes.text(z + 0.07, z * slope - 0.04, name, va="top", color=ORANGE)
    axes.plot(1, slope, "o", color="white", mec=BLUE, ms=7)
    axes.plot([1, 1], [0, slope], color=BLUE, lw=2, zorder=0)
    axes.text(0.96, slope / 2, "X / Z", va="center", ha="right", color=BLUE)
    _camera_and_plane(axes)
    axes.set(xlim=(-0.2, 3.6), ylim=(-0.35, 1.35))
    return figure.saying(
        "Two points on one ray from a camera: both are X / Z at depth 1, one pixel"
    )


def ray_and_sphere(slopes: Sequence[float] = (0.0, 0.3, 0.62)) -> Figure:
    """Return a sketch of rays (slope, 1) from a camera that hit or miss a sphere."""
    center, radius, end = np.array([0.5, 2.0]), 0.6, 2.9
    figure = Figure(figsize=(7.5, 3.3), layout="constrained")
    axes = figure.add_subplot()
    angles = np.linspace(0, 2 * np.pi, 200)
    outline = center[::-1, None] + radius * np.stack([np.cos(angles), np.sin(angles)])
    axes.fill(*outline, "#8468F0", alpha=0.25)
    _arrow(axes, center, QUIET)
    axes.plot(*center[::-1], "o", color=QUIET, ms=4)
    axes.text(center[1] + 0.04, center[0] - 0.02, "c", color=QUIET, weight="bold", va="top")
    for slope in slopes:
        axes.plot([0, end], [0, end * slope], color=BLUE, lw=1, zorder=0)
        half = center @ [slope, 1]
        inside = half**2 - (slope**2 + 1) * (center @ center - radius**2)
        if inside < 0:
            axes.text(end, end * slope, "  a miss", va="center", color=BLUE)
            continue
        _arrow(axes, np.array([slope, 1]), BLUE)
        for sign, name, colour in ((-1, "near", ORANGE), (1, "far", "white")):
            t = (half + sign * np.sqrt(inside)) / (slope**2 + 1)
            axes.plot(t, t * slope, "o", color=colour, mec=ORANGE, ms=7)
            axes.text(t, t * slope - 0.09, name, ha="center", va="top", color=ORANGE)
    axes.text(0.93, slopes[1] + 0.06, "d", color=BLUE, weight="bold", ha="right", va="bottom")
    axes.text(end, slopes[1] * end, "  points z d", va="center", color=BLUE)
    _camera_and_plane(axes)
    axes.set(xlim=(-0.2, 3.6), ylim=(-0.35, 1.95))
    return figure.saying(
        "Rays from a camera: one misses a sphere with the centre c, others meet it near and far"
    )


def _arrow(axes: Axes, end: np.ndarray, colour: str) -> None:
    """Draw an arrow from the camera to a point (x, z) of a sketch."""
    look = {"arrowstyle": "->", "color": colour, "lw": 1.6, "shrinkA": 0, "shrinkB": 0}
    axes.annotate("", (end[1], end[0]), (0, 0), arrowprops=look)


def _camera_and_plane(axes: Axes) -> None:
    """Draw a camera in the sketch's origin and the plane at depth 1, and name the axes."""
    axes.plot([0, 0], [-0.14, 0.14], "k", lw=3)
    axes.text(-0.12, -0.17, "camera", va="top")
    axes.axvline(1, color=QUIET, lw=1, ls="--", zorder=0)
    axes.text(1.04, -0.32, "depth 1", color=QUIET, fontsize=8, va="bottom")
    axes.set(aspect="equal", xlabel="z, forward, metres", ylabel="x, metres")
    axes.spines[["top", "right"]].set_visible(False)


def ring_scale() -> Figure:
    """Return the stripe pattern from pole to pole, s from 0 to 1."""
    figure = Figure(figsize=(7.5, 1.2), layout="constrained")
    axes = figure.add_subplot()
    axes.axvspan(0, 1, color="black")
    for k in range(RINGS):
        axes.axvspan(2 * k * RING, (2 * k + 1) * RING, color=(132 / 255, 104 / 255, 240 / 255))
    ticks = [0, *(k * RING for k in range(1, 2 * RINGS)), 1]
    labels = ["0", *(f"{3 * k}/32" for k in range(1, 2 * RINGS)), "1"]
    axes.set_xticks(ticks, labels, fontsize=8)
    axes.set(xlim=(0, 1), yticks=[], xlabel="s, from the pole at x = -r to the pole at x = +r")
    return figure.saying("Stripes from pole to pole: coloured and black in turn, each 3/32 wide")


def target_timeline(demo: Demo, horizon: int = HORIZON) -> Figure:
    """Return the tip's height over an episode, and below it every frame's target by both rules."""
    joints = np.stack([np.asarray(seen.joint_positions) for seen in demo])
    opening = np.array([float(seen.gripper_open or 0) for seen in demo])
    height = [100 * (np.asarray(seen.gripper_pose)[2] - 0.75) for seen in demo]
    changes, rests = find_keyframes(joints, opening)
    figure = Figure(figsize=(7.5, 5.2), layout="constrained")
    above, below = figure.subplots(2, 1, sharex=True, height_ratios=(2, 3))
    above.plot(height, color=BLUE)
    above.set_ylabel("tip above\nthe table, cm")
    for axes in (above, below):
        axes.spines[["top", "right"]].set_visible(False)
        for keyframe in [*changes, *rests]:
            axes.axvline(keyframe, color="#C8C8C8", lw=1, zorder=0)
    for keyframes, name in ((changes, "gripper\ncloses"), (rests, "at rest")):
        for keyframe in keyframes:
            above.text(keyframe + 0.4, max(height), name, va="top", fontsize=8, color=QUIET)
    frames = np.arange(len(demo))
    plain, cut = (demo_targets(demo, horizon, keyframes) for keyframes in (False, True))
    below.plot(frames, plain, "o", ms=5, color=ORANGE, mfc="white", label=f"t + {horizon}")
    below.plot(frames, cut, ".", ms=6, color=GREEN, label="cut at the next keyframe")
    below.plot(frames, frames, color=QUIET, lw=1, ls=":", label="t itself")
    below.legend(loc="lower right")
    below.set(xlabel="frame t", ylabel="target of frame t", ylim=(-1, len(demo) + 1))
    return figure.saying(
        "Above the tip's height over the frames, with keyframes; below each frame's target: a "
        "second ahead, or the next keyframe where that comes sooner"
    )


def meeting_rays(
    pixels: np.ndarray,
    cameras: Sequence[Camera],
    names: Sequence[str],
    point: np.ndarray,
    close: float = 6.0,
) -> Figure:
    """Return the rays of several cameras in the room, and close by, how they miss one another.

    Args:
        pixels: (V, 2) column and row, continuous, where each camera sees the point.
        cameras: V.
        names: V, of the cameras.
        point: (3,) metres, world frame.
        close: millimetres that the close views show to each side of the point.
    """
    starts, along = rays_of(pixels, cameras)
    figure = Figure(figsize=(10, 3.9), layout="constrained")
    views = figure.add_gridspec(2, 3, width_ratios=(1.5, 1, 1), height_ratios=(12, 1))
    room = figure.add_subplot(views[:, 0], projection="3d")
    _rays_in_the_room(room, starts, along, point)
    for column, (across, up, title) in enumerate(((0, 1, "from above"), (0, 2, "from the side"))):
        axes = figure.add_subplot(views[0, column + 1])
        looks = zip(RAYS, MARKERS, starts - point, along, strict=False)
        for colour, marker, start, ray in looks:
            middle = start - ray * (start @ ray)
            ends = 1000 * np.stack([middle + part * ray for part in np.linspace(-0.1, 0.1, 101)])
            style: dict[str, Any] = {"color": colour, "marker": marker, "ms": 7, "lw": 2}
            axes.plot(ends[:, across], ends[:, up], markevery=[46, 54], **style)
        axes.plot(0, 0, "o", ms=9, mfc="none", mec="black", mew=1.5)
        axes.set(xlim=(-close, close), ylim=(-close, close), aspect="equal")
        axes.set(xticks=axes.get_yticks(), xlabel="x, mm", ylabel=f"{'xyz'[up]}, mm")
        axes.set_title(f"close by, {title}", fontsize=10)
        axes.spines[["top", "right"]].set_visible(False)
    labels = [
        Line2D([], [], color=colour, lw=2, marker=marker, ms=7)
        for colour, marker, _ in zip(RAYS, MARKERS, names, strict=False)
    ]
    labels.append(Line2D([], [], color="black", ls="", marker="o", mfc="none", ms=8))
    texts = [*(name.replace("_", " ") for name in names), "nearest point"]
    figure.legend(labels, texts, loc="lower right", ncols=len(labels), fontsize=8, frameon=False)
    return figure.saying(
        "Rays of several cameras to one point, in the room, and close by, how they miss one another"
    )


def _rays_in_the_room(
    room: Axes3D, starts: np.ndarray, along: np.ndarray, point: np.ndarray
) -> None:
    """Draw cameras, their rays (V, 3) to a point and the cameras' plumb lines to the table."""
    corners = np.array([[-0.3, -0.5], [1.4, -0.5], [1.4, 0.5], [-0.3, 0.5]])
    room.add_collection3d(
        Poly3DCollection([np.column_stack([corners, np.full(4, TABLE)])], color="#E9DCC8")
    )
    for colour, marker, start, ray in zip(RAYS, MARKERS, starts, along, strict=False):
        end = start + ray * (ray @ (point - start))
        room.plot(*zip(start, end, strict=True), color=colour, lw=2, zorder=3)
        room.plot(*start[:, None], marker, color=colour, ms=7, zorder=4)
        foot = [start[0], start[1], TABLE]
        room.plot(*zip(start, foot, strict=True), color=colour, lw=1, ls=":", zorder=2)
    room.plot(*point[:, None], "o", ms=9, mfc="none", mec="black", mew=1.5, zorder=5)
    room.set(xlim=(-0.3, 1.4), ylim=(-0.5, 0.5), zlim=(TABLE, 2.0))
    room.set_box_aspect((1.7, 1.0, 1.25), zoom=1.1)
    room.view_init(elev=24, azim=-62)
    room.set(xticks=[0, 0.5, 1], yticks=[-0.4, 0, 0.4], zticks=[1, 1.5, 2])
    room.tick_params(labelsize=8, pad=-2)
    room.set_title("in the room, metres", fontsize=10)
