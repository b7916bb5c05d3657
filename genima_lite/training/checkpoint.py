"""What a training run needs to go on exactly: one file, written whole or not at all.

`training.safetensors` holds `weights.NAME`, `average.NAME`, `optimizer.NAME.exp_avg` and so on, for
every trained parameter by its name in the trainee, and one text of JSON: `step`, `seconds`,
`finished`, `validations`, `made_from` with the configuration and all that the run depends on, and
the number of `tensors`.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from genima_lite import schema
from genima_lite.errors import UserError
from genima_lite.files import parse_json
from genima_lite.provenance import compare
from genima_lite.tensor_files import read_header
from genima_lite.training.sharding import shared_like
from genima_lite.training.tensors import is_finite, load_tensors, save_tensors

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
        validations: numbers by name, with `step` and `minutes`; `None` for what cannot be measured.
        loss_scale: of float16 (`genima_lite.training.precision.loss_scaler`), else `None`.
        steady: steps since it changed.
    """

    step: int = 0
    seconds: float = 0.0
    finished: bool = False
    validations: list[dict[str, int | float | None]] = field(default_factory=list)
    loss_scale: float | None = None
    steady: int = 0

    def __post_init__(self) -> None:
        if min(self.step, self.seconds, self.steady) < 0:
            raise UserError("step, seconds and steady must not be negative")
        if self.loss_scale is not None and not 0 < self.loss_scale < float("inf"):
            raise UserError("loss_scale must be positive and finite")


@dataclass(kw_only=True)
class _Said(Progress):
    """What the text of a checkpoint says: how far, made from what, and how many tensors."""

    made_from: dict[str, Any]
    tensors: int


def save(path: Path, progress: Progress, made_from: Mapping[str, Any], groups: Groups) -> None:
    """Write a checkpoint.

    Raises:
        UserError: a number in it is not finite; the checkpoint from before stays.
    """
    tensors = {f"{kind}.{k}": v for kind, group in groups.items() for k, v in group.items()}
    for name, tensor in tensors.items():
        if not is_finite(tensor):
            raise UserError(f"'{name}' is not finite")
    said = {**asdict(progress), "made_from": made_from, "tensors": len(tensors)}
    save_tensors(path, tensors, training=json.dumps(said, allow_nan=False))


def load(path: Path, made_from: Mapping[str, Any]) -> tuple[Progress, Groups]:
    """Read a checkpoint.

    Raises:
        UserError: not readable, or of a run that was made from something else.
    """
    text = read_header(path).texts.get("training")
    if text is None:
        raise UserError(f"{path}: no checkpoint of a training run; delete it")
    said = schema.decode(_Said, parse_json(text, path), f"{path}: training")
    compare(path, said.made_from, made_from)
    tensors, _ = load_tensors(path)
    if len(tensors) != said.tensors:
        raise UserError(f"{path}: {len(tensors)} tensors instead of {said.tensors}; delete it")
    groups: Groups = {}
    for full, tensor in tensors.items():
        kind, _, name = full.partition(".")
        groups.setdefault(kind, {})[name] = tensor
    return Progress(**{each.name: getattr(said, each.name) for each in fields(Progress)}), groups


def saved_step(path: Path) -> int:
    """Return the step of a checkpoint, without its tensors; 0 if it cannot be told."""
    try:
        return int(parse_json(read_header(path).texts["training"], path)["step"])
    except (OSError, KeyError, TypeError, ValueError):
        return 0


def restore(path: Path, weights: Mapping[str, Tensor], found: Mapping[str, Tensor]) -> None:
    """Copy weights of a checkpoint into those in training, all of them or none.

    Raises:
        UserError: names, shapes or kinds of numbers differ.
    """
    for name in [*weights, *found]:
        one, other = (list(each[name].shape) if name in each else None for each in (found, weights))
        if one != other:
            raise UserError(f"{path} is of another model: '{name}' is {one}, not {other}")
        if not found[name].is_floating_point():
            raise UserError(f"{path}: '{name}' is {found[name].dtype}; weights are real numbers")
    with torch.no_grad():
        for name, weight in weights.items():
            weight.copy_(shared_like(weight, found[name]))


def read_result(path: Path, weights: Mapping[str, Tensor], made_from: Mapping[str, Any]) -> None:
    """Copy into a network what a run ends with: the averages, or without any the last weights.

    Raises:
        UserError: not readable, or of another run or network.
    """
    _, groups = load(path, made_from)
    restore(path, weights, groups.get("average") or groups.get("weights", {}))
