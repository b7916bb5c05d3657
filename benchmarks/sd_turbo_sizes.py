"""SD-Turbo's and SDXL-Turbo's networks with random weights, or tiny ones, for benchmarks."""

from __future__ import annotations

import torch
from diffusers import AutoencoderKL, EulerDiscreteScheduler, UNet2DConditionModel
from transformers import CLIPTextConfig, CLIPTextModelWithProjection

from genima_lite.diffusion.adapters import build_controlnet
from genima_lite.diffusion.base import BaseConfig, build_base
from genima_lite.diffusion.components import Components


def sd_turbo(device: str, tiny: bool = False) -> Components:
    """Return UNet, autoencoder and scheduler of SD 2.1's layout on a device.

    Prompts are read by a small encoder of the same width: they are read once, before anything is
    measured.
    """
    text, widths = (64, (32, 64)) if tiny else (1024, (320, 640, 1280, 1280))
    depth = len(widths) - 1
    components = Components.of(build_base(BaseConfig(text_width=text, text_layers=1)))
    with torch.device(device):
        components.unet = UNet2DConditionModel(
            sample_size=64,
            block_out_channels=widths,
            down_block_types=("CrossAttnDownBlock2D",) * depth + ("DownBlock2D",),
            up_block_types=("UpBlock2D",) + ("CrossAttnUpBlock2D",) * depth,
            layers_per_block=1 if tiny else 2,
            attention_head_dim=(2, 4) if tiny else (5, 10, 20, 20),
            cross_attention_dim=text,
            use_linear_projection=True,
        )
        components.vae = _autoencoder(tiny, 0.18215)
    return _ready(components, device)


def sdxl_turbo(device: str, tiny: bool = False) -> Components:
    """Return the same of SDXL's layout, with two small text encoders of its widths."""
    first, second, widths = (64, 32, (32, 64)) if tiny else (768, 1280, (320, 640, 1280))
    deep = len(widths) - 1
    components = Components.of(build_base(BaseConfig(text_width=first, text_layers=1)))
    components.tokenizer_2 = components.tokenizer
    given = components.text_encoder.config.to_dict()
    sizes = {"hidden_size": second, "projection_dim": second, "num_attention_heads": second // 32}
    components.text_encoder_2 = CLIPTextModelWithProjection(CLIPTextConfig(**{**given, **sizes}))
    with torch.device(device):
        components.unet = UNet2DConditionModel(
            sample_size=64,
            block_out_channels=widths,
            down_block_types=("DownBlock2D",) + ("CrossAttnDownBlock2D",) * deep,
            up_block_types=("CrossAttnUpBlock2D",) * deep + ("UpBlock2D",),
            layers_per_block=1 if tiny else 2,
            transformer_layers_per_block=(1, 2) if tiny else (1, 2, 10),
            attention_head_dim=(2, 4) if tiny else (5, 10, 20),
            cross_attention_dim=first + second,
            addition_embed_type="text_time",
            addition_time_embed_dim=256,
            projection_class_embeddings_input_dim=second + 6 * 256,
            use_linear_projection=True,
        )
        components.vae = _autoencoder(tiny, 0.13025)
    return _ready(components, device)


def _autoencoder(tiny: bool, factor: float) -> AutoencoderKL:
    return AutoencoderKL(
        block_out_channels=(32,) * 4 if tiny else (128, 256, 512, 512),
        down_block_types=("DownEncoderBlock2D",) * 4,
        up_block_types=("UpDecoderBlock2D",) * 4,
        layers_per_block=1 if tiny else 2,
        scaling_factor=factor,
    )


def _ready(components: Components, device: str) -> Components:
    components.scheduler = EulerDiscreteScheduler(
        beta_schedule="scaled_linear", timestep_spacing="trailing", steps_offset=1
    )
    for network in (components.unet, components.vae):
        network.requires_grad_(False).eval()
    return components.to(device)


def with_controlnet(components: Components) -> Components:
    """Add a ControlNet to components, in place."""
    components.controlnet = build_controlnet(components.unet, components.vae).eval()
    return components
