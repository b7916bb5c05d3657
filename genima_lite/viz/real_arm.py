"""Figures of notebook 09: hand-eye calibration, a chunk's border, a wall, time budgets, a log."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import cycle
from typing import Any

import numpy as np
from scipy.spatial.transform import Rotation

from genima_lite.viz.anatomy import MARKERS
from genima_lite.viz.figure import JOINT_COLOURS, QUIET_COLOUR, TEXT_COLOUR, Figure

FONT = 9.5
HATCHES = ("//", "", "..", "xx")
LEAST_JERK = 0.05
"""Of the limit: smaller ones are not drawn."""
EVENTS = ("episode", "chunk", "slowed", "clip", "halt", "ended")
"""Of a log, from the top of its figure on."""


def hand_eye_sketch() -> Figure:
    """Draw two postures of a hand with a camera, and the motions A, B and X between them."""
    figure = Figure(figsize=(7.4, 2.9), layout="constrained")
    axes = figure.add_subplot()
    hands, cameras = ((0.0, 1.6), (4.2, 2.1)), ((0.5, 0.6), (4.0, 1.0))
    for number, (hand, camera) in enumerate(zip(hands, cameras, strict=True), 1):
        _arrow(axes, hand, camera, "X", JOINT_COLOURS[2])
        axes.plot(*hand, "o", color=JOINT_COLOURS[0], ms=15)
        axes.plot(*camera, "s", color=JOINT_COLOURS[1], ms=15)
        axes.plot(*np.transpose([camera, (2.2, -0.55)]), ":", color=QUIET_COLOUR, lw=1.3)
        side: dict[str, Any] = {
            "ha": "right" if number == 1 else "left",
            "va": "center",
            "fontsize": FONT,
        }
        shift = -0.2 if number == 1 else 0.2
        axes.text(hand[0] + shift, hand[1], f"hand, posture {number}", **side)
        axes.text(camera[0] + shift, camera[1], f"camera, picture {number}", **side)
    _arrow(axes, *hands, "A: the joints tell", JOINT_COLOURS[0])
    _arrow(axes, *cameras, "B: the board tells", JOINT_COLOURS[3])
    axes.plot(2.2, -0.62, "D", color=TEXT_COLOUR, ms=13)
    axes.text(2.45, -0.62, "board on the table: it stays", va="center", fontsize=FONT)
    axes.set(xlim=(-2.0, 6.2), ylim=(-0.95, 2.5))
    axes.set_axis_off()
    return figure.saying(
        "Two postures of a hand with a camera on it, above a board on the table. Arrow A leads "
        "from hand to hand, B from camera to camera, and the same X from each hand to its camera: "
        "A then X ends where X then B ends"
    )


def _arrow(axes: Any, start: Sequence[float], end: Sequence[float], name: str, colour: str) -> None:
    """Draw an arrow between two marks, with its name in a box on its middle."""
    style = {"arrowstyle": "-|>", "color": colour, "lw": 2.2, "shrinkA": 9, "shrinkB": 9}
    axes.annotate("", xy=tuple(end), xytext=tuple(start), arrowprops=style)
    middle = np.mean([start, end], axis=0)
    box = {"facecolor": "white", "linewidth": 0, "pad": 1.5}
    axes.text(*middle, name, color=colour, fontsize=FONT + 0.5, ha="center", va="center", bbox=box)


def arrows_figure(moved: np.ndarray, shown: np.ndarray, turn: np.ndarray) -> Figure:
    """Draw rotation vectors of two sets of motions, and the second ones turned onto the first.

    Args:
        moved, shown: (N, 4, 4), A and B.
        turn: (3, 3) rotation of X.
    """
    alpha, beta = (Rotation.from_matrix(each[:, :3, :3]).as_rotvec() for each in (moved, shown))
    figure = Figure(figsize=(7.4, 3.3), layout="constrained")
    ends = np.vstack([alpha, beta, np.zeros(3)])
    panels = {"as they are": beta, "those of B turned by X": beta @ turn.T}
    for place, (title, other) in enumerate(panels.items()):
        axes: Any = figure.add_subplot(1, 2, place + 1, projection="3d")
        for arrows, name, colour, marker, size in (
            (alpha, "of A", JOINT_COLOURS[0], "o", 8),
            (other, "of B", JOINT_COLOURS[1], "s", 4),
        ):
            for number, arrow in enumerate(arrows):
                label = name if number == 0 else None
                line = np.stack([np.zeros(3), arrow]).T
                axes.plot(*line, color=colour, lw=1.5)
                axes.plot(*arrow[:, None], marker, color=colour, ms=size, label=label)
        low, high = ends.min(axis=0), ends.max(axis=0)
        axes.set(xlim=(low[0], high[0]), ylim=(low[1], high[1]), zlim=(low[2], high[2]))
        axes.set_box_aspect(high - low, zoom=1.15)
        axes.set_title(title, fontsize=FONT + 1)
        for axis in (axes.xaxis, axes.yaxis, axes.zaxis):
            axis.set_ticklabels([])
    figure.axes[0].legend(fontsize=FONT, loc="upper left")
    return figure.saying(
        f"{len(alpha)} rotation vectors of A, round ends, and of B, square ends. Left they point "
        "elsewhere; right B's are turned by X and each ends where one of A ends"
    )


def border_figure(
    ways: Mapping[str, np.ndarray], limit: float, at: float, period: float = 0.001
) -> Figure:
    """Draw one joint's ways across the border of two chunks, and their jerks.

    Args:
        ways: by name, positions (n,) in radians.
        limit: of the jerk, rad/s^3.
        at: seconds, of the border.
        period: seconds from one position to the next.
    """
    figure = Figure(figsize=(8.4, 3.1), layout="constrained")
    place, jerks = figure.subplots(1, 2)
    said = []
    for (name, way), colour, marker in zip(
        ways.items(), cycle(JOINT_COLOURS), cycle(MARKERS), strict=False
    ):
        times = period * np.arange(len(way))
        near = np.abs(times - at) < 0.15
        place.plot(
            times[near], way[near], marker=marker, color=colour, ms=5, markevery=30, label=name
        )
        jerk = np.abs(np.diff(way, 3)) / period**3 / limit
        edges = np.arange(0, len(jerk), 20)
        highest = np.maximum.reduceat(jerk, edges)
        seen = highest > LEAST_JERK
        jerks.vlines(times[edges][seen], LEAST_JERK, highest[seen], color=colour, lw=1.2)
        jerks.plot(times[edges][seen], highest[seen], marker, color=colour, ms=5)
        said.append(f"{name} {jerk.max():.1f}")
    jerks.axhline(1, color=TEXT_COLOUR, ls="--", lw=1.2)
    jerks.text(0.02, 1.15, "the arm's limit", fontsize=FONT, va="bottom")
    jerks.set(yscale="log", ylim=(LEAST_JERK, 200))
    longest = period * max(map(len, ways.values()))
    jerks.set_xlim(-0.04 * longest, 1.04 * longest)
    place.set_ylabel("joint 1 (rad)", fontsize=FONT)
    jerks.set_ylabel("|jerk|, of the limit", fontsize=FONT)
    for axes in (place, jerks):
        axes.set_xlabel("seconds", fontsize=FONT)
        axes.tick_params(labelsize=FONT - 0.5, which="both")
    place.legend(fontsize=FONT - 0.5)
    return figure.saying(
        "Left: a joint's ways across the border of two chunks. Right: their jerk on a logarithmic "
        f"scale, the arm's limit dashed at 1. Largest: {'; '.join(said)}"
    )


def wall_figure(
    asked: np.ndarray, places: Sequence[float], speeds: Sequence[float], wall: float, step: float
) -> Figure:
    """Draw where a joint is before a wall, and below which speeds were asked for and given.

    Args:
        asked: (n,) rad/s.
        places, speeds: n each, rad and rad/s.
        wall: rad.
        step: seconds.
    """
    figure = Figure(figsize=(6.6, 3.9), layout="constrained")
    above, below = figure.subplots(2, 1, sharex=True)
    times, every = step * np.arange(len(places)), max(1, len(places) // 12)
    above.axhline(wall, color=TEXT_COLOUR, ls="--", lw=1.2)
    above.text(0, wall, "wall", fontsize=FONT, va="bottom")
    above.plot(times, places, "o-", color=JOINT_COLOURS[0], ms=5, markevery=every)
    above.set_ylim(min(places) - 0.1, wall + 0.25)
    above.set_ylabel("joint (rad)", fontsize=FONT)
    below.step(times, asked, where="post", color=QUIET_COLOUR, ls=":", lw=1.6, label="asked")
    below.plot(times, speeds, "s-", color=JOINT_COLOURS[1], ms=5, markevery=every, label="given")
    below.set_ylabel("speed (rad/s)", fontsize=FONT)
    below.set_xlabel("seconds", fontsize=FONT)
    below.set_ylim(min(*asked, *speeds) - 0.4, max(*asked, *speeds) + 1.8)
    below.legend(fontsize=FONT - 0.5, loc="upper center", ncols=2)
    for axes in (above, below):
        axes.tick_params(labelsize=FONT - 0.5)
    return figure.saying(
        f"Above: a joint that is driven against a wall at {wall:g} rad and comes to "
        f"{max(places):.3f} rad at most. Below: the speeds that are asked for, dotted, and those "
        "that the filter gives"
    )


def budget_figure(machines: Mapping[str, Mapping[str, float]], rows: int, row: float) -> Figure:
    """Draw the seconds of each stage on a line of a chunk's rows.

    Args:
        machines: seconds by stage, by name.
        rows: of a chunk.
        row: seconds.
    """
    figure = Figure(figsize=(7.4, 1.6 + 0.42 * len(machines)), layout="constrained")
    axes = figure.add_subplot()
    stages = list(dict.fromkeys(stage for each in machines.values() for stage in each))
    ups = np.arange(len(machines))[::-1]
    starts = np.zeros(len(machines))
    for stage, colour, hatch in zip(stages, cycle(JOINT_COLOURS), cycle(HATCHES), strict=False):
        takes = np.array([each.get(stage, 0.0) for each in machines.values()])
        style: dict[str, Any] = {"color": colour, "hatch": hatch, "ec": "white", "label": stage}
        axes.barh(ups, takes, left=starts, height=0.6, lw=0.5, **style)
        starts = starts + takes
    for number in range(rows + 1):
        axes.axvline(number * row, color="0.75", lw=0.8, zorder=0)
    end = rows * row
    axes.axvline(end, color=TEXT_COLOUR, ls="--", lw=1.3)
    axes.text(end, len(machines) - 0.45, " the chunk ends", fontsize=FONT, va="bottom")
    axes.set_yticks(ups, list(machines), fontsize=FONT)
    axes.set(xlim=(0, max(1.25 * end, 1.05 * starts.max())), ylim=(-0.5, len(machines)))
    axes.set_xlabel(f"seconds since the picture; a grey line each row of {row:g} s", fontsize=FONT)
    axes.tick_params(axis="x", labelsize=FONT - 0.5)
    above: dict[str, Any] = {"loc": "upper center", "bbox_to_anchor": (0.45, 1.3)}
    axes.legend(fontsize=FONT - 0.5, ncols=len(stages), **above)
    axes.spines[["top", "right"]].set_visible(False)
    said = "; ".join(f"{name} {total:.2f} s" for name, total in zip(machines, starts, strict=True))
    return figure.saying(
        f"Bars of seconds by stage, over the rows of a chunk that ends at {end:g} s: {said}"
    )


def log_figure(events: Sequence[Mapping[str, Any]]) -> Figure:
    """Draw when which event of an arm's log happened; clips with their joints, those of the gripper
    apart.

    Args:
        events: of a log.
    """
    kinds = [*EVENTS[:4], "clip of the gripper", *EVENTS[4:]]
    figure = Figure(figsize=(7.4, 2.9), layout="constrained")
    axes = figure.add_subplot()
    counts = dict.fromkeys(kinds, 0)
    joints: dict[float, set[int]] = {}
    for event in events:
        kind = str(event["event"])
        if kind == "clip" and event["joint"] == 8:
            kind = "clip of the gripper"
        elif kind == "clip":
            joints.setdefault(float(event["seconds"]), set()).add(int(event["joint"]))
        if kind not in counts:
            continue
        counts[kind] += 1
        number = kinds.index(kind)
        marker, colour = MARKERS[number % len(MARKERS)], JOINT_COLOURS[number]
        axes.plot(event["seconds"], -number, marker, color=colour, ms=8)
    for seconds, those in joints.items():
        name = "  joint " + ", ".join(map(str, sorted(those)))
        axes.text(seconds, -kinds.index("clip"), name, fontsize=FONT, va="center")
    axes.set_yticks(-np.arange(len(kinds)), [f"{k} ({counts[k]})" for k in kinds], fontsize=FONT)
    axes.set_xlabel("seconds of the twin", fontsize=FONT)
    axes.tick_params(axis="x", labelsize=FONT - 0.5)
    axes.grid(axis="y", color="0.9")
    said = "; ".join(f"{kind} {count}" for kind, count in counts.items())
    return figure.saying(f"Marks of a log's events over time, a line each kind: {said}")
