"""What a safetensors file says that it holds, checked before a library opens it.

Eight bytes give the length of a text of JSON, which gives each tensor's kind, shape and place in
the bytes that follow. Everything is compared with the size of the file, so what is read later can
neither lie outside it nor be larger than it.
"""

from __future__ import annotations

import math
from collections.abc import Container
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from genima_lite import schema
from genima_lite.errors import UserError
from genima_lite.files import MEBIBYTE, check_file, parse_json

BITS = {
    **dict.fromkeys(("BOOL", "U8", "I8"), 8),
    **dict.fromkeys(("U16", "I16", "F16", "BF16"), 16),
    **dict.fromkeys(("U32", "I32", "F32"), 32),
    **dict.fromkeys(("U64", "I64", "F64"), 64),
}
"""Bits of a number, by the kinds that are read: real numbers and bool."""

FLOATS = frozenset({"F16", "BF16", "F32", "F64"})
"""The kinds that weights may have."""

_LONGEST_HEADER = 32 * MEBIBYTE
_MOST_NUMBERS = 1 << 48
_TEXTS = "__metadata__"


@dataclass(frozen=True)
class Entry:
    """One tensor of a file.

    Attributes:
        dtype: one of `BITS`.
        shape: may be empty, for a single number.
        data_offsets: first byte and the byte after the last, counted from the end of the header.
    """

    dtype: str
    shape: tuple[int, ...]
    data_offsets: tuple[int, int]

    @property
    def size(self) -> int:
        """How many numbers it has."""
        return math.prod(self.shape)


@dataclass(frozen=True)
class Header:
    """What a file holds.

    Attributes:
        tensors: by name.
        texts: further strings by name.
    """

    tensors: dict[str, Entry]
    texts: dict[str, str] = field(default_factory=dict)


def read_header(path: Path | str, kinds: Container[str] = BITS) -> Header:
    """Read and check what a safetensors file holds.

    Args:
        path: a regular file, or a link to one.
        kinds: which kinds of numbers are accepted.

    Raises:
        UserError: no such file, cut off, or not what it should be; the message has the tensor.
    """
    size = check_file(path)
    values, begin = _parse(path, size)
    texts = schema.decode(dict[str, str], values.pop(_TEXTS, {}) or {}, f"{path}: metadata")
    tensors = {
        name: schema.decode(Entry, value, f"{path}: tensor '{name}'")
        for name, value in values.items()
    }
    for name, entry in tensors.items():
        if (wrong := _problem(entry, kinds)) is not None:
            raise UserError(f"{path}: tensor '{name}' {wrong}")
    _check_places(path, tensors, size - begin)
    return Header(tensors, texts)


def _parse(path: Path | str, size: int) -> tuple[dict[str, Any], int]:
    """Return the header's values, and where the numbers begin."""
    with open(path, "rb") as file:
        length = int.from_bytes(file.read(8), "little")
        if size < 8 or length > size - 8:
            raise UserError(f"{path}: not readable, cut off or no safetensors file; get it again")
        if length > _LONGEST_HEADER:
            raise UserError(f"{path}: a header of {length} bytes; no file of ours has such a one")
        values = parse_json(file.read(length), path)
    if not isinstance(values, dict):
        raise UserError(f"{path}: not readable, its header names no tensors; get it again")
    return values, 8 + length


def _problem(entry: Entry, kinds: Container[str]) -> str | None:
    """Return what is wrong with a tensor, as a phrase."""
    if entry.dtype not in BITS or entry.dtype not in kinds:
        return f"is of {entry.dtype}, a kind of numbers that does not belong here"
    if len(entry.shape) > 8 or any(length < 0 for length in entry.shape):
        return f"has the impossible shape {list(entry.shape)}"
    if math.prod(max(length, 1) for length in entry.shape) > _MOST_NUMBERS:
        return f"has the impossible shape {list(entry.shape)}"
    begin, end = entry.data_offsets
    if end - begin != entry.size * BITS[entry.dtype] // 8:
        return f"has {end - begin} bytes, which do not fit its shape {list(entry.shape)}"
    return None


def _check_places(path: Path | str, tensors: dict[str, Entry], length: int) -> None:
    """Raise `UserError` unless the tensors cover all bytes, one after the other."""
    place = 0
    for name, entry in sorted(tensors.items(), key=lambda item: item[1].data_offsets):
        if entry.data_offsets[0] != place:
            raise UserError(f"{path}: tensor '{name}' begins at a wrong byte; get the file again")
        place = entry.data_offsets[1]
    if place != length:
        raise UserError(
            f"{path}: {length} bytes of numbers instead of {place}, cut off or changed; get it "
            "again"
        )
