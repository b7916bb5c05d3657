"""What a training run needs to go on exactly: one file, written whole or not at all.

`training.safetensors` holds `weights.NAME`, `average.NAME`, `optimizer.NAME.exp_avg` and so on, for
every trained parameter by its name in the trainee, and one text of JSON: `step`, `seconds`,
`finished`, `validations`, and `made_from` with the configuration and all that the run depends on.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from torch import Tensor

from genima_lite.errors import UserError
from genima_lite.provenance import compare
from genima_lite.training.tensors import load_tensors, save_tensors

FILE = "training.safetensors"

Groups = dict[str, dict[str, Tensor]]
"""Tensors by kind (weights, average, optimizer) and name."""


@dataclass
class Progress:
    """How far a run is.

    Attributes:
        step: steps made.
        seconds: spent on them, validations and checkpoints included.
        finished: no more steps will be made, although there could be.
        validations: numbers by name, with `step` and `minutes`.
    """

    step: int = 0
    seconds: float = 0.0
    finished: bool = False
    validations: list[dict[str, float]] = field(default_factory=list)


def save(path: Path, progress: Progress, made_from: Mapping[str, Any], groups: Groups) -> None:
    """Write a checkpoint."""
    tensors = {f"{kind}.{k}": v for kind, group in groups.items() for k, v in group.items()}
    said = {**asdict(progress), "made_from": made_from}
    save_tensors(path, tensors, training=json.dumps(said))


def load(path: Path, made_from: Mapping[str, Any]) -> tuple[Progress, Groups]:
    """Read a checkpoint.

    Raises:
        UserError: not readable, or of a run that was made from something else.
    """
    tensors, texts = load_tensors(path)
    try:
        said = json.loads(texts["training"])
        found = said.pop("made_from")
        progress = Progress(**said)
    except (KeyError, TypeError, ValueError):
        raise UserError(f"{path}: no checkpoint of this version; delete it") from None
    compare(path, found, made_from)
    groups: Groups = {}
    for full, tensor in tensors.items():
        kind, _, name = full.partition(".")
        groups.setdefault(kind, {})[name] = tensor
    return progress, groups


def saved_step(path: Path) -> int:
    """Return the step of a checkpoint, without its tensors; 0 if it cannot be told."""
    try:
        with safe_open(path, "pt") as file:
            return int(json.loads(file.metadata()["training"])["step"])
    except (SafetensorError, OSError, KeyError, TypeError, ValueError):
        return 0


def restore(path: Path, weights: Mapping[str, Tensor], found: Mapping[str, Tensor]) -> None:
    """Copy weights of a checkpoint into those in training, all of them or none.

    Raises:
        UserError: names or shapes differ.
    """
    for name in [*weights, *found]:
        one, other = (list(each[name].shape) if name in each else None for each in (found, weights))
        if one != other:
            raise UserError(f"{path} is of another model: '{name}' is {one}, not {other}")
    with torch.no_grad():
        for name, weight in weights.items():
            weight.copy_(found[name])


def optimizer_tensors(
    optimizer: torch.optim.Optimizer, names: Mapping[Any, str]
) -> dict[str, Tensor]:
    """Return an optimizer's state as `NAME.KIND`, by the names of its parameters."""
    return {
        f"{names[weight]}.{kind}": tensor
        for weight, state in optimizer.state.items()
        for kind, tensor in state.items()
    }


def restore_optimizer(
    optimizer: torch.optim.Optimizer, names: Mapping[Any, str], found: Mapping[str, Tensor]
) -> None:
    """Put the state that `optimizer_tensors` gave into an optimizer of the same parameters."""
    states: dict[str, dict[str, Tensor]] = {}
    for full, tensor in found.items():
        name, _, kind = full.rpartition(".")
        states.setdefault(name, {})[kind] = tensor
    wanted = optimizer.state_dict()
    numbers = [number for group in wanted["param_groups"] for number in group["params"]]
    weights = [weight for group in optimizer.param_groups for weight in group["params"]]
    state = {
        number: {kind: _like(weight, tensor) for kind, tensor in states[names[weight]].items()}
        for number, weight in zip(numbers, weights, strict=True)
        if names[weight] in states
    }
    optimizer.load_state_dict({"state": state, "param_groups": wanted["param_groups"]})


def _like(weight: Tensor, tensor: Tensor) -> Tensor:
    """Return a tensor in a weight's order of memory, which AdamW's fused kernel takes for granted.

    Convolutions may have their channels last; files do not.
    """
    if tensor.shape != weight.shape:
        return tensor
    return torch.empty_like(weight, dtype=tensor.dtype, requires_grad=False).copy_(tensor)
