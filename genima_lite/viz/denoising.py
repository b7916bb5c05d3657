"""Sampling from a base model step by step, with everything on the way kept to be looked at.

The same as diffusers' pipeline with its DDIM scheduler; but one may begin at any noise level, and
sees what the network believes at each step.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch

from genima_lite.diffusion.components import Components, encode_pictures, encode_prompts, predict

LAST = 999
"""The noisiest timestep."""


@dataclass(frozen=True, eq=False)
class Sampling:
    """What happened on the way from noise to a picture.

    Attributes:
        timesteps: of the steps, falling.
        noisy: latents (1, C, h, w) before each step.
        clean: what the network took for the clean latents at each step.
        picture: the result, (H, W, 3) uint8.
    """

    timesteps: list[int]
    noisy: list[torch.Tensor]
    clean: list[torch.Tensor]
    picture: np.ndarray


def kept_share(components: Components) -> np.ndarray:
    """Return how much of the signal's power is kept at each timestep, (T,) float64, falling."""
    return components.scheduler.alphas_cumprod.double().numpy()


def trailing(steps: int, start: int = LAST) -> list[int]:
    """Return the timesteps of a sampling that begins at `start`, as diffusers' "trailing"."""
    return [round(t) - 1 for t in np.linspace(start + 1, 0, steps, endpoint=False)]


def noised(
    components: Components, picture: np.ndarray, timestep: int, seed: int = 0
) -> torch.Tensor:
    """Return a picture's latents (1, C, h, w) with the noise of a timestep."""
    clean, kept = encode_pictures(components, picture[None]), kept_share(components)[timestep]
    noise = torch.randn(clean.shape, generator=torch.Generator().manual_seed(seed))
    return kept**0.5 * clean + (1 - kept) ** 0.5 * noise


@torch.no_grad()
def sample(
    components: Components,
    caption: str,
    steps: int = 4,
    guidance: float = 3.0,
    seed: int = 0,
    size: int = 128,
    begin: tuple[np.ndarray, int] | None = None,
) -> Sampling:
    """Sample a picture with DDIM from a base model that predicts the clean latents.

    Args:
        components: without a ControlNet.
        caption: what to draw.
        steps: how often the network is asked.
        guidance: of classifier-free guidance; 1 is none.
        seed: of the noise.
        size: pixels along each side.
        begin: a picture (size, size, 3) uint8 and the timestep up to which it is noised; `None`
            begins with pure noise.
    """
    text = encode_prompts(components, ["", caption])
    kept = np.append(kept_share(components), 1.0)  # number -1: no noise at all
    picture, start = begin or (np.zeros((size, size, 3), np.uint8), LAST)
    latents = noised(components, picture, start, seed)
    timesteps, noisy, clean = trailing(steps, start), [], []
    for now, after in zip(timesteps, [*timesteps[1:], -1], strict=True):
        both = latents.repeat(2, 1, 1, 1)
        without, given = predict(components, both, torch.tensor(now), text).chunk(2)
        noisy.append(latents)
        clean.append(without + guidance * (given - without))
        noise = (latents - kept[now] ** 0.5 * clean[-1]) / (1 - kept[now]) ** 0.5
        latents = kept[after] ** 0.5 * clean[-1] + (1 - kept[after]) ** 0.5 * noise
    return Sampling(timesteps, noisy, clean, as_picture(components, latents))


@torch.no_grad()
def as_picture(components: Components, latents: torch.Tensor) -> np.ndarray:
    """Return the picture (H, W, 3) uint8 of latents (1, C, h, w); what is out of range is cut."""
    decoded = components.vae.decode(latents / components.vae.config.scaling_factor).sample[0]
    unit = (decoded / 2 + 0.5).clamp(0, 1).permute(1, 2, 0)
    return (unit.numpy() * 255).round().astype(np.uint8)
