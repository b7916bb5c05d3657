"""Genima in one picture, made of one real decision."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from matplotlib.axes import Axes

from genima_lite.tiling import TILE_ORDER, tile
from genima_lite.viz.figure import JOINT_COLOURS, QUIET_COLOUR, TEXT_COLOUR, Figure, literal
from genima_lite.viz.views import label_views

_TITLES = (
    "four views, one instruction",
    "stage 1: a diffusion model\ndraws where joints will be",
    "stage 2: a controller reads\nthe drawing: 20 actions",
    "the arm, one second later",
)


def method_figure(
    seen: Mapping[str, np.ndarray],
    drawn: Mapping[str, np.ndarray],
    actions: np.ndarray,
    after: Mapping[str, np.ndarray],
    instruction: str,
) -> Figure:
    """Draw one decision from left to right: seen, drawn, actions, and what came of it.

    Args:
        seen, drawn, after: the tiled cameras' views, each (H, W, 3) uint8.
        actions: (K, 8), joints in radians, gripper open in [0, 1].
        instruction: what was asked for.
    """
    figure = Figure(figsize=(11, 3.5))
    panels = [figure.add_axes((0.01 + 0.253 * i, 0.12, 0.225, 0.7)) for i in range(len(_TITLES))]
    for axes, title in zip(panels, _TITLES, strict=True):
        axes.set_title(title, fontsize=9.5, color=TEXT_COLOUR)
    for axes, views in zip((panels[0], panels[1], panels[3]), (seen, drawn, after), strict=True):
        _show(axes, views)
    _show_actions(panels[2], actions)
    for i in range(3):
        figure.text(0.2425 + 0.253 * i, 0.47, "→", fontsize=15, ha="center", color=QUIET_COLOUR)
    text = literal(f"“{instruction}”")
    figure.text(0.1225, 0.05, text, ha="center", fontsize=9.5, color=TEXT_COLOUR)
    return figure


def _show(axes: Axes, views: Mapping[str, np.ndarray]) -> None:
    axes.imshow(tile(views), interpolation="nearest", aspect="auto")
    axes.set_axis_off()
    label_views(axes, TILE_ORDER, 8)


def _show_actions(axes: Axes, actions: np.ndarray) -> None:
    """Draw how far each joint turns in a decision."""
    steps = np.arange(1, len(actions) + 1)
    for joint, colour in enumerate(JOINT_COLOURS):
        turn = actions[:, joint] - actions[0, joint]
        axes.plot(steps, turn, color=colour, lw=1.3, label=f"joint {joint + 1}")
    axes.legend(fontsize=8, frameon=False, handlelength=1.2, labelspacing=0.25, loc="best")
    axes.set_xticks([1, *range(5, len(actions) + 1, 5)])
    gripper = "open" if actions[-1, 7] > 0.5 else "closed"
    axes.set_xlabel(f"step 1 to {len(actions)}; gripper {gripper}", fontsize=8.5)
    axes.set_ylabel("turn of each joint (rad)", fontsize=8, labelpad=1)
    axes.tick_params(labelsize=8, direction="in", pad=2)
    place = axes.get_position()
    axes.set_position((place.x0 + 0.035, place.y0, place.width - 0.035, place.height))
