"""Which pixels could belong to a sphere of a colour: those that mix it, black and little else.

Stripes mix colour and black, and so does every blur of them; a soft edge or a pale sphere mixes
the background in. Hence a pixel is a C + b B with the sphere's colour C and the background's B
around it, and 1 - b of it is sphere, wherever the stripes lie.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.ndimage import gaussian_filter, grey_closing

from genima_lite.targets.joints import COLORS

NAMES = tuple(COLORS)
"""The five colours, in the order of the arrays below."""

_NOISE = 20.0
_SPREAD = 0.12
"""How far from the mixtures a colour may lie: `_NOISE` + `_SPREAD` times its length, in levels."""

_FOREIGN = (30.0, 80.0)
"""Up to so many levels from all mixtures of black and a colour a pixel is no background, and
from so many on it is."""

_AROUND = 1 / 16
"""How far around a pixel its background is averaged, standard deviation, in widths of the
picture."""

_OPAQUE = (0.3, 0.6)
"""Below the first opacity a pixel is background, above the second it is sphere."""

_COLORED = (0.15, 0.4)
"""Below the first shade a pixel is black for our purposes, above the second it is coloured."""


@dataclass(frozen=True, eq=False)
class Evidence:
    """For each of the five colours and every pixel, (5, H, W) float32.

    Attributes:
        member: 0 to 1, how well the pixel fits a sphere of the colour, black stripes included.
        shade: 0 black or grey to 1 coloured, of what is not background; up to 1.2 for brighter
            ones.
        known: 0 where another colour's sphere may hide this one's, else 1.
        opacity: 0 to 1, how much of the pixel is not background, if it is of this sphere.
    """

    member: np.ndarray
    shade: np.ndarray
    known: np.ndarray
    opacity: np.ndarray


def color_evidence(image: np.ndarray) -> Evidence:
    """Return the evidence in a picture (H, W, 3), uint8 or float from 0 to 255."""
    pixels = image.astype(np.float32)
    lines = np.array([COLORS[name] for name in NAMES], np.float32)
    behind = background(pixels, lines)
    color, rest = _unmix(pixels, lines, behind)
    own = pixels - rest[..., None] * behind
    distance = np.linalg.norm(
        own - np.minimum(color, 1.0)[..., None] * lines[:, None, None], axis=-1
    )
    hue = _along(own - own.mean(-1, keepdims=True), lines - lines.mean(-1, keepdims=True))
    opacity = np.clip(1 - rest, 0.0, 1.0)
    shade = np.clip(np.minimum(color, hue) / np.maximum(opacity, 0.5), 0.0, 1.2)
    allowed = _NOISE + _SPREAD * np.linalg.norm(pixels, axis=-1)
    fits = np.exp(-np.square(distance / allowed))
    member = fits * _ramp(opacity, _OPAQUE)
    colored = member * _ramp(shade, _COLORED)
    gap = max(3, image.shape[1] // 13)  # black between and beside a sphere's rings
    whole = np.stack([grey_closing(each, (gap, gap)) for each in colored])
    others = [np.delete(whole, i, axis=0).max(0) for i in range(len(NAMES))]
    return Evidence(member, shade, 1.0 - np.stack(others), opacity * fits)


def background(pixels: np.ndarray, lines: np.ndarray) -> np.ndarray:
    """Return the colour around each pixel that is no sphere's, (H, W, 3) float32.

    Args:
        pixels: (H, W, 3) float32.
        lines: (5, 3), the spheres' colours.
    """
    along = np.clip(_along(pixels, lines), 0.0, 1.0)[..., None]
    distance = np.linalg.norm(pixels - along * lines[:, None, None], axis=-1).min(0)
    weight = _ramp(distance, _FOREIGN)[..., None]
    reach = _AROUND * pixels.shape[1]
    sums = gaussian_filter(np.concatenate([weight * pixels, weight], -1), (reach, reach, 0))
    mean = (weight * pixels).sum((0, 1)) / max(weight.sum(), 1e-6)
    return (sums[..., :3] + 1e-3 * mean) / (sums[..., 3:] + 1e-3)


def _unmix(
    pixels: np.ndarray, lines: np.ndarray, behind: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Return a and b, (5, H, W), least squares of pixels = a lines + b behind; a, b >= 0."""
    cc = (lines * lines).sum(-1)[:, None, None]
    bb = np.maximum((behind * behind).sum(-1), 1.0)
    cb, cp = (np.einsum("hwc,nc->nhw", part, lines) for part in (behind, pixels))
    bp = (behind * pixels).sum(-1)
    rest = (cc * bp - cb * cp) / np.maximum(cc * bb - cb * cb, 1e-2 * cc * bb)
    rest = np.where((cp - rest * cb) < 0, bp / bb, rest)
    rest = np.maximum(rest, 0.0)
    return np.clip((cp - rest * cb) / cc, 0.0, 1.2), rest


def _ramp(values: np.ndarray, ends: tuple[float, float]) -> np.ndarray:
    """Return 0 up to the first end, 1 from the second on, and a line in between."""
    return np.clip((values - ends[0]) / (ends[1] - ends[0]), 0.0, 1.0)


def _along(pixels: np.ndarray, lines: np.ndarray) -> np.ndarray:
    """Return how far along each line (5, 3) pixels (..., H, W, 3) lie, (5, H, W): 1 at its end."""
    return (pixels * (lines / (lines * lines).sum(1, keepdims=True))[:, None, None]).sum(-1)
