"""Random textures made by a program: what the controller must learn to ignore.

Each family draws a picture of numbers, (H, W) float in [0, 1]; `random_texture` picks a family
and colours the numbers with a random palette. All randomness comes from the generator given.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from PIL import Image

_Shape = tuple[int, int]


def random_texture(
    rng: np.random.Generator, height: int, width: int, family: str | None = None
) -> np.ndarray:
    """Return a random texture, (H, W, 3) uint8.

    Args:
        rng: consumed; equal generators give equal textures.
        height, width: pixels, at least 8.
        family: one of `FAMILIES`; `None` for a random one.

    Raises:
        ValueError: an unknown family or too small a picture.
    """
    if min(height, width) < 8:
        raise ValueError(f"a texture needs at least 8 x 8 pixels, not {height} x {width}")
    family = str(rng.choice(list(FAMILIES))) if family is None else family
    if family not in FAMILIES:
        raise ValueError(f"no texture family '{family}' (known: {', '.join(FAMILIES)})")
    values = FAMILIES[family](rng, (height, width))
    picture = _colored(rng, values)
    grain = rng.normal(0, rng.uniform(0, 8), values.shape)
    return np.clip(np.rint(picture + grain[..., None]), 0, 255).astype(np.uint8)


def _colored(rng: np.random.Generator, values: np.ndarray) -> np.ndarray:
    """Return values (H, W) in [0, 1] through a palette of random colours, (H, W, 3) 0 to 255."""
    colors = rng.uniform(0, 255, (int(rng.integers(2, 6)), 3))
    positions = np.linspace(0, 1, len(colors))
    return np.stack([np.interp(values, positions, channel) for channel in colors.T], axis=-1)


def _waves(rng: np.random.Generator, shape: _Shape, cells: int) -> np.ndarray:
    """Return smooth noise (H, W), about -1 to 1, with `cells` hills along each side."""
    grid = rng.uniform(-1, 1, (cells + 1, cells + 1)).astype(np.float32)
    size = (shape[1], shape[0])
    return np.asarray(Image.fromarray(grid).resize(size, Image.Resampling.BICUBIC), np.float64)


def _fractal(rng: np.random.Generator, shape: _Shape, octaves: int = 5) -> np.ndarray:
    """Return noise of several scales (H, W), about -1 to 1."""
    fade, first = rng.uniform(0.4, 0.75), int(rng.integers(1, 4))
    cells = [first * 2**i for i in range(octaves) if first * 2**i < min(shape)]
    layers = [fade**i * _waves(rng, shape, n) for i, n in enumerate(cells)]
    return np.sum(layers, axis=0) / sum(fade**i for i in range(len(cells)))


def _unit(values: np.ndarray) -> np.ndarray:
    """Stretch values to fill [0, 1]."""
    low, high = values.min(), values.max()
    return (values - low) / max(high - low, 1e-9)


def _axes(rng: np.random.Generator, shape: _Shape) -> tuple[np.ndarray, np.ndarray]:
    """Return coordinates along and across a random direction, in picture widths, both (H, W)."""
    rows, columns = np.indices(shape) / max(shape)
    angle = rng.uniform(0, 2 * np.pi)
    middle = rng.uniform(0, 1, 2)
    x, y = columns - middle[0], rows - middle[1]
    return x * np.cos(angle) + y * np.sin(angle), y * np.cos(angle) - x * np.sin(angle)


def _noise(rng: np.random.Generator, shape: _Shape) -> np.ndarray:
    return _unit(_fractal(rng, shape, int(rng.integers(2, 7))))


def _gradient(rng: np.random.Generator, shape: _Shape) -> np.ndarray:
    along, across = _axes(rng, shape)
    bend = rng.uniform(-0.5, 0.5)
    return _unit(np.hypot(along, across) if rng.random() < 0.3 else along + bend * across**2)


def _stripes(rng: np.random.Generator, shape: _Shape) -> np.ndarray:
    along, _ = _axes(rng, shape)
    warped = along + rng.uniform(0, 0.08) * _fractal(rng, shape)
    wave = np.sin(2 * np.pi * rng.uniform(2, 16) * warped)
    return 0.5 + 0.5 * np.tanh(wave * rng.choice([1.0, 3.0, 20.0]))


def _checks(rng: np.random.Generator, shape: _Shape) -> np.ndarray:
    along, across = _axes(rng, shape)
    counts = rng.uniform(2, 12, 2)
    odd = (np.floor(along * counts[0]) + np.floor(across * counts[1])) % 2
    return 0.8 * odd + 0.2 * _unit(_fractal(rng, shape))


def _blobs(rng: np.random.Generator, shape: _Shape) -> np.ndarray:
    """Soft or hard discs of random sizes, later ones on top."""
    rows, columns = np.indices(shape) / max(shape)
    picture = np.full(shape, rng.random())
    for _ in range(int(rng.integers(5, 30))):
        x, y, radius = *rng.uniform(0, 1, 2), rng.uniform(0.03, 0.25)
        soft = rng.uniform(0.01, 0.6) * radius
        inside = np.clip((radius - np.hypot(columns - x, rows - y)) / soft + 0.5, 0, 1)
        picture += inside * (rng.random() - picture)
    return picture


def _cells(rng: np.random.Generator, shape: _Shape) -> np.ndarray:
    """Patches around random points, each of one tone, like paving."""
    rows, columns = np.indices(shape) / max(shape)
    points = rng.uniform(0, 1, (int(rng.integers(6, 40)), 2))
    x = columns + 0.03 * _fractal(rng, shape)
    distance = (x[None] - points[:, 0, None, None]) ** 2 + (rows - points[:, 1, None, None]) ** 2
    return rng.random(len(points))[distance.argmin(0)]


def _wood(rng: np.random.Generator, shape: _Shape) -> np.ndarray:
    """Year rings of a trunk sawn lengthwise, and fibres."""
    along, across = _axes(rng, shape)
    stretched = np.hypot(across, 0.15 * along) + 0.05 * _fractal(rng, shape, 3)
    rings = np.mod(stretched * rng.uniform(6, 25), 1.0)
    fibres = rng.normal(0, 0.08, shape[0])[:, None] * np.ones(shape)
    return np.clip(0.7 * rings**2 + 0.2 + fibres, 0, 1)


def _marble(rng: np.random.Generator, shape: _Shape) -> np.ndarray:
    """Veins: stripes bent by strong noise."""
    along, _ = _axes(rng, shape)
    turmoil = np.abs(_fractal(rng, shape, 6))
    veins = np.sin(2 * np.pi * (rng.uniform(1, 5) * along + rng.uniform(1, 4) * turmoil))
    return (0.5 + 0.5 * veins) ** rng.uniform(0.3, 2.0)


FAMILIES: dict[str, Callable[[np.random.Generator, _Shape], np.ndarray]] = {
    "noise": _noise,
    "gradient": _gradient,
    "stripes": _stripes,
    "checks": _checks,
    "blobs": _blobs,
    "cells": _cells,
    "wood": _wood,
    "marble": _marble,
}
"""The families of textures, by name."""
