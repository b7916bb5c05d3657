"""Damages to JSON: valid text that says something else, and text that only some readers take."""

import json
from pathlib import Path
from typing import Any

import numpy as np

from .raw import put

STRANGE: tuple[Any, ...] = (
    *(None, True, False, 0, -1, 1.5, 10**6, 10**7, 2**31, 2**63, 10**400, -(10**18), 1e300),
    *("", "no", "0", "push_button", "\x1b[31mred\x1b[0m", "\ud800", "\u202ex", "a" * 10**6),
    *("../../etc/passwd", "/dev/zero", "evil", "__class__", "%s%n", "[bold]x[/]"),
    *([], {}, [[]], [None], ["a", 1], {"a": 1}, [0] * 10**5, {"__class__": "evil.Evil"}),
)


def another_value(path: Path, rng: np.random.Generator) -> None:
    """One value, at any depth, becomes another, often of another type."""
    _edit(path, rng, lambda holder, key: holder.__setitem__(key, _strange(rng)))


def another_type(path: Path, rng: np.random.Generator) -> None:
    """One value becomes its text, its list or its number."""

    def change(holder, key):
        value = holder[key]
        holder[key] = [str(value), [value], {"value": value}, bool(value)][rng.integers(4)]

    _edit(path, rng, change)


def another_number(path: Path, rng: np.random.Generator) -> None:
    """One number becomes another number."""

    def change(holder, key):
        factors = (-1, 0, 2, 1000, 10**6, 1e-9, 1e300)
        number = holder[key] if isinstance(holder[key], int | float) else 1
        holder[key] = number * factors[rng.integers(len(factors))]

    _edit(path, rng, change, lambda value: type(value) in (int, float))


def lost(path: Path, rng: np.random.Generator) -> None:
    """One name or entry is missing."""
    _edit(path, rng, lambda holder, key: holder.__delitem__(key))


def unknown(path: Path, rng: np.random.Generator) -> None:
    """A name that nobody knows."""
    names = ("extra", "__init__", "", "\ud800", "\x1b]0;title\x07", "config")

    def change(holder, key):
        if isinstance(holder, dict):
            holder[names[rng.integers(len(names))]] = _strange(rng)
        else:
            holder.append(_strange(rng))

    _edit(path, rng, change)


def twice(path: Path, rng: np.random.Generator) -> None:
    """The whole text becomes a list of it."""
    put(path, _text([json.loads(path.read_text(encoding="utf-8"))] * 2))


def whole(path: Path, rng: np.random.Generator) -> None:
    """Another document."""
    put(path, _text(_strange(rng)))


def not_finite(path: Path, rng: np.random.Generator) -> None:
    """Words that Python's reader takes for numbers."""
    word = ("NaN", "Infinity", "-Infinity", "1e999")[rng.integers(4)]
    _edit(path, rng, lambda holder, key: holder.__setitem__(key, "HERE"))
    put(path, path.read_bytes().replace(b'"HERE"', word.encode()))


def deep(path: Path, rng: np.random.Generator) -> None:
    """A hundred thousand brackets, or five hundred, which is under Python's own limit."""
    depth = (500, 100_000)[rng.integers(2)]
    _edit(path, rng, lambda holder, key: holder.__setitem__(key, "HERE"))
    put(path, path.read_bytes().replace(b'"HERE"', b"[" * depth + b"]" * depth))


def many_digits(path: Path, rng: np.random.Generator) -> None:
    """A number of 100 000 digits."""
    _edit(path, rng, lambda holder, key: holder.__setitem__(key, "HERE"))
    put(path, path.read_bytes().replace(b'"HERE"', b"9" * 100_000))


def other_encoding(path: Path, rng: np.random.Generator) -> None:
    """UTF-16, a mark of UTF-8, or Latin-1 with an accent."""
    text = path.read_text(encoding="utf-8")
    forms = (text.encode("utf-16"), text.encode("utf-8-sig"), text.encode() + b"\xe9")
    put(path, forms[rng.integers(3)])


DAMAGES = (
    *(another_value, another_type, another_number, lost, unknown, twice, whole, not_finite, deep),
    *(many_digits, other_encoding),
)


def edit(path: Path, change) -> None:
    """Let `change` alter what a JSON file says."""
    document = json.loads(path.read_text(encoding="utf-8"))
    change(document)
    put(path, _text(document))


def _edit(path, rng, change, wanted=lambda value: True):
    """Let `change(holder, key)` alter one value of a JSON file, chosen at random."""
    document = {"": json.loads(path.read_text(encoding="utf-8"))}
    places = [(h, k) for h, k in _places(document[""]) if wanted(h[k])] or [(document, "")]
    holder, key = places[int(rng.integers(len(places)))]
    change(holder, key)
    put(path, _text(document.get("")))


def _places(value: Any):
    """Yield every holder and key below a value; of long lists only the first and the last."""
    keys = list(value) if isinstance(value, dict) else list(range(len(value)))
    if isinstance(value, list) and len(value) > 4:
        keys = [0, len(value) - 1]
    for key in keys:
        yield value, key
        if isinstance(value[key], dict | list):
            yield from _places(value[key])


def _strange(rng: np.random.Generator) -> Any:
    return STRANGE[rng.integers(len(STRANGE))]


def _text(document: Any) -> bytes:
    return json.dumps(document).encode("utf-8", "surrogatepass")
