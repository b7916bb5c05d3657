"""A controller on disk: safetensors and JSON only, every file written whole or not at all.

controller.json         the network's configuration and how it was trained
controller.safetensors  the weights to use (their moving average, if there is one)

The first has a fingerprint of both: most of the configuration leaves no trace in the weights.
`genima_lite.training.checkpoint` has what training needs to go on.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from genima_lite import provenance, schema
from genima_lite.controller.act import ACT
from genima_lite.controller.config import ControllerConfig
from genima_lite.errors import UserError
from genima_lite.files import MEBIBYTE, read_json, write_json
from genima_lite.tensor_files import read_header
from genima_lite.training.result import Result
from genima_lite.training.tensors import check_fit, load_tensors, save_tensors

METADATA = "controller.json"
WEIGHTS = "controller.safetensors"


@dataclass(frozen=True)
class ControllerMetadata:
    """What a controller's run wrote about it.

    Attributes:
        config: of the network.
        fingerprint: of configuration and weights, which belong together.
        tasks: whose pictures it learned from; none if it saw generated motions alone.
        step: steps of training.
        training: how it was trained, for people.
        result: what the run came to, if it was a run of ours.
    """

    config: ControllerConfig
    fingerprint: str
    tasks: tuple[str, ...] = ()
    step: int = 0
    training: dict[str, Any] = field(default_factory=dict)
    result: Result | None = None


def save_controller(
    folder: Path, config: ControllerConfig, weights: dict[str, Tensor], metadata: dict[str, Any]
) -> None:
    """Write a controller that `load_controller` reads; `metadata` says how it came about."""
    save_tensors(folder / WEIGHTS, weights)
    values = config.to_dict()
    said = {"config": values, "fingerprint": _fingerprint(folder, values), **metadata}
    write_json(folder / METADATA, said)


def load_config(folder: Path) -> ControllerConfig:
    """Read a controller's configuration.

    Raises:
        UserError: no controller in the folder, or one of another version of this package.
    """
    return load_metadata(folder).config


def load_metadata(folder: Path) -> ControllerMetadata:
    """Read what a controller's run wrote about it.

    Raises:
        UserError: no controller in the folder, or one of another version of this package.
    """
    return _metadata(folder)[1]


def load_controller(folder: Path | str, device: torch.device | str = "cpu") -> ACT:
    """Return a trained controller, ready to use.

    Raises:
        UserError: no controller in the folder, or its weights do not fit its configuration.
    """
    folder = Path(folder)
    values, metadata = _metadata(folder)
    check_weights(metadata.config, folder / WEIGHTS)
    if metadata.fingerprint != _fingerprint(folder, values["config"]):
        raise UserError(
            f"{folder}: {METADATA} and {WEIGHTS} do not belong together; run the same training "
            "again, it writes both anew"
        )
    model = ACT(metadata.config, pretrained=False)
    load_weights(model, folder / WEIGHTS)
    return model.to(device).eval()


def load_weights(model: ACT, path: Path) -> None:
    """Put a file's weights into a network, all of them or none.

    Raises:
        UserError: not readable, weights of another preset, or a number that is not finite.
    """
    check_weights(model.config, path)
    model.load_state_dict(load_tensors(path)[0])


def check_weights(config: ControllerConfig, path: Path) -> None:
    """Refuse weights of another configuration before any memory is taken for them.

    Raises:
        UserError: not readable, or weights of another preset.
    """
    found = read_header(path).tensors
    with torch.device("meta"):
        sizes = ACT(config, pretrained=False).state_dict()
    try:
        check_fit(path, found, sizes)
    except UserError as error:
        raise UserError(f"{error}, a checkpoint of another preset") from None


def _metadata(folder: Path) -> tuple[dict[str, Any], ControllerMetadata]:
    """Return what `controller.json` says, as it stands there and as a dataclass."""
    path = folder / METADATA
    if not path.exists():
        raise UserError(
            f"{folder}: no {METADATA} in it; give the folder that 'train-controller' wrote"
        )
    values = read_json(path, MEBIBYTE)
    return values, schema.decode(ControllerMetadata, values, path)


def _fingerprint(folder: Path, config: Mapping[str, Any]) -> str:
    """Return 16 hexadecimal digits of a configuration and the weights in a folder."""
    text = json.dumps(config, sort_keys=True) + provenance.fingerprint(folder / WEIGHTS)
    return hashlib.sha256(text.encode()).hexdigest()[:16]
