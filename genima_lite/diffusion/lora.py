"""LoRA (Hu et al., 2022) in files: added to the weights it was learned for, and written.

A layer W (out, in) becomes W + scale B A, with A (rank, in), B (out, rank) and scale = alpha /
rank. Files of diffusers (`pytorch_lora_weights.safetensors`) and of peft
(`adapter_model.safetensors` beside `adapter_config.json`) say the same under other names.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from diffusers import StableDiffusionPipeline
from peft import get_peft_model_state_dict
from torch import Tensor, nn

from genima_lite import schema
from genima_lite.errors import UserError
from genima_lite.files import parse_json, written_whole
from genima_lite.training.tensors import is_finite, load_tensors

STOCK, PEFT = "pytorch_lora_weights.safetensors", "adapter_model.safetensors"
_PREFIXES = ("unet.", "base_model.model.")
_NAME = re.compile(r"(.+)\.lora(?:_A|_B|\.down|\.up)\.weight")
_MOST = 1 << 16


@dataclass(frozen=True)
class _Scale:
    """What `adapter_config.json`, or a text in diffusers' file, says of LoRA's strength."""

    r: int | None = None
    lora_alpha: float | None = None
    rank_pattern: dict[str, int] = field(default_factory=dict)
    alpha_pattern: dict[str, float] = field(default_factory=dict)
    use_rslora: bool = False
    use_dora: bool = False

    def of(self, layer: str, rank: int) -> float:
        """Return what B A is multiplied by in a layer."""
        alpha: float | None = self.lora_alpha
        for name, value in self.alpha_pattern.items():
            if layer == name or layer.endswith(f".{name}"):
                alpha = value
        alpha = rank if alpha is None else alpha
        return alpha / math.sqrt(rank) if self.use_rslora else alpha / rank


@torch.no_grad()
def add_lora(network: nn.Module, place: Path) -> int:
    """Add what LoRA has learned to a UNet's weights, in place.

    Args:
        network: the UNet that it was learned for, in any precision.
        place: the file, or a folder with one of the two names.

    Returns:
        How many layers were changed.

    Raises:
        UserError: no such file, not LoRA of a UNet, of another one, or numbers become infinite.
    """
    path = _file(place)
    tensors, texts = load_tensors(path)
    scale = _read_scale(path, texts)
    modules = dict(network.named_modules())
    layers = sorted({_layer(path, name) for name in tensors if not name.endswith(".alpha")})
    changes = [_change(path, modules, layer, tensors, scale) for layer in layers]
    for layer, (weight, change) in zip(layers, changes, strict=True):
        if not is_finite((weight.float() + change).to(weight.dtype)):
            raise UserError(f"{path}: '{layer}' becomes too large for {weight.dtype}; get it again")
    for weight, change in changes:  # all of them, or none
        weight.copy_(weight.float() + change)
    return len(changes)


def save_lora(unet: Any, folder: Path) -> None:
    """Write what LoRA has learned in a UNet for `load_lora_weights` of stock pipelines.

    Nothing is written where there is none.
    """
    if not getattr(unet, "peft_config", None):
        return
    (config,) = unet.peft_config.values()
    folder.mkdir(parents=True, exist_ok=True)
    with written_whole(folder / STOCK) as partial:
        StableDiffusionPipeline.save_lora_weights(
            folder,
            unet_lora_layers=get_peft_model_state_dict(unet),
            weight_name=partial.name,
            unet_lora_adapter_metadata=config.to_dict(),
        )


def _file(place: Path) -> Path:
    """Return the file with the weights."""
    if not place.is_dir():
        return place
    found = [place / name for name in (STOCK, PEFT) if (place / name).exists()]
    if not found:
        raise UserError(f"{place}: no LoRA in it, neither {STOCK} nor {PEFT}")
    return found[0]


def _read_scale(path: Path, texts: Mapping[str, str]) -> _Scale:
    """Return what is said beside the weights; by default alpha is the rank."""
    beside, said = path.with_name("adapter_config.json"), f"{path}: lora_adapter_metadata"
    values: dict[str, Any] = {}
    if path.name == PEFT and beside.exists():
        values, said = schema.read(dict[str, Any], beside), str(beside)
    elif "lora_adapter_metadata" in texts:
        found = parse_json(texts["lora_adapter_metadata"], path)
        found = schema.decode(dict[str, Any], found, said)
        values = {name.removeprefix("unet."): value for name, value in found.items()}
    values = {name: value for name, value in values.items() if value is not None}
    scale = schema.decode(_Scale, values, said, others=True)
    if scale.use_dora:
        raise UserError(f"{said}: use_dora; only plain LoRA is added, merge it with peft first")
    return scale


def _layer(path: Path, name: str) -> str:
    """Return the layer that a tensor belongs to, as the file calls it."""
    found = _NAME.fullmatch(name)
    if found is None or name.startswith(("text_encoder", "base_model.model.text_model")):
        raise UserError(f"{path}: '{name}' is no LoRA of a UNet")
    return found[1]


def _change(
    path: Path,
    modules: Mapping[str, nn.Module],
    layer: str,
    tensors: Mapping[str, Tensor],
    scale: _Scale,
) -> tuple[nn.Parameter, Tensor]:
    """Return a layer's weight and what is added to it."""
    down, up = (_matrix(path, layer, tensors, names) for names in (_DOWN, _UP))
    own = layer
    for prefix in _PREFIXES:
        own = own.removeprefix(prefix)
    weight = getattr(modules.get(own), "weight", None)
    rank = len(down)
    if weight is None or up.shape[:2] != (len(weight), rank) or not 1 <= rank <= _MOST:
        raise UserError(f"{path}: '{layer}' does not fit the UNet; it was learned for another one")
    change = (up.flatten(1).float() @ down.flatten(1).float()) * _strength(
        tensors, layer, scale, own, rank
    )
    if change.numel() != weight.numel() or down.shape[1:] != weight.shape[1:]:
        raise UserError(f"{path}: '{layer}' does not fit the UNet; it was learned for another one")
    return weight, change.reshape(weight.shape).to(weight.device)


_DOWN, _UP = ("lora_A", "lora.down"), ("lora_B", "lora.up")


def _matrix(
    path: Path, layer: str, tensors: Mapping[str, Tensor], names: tuple[str, str]
) -> Tensor:
    for name in names:
        if (found := tensors.get(f"{layer}.{name}.weight")) is not None:
            return found
    raise UserError(f"{path}: '{layer}' has no {names[0]}")


def _strength(
    tensors: Mapping[str, Tensor], layer: str, scale: _Scale, own: str, rank: int
) -> float:
    """Return alpha / rank; some files keep alpha beside the matrices."""
    kept = tensors.get(f"{layer}.alpha")
    return scale.of(own, rank) if kept is None or kept.numel() != 1 else float(kept) / rank
