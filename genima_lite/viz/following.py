"""Figures of notebook 06: what the controller sees, and where its actions lead."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import cycle

import numpy as np
import torch
from matplotlib.ticker import MaxNLocator
from torch import nn

from genima_lite import panda
from genima_lite.controller.act import ACT
from genima_lite.controller.keypoint_heads import Found
from genima_lite.controller.normalise import normalise_state
from genima_lite.controller.pictures import stack_views, to_input
from genima_lite.observation import Observation
from genima_lite.targets.joints import JOINTS
from genima_lite.viz.anatomy import MARKERS, overlaid
from genima_lite.viz.figure import JOINT_COLOURS, QUIET_COLOUR, TEXT_COLOUR, Figure


def tip_after(actions: np.ndarray) -> np.ndarray:
    """Return where the last of K actions (K, 8) brings the tip, (3,) metres."""
    return panda.forward_kinematics(actions[-1, :7])[1][:3, 3]


def untaught(network: nn.Module) -> list[str]:
    """Return the names of a network's weights that the last `backward` has not taught."""
    gradients = {name: weight.grad for name, weight in network.named_parameters()}
    return [name for name, found in gradients.items() if found is None or not bool(found.any())]


@torch.no_grad()
def find(model: ACT, views: Mapping[str, np.ndarray], seen: Observation) -> Found:
    """Return what a controller's eyes find in drawn views, for a batch of one."""
    state = normalise_state(np.asarray(seen.joint_positions), float(seen.gripper_open or 0.0))
    pictures = to_input(stack_views(model.config, views))[None]
    found = model(pictures, torch.from_numpy(state)[None]).found
    assert found is not None, "a controller without spheres finds none"
    return found


def heat_figure(model: ACT, views: Mapping[str, np.ndarray], found: Found, joint: str) -> Figure:
    """Draw drawn views, and over each where a controller sees one sphere, with its place.

    Args:
        model: the controller.
        views: by camera, (H, W, 3) uint8.
        found: by `find`.
        joint: whose sphere.
    """
    sphere, cameras = JOINTS.index(joint), model.config.cameras
    figure = Figure(figsize=(2.3 * len(cameras), 4.9), layout="constrained")
    rows = figure.subplots(2, len(cameras))
    for column, camera in enumerate(cameras):
        view, size = views[camera], views[camera].shape[0]
        share = found.heat[0, column, sphere].flatten().softmax(0).view(found.heat.shape[3:])
        shown = float(found.visible[0, column, sphere].sigmoid())
        place = size * found.keypoints[0, column, sphere].numpy() - 0.5
        rows[0, column].imshow(view, interpolation="nearest")
        rows[1, column].imshow(overlaid(view, share.numpy(), least=0.4), interpolation="nearest")
        if shown > 0.5:
            rows[0, column].plot(*place, "+", color="white", ms=14, mew=3)
            rows[0, column].plot(*place, "+", color="black", ms=12, mew=1.2)
        name = camera.replace("_", " ")
        rows[0, column].set_title(name, fontsize=9.5, color=TEXT_COLOUR)
        rows[1, column].set_title(f"in view: {100 * shown:.0f} %", fontsize=9, color=TEXT_COLOUR)
    for axes in rows.flat:
        axes.set_axis_off()
    return figure.saying(
        f"Above: four views with drawn spheres, a cross where the controller finds the {joint}'s; "
        "below: its heatmap on each view"
    )


def spread_figure(groups: Mapping[str, Sequence[float]], name: str) -> Figure:
    """Draw a row of marks for each group, and its median as a bar.

    Args:
        groups: numbers by name.
        name: of the numbers, with their unit.
    """
    figure = Figure(figsize=(7.2, 0.5 + 0.5 * len(groups)), layout="constrained")
    axes = figure.add_subplot()
    for row, ((_, values), colour, marker) in enumerate(
        zip(groups.items(), cycle(JOINT_COLOURS), cycle(MARKERS), strict=False)
    ):
        axes.plot(values, np.full(len(values), row), marker, color=colour, ms=5, alpha=0.6, ls="")
        middle = float(np.median(values))
        axes.plot([middle, middle], [row - 0.25, row + 0.25], color="black", lw=2)
        axes.text(middle, row - 0.28, f"{middle:.0f}", ha="center", va="bottom", fontsize=8.5)
    axes.set_yticks(range(len(groups)), list(groups), fontsize=9)
    axes.set(ylim=(len(groups) - 0.6, -0.7))
    axes.set_xlabel(name, fontsize=9)
    axes.tick_params(axis="x", labelsize=8)
    axes.grid(axis="x", lw=0.4, color=QUIET_COLOUR, alpha=0.4)
    medians = "; ".join(f"{key}: median {np.median(v):.0f}" for key, v in groups.items())
    return figure.saying(f"{name}, a mark a case: {medians}")


def chunks_figure(
    chunks: Sequence[tuple[int, np.ndarray]], mean: np.ndarray, joint: int, truth: np.ndarray
) -> Figure:
    """Draw what several chunks say about one joint, their ensemble, and what the expert did.

    Args:
        chunks: first step and actions (K, 8).
        mean: (T,) radians, the ensemble at each step.
        joint: which, from 1 to 7.
        truth: (T,) radians.
    """
    figure = Figure(figsize=(7.2, 3.0), layout="constrained")
    axes = figure.add_subplot()
    for (first, actions), marker in zip(chunks, cycle(MARKERS), strict=False):
        steps = first + np.arange(len(actions))
        kept = steps < len(mean)
        axes.plot(
            steps[kept], actions[kept, joint - 1], marker=marker, ms=3.5, lw=0.8, alpha=0.7,
            label=f"decided at step {first}",
        )  # fmt: skip
    axes.plot(mean, color="black", lw=2.2, label="ensemble")
    axes.plot(truth[: len(mean)], color=QUIET_COLOUR, lw=1.4, ls="--", label="expert")
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.set_xlabel("step of 50 ms", fontsize=9)
    axes.set_ylabel(f"joint {joint} (rad)", fontsize=9)
    axes.tick_params(labelsize=8)
    axes.legend(fontsize=8, ncols=2)
    return figure.saying(
        f"Joint {joint} over time as {len(chunks)} decisions predict it, their weighted mean, and "
        "the expert's"
    )
