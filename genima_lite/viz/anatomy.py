"""Figures of notebook 03: a latent pixel, noise schedules, words, attention."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import cycle
from typing import Any

import numpy as np
from matplotlib.patches import Rectangle

from genima_lite.viz.figure import JOINT_COLOURS, QUIET_COLOUR, TEXT_COLOUR, Figure, literal

MARKERS = "osD^vPX"


def latent_figure(picture: np.ndarray, row: int, column: int) -> Figure:
    """Draw a picture, the patch of 8 x 8 pixels that becomes one latent pixel, and its 192 numbers.

    Args:
        picture: (H, W, 3) uint8.
        row, column: of the latent pixel.
    """
    figure = Figure(figsize=(9, 2.9), layout="constrained")
    whole, near, numbers = figure.subplots(1, 3, width_ratios=(1, 1, 1.6))
    patch = picture[8 * row : 8 * row + 8, 8 * column : 8 * column + 8]
    whole.imshow(picture, interpolation="nearest")
    corner = (8 * column - 0.5, 8 * row - 0.5)
    whole.add_patch(Rectangle(corner, 8, 8, fill=False, ec="black", lw=2))
    near.imshow(patch, interpolation="nearest")
    titles = ("128 x 128 pixels", "one patch: 8 x 8 pixels", "one latent pixel: 192 channels")
    for axes, title in zip((whole, near, numbers), titles, strict=True):
        axes.set_title(title, fontsize=9.5, color=TEXT_COLOUR)
    for axes in (whole, near):
        axes.set_axis_off()
    values = patch.transpose(2, 0, 1).reshape(3, 64) / 127.5 - 1
    for part, (colour, name) in enumerate(
        zip(("#D55E00", "#009E73", "#0072B2"), "RGB", strict=True)
    ):
        where = np.arange(64) + 64 * part
        numbers.plot(where, values[part], MARKERS[part], ms=2.5, color=colour, label=name)
    numbers.set(xticks=[0, 64, 128, 191], ylim=(-1.1, 1.1), xlabel="channel", ylabel="value")
    numbers.legend(fontsize=8, ncols=3, loc="lower right")
    numbers.tick_params(labelsize=8)
    return figure.saying(
        f"{titles[0]} with one patch marked; {titles[1]} enlarged; {titles[2]} as dots"
    )


def schedule_figure(kept: Mapping[str, np.ndarray]) -> Figure:
    """Draw how loud the noise is beside the signal over the timesteps of several schedules.

    Args:
        kept: by name, the share of the signal's power that is kept, (T,), falling.
    """
    figure = Figure(figsize=(7.5, 3.2), layout="constrained")
    axes = figure.add_subplot()
    for (name, share), colour, marker in zip(
        kept.items(), cycle(JOINT_COLOURS), cycle(MARKERS), strict=False
    ):
        with np.errstate(divide="ignore"):
            ratio = np.sqrt((1 - share) / share)
        ratio[~np.isfinite(ratio)] = np.nan
        style: dict[str, Any] = {"color": colour, "marker": marker, "markevery": 111, "ms": 5}
        axes.semilogy(
            ratio, label=f"{name}; signal left at the end: {share[-1] ** 0.5:.3f}", **style
        )
    axes.axhline(1, color=QUIET_COLOUR, lw=0.8, ls=":")
    axes.set_xlabel("timestep", fontsize=9)
    axes.set_ylabel("noise / signal", fontsize=9)
    axes.tick_params(labelsize=8)
    axes.legend(fontsize=8.5)
    return figure.saying(
        "Noise divided by signal over timesteps 0 to 999, logarithmic, one curve each for "
        + ", ".join(kept)
    )


def likeness_figure(features: np.ndarray, words: Sequence[str]) -> Figure:
    """Draw how far the features of words are from each other.

    Args:
        features: (N, D), one row a word.
        words: N names.
    """
    away = np.linalg.norm(features[:, None] - features[None], axis=-1)
    away /= away[np.triu_indices(len(words), 1)].mean()
    figure = Figure(figsize=(4.6, 3.8), layout="constrained")
    axes = figure.add_subplot()
    shown = axes.imshow(away, cmap="viridis", vmin=0)
    axes.set_xticks(range(len(words)), words, rotation=45, ha="right", fontsize=9)
    axes.set_yticks(range(len(words)), words, fontsize=9)
    for (row, column), value in np.ndenumerate(away):
        colour = "white" if value < 0.6 * away.max() else "black"
        axes.text(column, row, f"{value:.1f}", ha="center", va="center", fontsize=8, color=colour)
    figure.colorbar(shown, ax=axes, shrink=0.8).ax.tick_params(labelsize=8)
    axes.set_title("distance of features (1 = mean of pairs)", fontsize=9.5)
    return figure


def attention_figure(
    picture: np.ndarray, maps: Mapping[str, np.ndarray], title: str = "drawn"
) -> Figure:
    """Draw a picture, and beside it where it looks for each word, brightest where most.

    Args:
        picture: (H, W, 3) uint8.
        maps: by word, (h, w).
    """
    count = 1 + len(maps)
    figure = Figure(figsize=(2.1 * count, 2.45), layout="constrained")
    panels = figure.subplots(1, count)
    panels[0].imshow(picture, interpolation="nearest")
    panels[0].set_title(literal(title), fontsize=9.5, color=TEXT_COLOUR)
    for axes, (word, weights) in zip(panels[1:], maps.items(), strict=True):
        axes.imshow(overlaid(picture, weights), interpolation="nearest")
        name = f"“{word}”, at most {100 * weights.max():.0f} %"
        axes.set_title(literal(name), fontsize=9.5, color=TEXT_COLOUR)
    for axes in panels:
        axes.set_axis_off()
    return figure.saying(
        "A picture, and where the network looks for the words " + ", ".join(maps) + " in it"
    )


def overlaid(picture: np.ndarray, weights: np.ndarray, least: float = 0.15) -> np.ndarray:
    """Return a picture (H, W, 3) uint8, dark where weights (h, w) are small.

    Args:
        picture: (H, W, 3) uint8.
        weights: (h, w), whose sides divide the picture's.
        least: the share of its brightness that the darkest place keeps.
    """
    each = picture.shape[0] // weights.shape[0]
    bright = (weights - weights.min()) / max(float(np.ptp(weights)), 1e-9)
    mask = np.kron(bright, np.ones((each, each)))[..., None]
    return np.rint(picture * (least + (1 - least) * mask)).astype(np.uint8)
