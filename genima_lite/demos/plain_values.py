"""What a pickle of ours may hold, name and call: records, and NumPy arrays made here from their
type, shape and bytes; nothing that it names is imported.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np

DEEPEST = 32
"""How deep values may be nested; RLBench's are five deep."""

_TYPE = re.compile(r"b1|[iu][1248]|f[248]|c(8|16)|[SU][0-9]{1,6}")
"""NumPy's names of the types of numbers and text; no objects, no fields."""

_LAST_CHARACTER = 0x10FFFF


class Budget(Protocol):
    """Who counts bytes that are made, and refuses too many."""

    def spend(self, count: int) -> None:
        """Count bytes that are made."""


class Refused(ValueError):
    """What a pickle holds is damaged, or nothing that we want; the message says what."""


class ForbiddenName(Refused):
    """A pickle names something that we do not want; the message is the name."""


@dataclass(eq=False, slots=True)
class Record:
    """An object of one of RLBench's classes.

    Attributes:
        kind: the class's name.
        values: the object's attributes.
    """

    kind: str
    values: dict[str, Any] = field(default_factory=dict)


@dataclass(eq=False, slots=True, frozen=True)
class Name:
    """A name that a pickle may use: what a call of it makes, or of which class it is."""

    call: Callable[[Budget, tuple], Any] | None = None
    record: str | None = None


@dataclass(eq=False, slots=True)
class Type:
    """NumPy's dtype on its way.

    Attributes:
        stored: how values lie in the file.
        simple: any bytes are such values, in this machine's order.
    """

    stored: np.dtype
    simple: bool = False


@dataclass(eq=False, slots=True)
class Array:
    """An array on its way: `None` until its content is known."""

    content: np.ndarray | None = None


def named(module: Any, name: Any) -> Name:
    """Return what a name stands for, if we want it."""
    if type(module) is not str or type(name) is not str or (module, name) not in NAMES:
        raise ForbiddenName(f"{module}.{name}")
    return NAMES[module, name]


def reconstruct(budget: Budget, arguments: tuple) -> Array:
    """Return an array without content, as NumPy's pickles begin one."""
    if arguments[0] is not _NDARRAY:
        raise Refused("it makes an array of an unknown class")
    return Array()


def _dtype(budget: Budget, arguments: tuple) -> Type:
    name = arguments[0]
    if type(name) is not str or not _TYPE.fullmatch(name):
        raise Refused(f"an array of type {name!r:.40}; only plain numbers and text are read")
    return Type(np.dtype(name))


def _scalar(budget: Budget, arguments: tuple) -> Any:
    kind, content = arguments
    return filled(budget, kind, (), content, "C")[()]


def _from_buffer(budget: Budget, arguments: tuple) -> Array:
    content, kind, shape, order = arguments
    return Array(filled(budget, kind, shape, content, order))


def _encode(budget: Budget, arguments: tuple) -> bytes:
    text, encoding = arguments
    if type(text) is not str or encoding not in ("latin1", "latin-1"):
        raise Refused(f"text that is to be encoded as {encoding!r:.40}; only latin1 is read")
    budget.spend(len(text))
    return text.encode("latin-1")


def filled(budget: Budget, kind: Any, shape: Any, content: Any, order: str) -> np.ndarray:
    """Return an array of our own, if its bytes are all there."""
    if type(kind) is not Type or type(content) is not bytes or type(shape) is not tuple:
        raise Refused("an array of something else than a type, a shape and bytes")
    stored, count, there = kind.stored, 1, len(content)
    for length in shape:
        if type(length) is not int or not 0 <= length <= there:
            raise Refused(f"an array of shape {shape!r:.80} in {there} bytes")
        count *= length
    if count * stored.itemsize != there or len(shape) > DEEPEST:
        raise Refused(f"an array of shape {shape!r:.80} and type {stored} in {there} bytes")
    array = np.ndarray(shape, stored, bytearray(content), order="F" if order == "F" else "C")
    budget.spend(there)
    return array if kind.simple else _sane(array)


def _sane(array: np.ndarray) -> np.ndarray:
    """Return a copy in this machine's order of bytes; bools are 0 or 1, text has characters."""
    if array.dtype.kind == "b":
        return array.view(np.uint8) != 0
    own = array.astype(array.dtype.newbyteorder("="), order="C")
    if (
        own.dtype.kind == "U"
        and own.size
        and own.reshape(-1).view(np.uint32).max() > _LAST_CHARACTER
    ):
        raise Refused("an array of text that has no such characters")
    return own


_NDARRAY, RECONSTRUCT = Name(), Name(reconstruct)
NAMES: Mapping[tuple[str, str], Name] = {
    ("rlbench.demo", "Demo"): Name(record="Demo"),
    ("rlbench.backend.observation", "Observation"): Name(record="Observation"),
    ("numpy", "ndarray"): _NDARRAY,
    ("numpy", "dtype"): Name(_dtype),
    ("_codecs", "encode"): Name(_encode),  # bytes under protocol 2
} | {
    (core + module, name): call
    for core in ("numpy.core", "numpy._core")  # written under NumPy 1, under NumPy 2
    for module, name, call in (
        (".multiarray", "_reconstruct", RECONSTRUCT),
        (".multiarray", "scalar", Name(_scalar)),
        (".numeric", "_frombuffer", Name(_from_buffer)),
    )
}
