"""Which pixels could belong to a sphere of a colour: those on the line from black to that colour.

Stripes mix colour and black, and so does every blur of them, hence a pixel of a sphere with
colour C is s C with s from 0 to 1, wherever the stripes lie.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.ndimage import grey_closing

from genima_lite.targets.joints import COLORS

NAMES = tuple(COLORS)
"""The five colours, in the order of the arrays below."""

_NOISE = 12.0
_SPREAD = 0.12
"""How far from the line a colour may lie: `_NOISE` + `_SPREAD` times its length, in levels."""

_COLORED = (0.15, 0.4)
"""Below the first s a pixel is black for our purposes, above the second it is coloured."""


@dataclass(frozen=True, eq=False)
class Evidence:
    """For each of the five colours and every pixel, (5, H, W) float32.

    Attributes:
        member: 0 to 1, how well the pixel lies on the line from black to the colour.
        shade: 0 black or grey to 1 coloured, where on the line it lies; up to 1.2 for brighter
            ones.
        known: 0 where another colour's sphere may hide this one's, else 1.
        distance: how far the pixel is from the line, in levels of 0 to 255.
    """

    member: np.ndarray
    shade: np.ndarray
    known: np.ndarray
    distance: np.ndarray


def color_evidence(image: np.ndarray) -> Evidence:
    """Return the evidence in a picture (H, W, 3), uint8 or float from 0 to 255."""
    pixels = image.astype(np.float32)
    lines = np.array([COLORS[name] for name in NAMES], np.float32)
    along = np.clip(_along(pixels, lines), 0.0, 1.2)
    nearest = np.minimum(along, 1.0)[..., None] * lines[:, None, None]
    distance = np.linalg.norm(pixels - nearest, axis=-1)
    hue = _along(pixels - pixels.mean(-1, keepdims=True), lines - lines.mean(-1, keepdims=True))
    shade = np.clip(np.minimum(along, hue), 0.0, 1.2)
    allowed = _NOISE + _SPREAD * np.linalg.norm(pixels, axis=-1)
    member = np.exp(-np.square(distance / allowed))
    low, high = _COLORED
    colored = member * np.clip((shade - low) / (high - low), 0.0, 1.0)
    gap = max(3, image.shape[1] // 13)  # black between and beside a sphere's rings
    whole = np.stack([grey_closing(each, (gap, gap)) for each in colored])
    others = [np.delete(whole, i, axis=0).max(0) for i in range(len(NAMES))]
    return Evidence(member, shade, 1.0 - np.stack(others), distance)


def _along(pixels: np.ndarray, lines: np.ndarray) -> np.ndarray:
    """Return how far along each line (5, 3) the pixels (H, W, 3) lie, (5, H, W): 1 at its end."""
    return np.einsum("hwc,nc->nhw", pixels, lines / (lines * lines).sum(1, keepdims=True))
