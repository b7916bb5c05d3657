"""Random pictures of the environment, with the words that name what is there; no target spheres.

They stand in for the internet's pictures: the base model learns from them how the environment
looks and which word means what, before any demonstration.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from genima_lite.envs.api import RandomScenes

Scene = tuple[np.ndarray, np.ndarray, list[str]]
"""A tiled picture (2H, 2W, 3) uint8, the same without some things, and the words for them."""


def random_scenes(scenes: RandomScenes, seed: int, part: int, count: int) -> Iterator[Scene]:
    """Draw random scenes; the same seed and part give the same ones.

    Args:
        scenes: of one task (`genima_lite.envs.api.make_random_scenes`).
        seed: of all parts.
        part: other parts of one seed show other scenes.
        count: how many.
    """
    rng = np.random.RandomState([seed, part])
    for _ in range(count):
        yield scenes.draw(rng)
