"""JSON values become dataclasses here: types are checked once, for every file."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import fields, is_dataclass
from pathlib import Path
from typing import Any, TypeVar

import msgspec

from genima_lite.errors import UserError
from genima_lite.files import read_json

T = TypeVar("T")


def read(kind: type[T], path: Path | str, others: bool = False) -> T:
    """Read a JSON file as a dataclass; see `decode`.

    Raises:
        UserError: no such file, no JSON, or not of that kind.
    """
    return decode(kind, read_json(path), path, others)


def decode(kind: type[T], values: object, what: Path | str, others: bool = False) -> T:
    """Return values of JSON as a dataclass, or as any other type.

    Nothing is converted in silence: a string is no number, a number is no bool, 1.5 is no int.

    Args:
        kind: a dataclass, or a type such as `list[str]`.
        values: what JSON gives: dict, list, str, int, float, bool, `None`.
        what: where they are from, for the message.
        others: whether names may be there that the dataclass does not have.

    Raises:
        UserError: a missing or unknown name, or a value of another type or out of range; the
            message has its place, such as `network.channels[0]`.
    """
    try:
        found = msgspec.convert(values, kind)
    except (msgspec.ValidationError, RecursionError, UserError) as error:
        raise UserError(f"{what}: {_message(error)}") from None
    if not others and (name := _unknown(values, msgspec.to_builtins(found))) is not None:
        raise UserError(f"{what}: unknown name '{name}'; is it of another version?")
    return found


def check_finite(settings: Any, name: str = "") -> None:
    """Refuse NaN and infinity in settings, however deep in dataclasses and tuples.

    Args:
        settings: a dataclass, a tuple or a single value.
        name: of it, with dots.

    Raises:
        UserError: the message has the number's name.
    """
    if isinstance(settings, float) and not math.isfinite(settings):
        raise UserError(f"{name} is {settings}; give a finite number")
    if is_dataclass(settings):
        prefix = f"{name}." if name else ""
        for each in fields(settings):
            check_finite(getattr(settings, each.name), prefix + each.name)
    if isinstance(settings, tuple):
        for each in settings:
            check_finite(each, name)


def named_once(what: str, names: Sequence[object]) -> None:
    """Refuse names of which one comes twice: it would count twice.

    Args:
        what: they are, for the message.
        names: hashable, as the user gave them.

    Raises:
        UserError: see above.
    """
    if len(set(names)) < len(names):
        raise UserError(f"{what} {', '.join(map(str, names))}: name each once")


def _message(error: Exception) -> str:
    """Return msgspec's words, with the place first: `$.n.t[1]` becomes `n.t[1]`."""
    text, _, place = str(error).partition(" - at `$")
    text = text[:1].lower() + text[1:]
    return f"{place.strip('.`')}: {text}" if place else text


def _unknown(given: Any, known: Any, prefix: str = "") -> str | None:
    """Return the first name in nested values that is not known."""
    if isinstance(given, dict) and isinstance(known, dict):
        for name, value in given.items():
            place = f"{prefix}.{name}" if prefix else str(name)
            found = _unknown(value, known[name], place) if name in known else place
            if found is not None:
                return found
    if isinstance(given, list) and isinstance(known, list | tuple):
        for i, (one, other) in enumerate(zip(given, known, strict=False)):
            if (found := _unknown(one, other, f"{prefix}[{i}]")) is not None:
                return found
    return None
