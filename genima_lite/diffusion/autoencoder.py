"""A lossless autoencoder in a stock diffusers class: its weights are set by hand, not learned.

Stable Diffusion's autoencoder blurs small things, and a blurred sphere is a wrong joint angle. A
small autoencoder learned on a laptop loses a quarter of the spheres (measured). But diffusers'
`AutoencoderDC` is built around two shortcuts, space-to-depth and depth-to-space, with learned
convolutions added to them. With those convolutions at zero it is exactly
`torch.nn.functional.pixel_unshuffle(picture, 8)` and back: 8x8 pixels of 3 colours become one
latent pixel of 192 channels, the same 8-fold smaller grid that Stable Diffusion's UNet sees.

Two things in it are no plain shortcut, and both are made exact too: its last normalisation
(divides by the root mean square, unless that is far below epsilon, so the signal passes it 2^-20
small) and its last ReLU (so the signal passes it lifted by 4).
"""

from __future__ import annotations

from typing import Any

import torch
from diffusers import AutoencoderDC, ModelMixin
from diffusers.configuration_utils import FrozenDict
from diffusers.models.autoencoders.vae import DecoderOutput, IdentityDistribution
from diffusers.models.modeling_outputs import AutoencoderKLOutput
from diffusers.models.normalization import RMSNorm
from torch import nn

__all__ = ["LATENT_CHANNELS", "LosslessAutoencoder", "ModelMixin", "build_autoencoder"]
# diffusers loads a class from another library only if it finds ModelMixin beside it.

LATENT_CHANNELS = 192
"""Numbers in 8x8 pixels of three colours."""

_WIDTHS = (3, 12, 48, LATENT_CHANNELS)
_SMALL = 2.0**-20
_LIFT = 4.0


class LosslessAutoencoder(AutoencoderDC):
    """`AutoencoderDC` with the calls that Stable Diffusion's pipelines make of their VAE.

    Three differences: `decode` takes a generator (and needs none), `encode` returns a distribution
    (with one possible sample), and `config` has the list from whose length the pipelines read the
    factor 8. The weights are a stock model's: the folder also loads as
    `AutoencoderDC.from_pretrained`, in float32 (half precision cannot hold them).

    Both calls go straight to what the weights amount to, which takes microseconds instead of 10
    to 20 ms a picture; a test compares them with the stock class.
    """

    @property
    def config(self) -> FrozenDict:
        """The stock configuration and `block_out_channels`."""
        return FrozenDict({**super().config, "block_out_channels": _WIDTHS})

    def encode(self, x: torch.Tensor, return_dict: bool = True) -> Any:
        """Return latents (B, 192, H / 8, W / 8) of pictures (B, 3, H, W) in [-1, 1]."""
        latents = nn.functional.pixel_unshuffle(x, 8)
        distribution = IdentityDistribution(latents)
        return AutoencoderKLOutput(distribution) if return_dict else (distribution,)

    def decode(
        self, z: torch.Tensor, return_dict: bool = True, generator: torch.Generator | None = None
    ) -> Any:
        """Return pictures (B, 3, H, W) of latents (B, 192, H / 8, W / 8)."""
        pictures = nn.functional.pixel_shuffle(z, 8)
        return DecoderOutput(pictures) if return_dict else (pictures,)


@torch.no_grad()
def build_autoencoder() -> LosslessAutoencoder:
    """Return the autoencoder with its weights set."""
    vae = LosslessAutoencoder(
        latent_channels=LATENT_CHANNELS,
        encoder_block_out_channels=_WIDTHS,
        decoder_block_out_channels=_WIDTHS,
        encoder_layers_per_block=(0, 1, 1, 0),  # without layers at the ends there is less to do
        decoder_layers_per_block=(0, 1, 1, 0),
        encoder_out_shortcut=False,
        decoder_in_shortcut=False,
    )
    for parameter in vae.parameters():
        parameter.zero_()
    _pass(vae.encoder.conv_in.conv, torch.eye(3))
    _pass(vae.encoder.conv_out, _order())
    _pass(vae.decoder.conv_in, _order().T * _SMALL)
    _pass(vae.decoder.conv_out.conv, torch.eye(12))
    _undo_norm(vae.decoder.norm_out)
    vae.decoder.conv_out.conv.bias.fill_(-_LIFT)
    return vae.eval().requires_grad_(False)


def _pass(convolution: nn.Conv2d, matrix: torch.Tensor) -> None:
    """Make a 3x3 convolution a matrix (out, in) on each pixel."""
    convolution.weight[..., 1, 1] = matrix


def _order() -> torch.Tensor:
    """Return the (192, 192) permutation from three unshuffles by 2 to one unshuffle by 8."""
    pixels = nn.functional.pixel_shuffle(torch.arange(192.0).reshape(1, 192, 1, 1), 8)
    for _ in range(3):
        pixels = nn.functional.pixel_unshuffle(pixels, 2)
    return nn.functional.one_hot(pixels.flatten().long(), LATENT_CHANNELS).T.float()


def _undo_norm(norm: RMSNorm) -> None:
    """Let a normalisation scale the small signal back up, and lift it above the ReLU's zero."""
    norm.weight.fill_(norm.eps**0.5 / _SMALL)
    norm.bias.fill_(_LIFT)
