"""How far drawn pictures are from true ones, pixel by pixel: for targets without spheres to find.

Most pixels stay as they are. So only those that should change count, and handing the picture back
unchanged is what a drawing must beat.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from genima_lite.diffusion.agent import DiffusionAgent
from genima_lite.diffusion.pictures import Pictures
from genima_lite.diffusion.validate import ratio_interval

CHANGED = 24
"""Levels of 0 to 255 in any colour: from here on a pixel counts as changed."""


@dataclass(frozen=True)
class PixelScore:
    """Drawn pictures against the true ones.

    Attributes:
        frames: how many pictures.
        changed: share of the pixels that should change.
        levels: mean difference of a drawn pixel from the true one, of those; 0 to 255.
        copying: the same of what was drawn on, handed back unchanged.
        left: levels / copying, what is left of the change that was to be drawn.
        left_interval: 95 % bootstrap interval of it, whole pictures drawn again; NaN for one.
    """

    frames: int
    changed: float
    levels: float
    copying: float
    left: float
    left_interval: tuple[float, float]


def score_pixels(
    agent: DiffusionAgent, pictures: Pictures, seed: int = 0
) -> tuple[PixelScore, np.ndarray]:
    """Draw on every condition and compare with its picture.

    Args:
        agent: what draws.
        pictures: held-out ones (`genima_lite.diffusion.data.demo_pictures`).
        seed: picture i is drawn with noise `seed + i`.

    Returns:
        The score, and what was drawn, (N, 2H, 2W, 3) uint8.
    """
    asked = enumerate(zip(pictures.conditions, pictures.prompts, strict=True))
    drawn = np.stack([agent.draw_tiled(seen, said, seed + i) for i, (seen, said) in asked])
    change = away(pictures.conditions, pictures.pictures)
    moved = change.max(-1, keepdims=True) >= CHANGED
    sums = [(each * moved).sum((1, 2, 3)) for each in (away(drawn, pictures.pictures), change)]
    count = max(3 * int(moved.sum()), 1)
    levels, copying = (float(each.sum()) / count for each in sums)
    score = PixelScore(
        len(drawn),
        float(moved.mean()),
        levels,
        copying,
        levels / max(copying, 1e-9),
        ratio_interval(*sums),
    )
    return score, drawn


def pixel_picture(pictures: Pictures, drawn: np.ndarray, count: int = 4) -> np.ndarray:
    """Return rows of what was seen, drawn and true, (n 2H, 3 2W, 3) uint8."""
    chosen = np.linspace(0, len(drawn) - 1, min(count, len(drawn))).astype(int)
    shown = (pictures.conditions, drawn, pictures.pictures)
    return np.vstack([np.hstack([each[i] for each in shown]) for i in chosen])


def away(one: np.ndarray, other: np.ndarray) -> np.ndarray:
    """Return how far apart two pictures uint8 are, in levels, of their shape."""
    return np.abs(one.astype(np.float32) - other.astype(np.float32))
