"""Ways to make a base model draw on a given picture, and which weights each one trains.

| adapter | the picture enters through | trained |
|---|---|---|
| `base` | nowhere: pre-training | the UNet |
| `frozen` | a ControlNet | the ControlNet |
| `up-blocks` | a ControlNet | the ControlNet, the base's up-blocks and output |
| `unet-lora` | a ControlNet | the ControlNet, LoRA in the base |
| `controlnet-lora` | a ControlNet | LoRA in the ControlNet, its embedding and zero-convolutions |
| `concat` | more input channels | the UNet |
| `concat-lora` | more input channels, which the base has already | LoRA in the UNet |

The paper trains a ControlNet on SD-Turbo, `frozen` here. Deviation: with a base of a laptop's size
that draws 2.6 pixels off and smears, and training the up-blocks along (`sd_locked=False` in the
original ControlNet) 1.6 pixels, in a first experiment; so `up-blocks` is the default.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import torch
from diffusers import ControlNetModel, UNet2DConditionModel
from peft import LoraConfig
from torch import nn

from genima_lite.diffusion.autoencoder import LosslessAutoencoder
from genima_lite.diffusion.components import Components
from genima_lite.errors import UserError

ADAPTERS = (
    *("base", "frozen", "up-blocks", "unet-lora", "controlnet-lora", "concat", "concat-lora"),
)

_EXACT_CHANNELS = (6, 24, 96, 384)


@dataclass(frozen=True)
class LoraSettings:
    """How much LoRA there is, and where."""

    rank: int = 16
    """Columns of the matrices that are learned."""
    alpha: float | None = None
    """What they learn counts alpha / rank times; `None`: once."""
    targets: tuple[str, ...] = ("to_q", "to_k", "to_v", "to_out.0", "conv1", "conv2")
    """Ends of the names of the layers that get it: here attention and residual blocks."""

    def __post_init__(self) -> None:
        if self.rank < 1 or (self.alpha is not None and self.alpha <= 0) or not self.targets:
            raise UserError("lora: rank must be at least 1, alpha positive, and targets named")


def prepare(
    components: Components, adapter: str, lora: LoraSettings = LoraSettings()
) -> dict[str, list[nn.Parameter]]:
    """Make a base model ready for an adapter, in place, and return the weights that it trains.

    Everything else is frozen. A model that has a ControlNet already goes on with it.

    Args:
        components: the base model.
        adapter: one of `ADAPTERS`.
        lora: of the adapters with LoRA.

    Returns:
        `main`, and `zero`: zero-convolutions, which want a higher learning rate.

    Raises:
        UserError: an unknown adapter, or one that does not fit the UNet.
    """
    check_adapter(adapter)
    concat = ("concat", "concat-lora")
    if components.concatenates and adapter not in concat:
        raise UserError(
            f"adapter '{adapter}': this UNet reads the picture already; take 'concat' or "
            "'concat-lora'"
        )
    components.unet.requires_grad_(False)
    if adapter == "concat-lora":
        if not components.concatenates:
            raise UserError(
                "adapter 'concat-lora' is for a UNet that reads the picture already, as "
                "InstructPix2Pix's does; take 'concat', which adds the channels and trains all"
            )
        return {"main": _add_lora(components.unet, lora)}
    if adapter == "base":
        return {"main": _unfreeze([components.unet])}
    if adapter == "concat":
        if not components.concatenates:
            exact = isinstance(components.vae, LosslessAutoencoder)
            components.unet = widen(components.unet, copied=exact)
        return {"main": _unfreeze([components.unet])}
    if components.controlnet is None:
        components.controlnet = build_controlnet(components.unet, components.vae)
    main = _train_controlnet(components, lora if adapter == "controlnet-lora" else None)
    if adapter == "up-blocks":
        main += _unfreeze(
            [components.unet.up_blocks, components.unet.conv_norm_out, components.unet.conv_out]
        )
    if adapter == "unet-lora":
        main += _add_lora(components.unet, lora)
    return {"main": main, "zero": _unfreeze(_zero_convolutions(components.controlnet))}


def check_adapter(name: str) -> None:
    """Raise `UserError` unless there is such an adapter."""
    if name not in ADAPTERS:
        raise UserError(f"unknown adapter '{name}': choose from {', '.join(ADAPTERS)}")


def trained_networks(adapter: str) -> tuple[str, ...]:
    """Return the networks of which an adapter trains weights: they want single precision."""
    whole = adapter in ("base", "up-blocks", "concat")
    return ("unet", "controlnet") if whole else ("controlnet",)


def finish(components: Components) -> None:
    """Add what LoRA has learned to the weights it was learned for, so that folders load plainly."""
    for network in (components.unet, components.controlnet):
        if network is not None and getattr(network, "peft_config", None):
            network.float()
            network.fuse_lora()
            network.unload_lora()


def build_controlnet(unet: UNet2DConditionModel, vae: Any) -> ControlNetModel:
    """Return a ControlNet that starts as a copy of the base's encoder.

    With the lossless autoencoder its embedding of the picture starts as what the base's first
    layer makes of that picture's latents; diffusers' starts as zero, behind further zeros. With
    any other autoencoder it is diffusers' own.
    """
    if not isinstance(vae, LosslessAutoencoder):
        return ControlNetModel.from_unet(unet).to(unet.device)
    controlnet = ControlNetModel.from_unet(
        unet, conditioning_embedding_out_channels=_EXACT_CHANNELS
    )
    _set_embedding(controlnet.controlnet_cond_embedding, unet.conv_in, vae)
    return controlnet.to(unet.device)


@torch.no_grad()
def widen(unet: UNet2DConditionModel, copied: bool = True) -> UNet2DConditionModel:
    """Return a copy of a UNet that reads the condition's latents beside the noisy ones.

    Args:
        unet: reads the noisy ones alone.
        copied: the new half of the first layer's weights starts as a copy of the old half, so that
            a network that predicts the clean picture sees it from the first step; else at zero, as
            InstructPix2Pix's, so that a good base stays good.
    """
    channels = unet.config.in_channels
    wide = UNet2DConditionModel.from_config({**unet.config, "in_channels": 2 * channels})
    weights = unet.state_dict()
    first = weights["conv_in.weight"]
    new = first if copied else torch.zeros_like(first)
    weights["conv_in.weight"] = torch.cat([first, new], dim=1)
    wide.load_state_dict(weights)
    return wide.to(unet.device)


def _train_controlnet(components: Components, lora: LoraSettings | None) -> list[nn.Parameter]:
    """Free the ControlNet's weights but its zero-convolutions; with LoRA, only its and the
    embedding's. With the lossless autoencoder, the embedding's rearranging of pixels stays as it
    is: it loses nothing, and to train it takes a quarter of a step's time.
    """
    controlnet, embedding = components.controlnet, components.controlnet.controlnet_cond_embedding
    exact = isinstance(components.vae, LosslessAutoencoder)
    learns = embedding.conv_out if exact else embedding
    if lora is not None:
        # A ControlNet's output passes its zero-convolutions: were they frozen, LoRA would never
        # get a gradient. `prepare` frees them.
        controlnet.requires_grad_(False)
        return _add_lora(controlnet, lora) + _unfreeze([learns])
    controlnet.requires_grad_(True)
    embedding.requires_grad_(False)
    for module in _zero_convolutions(controlnet):
        module.requires_grad_(False)
    learns.requires_grad_(True)
    return [p for p in controlnet.parameters() if p.requires_grad]


def _zero_convolutions(controlnet: ControlNetModel) -> list[nn.Module]:
    return [*controlnet.controlnet_down_blocks, controlnet.controlnet_mid_block]


def _add_lora(network: Any, lora: LoraSettings) -> list[nn.Parameter]:
    """Add LoRA to a network; return its weights.

    Raises:
        UserError: no layer has such a name.
    """
    before = {id(p) for p in network.parameters()}
    alpha = lora.rank if lora.alpha is None else lora.alpha
    config = LoraConfig(r=lora.rank, lora_alpha=alpha, target_modules=list(lora.targets))
    try:
        network.add_adapter(config)
    except ValueError as error:  # peft's, of targets that are nowhere
        raise UserError(f"lora: targets {', '.join(lora.targets)}: {error}") from None
    new = [p for p in network.parameters() if id(p) not in before]
    for parameter in new:  # also where the network is kept in half precision
        parameter.data = parameter.data.float()
    return new


def _unfreeze(modules: Iterable[nn.Module]) -> list[nn.Parameter]:
    """Let modules learn; return their weights."""
    return [p for module in modules for p in module.requires_grad_(True).parameters()]


@torch.no_grad()
def _set_embedding(embedding: Any, first: nn.Conv2d, vae: LosslessAutoencoder) -> None:
    """Set the stock embedding (eight convolutions with SiLU between) to `first(latents(picture))`.

    A number y travels as the pair silu(y), silu(-y), whose difference is y. Strided convolutions
    do the space-to-depth: their taps 1 and 2 are the pixels 2i and 2i + 1.
    """
    for parameter in embedding.parameters():
        parameter.zero_()
    scale = vae.config.scaling_factor
    signs = torch.tensor([1.0, -1.0])
    embedding.conv_in.weight[:, :, 1, 1] = torch.kron(torch.eye(3), 2 * scale * signs[:, None])
    embedding.conv_in.bias.copy_(-scale * signs.repeat(3))  # from [0, 1] to [-1, 1]
    for block in embedding.blocks:
        values = torch.eye(block.in_channels // 2)
        if block.stride == (1, 1):
            block.weight[:, :, 1, 1] = torch.kron(values, torch.outer(signs, signs))
        else:
            for corner, (y, x) in enumerate(((1, 1), (1, 2), (2, 1), (2, 2))):
                place = torch.eye(4)[:, corner : corner + 1]
                taps = torch.kron(torch.kron(values, place), torch.outer(signs, signs))
                block.weight[:, :, y, x] = taps
    order = vae.encoder.conv_out.weight[
        :, :, 1, 1
    ].cpu()  # the autoencoder's order of latent channels
    weights = torch.einsum("oiyx,ij->ojyx", first.weight.cpu(), order)
    embedding.conv_out.weight.copy_(
        weights.repeat_interleave(2, 1) * signs.repeat(192)[:, None, None]
    )
