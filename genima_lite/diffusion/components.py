"""The networks of Stable Diffusion as one bundle, and one call that predicts with them.

Training and drawing both go through `encode_prompts`, `encode_pictures` and `predict`, so what is
trained is what is used. Networks may be kept in half precision; what goes into these functions and
comes out of them is in single.
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
        tokenizer_2, text_encoder_2: of Stable Diffusion XL, else `None`.
        decoder: an `AutoencoderTiny` that makes pictures of latents in place of the `vae`, or
            `None`. It is no part of the model's folder.
    """

    tokenizer: Any
    text_encoder: Any
    vae: Any
    unet: Any
    scheduler: Any
    controlnet: Any = None
    tokenizer_2: Any = None
    text_encoder_2: Any = None
    decoder: Any = None

    @classmethod
    def of(cls, pipeline: Any) -> Components:
        """Return the components of a diffusers pipeline (the networks are shared, not copied)."""
        names = ("tokenizer", "text_encoder", "vae", "unet", "scheduler")
        given = {name: getattr(pipeline, name) for name in names}
        further = ("controlnet", "tokenizer_2", "text_encoder_2")
        return cls(**given, **{name: getattr(pipeline, name, None) for name in further})

    def parts(self) -> dict[str, Any]:
        """Return what of the model is there, by name."""
        found = {name: part for name, part in vars(self).items() if part is not None}
        found.pop("decoder", None)
        return found

    def to(self, device: torch.device | str) -> Components:
        """Move the networks to a device, in place; return all."""
        for part in [*self.parts().values(), self.decoder]:
            if isinstance(part, torch.nn.Module):
                part.to(device)
        return self

    @property
    def concatenates(self) -> bool:
        """Whether the UNet takes the condition as further input channels."""
        return self.unet.config.in_channels == 2 * self.unet.config.out_channels

    @property
    def is_xl(self) -> bool:
        """Whether it is a Stable Diffusion XL, with a second text encoder."""
        return self.text_encoder_2 is not None

    @property
    def device(self) -> torch.device:
        """Where the networks are."""
        return self.unet.device

    @property
    def picture_multiple(self) -> int:
        """Pixels by which the sides of a tiled picture must be divisible."""
        return latent_side(self.vae.config) * 2 ** (len(self.unet.config.block_out_channels) - 1)


def latent_side(autoencoder: Any) -> int:
    """Return how many pixels along each side one latent is, from an autoencoder's configuration."""
    return int(2 ** (len(autoencoder.block_out_channels) - 1))


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

    Stable Diffusion XL reads both encoders' last layer but one, side by side.

    Raises:
        UserError: a prompt with more tokens than that, which would lose its end, the goal.
    """
    ids = _tokens(components.tokenizer, prompts)
    first = components.text_encoder
    if not components.is_xl:
        return first(ids.to(first.device))[0].float().to(components.device)
    second, further = components.text_encoder_2, _tokens(components.tokenizer_2, prompts)
    states = [
        encoder(each.to(encoder.device), output_hidden_states=True).hidden_states[-2].float()
        for encoder, each in ((first, ids), (second, further))
    ]
    return torch.cat([each.to(components.device) for each in states], dim=-1)


@torch.no_grad()
def encode_sentences(components: Components, prompts: Sequence[str]) -> torch.Tensor | None:
    """Return the features of whole prompts (N, P) float32 that Stable Diffusion XL reads too.

    Returns:
        `None` for any other model.
    """
    if not components.is_xl:
        return None
    encoder, ids = components.text_encoder_2, _tokens(components.tokenizer_2, prompts)
    return encoder(ids.to(encoder.device)).text_embeds.float().to(components.device)


def _tokens(tokenizer: Any, prompts: Sequence[str]) -> torch.Tensor:
    """Return the numbers of prompts' tokens, (N, L) int64, or refuse a prompt that is too long."""
    length = tokenizer.model_max_length
    for prompt in prompts:
        if (tokens := len(tokenizer(prompt).input_ids)) > length:
            raise UserError(f"'{prompt}' is {tokens} tokens long, the model reads {length}")
    padded = {"padding": "max_length", "max_length": length, "return_tensors": "pt"}
    return tokenizer(list(prompts), **padded).input_ids


@torch.no_grad()
def encode_pictures(components: Components, pictures: np.ndarray | torch.Tensor) -> torch.Tensor:
    """Return scaled latents (N, C, h, w) float32 of pictures (N, H, W, 3) uint8."""
    vae = components.vae
    signed = (as_condition(pictures, vae.device) * 2 - 1).to(vae.dtype)
    latents = vae.encode(signed).latent_dist.mode() * vae.config.scaling_factor
    return latents.float().to(components.device)


@torch.no_grad()
def decode_pictures(components: Components, latents: torch.Tensor) -> torch.Tensor:
    """Return pictures (N, 3, H, W) float32, about [-1, 1], of scaled latents (N, C, h, w)."""
    vae = components.decoder or components.vae
    given = (latents / vae.config.scaling_factor).to(vae.device, vae.dtype)
    return vae.decode(given).sample.float()


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
    sentence: torch.Tensor | None = None,
) -> torch.Tensor:
    """Return the UNet's prediction (B, C, h, w): the noise or the clean latents, as it was trained.

    Args:
        noisy: (B, C, h, w).
        timesteps: (B,) or a single one, from 0 (clean) to 999 (noise).
        text: (B, L, D), token features.
        condition: (B, 3, H, W) in [0, 1], read by a ControlNet.
        condition_latents: (B, C, h, w), read by a UNet that concatenates.
        sentence: (B, P), of `encode_sentences`, read by Stable Diffusion XL.

    Raises:
        ValueError: the UNet concatenates and there is nothing to, or there is no `sentence`.
    """
    unet, controlnet = components.unet, components.controlnet
    if components.concatenates:
        if condition_latents is None:
            raise ValueError("a UNet that concatenates needs condition_latents")
        # InstructPix2Pix reads the picture's latents as the autoencoder gives them, unscaled.
        seen = condition_latents / components.vae.config.scaling_factor
        noisy = torch.cat([noisy, seen], dim=1)
    known = _told(components, noisy, sentence)
    residuals: dict[str, Any] = {}
    if controlnet is not None:
        assert condition is not None
        given = _in(controlnet, noisy, text, condition)
        down, middle = controlnet(
            given[0],
            timesteps,
            *given[1:],
            added_cond_kwargs=_each_in(controlnet, known),
            return_dict=False,
        )
        residuals = {
            "down_block_additional_residuals": _in(unet, *down),
            "mid_block_additional_residual": _in(unet, middle)[0],
        }
    seen, words = _in(unet, noisy, text)
    told = _each_in(unet, known)
    return unet(seen, timesteps, words, added_cond_kwargs=told, **residuals).sample.float()


def _told(
    components: Components, noisy: torch.Tensor, sentence: torch.Tensor | None
) -> dict[str, torch.Tensor] | None:
    """Return what Stable Diffusion XL is told beside the prompt: that nothing is cropped."""
    if not components.is_xl:
        return None
    if sentence is None:
        raise ValueError("Stable Diffusion XL needs the features of the whole prompt")
    size = [latent_side(components.vae.config) * side for side in noisy.shape[-2:]]
    sizes = torch.tensor([*size, 0, 0, *size], device=noisy.device).expand(len(noisy), -1)
    return {"text_embeds": sentence, "time_ids": sizes}


def _in(network: Any, *tensors: torch.Tensor) -> list[torch.Tensor]:
    """Return tensors in a network's precision; `network.dtype` would take a millisecond."""
    return [tensor.to(network.conv_in.weight.dtype) for tensor in tensors]


def _each_in(
    network: Any, tensors: dict[str, torch.Tensor] | None
) -> dict[str, torch.Tensor] | None:
    return tensors and dict(zip(tensors, _in(network, *tensors.values()), strict=True))
