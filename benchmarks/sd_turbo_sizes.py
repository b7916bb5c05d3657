"""SD-Turbo's networks with random weights, or tiny ones of the same layout, for benchmarks."""

from __future__ import annotations

import torch
from diffusers import AutoencoderKL, EulerDiscreteScheduler, UNet2DConditionModel

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
        components.vae = AutoencoderKL(
            block_out_channels=(32,) * 4 if tiny else (128, 256, 512, 512),
            down_block_types=("DownEncoderBlock2D",) * 4,
            up_block_types=("UpDecoderBlock2D",) * 4,
            layers_per_block=1 if tiny else 2,
            scaling_factor=0.18215,
        )
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
