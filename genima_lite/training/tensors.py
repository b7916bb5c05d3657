"""Tensors on disk: safetensors files, which run no code, written whole or not at all."""

from __future__ import annotations

import zlib
from collections.abc import Mapping
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor

from genima_lite.errors import UserError
from genima_lite.files import written_whole
from genima_lite.tensor_files import FLOATS, Entry, read_header

_CHECKSUM = "crc32"
"""The text in a file that says what `checksum` of its tensors is; other people's have none."""


def save_tensors(path: Path, tensors: Mapping[str, Tensor], **metadata: str) -> None:
    """Write tensors by name, their checksum, and further texts; missing folders are made."""
    path.parent.mkdir(parents=True, exist_ok=True)
    ready = {name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}
    with written_whole(path) as partial:
        save_file(ready, partial, {**metadata, _CHECKSUM: checksum(ready)})


def load_tensors(path: Path) -> tuple[dict[str, Tensor], dict[str, str]]:
    """Read tensors and texts; all numbers are finite.

    Raises:
        UserError: no such file, not whole, a number in it is not finite, or its checksum is wrong.
    """
    header = read_header(path)
    try:
        tensors = load_file(path)
    except (SafetensorError, OSError) as error:
        raise UserError(f"{path}: not readable ({error}); train again") from error
    for name, tensor in tensors.items():
        if not is_finite(tensor):
            raise UserError(
                f"{path}: tensor '{name}' has numbers that are not finite (NaN or infinity); take "
                "another checkpoint, or train again"
            )
    texts = dict(header.texts)
    if texts.pop(_CHECKSUM, None) not in (None, checksum(tensors)):
        raise UserError(f"{path}: changed since it was written; take a copy of it, or train again")
    return tensors, texts


def checksum(tensors: Mapping[str, Tensor]) -> str:
    """Return digits that change with any name, number or type of contiguous tensors on the CPU.

    They tell of failing disks and copies that broke off, not of people who change files on purpose.
    """
    total = 0
    for name in sorted(tensors):
        total = zlib.crc32(name.encode(), total)
        total = zlib.crc32(tensors[name].reshape(-1).view(torch.uint8).numpy().data, total)
    return f"{total:08x}"


def is_finite(tensor: Tensor) -> bool:
    """Return whether no number of a tensor is NaN or infinite."""
    return not tensor.is_floating_point() or bool(torch.isfinite(tensor).all())


def check_fit(path: Path, found: Mapping[str, Entry], wanted: Mapping[str, Tensor]) -> None:
    """Refuse a file's tensors unless they are those of a network: names, shapes, kinds of numbers.

    Args:
        path: for the message.
        found: what the file holds (`genima_lite.tensor_files`).
        wanted: a network's state; torch's meta device is enough.

    Raises:
        UserError: they differ; the message has the first tensor.
    """
    for name, tensor in wanted.items():
        if name not in found:
            raise UserError(f"{path}: tensor '{name}' is missing; it is of another network")
        entry, shape = found[name], tuple(tensor.shape)
        if entry.shape != shape:
            raise UserError(
                f"{path}: tensor '{name}' is {list(entry.shape)}, not {list(shape)}; it is of "
                "another network"
            )
        if (entry.dtype in FLOATS) != tensor.is_floating_point():
            raise UserError(f"{path}: tensor '{name}' is of {entry.dtype}, not of {tensor.dtype}")
    if further := [name for name in found if name not in wanted]:
        raise UserError(
            f"{path}: tensor '{further[0]}' has no place; the file is of another network"
        )
