"""`mini-turbo`: a base model of a few million weights, in Stable Diffusion's folder format.

It is made of the same diffusers and transformers classes as SD-Turbo, so everything that
follows works on either. What differs, and why:

- autoencoder: lossless, its weights set by hand (see `genima_lite.diffusion.autoencoder`);
- text encoder: two layers, random and frozen. The bench's language has some 150 words; features
  that tell them apart are all the UNet's cross-attention needs, and they are computed only once;
- text also enters the time embedding (`addition_embed_type="text"`), and cross-attention works at
  every resolution: with attention at the coarsest one only, colours did not bind to words;
- the UNet predicts the clean picture, not the noise: noise prediction was unusable after the few
  steps a laptop has (26 pixels off against 3);
- the last timestep is pure noise (zero terminal SNR), timesteps trail: the one sampling step
  starts from pure noise, and training has seen pure noise;
- noise grows by the same factor at every timestep before, from half the signal to a hundred times
  as much. Stable Diffusion's latents are small and its noise soon hides them; here the latents are
  pixels, of which a table or an arm has thousands, that show through much more noise. With its
  schedule the second of four steps comes too late to decide on them.
"""

from __future__ import annotations

import warnings
from collections.abc import Container
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from diffusers import (
    DDIMScheduler,
    DiffusionPipeline,
    StableDiffusionPipeline,
    UNet2DConditionModel,
)
from diffusers.utils import logging
from transformers import CLIPTextConfig, CLIPTextModel, CLIPTokenizer

from genima_lite.diffusion.autoencoder import LATENT_CHANNELS, build_autoencoder
from genima_lite.diffusion.folder import read_index
from genima_lite.diffusion.lora import add_lora
from genima_lite.diffusion.networks import load_components
from genima_lite.diffusion.pipelines import pipeline_of
from genima_lite.diffusion.tokenizer import build_tokenizer, known_words
from genima_lite.errors import UserError
from genima_lite.hub import download, is_hub_id


@dataclass(frozen=True)
class BaseConfig:
    """Sizes of a base model; defaults are the `lite` preset."""

    channels: tuple[int, ...] = (96, 192)
    """UNet widths, one a resolution; each further one halves the latent grid."""
    layers: int = 1
    """Residual blocks (each with a transformer) a resolution."""
    heads: int = 4
    """Attention heads in the UNet and in the text encoder."""
    picture_size: int = 128
    """Pixels along each side of a tiled picture; other multiples of 16 work too."""
    text_width: int = 128
    """Length of a token's feature vector; a multiple of 64 (heads of diffusers' text pooling)."""
    text_layers: int = 2
    """Transformer layers of the text encoder."""
    text_length: int = 40
    """Tokens of a prompt, start and end included."""
    seed: int = 0
    """Seed of the random weights."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "channels", tuple(self.channels))
        grid = 8 * 2 ** (len(self.channels) - 1)
        if not self.channels or any(n < 32 or n % 32 for n in self.channels):
            raise UserError(f"channels are {self.channels}; each must be a multiple of 32")
        if self.picture_size < grid or self.picture_size % grid:
            raise UserError(f"picture_size is {self.picture_size}; it must be a multiple of {grid}")
        if min(self.heads, self.layers, self.text_layers) < 1 or self.text_length < 8:
            raise UserError("heads and layers must be at least 1, text_length at least 8")
        if self.text_width < 64 or self.text_width % 64 or self.text_width % self.heads:
            raise UserError("text_width must be a multiple of 64 and of heads")
        if any(n % self.heads for n in self.channels):
            raise UserError("channels must be multiples of heads")


PRESETS = {
    "tiny": BaseConfig(channels=(32, 64), text_width=64, text_layers=1),
    "small": BaseConfig(channels=(64, 128)),
    "lite": BaseConfig(),
}
"""`tiny` for tests, `small` for a quick look, `lite` for the laptop's default."""


def preset(name: str, picture_size: int = 128) -> BaseConfig:
    """Return a preset by name for a picture size.

    Raises:
        UserError: no such preset.
    """
    if name not in PRESETS:
        raise UserError(f"unknown base preset '{name}': choose from {', '.join(PRESETS)}")
    return replace(PRESETS[name], picture_size=picture_size)


def build_base(config: BaseConfig) -> StableDiffusionPipeline:
    """Return an untrained base model; `save_pretrained(folder)` keeps it, safetensors and JSON.

    The same configuration gives the same weights; torch's global random state is left alone.
    """
    tokenizer = build_tokenizer(known_words(), config.text_length)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(config.seed)
        text_encoder = _text_encoder(config, tokenizer)
        unet = _unet(config)
        vae = build_autoencoder()
    return StableDiffusionPipeline(
        vae=vae,
        text_encoder=text_encoder,
        tokenizer=tokenizer,
        unet=unet,
        scheduler=_scheduler(),
        safety_checker=None,
        feature_extractor=None,
        requires_safety_checker=False,
    )


def load_pipeline(
    folder: Path | str,
    dtype: torch.dtype = torch.float32,
    trained: Container[str] = (),
    lora: Path | str | None = None,
) -> DiffusionPipeline:
    """Load a model, on the CPU.

    Args:
        folder: in Stable Diffusion's format, a file with such a model beside its JSON
            (`genima_lite.diffusion.single_file`), or a model id of the hub.
        dtype: in which networks are kept (`genima_lite.diffusion.networks.precision_of`).
        trained: names of networks that stay in single precision.
        lora: file or folder with LoRA, which is added to the UNet (`genima_lite.diffusion.lora`).

    Raises:
        UserError: a path without a model in it, a model that does not fit, a broken file, or an id
            that cannot be downloaded.
    """
    place = download(str(folder)) if is_hub_id(folder) else Path(folder)
    level = logging.get_verbosity()
    logging.set_verbosity_error()  # diffusers remarks that the autoencoder is not the usual one
    try:
        kind, components = load_components(place, dtype, trained)
        if lora is not None:
            add_lora(components.unet, Path(lora))
        with warnings.catch_warnings():  # of schedulers that it sets right itself
            warnings.simplefilter("ignore", FutureWarning)
            pipeline = pipeline_of(components, kind)
    finally:
        logging.set_verbosity(level)
    pipeline.set_progress_bar_config(disable=True)
    return pipeline


def check_folder(folder: Path | str) -> None:
    """Refuse what is no model in Stable Diffusion's format, and not like an id of the hub.

    Raises:
        UserError: the message says how to make such a folder.
    """
    if not is_hub_id(folder):
        place = Path(folder)
        read_index(place.parent if place.suffix == ".safetensors" else place)


def _text_encoder(config: BaseConfig, tokenizer: CLIPTokenizer) -> CLIPTextModel:
    """Return a small random CLIP text encoder, in which a token's features are mostly its own.

    With transformers' small random word vectors "red" and "navy" differ by 0.23 of the features'
    spread, since what the layers add to every token alike drowns them. Ten times longer word
    vectors make that 0.91.
    """
    sizes = CLIPTextConfig(
        vocab_size=len(tokenizer),
        hidden_size=config.text_width,
        intermediate_size=2 * config.text_width,
        projection_dim=config.text_width,
        num_hidden_layers=config.text_layers,
        num_attention_heads=config.heads,
        max_position_embeddings=config.text_length,
        bos_token_id=tokenizer.bos_token_id,
        eos_token_id=tokenizer.eos_token_id,
        pad_token_id=tokenizer.pad_token_id,
    )
    encoder = CLIPTextModel(sizes).eval().requires_grad_(False)
    encoder.get_input_embeddings().weight.mul_(10.0)
    return encoder


def _unet(config: BaseConfig) -> UNet2DConditionModel:
    """Return the UNet, with cross-attention in every block."""
    depth = len(config.channels)
    return UNet2DConditionModel(
        sample_size=config.picture_size // 8,
        in_channels=LATENT_CHANNELS,
        out_channels=LATENT_CHANNELS,
        block_out_channels=config.channels,
        down_block_types=("CrossAttnDownBlock2D",) * depth,
        up_block_types=("CrossAttnUpBlock2D",) * depth,
        layers_per_block=config.layers,
        attention_head_dim=config.heads,  # diffusers: the number of heads, in spite of its name
        cross_attention_dim=config.text_width,
        addition_embed_type="text",
        norm_num_groups=32,
    )


def _scheduler() -> DDIMScheduler:
    """Return a scheduler for clean-sample prediction with geometric noise, pure at the end."""
    ratio = np.geomspace(0.5, 100, 999)  # noise to signal
    kept = np.append(1 / (1 + ratio**2), 0.0)
    betas = 1 - kept / np.append(1.0, kept[:-1])
    return DDIMScheduler(
        trained_betas=betas.tolist(),
        prediction_type="sample",
        timestep_spacing="trailing",
        steps_offset=1,  # unused with trailing timesteps; the pipelines ask for it
        clip_sample=False,
    )
