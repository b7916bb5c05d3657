"""Backgrounds for the controller's pictures: textures that resemble no scene (paper, 3.2).

The paper leaves 0.3 of the view in; here nothing is left, since generated motions have no view.
"""

from __future__ import annotations

import numpy as np

from genima_lite.textures import random_texture


def textures(rng: np.random.Generator, count: int, size: int) -> np.ndarray:
    """Return random textures of every family, (count, size, size, 3) uint8."""
    return np.stack([random_texture(rng, size, size) for _ in range(count)])
