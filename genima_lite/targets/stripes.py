"""The stripes of a sphere: graduations that show how far a joint has turned.

A sphere's own x axis carries them, like rings on a spindle. With s = 0 at the pole at x = -r and
s = 1 at x = +r, colour and black take turns every 3/32 of the way, colour first; after the fifth
coloured ring the rest up to the other pole is black. So the two poles differ, and a turn about
any axis but x shows. Measured on pictures of the paper's renderer, where the pattern is a
texture that repeats: hence the small half-tone dot at each pole.
"""

from __future__ import annotations

import numpy as np

RING = 3 / 32
"""Width of a ring and of the black between two rings, in units of s."""

RINGS = 5
"""How many rings are coloured."""

_SOFT = 1 / 128
"""The narrowest stretch of s that is averaged, as a texture with linear interpolation does."""

_STEPS = 4096


def _pattern(s: np.ndarray) -> np.ndarray:
    """Return 1 where the pattern is coloured and 0 where it is black; s of any shape."""
    phase = np.mod(s, 1.0)
    return (np.mod(phase, 2 * RING) < RING) & (phase < 2 * RING * RINGS)


def _cumulative() -> np.ndarray:
    """Return the pattern's integral from -1 to s, at s = -1 to 2 in steps of 1 / 4096."""
    middles = (np.arange(3 * _STEPS) + 0.5) / _STEPS
    total = np.cumsum(_pattern(middles)) / _STEPS
    return np.concatenate([[0.0], total]).astype(np.float32)


_INTEGRAL = _cumulative()


def stripe_intensity(s: np.ndarray, footprint: np.ndarray) -> np.ndarray:
    """Return how much colour a pixel sees: the pattern's mean over the pixel's footprint.

    Args:
        s: (...) float32 in [0, 1], position along the stripe axis from pole to pole.
        footprint: (...) float32, what one pixel spans along that axis.

    Returns:
        (...) float32: 0 black to 1 coloured.
    """
    width = footprint * footprint
    width += np.float32(_SOFT**2)
    np.minimum(np.sqrt(width, out=width), np.float32(1.0), out=width)
    half = width * np.float32(_STEPS / 2)
    middle = s * np.float32(_STEPS) + np.float32(_STEPS + 0.5)
    last, first = (middle + half).astype(np.int32), (middle - half).astype(np.int32)
    covered = np.take(_INTEGRAL, last, mode="clip") - np.take(_INTEGRAL, first, mode="clip")
    return np.minimum(covered * np.float32(_STEPS) / (last - first), np.float32(1.0))
