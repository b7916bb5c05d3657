"""Sketches about targets: a ray and a sphere, which frame is the target, rays that meet."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from genima_lite.cameras import Camera
from genima_lite.observation import Demo
from genima_lite.targets import HORIZON, demo_targets, find_stops
from genima_lite.targets.stripes import RING, RINGS
from genima_lite.viz.figure import Figure

BLUE, ORANGE, GREEN, QUIET = "#0072B2", "#D55E00", "#009E73", "#5F5F5F"


def ray_and_sphere(slopes: Sequence[float] = (0.0, 0.3, 0.62)) -> Figure:
    """Return a sketch of rays (slope, 1) from a camera that hit or miss a sphere."""
    center, radius, end = np.array([0.5, 2.0]), 0.6, 2.9
    figure = Figure(figsize=(7.5, 3.0), layout="constrained")
    axes = figure.add_subplot()
    angles = np.linspace(0, 2 * np.pi, 200)
    axes.fill(
        center[1] + radius * np.cos(angles),
        center[0] + radius * np.sin(angles),
        "#8468F0",
        alpha=0.25,
    )
    axes.annotate(
        "", (center[1], center[0]), (0, 0), arrowprops={"arrowstyle": "->", "color": QUIET}
    )
    axes.plot(*center[::-1], "o", color=QUIET, ms=4)
    axes.text(center[1] + 0.04, center[0] + 0.03, "c", color=QUIET, fontsize=12)
    axes.plot([0, 0], [-0.14, 0.14], "k", lw=3)
    axes.text(-0.05, 0.2, "camera", ha="center")
    for slope in slopes:
        axes.plot([0, end], [0, end * slope], color=BLUE, lw=1, zorder=0)
        half = center @ [slope, 1]
        inside = half**2 - (slope**2 + 1) * (center @ center - radius**2)
        if inside < 0:
            axes.text(end, end * slope, "  a miss", va="center", color=BLUE)
            continue
        for sign, name, colour in ((-1, "near", ORANGE), (1, "far", "white")):
            t = (half + sign * np.sqrt(inside)) / (slope**2 + 1)
            axes.plot(t, t * slope, "o", color=colour, mec=ORANGE, ms=7)
            if slope == 0.0:
                axes.text(t, -0.12, name, ha="center", va="top", color=ORANGE)
    axes.text(2.95, 0.3 * 2.95, "  d = (x, y, 1)", va="center", color=BLUE)
    axes.set(xlim=(-0.2, 3.6), ylim=(-0.35, 1.95), aspect="equal", xlabel="z, forward, metres")
    axes.set_ylabel("x, metres")
    axes.spines[["top", "right"]].set_visible(False)
    return figure


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
    return figure


def target_timeline(demo: Demo, horizon: int = HORIZON) -> Figure:
    """Return the tip's height over an episode, and below it every frame's target by both rules."""
    joints = np.stack([np.asarray(seen.joint_positions) for seen in demo])
    opening = np.array([float(seen.gripper_open or 0) for seen in demo])
    height = [100 * (np.asarray(seen.gripper_pose)[2] - 0.75) for seen in demo]
    changes, rests = find_stops(joints, opening)
    figure = Figure(figsize=(7.5, 5.2), layout="constrained")
    above, below = figure.subplots(2, 1, sharex=True, height_ratios=(2, 3))
    above.plot(height, color=BLUE)
    above.set_ylabel("tip above\nthe table, cm")
    for axes in (above, below):
        axes.spines[["top", "right"]].set_visible(False)
        for stop in [*changes, *rests]:
            axes.axvline(stop, color="#C8C8C8", lw=1, zorder=0)
    for stops, name in ((changes, "gripper\ncloses"), (rests, "at rest")):
        for stop in stops:
            above.text(stop + 0.4, max(height), name, va="top", fontsize=8, color=QUIET)
    frames = np.arange(len(demo))
    plain, cut = (demo_targets(demo, horizon, stops) for stops in (False, True))
    below.plot(frames, plain, "o", ms=5, color=ORANGE, mfc="white", label=f"t + {horizon}")
    below.plot(frames, cut, ".", ms=6, color=GREEN, label="cut at the next stop")
    below.plot(frames, frames, color=QUIET, lw=1, ls=":", label="t itself")
    below.legend(loc="lower right")
    below.set(xlabel="frame t", ylabel="target of frame t", ylim=(-1, len(demo) + 1))
    return figure


def meeting_rays(
    pixels: np.ndarray, cameras: Sequence[Camera], names: Sequence[str], point: np.ndarray
) -> Figure:
    """Return the rays of several cameras from above and from the side, and where they meet.

    Args:
        pixels: (V, 2) column and row, continuous, where each camera sees the point.
        cameras: V.
        names: V, of the cameras.
        point: (3,) metres, world frame.
    """
    figure = Figure(figsize=(9.5, 3.4), layout="constrained")
    colours = (ORANGE, BLUE, GREEN, "#CC79A7")
    for number, (across, up, title) in enumerate(((0, 1, "from above"), (0, 2, "from the side"))):
        axes = figure.add_subplot(1, 2, number + 1)
        for i, (pixel, camera, name) in enumerate(zip(pixels, cameras, names, strict=True)):
            start = camera.pose[:3, 3]
            along = camera.unproject(pixel, np.array(1.0)) - start
            along /= np.linalg.norm(along)
            end = start + 1.12 * along * (along @ (point - start))
            colour = colours[i % len(colours)]
            axes.plot(*zip(start[[across, up]], end[[across, up]], strict=True), color=colour)
            axes.plot(*start[[across, up]], "s", color=colour, label=name.replace("_", " "))
        axes.plot(*point[[across, up]], "o", ms=11, mfc="none", mec="black", label="the sphere")
        axes.set(aspect="equal", xlabel="x, metres", ylabel=f"{'xyz'[up]}, metres")
        axes.set_title(title, fontsize=10)
        axes.spines[["top", "right"]].set_visible(False)
    handles, labels = figure.axes[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside right center", fontsize=8)
    return figure
