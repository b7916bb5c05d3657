"""A controller on disk: safetensors and JSON only, every file written whole or not at all.

controller.json         the network's configuration and how it was trained
controller.safetensors  the weights to use (their moving average, if there is one)

`genima_lite.training.checkpoint` has what training needs to go on.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from genima_lite.controller.act import ACT
from genima_lite.controller.config import ControllerConfig
from genima_lite.errors import UserError
from genima_lite.files import write_json
from genima_lite.training.tensors import load_tensors, save_tensors

METADATA = "controller.json"
WEIGHTS = "controller.safetensors"


def save_controller(
    folder: Path, config: ControllerConfig, weights: dict[str, Tensor], metadata: dict[str, Any]
) -> None:
    """Write a controller that `load_controller` reads; `metadata` says how it came about."""
    save_tensors(folder / WEIGHTS, weights)
    write_json(folder / METADATA, {"config": config.to_dict(), **metadata})


def load_config(folder: Path) -> ControllerConfig:
    """Read a controller's configuration.

    Raises:
        UserError: no controller in the folder, or one of another version of this package.
    """
    return ControllerConfig.from_dict(load_metadata(folder)["config"])


def load_metadata(folder: Path) -> dict[str, Any]:
    """Read what a controller's run wrote about it: `config`, `training` and more.

    Raises:
        UserError: no controller in the folder, or nothing about its configuration.
    """
    path = folder / METADATA
    try:
        metadata = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise UserError(
            f"{folder}: no {METADATA} in it; give the folder that 'train-controller' wrote"
        ) from None
    except ValueError as error:
        raise UserError(f"{path}: not readable as JSON ({error})") from error
    if not isinstance(metadata, dict) or not isinstance(metadata.get("config"), dict):
        raise UserError(f"{path}: holds no controller configuration")
    return metadata


def load_controller(folder: Path | str, device: torch.device | str = "cpu") -> ACT:
    """Return a trained controller, ready to use.

    Raises:
        UserError: no controller in the folder, or its weights do not fit its configuration.
    """
    folder = Path(folder)
    model = ACT(load_config(folder), pretrained=False)
    weights, _ = load_tensors(folder / WEIGHTS)
    load_weights(model, weights, folder / WEIGHTS)
    return model.to(device).eval()


def load_weights(model: ACT, weights: dict[str, Tensor], path: Path) -> None:
    """Put weights into a network, all of them or none.

    Raises:
        UserError: weights of another preset.
    """
    own = model.state_dict()
    if odd := sorted(set(own) ^ set(weights)):
        raise UserError(f"{path}: a checkpoint of another preset, as '{odd[0]}' shows")
    for name, tensor in own.items():
        if tensor.shape != weights[name].shape:
            raise UserError(
                f"{path}: a checkpoint of another preset, '{name}' is "
                f"{tuple(weights[name].shape)} and not {tuple(tensor.shape)}"
            )
    model.load_state_dict(weights)
