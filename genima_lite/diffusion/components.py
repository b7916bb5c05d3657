"""The networks of Stable Diffusion as one bundle, and one call that predicts with them.

Training and drawing both go through `encode_prompts`, `encode_pictures` and `predict`, so what is
trained is what is used.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from genima_lite.errors import UserError


@dataclass
class Components:
    """What a prediction needs; each is a diffusers or transformers object.

    Attributes:
        tokenizer, text_encoder, vae, unet, scheduler: of the base model.
        controlnet: a `ControlNetModel`, or `None`. Without one, a UNet with twice the latent's
            channels gets the condition's latents beside the noisy ones (InstructPix2Pix).
    """

    tokenizer: Any
    text_encoder: Any
    vae: Any
    unet: Any
    scheduler: Any
    controlnet: Any = None

    @classmethod
    def of(cls, pipeline: Any) -> Components:
        """Return the components of a diffusers pipeline (the networks are shared, not copied)."""
        names = ("tokenizer", "text_encoder", "vae", "unet", "scheduler")
        given = {name: getattr(pipeline, name) for name in names}
        return cls(**given, controlnet=getattr(pipeline, "controlnet", None))

    def parts(self) -> dict[str, Any]:
        """Return what is there, by name."""
        return {name: part for name, part in vars(self).items() if part is not None}

    def to(self, device: torch.device | str) -> Components:
        """Move the networks to a device, in place; return all."""
        for part in self.parts().values():
            if isinstance(part, torch.nn.Module):
                part.to(device)
        return self

    @property
    def concatenates(self) -> bool:
        """Whether the UNet takes the condition as further input channels."""
        return self.unet.config.in_channels == 2 * self.unet.config.out_channels

    @property
    def device(self) -> torch.device:
        """Where the networks are."""
        return self.unet.device

    @property
    def picture_multiple(self) -> int:
        """Pixels by which the sides of a tiled picture must be divisible."""
        levels = len(self.unet.config.block_out_channels) - 1
        return 2 ** (len(self.vae.config.block_out_channels) - 1 + levels)


def check_size(components: Components, *sides: int) -> None:
    """Refuse tiled pictures that the networks cannot halve.

    Raises:
        UserError: a side in pixels is no multiple of what they halve.
    """
    multiple = components.picture_multiple
    if any(side % multiple for side in sides):
        size = "x".join(map(str, sides if len(sides) > 1 else 2 * sides))
        raise UserError(f"the tiled picture is {size}; sides must be multiples of {multiple}")


@torch.no_grad()
def encode_prompts(components: Components, prompts: Sequence[str]) -> torch.Tensor:
    """Return token features (N, L, D) float32, padded to the tokenizer's length.

    Raises:
        UserError: a prompt with more tokens than that, which would lose its end, the goal.
    """
    length = components.tokenizer.model_max_length
    for prompt in prompts:
        if (tokens := len(components.tokenizer(prompt).input_ids)) > length:
            raise UserError(f"'{prompt}' is {tokens} tokens long, the model reads {length}")
    ids = components.tokenizer(
        list(prompts), padding="max_length", max_length=length, return_tensors="pt"
    ).input_ids
    return components.text_encoder(ids.to(components.device))[0]


@torch.no_grad()
def encode_pictures(components: Components, pictures: np.ndarray | torch.Tensor) -> torch.Tensor:
    """Return scaled latents (N, C, h, w) float32 of pictures (N, H, W, 3) uint8."""
    signed = as_condition(pictures, components.device) * 2 - 1
    return components.vae.encode(signed).latent_dist.mode() * components.vae.config.scaling_factor


def as_condition(
    pictures: np.ndarray | torch.Tensor, device: torch.device | str = "cpu"
) -> torch.Tensor:
    """Return pictures (N, H, W, 3) uint8 as ControlNet takes them: (N, 3, H, W) in [0, 1].

    Raises:
        UserError: pictures of another shape or dtype.
    """
    if isinstance(pictures, np.ndarray):
        pictures = torch.from_numpy(np.ascontiguousarray(pictures))
    if pictures.dtype != torch.uint8 or pictures.ndim != 4 or pictures.shape[3] != 3:
        shape = tuple(pictures.shape)
        raise UserError(f"pictures are {shape} {pictures.dtype}; give (N, H, W, 3) uint8")
    levels = pictures.to(device)
    return levels.permute(0, 3, 1, 2).float() / 255


def predict(
    components: Components,
    noisy: torch.Tensor,
    timesteps: torch.Tensor,
    text: torch.Tensor,
    condition: torch.Tensor | None = None,
    condition_latents: torch.Tensor | None = None,
) -> torch.Tensor:
    """Return the UNet's prediction (B, C, h, w): the noise or the clean latents, as it was trained.

    Args:
        noisy: (B, C, h, w).
        timesteps: (B,) or a single one, from 0 (clean) to 999 (noise).
        text: (B, L, D), token features.
        condition: (B, 3, H, W) in [0, 1], read by a ControlNet.
        condition_latents: (B, C, h, w), read by a UNet that concatenates.

    Raises:
        ValueError: the UNet concatenates and there is nothing to.
    """
    if components.concatenates:
        if condition_latents is None:
            raise ValueError("a UNet that concatenates needs condition_latents")
        return components.unet(torch.cat([noisy, condition_latents], dim=1), timesteps, text).sample
    if components.controlnet is None:
        return components.unet(noisy, timesteps, text).sample
    down, middle = components.controlnet(noisy, timesteps, text, condition, return_dict=False)
    return components.unet(
        noisy,
        timesteps,
        text,
        down_block_additional_residuals=down,
        mid_block_additional_residual=middle,
    ).sample
