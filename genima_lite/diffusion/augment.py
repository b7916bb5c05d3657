"""Random crops and colours of the views, before targets are drawn on them (paper, section 3.1).

A crop changes the camera as well as the picture, so the spheres stay where the joints will be;
they keep their colours, since the views are recoloured before they are drawn.
"""

from __future__ import annotations

from collections.abc import Sequence
from copy import deepcopy
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from PIL import Image, ImageEnhance

from genima_lite.errors import UserError
from genima_lite.observation import Demo, Observation
from genima_lite.tiling import TILE_ORDER


@dataclass(frozen=True)
class AugmentConfig:
    """How much views are changed."""

    share: float = 0.5
    """Share of the frames that are changed at all: the others look as they will in closed loop."""
    crop: float = 0.9
    """Smallest side of a crop, as a share of the view's."""
    color: float = 0.2
    """Brightness, contrast and saturation are multiplied by 1 - color to 1 + color."""

    def __post_init__(self) -> None:
        if not (0 <= self.share <= 1 and 0 < self.crop <= 1 and 0 <= self.color < 1):
            raise UserError("share must lie in [0, 1], crop in (0, 1], color in [0, 1)")


def augmented(
    demo: Demo, frames: list[int], config: AugmentConfig, rng: np.random.Generator
) -> Demo:
    """Return a copy of a demonstration in which some of the given frames look different.

    Args:
        demo: with the tiled cameras' RGB images of `frames`.
        frames: numbers from 0 to T - 1.
        config: how much.
        rng: the only source of chance.
    """
    observations = list(demo)
    for frame in frames:
        if rng.random() < config.share:
            observations[frame] = change(observations[frame], config, rng)
    return Demo(observations)


def augmented_pairs(
    pairs: Sequence[tuple[Observation, Observation]],
    config: AugmentConfig,
    rng: np.random.Generator,
) -> list[tuple[Observation, Observation]]:
    """Return pairs of now and later in which some look different, both of a pair alike.

    Args:
        pairs: with the tiled cameras' RGB images.
        config: how much.
        rng: the only source of chance.
    """
    found = []
    for now, later in pairs:
        if rng.random() < config.share:
            again = deepcopy(rng)
            now, later = change(now, config, rng), change(later, config, again)
        found.append((now, later))
    return found


def change(seen: Observation, config: AugmentConfig, rng: np.random.Generator) -> Observation:
    """Return an observation with each tiled view cropped separately and all recoloured alike."""
    factors = rng.uniform(1 - config.color, 1 + config.color, 3)
    views: dict[str, Any] = {}
    misc = dict(seen.misc)
    for camera in TILE_ORDER:
        picture = Image.fromarray(seen.image(camera))
        box = _random_box(picture.size, config.crop, rng)
        key = f"{camera}_camera_intrinsics"
        misc[key] = _cropped_intrinsics(misc[key], box, picture.size)
        cropped = picture.resize(picture.size, Image.Resampling.BILINEAR, box)
        views[f"{camera}_rgb"] = np.asarray(_recolored(cropped, factors))
    return replace(seen, **views, misc=misc)


def _random_box(
    size: tuple[int, int], smallest: float, rng: np.random.Generator
) -> tuple[float, float, float, float]:
    """Return left, top, right, bottom in pixels of a crop with the picture's proportions."""
    side = rng.uniform(smallest, 1)
    left, top = rng.random(2) * (1 - side)
    width, height = size
    return left * width, top * height, (left + side) * width, (top + side) * height


def _cropped_intrinsics(
    intrinsics: np.ndarray, box: tuple[float, float, float, float], size: tuple[int, int]
) -> np.ndarray:
    """Return the (3, 3) intrinsics, RLBench's or ours, of a crop brought back to full size."""
    left, top, right, bottom = box
    across, down = size[0] / (right - left), size[1] / (bottom - top)
    to_crop = np.array([[across, 0, -left * across], [0, down, -top * down], [0, 0, 1]])
    return to_crop @ np.asarray(intrinsics)


def _recolored(picture: Image.Image, factors: np.ndarray) -> Image.Image:
    kinds = (ImageEnhance.Brightness, ImageEnhance.Contrast, ImageEnhance.Color)
    for kind, factor in zip(kinds, factors.tolist(), strict=True):
        picture = kind(picture).enhance(factor)
    return picture
