"""One training step, shared by pre-training and every adapter."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F
from diffusers import DDPMScheduler

from genima_lite.diffusion.components import Components, predict
from genima_lite.errors import UserError


@dataclass(frozen=True)
class StepConfig:
    """How noise is drawn and errors are weighted."""

    noise_power: float = 30.0
    """Timesteps are drawn as 1000 (1 - u^power), u uniform: the larger, the more noise. One-step
    drawing starts from pure noise, so that is where training pays; with less noise the spheres
    shine through, and nothing is learned about where they belong. 1 is uniform."""
    overstate: float = 0.0
    """Share of samples whose timestep is said to be later than it is. In pre-training it teaches
    the decoder to draw sharply at the timestep at which it will draw later."""
    changed_weight: float = 8.0
    """Added to the loss's weight 1 where the picture must differ from its condition: the spheres,
    or in pre-training the things that the caption names, are a small share of the pixels. The
    larger, the stronger is what is unlikely drawn too: a sphere that is there with probability p
    at (1 + weight) p / (1 + weight p)."""
    beta: float | None = None
    """Errors beyond it count by their size instead of their square (torch's smooth L1); `None`
    squares all. Where the network is unsure, the best drawing by squares is the mean of what is
    possible, pale and blurred; by sizes it is the weighted median, which has edges. With
    `changed_weight` w a pixel is drawn on from a probability of 1 / (2 + w)."""

    min_snr: float | None = None
    """A noise level's error counts at most as if its signal-to-noise ratio were this (Hang et al.,
    2023, who take 5): little noise, where most is easy, no longer outweighs the rest."""
    offset_noise: float = 0.0
    """Added to each channel's noise: this times one normal number, so that pictures may be darker
    or lighter on the whole than noise suggests (often 0.05 to 0.1)."""

    def __post_init__(self) -> None:
        if self.beta is not None and self.beta < 0:
            raise UserError(f"beta is {self.beta}; it must not be negative")
        if self.offset_noise < 0 or (self.min_snr is not None and self.min_snr <= 0):
            raise UserError("step: offset_noise must not be negative, min_snr positive")
        if not 0 <= self.overstate <= 1:
            raise UserError(f"step: overstate is {self.overstate}; give a share from 0 to 1")
        if self.noise_power <= 0 or self.changed_weight < 0:
            raise UserError("step: noise_power must be positive, changed_weight not negative")


@dataclass(frozen=True, eq=False)
class Batch:
    """Samples with everything frozen already computed.

    Attributes:
        latents: (B, C, h, w), scaled latents of the pictures to draw.
        text: (B, L, D), token features.
        condition: (B, 3, H, W) in [0, 1], or `None`. In pre-training no network sees it.
        condition_latents: (B, C, h, w), or `None`: all of the picture counts the same then.
        sentence: (B, P), features of whole prompts, of Stable Diffusion XL alone.
    """

    latents: torch.Tensor
    text: torch.Tensor
    condition: torch.Tensor | None = None
    condition_latents: torch.Tensor | None = None
    sentence: torch.Tensor | None = None


def training_step(
    components: Components, batch: Batch, config: StepConfig, generator: torch.Generator
) -> torch.Tensor:
    """Return the loss of a batch, a scalar with a gradient (paper, section 3.1).

    Args:
        generator: on the device of the components; the only source of chance.
    """
    noiser = DDPMScheduler.from_config(components.scheduler.config)
    noise = _noise(batch.latents.shape, config.offset_noise, generator)
    true, said = _timesteps(len(noise), noiser.config.num_train_timesteps, config, generator)
    noisy = noiser.add_noise(batch.latents, noise, true)
    given = (batch.text, batch.condition, batch.condition_latents, batch.sentence)
    prediction = predict(components, noisy, said, *given)
    error = _error(prediction, _target(noiser, batch.latents, noise, true), config.beta)
    if config.min_snr is not None:
        error = error * _snr_weight(noiser, true, config.min_snr)
    weight = _weight(batch, config.changed_weight)
    return (error * weight).sum() / weight.sum()


def _noise(shape: torch.Size, offset: float, generator: torch.Generator) -> torch.Tensor:
    """Return the noise, (B, C, h, w)."""
    noise = torch.randn(shape, generator=generator, device=generator.device)
    if offset:
        ones = (*shape[:2], 1, 1)
        noise += offset * torch.randn(ones, generator=generator, device=generator.device)
    return noise


def _snr_weight(noiser: Any, timesteps: torch.Tensor, most: float) -> torch.Tensor:
    """Return min(snr, most) in the units of what is predicted, (B, 1, 1, 1)."""
    kept = noiser.alphas_cumprod.to(timesteps.device)[timesteps]
    snr = (kept / (1 - kept)).reshape(-1, 1, 1, 1)
    kind = noiser.config.prediction_type
    if kind == "epsilon":
        return (most / snr).clamp(max=1)
    return snr.clamp(max=most) / (1 if kind == "sample" else 1 + snr)


def _error(prediction: torch.Tensor, target: torch.Tensor, beta: float | None) -> torch.Tensor:
    """Return the error of every number, (B, C, h, w)."""
    if beta is None:
        return (prediction - target) ** 2
    return F.smooth_l1_loss(prediction, target, reduction="none", beta=beta)


def _timesteps(
    count: int, last: int, config: StepConfig, generator: torch.Generator
) -> tuple[torch.Tensor, torch.Tensor]:
    """Return the noise levels (B,) and those that the network is told, int64 in [0, last)."""
    uniform, spread, chance = torch.rand((3, count), generator=generator, device=generator.device)
    true = (last * (1 - uniform**config.noise_power)).long().clamp(max=last - 1)
    later = true + (spread * (last - true)).long()
    return true, torch.where(chance < config.overstate, later, true)


def _target(
    noiser: Any, latents: torch.Tensor, noise: torch.Tensor, timesteps: torch.Tensor
) -> torch.Tensor:
    """Return what this base model predicts: the clean latents (ours), the noise (SD-Turbo) or v."""
    kind = noiser.config.prediction_type
    if kind == "sample":
        return latents
    return noise if kind == "epsilon" else noiser.get_velocity(latents, noise, timesteps)


def _weight(batch: Batch, changed_weight: float) -> torch.Tensor:
    """Return the weight of every latent number, (B, C, h, w)."""
    if batch.condition_latents is None:
        return torch.ones_like(batch.latents)
    changed = (batch.latents - batch.condition_latents).abs() > 0.05
    return 1 + changed_weight * changed
