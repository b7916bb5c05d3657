"""Figures of notebooks that train: losses beside the curve to expect, zero gradients, copying."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from itertools import cycle
from typing import Any

import numpy as np
from matplotlib.ticker import LogLocator

from genima_lite import schema
from genima_lite.cameras import Camera
from genima_lite.datasets.source import Segment
from genima_lite.diffusion.agent import DiffusionAgent
from genima_lite.files import MEBIBYTE, read_json, write_json
from genima_lite.targets.find import FoundSphere, find_spheres, plausible_radii
from genima_lite.targets.joints import joint_targets
from genima_lite.targets.triangulate import triangulate_agreeing
from genima_lite.tiling import TILE_ORDER
from genima_lite.training.loop import Trainer
from genima_lite.viz.anatomy import MARKERS
from genima_lite.viz.figure import JOINT_COLOURS, QUIET_COLOUR, Figure

_LETTERS = 84
"""Of a legend on one line above a figure."""


def follow(trainer: Trainer[Any], max_minutes: float | None = None) -> list[float]:
    """Train on and return the loss of every step so far, those of earlier calls too.

    They are kept beside the checkpoint, so a cell that is run again draws the whole curve.
    """
    path = trainer.out / "losses.json"
    known = schema.decode(list[float], read_json(path, MEBIBYTE), path) if path.exists() else []
    losses = known[: trainer.step]
    try:
        losses.extend(step.loss for step in trainer.run(max_minutes))
    finally:
        write_json(path, losses)  # also when somebody presses "stop"
    return losses


def smooth(losses: Sequence[float], window: int = 10) -> np.ndarray:
    """Return running means of losses, as many as there are."""
    sums = np.cumsum(np.concatenate([[0.0], losses]))
    ends = np.arange(1, len(losses) + 1)
    starts = np.maximum(ends - window, 0)
    return (sums[ends] - sums[starts]) / (ends - starts)


def loss_figure(
    losses: Sequence[float], expected: Mapping[int, float], what: str = "loss"
) -> Figure:
    """Draw running means of ten losses, and beside them the curve to expect.

    Args:
        losses: of every step.
        expected: means by step, of a committed run.
        what: the loss's name.
    """
    figure = Figure(figsize=(6.4, 2.8), layout="constrained")
    axes = figure.add_subplot()
    steps = list(expected)
    axes.plot(steps, list(expected.values()), "o--", color=JOINT_COLOURS[1], ms=5, label="expected")
    made = np.arange(1, len(losses) + 1)
    axes.plot(made, smooth(losses), color=JOINT_COLOURS[0], lw=2, label="this run")
    axes.set_yscale("log")
    axes.yaxis.set_minor_locator(LogLocator(subs=(2, 3, 5)))
    axes.yaxis.set_major_formatter("{x:g}")
    axes.yaxis.set_minor_formatter("{x:g}")
    axes.set_xlabel("step", fontsize=9)
    axes.set_ylabel(what, fontsize=9)
    axes.tick_params(labelsize=8, which="both")
    axes.legend(fontsize=8.5)
    return figure.saying(f"{what} over {len(losses)} steps, and the curve to expect as dots")


def curves_figure(
    curves: Mapping[str, Sequence[float]], x: Sequence[float], names: tuple[str, str]
) -> Figure:
    """Draw curves with markers over shared x values; their names stand above, beside no data.

    Args:
        curves: by name, as long as `x`.
        x: values.
        names: of the axes.
    """
    columns = max(1, _LETTERS // (6 + max(map(len, curves))))
    figure = Figure(figsize=(6.4, 2.9 + 0.2 * -(-len(curves) // columns)), layout="constrained")
    axes = figure.add_subplot()
    every = max(1, len(x) // 10)
    for (name, values), colour, marker in zip(
        curves.items(), cycle(JOINT_COLOURS), cycle(MARKERS), strict=False
    ):
        axes.plot(x, values, color=colour, marker=marker, markevery=every, ms=5, label=name)
    axes.set_xlabel(names[0], fontsize=9)
    axes.set_ylabel(names[1], fontsize=9)
    axes.tick_params(labelsize=8)
    figure.legend(loc="outside upper center", ncols=columns, fontsize=8.5, frameon=False)
    return figure.saying(f"{names[1]} over {names[0]}, one curve each for: " + "; ".join(curves))


def gripper_places(
    agent: DiffusionAgent, segments: Iterable[Segment]
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Let a model draw at decisions, and return where grippers are in space.

    Returns:
        Drawn (NaN where it is not found), the arm's own, and the target's, (N, 3) metres each.
    """
    rows = []
    for number, (demo, sentences) in enumerate(segments):
        views = {camera: demo[0].image(camera) for camera in TILE_ORDER}
        cameras = {camera: Camera.from_observation(demo[0], camera) for camera in TILE_ORDER}
        drawn = gripper_of(agent.draw(views, sentences[0], number), cameras)
        ends = [joint_targets(each).positions[0] for each in (demo[0], demo[-1])]
        rows.append((drawn, *ends))
    drawn_places, arms, goals = (np.array(column) for column in zip(*rows, strict=True))
    return drawn_places, arms, goals


def gripper_of(views: Mapping[str, np.ndarray], cameras: Mapping[str, Camera]) -> np.ndarray:
    """Return the place (3,) of the gripper's sphere in drawn views; NaN if it is not found."""
    found: dict[str, FoundSphere] = {}
    for name, view in views.items():
        radii = plausible_radii(name, cameras[name].intrinsics)
        spheres = find_spheres(view, cameras[name].intrinsics, radii)
        if "gripper" in spheres:
            found[name] = spheres["gripper"]
    pixels = np.array([sphere.pixel for sphere in found.values()])
    weights = np.array([sphere.confidence * sphere.seen for sphere in found.values()])
    point = triangulate_agreeing(pixels, [cameras[name] for name in found], weights)
    return np.full(3, np.nan) if point is None else point


def copying_figure(
    places: Mapping[str, tuple[np.ndarray, np.ndarray, np.ndarray]], least: float = 0.02
) -> Figure:
    """Draw how far drawn grippers are from the arm, over how far they should be.

    Args:
        places: by model, of `gripper_places`.
        least: metres; nearer goals say nothing.
    """
    figure = Figure(figsize=(3.3 * len(places), 3.1), layout="constrained")
    panels = np.atleast_1d(figure.subplots(1, len(places), sharey=True))
    for axes, (name, (drawn, arm, goal)) in zip(panels, places.items(), strict=True):
        way, gone = (100 * np.linalg.norm(each - arm, axis=1) for each in (goal, drawn))
        most = float(np.nanmax([way, gone])) * 1.05
        axes.plot([0, most], [0, most], color=QUIET_COLOUR, lw=1)
        axes.axhline(0, color=JOINT_COLOURS[3], lw=1, ls="--")
        axes.axvspan(0, 100 * least, color="0.92")
        copied = np.linalg.norm(drawn - arm, axis=1) < np.linalg.norm(drawn - goal, axis=1)
        axes.plot(way[~copied], gone[~copied], "o", color=JOINT_COLOURS[0], ms=5, label="goes")
        axes.plot(way[copied], gone[copied], "X", color=JOINT_COLOURS[3], ms=7, label="copies")
        lost = int(np.isnan(gone).sum())
        axes.set_title(f"{name} ({lost} of {len(way)} not found)", fontsize=9)
        axes.set_xlabel("true way of the gripper (cm)", fontsize=9)
        axes.tick_params(labelsize=8)
    panels[0].set_ylabel("drawn way (cm)", fontsize=9)
    panels[0].legend(fontsize=8.5)
    return figure.saying(
        "Drawn way of the gripper over its true way, a mark a decision: on the diagonal it is "
        "right, on the dashed line the arm is copied. Models: " + ", ".join(places)
    )
