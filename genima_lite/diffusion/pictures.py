"""Tiled pictures with prompts, and files of them: what takes long to draw is drawn once."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from genima_lite.errors import UserError
from genima_lite.files import write_json, written_whole

CHUNK = 64
"""Pictures in a file."""


@dataclass(frozen=True, eq=False)
class Pictures:
    """Tiled pictures to learn to draw.

    Attributes:
        pictures: (N, 2H, 2W, 3) uint8, what shall be drawn.
        prompts: N.
        conditions: (N, 2H, 2W, 3) uint8, what it shall be drawn on; `None` in pre-training.
    """

    pictures: np.ndarray
    prompts: tuple[str, ...]
    conditions: np.ndarray | None = None

    def __post_init__(self) -> None:
        shape = self.pictures.shape
        if self.pictures.dtype != np.uint8 or len(shape) != 4 or shape[3] != 3 or not shape[0]:
            raise ValueError(f"pictures must be (N, H, W, 3) uint8 with N > 0, not {shape}")
        if len(self.prompts) != len(self.pictures):
            raise ValueError(f"{len(self.prompts)} prompts for {len(self.pictures)} pictures")
        if self.conditions is not None and self.conditions.shape != shape:
            raise ValueError(f"conditions are {self.conditions.shape}, pictures {shape}")

    def __len__(self) -> int:
        return len(self.pictures)


def together(one: Pictures, other: Pictures) -> Pictures:
    """Return the pictures of both, which have conditions."""
    assert one.conditions is not None
    assert other.conditions is not None
    return Pictures(
        np.concatenate([one.pictures, other.pictures]),
        (*one.prompts, *other.prompts),
        np.concatenate([one.conditions, other.conditions]),
    )


def keep_pictures(
    folder: Path | str,
    settings: Mapping[str, Any],
    count: int,
    draw: Callable[[int], Pictures],
) -> Iterator[Path]:
    """Draw pictures into files; files that are there already stay.

    Each file is written whole or not at all, so an interrupted or longer second run goes on where
    the first one ended.

    Args:
        folder: gets `settings.json` and `00000.npz`, `00001.npz`, ... of `CHUNK` pictures each.
        settings: all that the pictures depend on, JSON-able.
        count: how many pictures at least.
        draw: gives the pictures of the file with some number, whatever was drawn before.

    Yields:
        Each file, old or new.

    Raises:
        UserError: the folder holds pictures of other settings.
    """
    folder = Path(folder)
    _claim(folder, json.loads(json.dumps(settings)))
    for number in range(files_for(count)):
        path = folder / f"{number:05d}.npz"
        if not path.exists():
            _write(path, draw(number))
        yield path


def files_for(count: int) -> int:
    """Return how many files hold `count` pictures."""
    return -(-count // CHUNK)


def load_pictures(folder: Path | str, count: int | None = None) -> Pictures:
    """Load the files that `keep_pictures` wrote, the first `count` pictures or all.

    Raises:
        UserError: none there, or fewer than asked for.
    """
    paths = sorted(Path(folder).glob("[0-9]*.npz"))
    if count is not None:
        paths = paths[: files_for(count)]
    found: dict[str, list[np.ndarray]] = {}
    for path in paths:
        with np.load(path) as arrays:
            for name in arrays.files:
                found.setdefault(name, []).append(arrays[name])
    held = sum(map(len, found.get("prompts", [])))
    if not held or (count is not None and held < count):
        raise UserError(f"{folder} holds {held} pictures, {count or 'some'} are needed")
    whole = {name: np.concatenate(parts)[:count] for name, parts in found.items()}
    prompts = tuple(whole["prompts"].tolist())
    return Pictures(whole["pictures"], prompts, whole.get("conditions"))


def _claim(folder: Path, wanted: Mapping[str, Any]) -> None:
    """Write down what the pictures are made of, or refuse if they are made of something else."""
    path = folder / "settings.json"
    if path.exists() and (found := json.loads(path.read_text(encoding="utf-8"))) != wanted:
        raise UserError(f"{folder} holds pictures of {found}; choose another folder or delete it")
    write_json(path, wanted)


def _write(path: Path, drawn: Pictures) -> None:
    arrays: dict[str, Any] = {"pictures": drawn.pictures, "prompts": np.array(drawn.prompts)}
    if drawn.conditions is not None:
        arrays["conditions"] = drawn.conditions
    with written_whole(path) as partial:
        np.savez_compressed(partial, **arrays)
