"""Spoils drawn views as a diffusion model would: pale, soft, displaced or missing spheres.

The controller is trained on perfectly drawn targets but later sees generated ones.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from scipy.ndimage import uniform_filter

from genima_lite.controller.draw import DrawnViews
from genima_lite.errors import UserError


@dataclass(frozen=True)
class AugmentConfig:
    """How much training pictures are spoiled; `AugmentConfig.none()` leaves them alone."""

    opacity: float = 0.7
    """Spheres are blended in with an opacity from here to 1."""
    blur: float = 0.3
    """Share of views blurred by a box of 2 or 3 pixels."""
    soften: float = 0.1
    """Share of views that lose half their resolution."""
    shift: float = 0.2
    """Share of views displaced by up to `shift_pixels`; the labels move along."""
    shift_pixels: int = 2
    """Pixels along each axis."""
    noise: float = 6.0
    """Largest deviation of pixel noise, in levels of 0 to 255."""
    dropped_views: float = 0.05
    """Share of views without any sphere."""
    dropped_spheres: float = 0.03
    """Share of single spheres left out."""
    joint_noise: float = 0.02
    """Radians: deviation of the present joints from where a demonstration had them."""

    def __post_init__(self) -> None:
        shares = ("opacity", "blur", "soften", "shift", "dropped_views", "dropped_spheres")
        for name in shares:
            if not 0 <= getattr(self, name) <= 1:
                raise UserError(f"augmentation: {name} is {getattr(self, name)}, give 0 to 1")
        if min(self.shift_pixels, self.noise, self.joint_noise) < 0:
            raise UserError("augmentation: pixels, noise and joint_noise must not be negative")

    @classmethod
    def none(cls) -> AugmentConfig:
        """Return the configuration that changes nothing."""
        return cls(1.0, 0.0, 0.0, 0.0, 0, 0.0, 0.0, 0.0, 0.0)


def spheres_shown(
    config: AugmentConfig, rng: np.random.Generator, samples: int, views: int
) -> np.ndarray:
    """Return which spheres are drawn at all, (N, V, 4) bool."""
    whole = rng.random((samples, views, 1)) >= config.dropped_views
    return whole & (rng.random((samples, views, 4)) >= config.dropped_spheres)


def spoil(
    config: AugmentConfig, rng: np.random.Generator, drawn: DrawnViews, backgrounds: np.ndarray
) -> DrawnViews:
    """Return spoiled copies of drawn views; `backgrounds` (N, V, H, W, 3) uint8 lie below."""
    shape = drawn.views.shape
    flat = (shape[0] * shape[1], *shape[2:])
    opacity = rng.uniform(config.opacity, 1.0, (flat[0], 1, 1, 1)).astype(np.float32)
    below = backgrounds.reshape(flat).astype(np.float32)
    pictures = below + opacity * (drawn.views.reshape(flat) - below)
    _soften(config, rng, pictures)
    moved = _shift(config, rng, pictures)
    sigma = rng.uniform(0, config.noise, (flat[0], 1, 1, 1)).astype(np.float32)
    pictures += sigma * rng.standard_normal(flat, dtype=np.float32)
    places = drawn.places + (moved / [shape[3], shape[2]]).reshape(*shape[:2], 1, 2)
    inside = ((places >= 0) & (places < 1)).all(-1)
    views = np.rint(np.clip(pictures, 0, 255)).astype(np.uint8).reshape(shape)
    visible = drawn.visible & inside
    return replace(drawn, views=views, places=places.astype(np.float32), visible=visible)


def _soften(config: AugmentConfig, rng: np.random.Generator, pictures: np.ndarray) -> None:
    """Blur some pictures (P, H, W, 3) float32 and take the fine detail of others, in place."""
    kind = rng.random(len(pictures))
    for size in (2, 3):
        chosen = (kind < config.blur) & (rng.integers(2, 4, len(pictures)) == size)
        pictures[chosen] = uniform_filter(pictures[chosen], (1, size, size, 1), mode="nearest")
    chosen = kind > 1 - config.soften
    if chosen.any():
        half = pictures[chosen].reshape(-1, *_halved(pictures.shape[1:3]), 3).mean((2, 4))
        pictures[chosen] = half.repeat(2, axis=1).repeat(2, axis=2)


def _halved(size: tuple[int, ...]) -> tuple[int, int, int, int]:
    return size[0] // 2, 2, size[1] // 2, 2


def _shift(config: AugmentConfig, rng: np.random.Generator, pictures: np.ndarray) -> np.ndarray:
    """Displace some pictures in place; return by how much, (P, 2) pixels right and down."""
    far = config.shift_pixels
    moved = rng.integers(-far, far + 1, (len(pictures), 2))
    moved *= rng.random((len(pictures), 1)) < config.shift
    for picture, (right, down) in zip(pictures, moved, strict=True):
        if right or down:
            padded = np.pad(picture, ((far, far), (far, far), (0, 0)), mode="edge")
            height, width = picture.shape[:2]
            picture[:] = padded[far - down : far - down + height, far - right : far - right + width]
    return moved
