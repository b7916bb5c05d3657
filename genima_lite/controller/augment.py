"""Corrupt drawn views as a diffusion model would: pale, soft, displaced or missing spheres.

The controller is trained on perfectly drawn targets but later sees generated ones.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from scipy.ndimage import gaussian_filter

from genima_lite.errors import UserError
from genima_lite.targets.keypoints import DrawnViews

MOST = {"blur_pixels": 64, "shift_pixels": 64, "noise": 255, "joint_noise": 3.2}
"""Beyond these nothing is left of a picture of 64 pixels, or of where the joints are."""


@dataclass(frozen=True)
class AugmentConfig:
    """How much training pictures are corrupted; `AugmentConfig.none()` leaves them alone."""

    opacity: float = 0.6
    """Spheres are blended in with an opacity from here to 1."""
    blur: float = 0.6
    """Share of views blurred by a Gaussian."""
    blur_pixels: tuple[float, float] = (0.3, 1.8)
    """Pixels at 64 a view: least and largest standard deviation of it."""
    smear: float = 0.25
    """Share of views mixed with a displaced copy, as a model draws that cannot decide between
    two keypoints; labels lie between."""
    shift: float = 0.2
    """Share of views displaced by up to `shift_pixels`; the labels move along."""
    shift_pixels: int = 2
    """Pixels along each axis, of displacements of both kinds."""
    noise: float = 6.0
    """Largest deviation of pixel noise, in levels of 0 to 255."""
    dropped_views: float = 0.05
    """Share of views without any sphere."""
    dropped_spheres: float = 0.03
    """Share of single spheres left out."""
    joint_noise: float = 0.02
    """Radians: deviation of the present joints from where a demonstration had them."""

    def __post_init__(self) -> None:
        shares = ("opacity", "blur", "smear", "shift", "dropped_views", "dropped_spheres")
        for name in shares:
            if not 0 <= getattr(self, name) <= 1:
                raise UserError(f"augmentation: {name} is {getattr(self, name)}, give 0 to 1")
        for name, most in MOST.items():
            values = np.atleast_1d(getattr(self, name))
            if not (values.min() >= 0 and values.max() <= most):
                raise UserError(f"augmentation: {name} is {getattr(self, name)}, give 0 to {most}")
        if self.blur_pixels[0] > self.blur_pixels[1]:
            raise UserError(
                "augmentation: blur_pixels are the least and the largest, in this order"
            )

    @classmethod
    def none(cls) -> AugmentConfig:
        """Return the configuration that changes nothing."""
        return cls(
            opacity=1.0,
            blur=0.0,
            smear=0.0,
            shift=0.0,
            noise=0.0,
            dropped_views=0.0,
            dropped_spheres=0.0,
            joint_noise=0.0,
        )


def spheres_shown(
    config: AugmentConfig, rng: np.random.Generator, samples: int, views: int
) -> np.ndarray:
    """Return which spheres are drawn at all, (N, V, 4) bool."""
    whole = rng.random((samples, views, 1)) >= config.dropped_views
    return whole & (rng.random((samples, views, 4)) >= config.dropped_spheres)


def corrupt(
    config: AugmentConfig, rng: np.random.Generator, drawn: DrawnViews, backgrounds: np.ndarray
) -> DrawnViews:
    """Return corrupted copies of drawn views; `backgrounds` (N, V, H, W, 3) uint8 lie below."""
    shape = drawn.views.shape
    flat = (shape[0] * shape[1], *shape[2:])
    opacity = rng.uniform(config.opacity, 1.0, (flat[0], 1, 1, 1)).astype(np.float32)
    below = backgrounds.reshape(flat).astype(np.float32)
    pictures = below + opacity * (drawn.views.reshape(flat) - below)
    _blur(config, rng, pictures)
    moved = _smear(config, rng, pictures) + _shift(config, rng, pictures)
    sigma = rng.uniform(0, config.noise, (flat[0], 1, 1, 1)).astype(np.float32)
    pictures += sigma * rng.standard_normal(flat, dtype=np.float32)
    keypoints = drawn.keypoints + (moved / [shape[3], shape[2]]).reshape(*shape[:2], 1, 2)
    inside = ((keypoints >= 0) & (keypoints < 1)).all(-1)
    views = np.rint(np.clip(pictures, 0, 255)).astype(np.uint8).reshape(shape)
    visible = drawn.visible & inside
    return replace(drawn, views=views, keypoints=keypoints.astype(np.float32), visible=visible)


def _blur(config: AugmentConfig, rng: np.random.Generator, pictures: np.ndarray) -> None:
    """Blur some pictures (P, H, W, 3) float32 in place."""
    chosen = rng.random(len(pictures)) < config.blur
    sigmas = rng.uniform(*config.blur_pixels, len(pictures)) * pictures.shape[1] / 64
    for i in np.flatnonzero(chosen):
        pictures[i] = gaussian_filter(pictures[i], (sigmas[i], sigmas[i], 0), mode="nearest")


def _smear(config: AugmentConfig, rng: np.random.Generator, pictures: np.ndarray) -> np.ndarray:
    """Mix some pictures with displaced copies in place; return the mean displacements (P, 2)."""
    weights = rng.uniform(0.2, 0.8, len(pictures)).astype(np.float32)
    weights *= rng.random(len(pictures)) < config.smear
    copies = pictures.copy()
    moved = _displace(config, rng, copies, weights > 0)
    pictures += weights[:, None, None, None] * (copies - pictures)
    return moved * weights[:, None]


def _shift(config: AugmentConfig, rng: np.random.Generator, pictures: np.ndarray) -> np.ndarray:
    """Displace some pictures in place; return by how much, (P, 2) pixels right and down."""
    return _displace(config, rng, pictures, rng.random(len(pictures)) < config.shift)


def _displace(
    config: AugmentConfig, rng: np.random.Generator, pictures: np.ndarray, chosen: np.ndarray
) -> np.ndarray:
    """Displace chosen pictures in place; return by how much, (P, 2) pixels right and down."""
    far = config.shift_pixels
    moved = rng.integers(-far, far + 1, (len(pictures), 2)) * chosen[:, None]
    for picture, (right, down) in zip(pictures, moved, strict=True):
        if right or down:
            padded = np.pad(picture, ((far, far), (far, far), (0, 0)), mode="edge")
            height, width = picture.shape[:2]
            picture[:] = padded[far - down : far - down + height, far - right : far - right + width]
    return moved
