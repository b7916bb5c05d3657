"""A whole Stable Diffusion in one safetensors file, as `sd_turbo.safetensors` of the hub is.

Such a file has weights under the names of the first implementation, and neither sizes nor
vocabulary: these are read from the folder in which it lies, as of any other model. diffusers'
functions rename the tensors; they are pure functions of them, and look up nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from diffusers.loaders import single_file_utils as stock
from torch import Tensor

from genima_lite.diffusion.folder import Weights, check_place
from genima_lite.errors import UserError
from genima_lite.tensor_files import Entry
from genima_lite.training.tensors import load_tensors

_KINDS = {
    torch.float16: "F16",
    torch.bfloat16: "BF16",
    torch.float32: "F32",
    torch.float64: "F64",
}

_OPEN_CLIP = {
    "text_encoder": "cond_stage_model.model.",
    "text_encoder_2": "conditioner.embedders.1.model.",
}
"""Where a text encoder lies that OpenCLIP trained: of SD 2, and the second one of SDXL."""


@dataclass(frozen=True)
class Converted(Weights):
    """The weights of one network, already read and renamed.

    Attributes:
        values: by name.
    """

    values: dict[str, Tensor]


def read_single_file(path: Path, networks: Mapping[str, Any]) -> dict[str, Converted]:
    """Return the weights of some networks, by the networks' names.

    Args:
        path: of the file.
        networks: diffusers' and transformers' objects of the right sizes, with or without weights.

    Raises:
        UserError: not readable, or of another model.
    """
    check_place(path.parent, path)
    tensors = load_tensors(path)[0]
    found = {}
    for name, network in networks.items():
        if name == "controlnet":
            raise UserError(f"{path}: one file holds no ControlNet; give the folder")
        try:
            values = _converted(name, network, tensors)
        except (KeyError, IndexError, ValueError, AttributeError, TypeError, RuntimeError) as error:
            raise UserError(f"{path}: no {name} of that layout in it ({error!r})") from None
        found[name] = Converted((path,), _entries(values), dict.fromkeys(values, path), values)
    return found


def _converted(name: str, network: Any, tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    """Return a network's tensors under diffusers' or transformers' names."""
    if name == "unet":
        return stock.convert_ldm_unet_checkpoint(tensors, config=network.config)
    if name == "vae":
        return stock.convert_ldm_vae_checkpoint(tensors, config=network.config)
    prefix = _OPEN_CLIP[name]
    if not any(each.startswith(prefix) for each in tensors):
        return stock.convert_ldm_clip_checkpoint(tensors)
    values = stock.convert_open_clip_checkpoint(network, tensors, prefix=prefix)
    wanted = {each.removeprefix("text_model.") for each in network.state_dict()}
    return {k: v for k, v in values.items() if k.removeprefix("text_model.") in wanted}


def _entries(values: Mapping[str, Tensor]) -> dict[str, Entry]:
    """Return what a file's header would say of tensors."""
    return {
        name: Entry(_KINDS.get(tensor.dtype, str(tensor.dtype)), tuple(tensor.shape), (0, 0))
        for name, tensor in values.items()
    }
