"""Files of arrays, so that what takes long to draw is drawn once, and goes on after a kill."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from genima_lite.errors import UserError
from genima_lite.files import write_json, written_whole

SHARD = 64
"""Rows in a file."""


def keep_shards(
    folder: Path | str,
    settings: Mapping[str, Any],
    count: int,
    draw: Callable[[int], Mapping[str, np.ndarray]],
) -> Iterator[Path]:
    """Make files of arrays; files that are there already stay.

    Each file is written whole or not at all, so an interrupted or longer second run goes on where
    the first one ended.

    Args:
        folder: gets `settings.json` and `00000.npz`, `00001.npz`, ... of `SHARD` rows each.
        settings: all that the arrays depend on, JSON-able.
        count: how many rows at least.
        draw: gives the arrays of the file with some number, by name, `SHARD` rows each, whatever
            was drawn before.

    Yields:
        Each file, old or new.

    Raises:
        UserError: the folder holds arrays of other settings.
    """
    folder = Path(folder)
    _claim(folder, json.loads(json.dumps(settings)))
    for number in range(shards_for(count)):
        path = folder / f"{number:05d}.npz"
        if not path.exists():
            drawn = draw(number)
            with written_whole(path) as partial:
                np.savez_compressed(partial, **drawn)  # type: ignore[arg-type]
        yield path


def shards_for(count: int) -> int:
    """Return how many files hold `count` rows."""
    return -(-count // SHARD)


def load_shards(folder: Path | str, count: int | None = None) -> dict[str, np.ndarray]:
    """Return the arrays that `keep_shards` wrote, by name, the first `count` rows or all.

    Raises:
        UserError: none there, or fewer than asked for.
    """
    paths = sorted(Path(folder).glob("[0-9]*.npz"))
    if count is not None:
        paths = paths[: shards_for(count)]
    found: dict[str, list[np.ndarray]] = {}
    for path in paths:
        with np.load(path, allow_pickle=False) as arrays:
            for name in arrays.files:
                found.setdefault(name, []).append(arrays[name])
    held = min((sum(map(len, parts)) for parts in found.values()), default=0)
    if not held or (count is not None and held < count):
        raise UserError(f"{folder} holds {held} pictures, {count or 'some'} are needed")
    return {name: np.concatenate(parts)[:count] for name, parts in found.items()}


def _claim(folder: Path, wanted: Mapping[str, Any]) -> None:
    """Write down what the arrays are made of, or refuse if they are made of something else."""
    path = folder / "settings.json"
    if path.exists() and (found := json.loads(path.read_text(encoding="utf-8"))) != wanted:
        raise UserError(f"{folder} holds pictures of {found}; choose another folder or delete it")
    write_json(path, wanted)
