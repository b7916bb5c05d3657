"""Rows of arrays in files: made once, read row by row, whatever their number.

A shard is a safetensors file with some rows of every array; strings are in its metadata. Shards
are written whole or not at all, so making them goes on after a kill. Readers map them into memory
and copy only the rows that are asked for.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save_file

from genima_lite import schema
from genima_lite.errors import UserError
from genima_lite.files import parse_json, written_whole
from genima_lite.provenance import claim
from genima_lite.tensor_files import Header, read_header

SHARD = 64
"""Rows in a file, where the maker is free to choose."""

Rows = Mapping[str, "np.ndarray | Sequence[str]"]
"""Columns of N rows by name: arrays (N, ...) of numbers or bool, or N strings."""


def shards_for(count: int) -> int:
    """Return how many files of `SHARD` rows hold `count` rows."""
    return -(-count // SHARD)


def write_shards(
    folder: Path | str,
    made_from: Mapping[str, Any],
    shards: int,
    make: Callable[[int], Rows],
) -> Iterator[Path]:
    """Make the shards of a folder; those that are there already stay.

    Args:
        folder: gets `provenance.json` and `00000.safetensors`, `00001.safetensors`, ...
        made_from: JSON-able, all that the rows depend on, except how many there are: the
            configuration, and fingerprints of weights and data (`genima_lite.provenance`).
        shards: the least number of them. A second call may ask for more.
        make: gives the rows of the shard with some number, the same ones whenever it is called.

    Yields:
        Each file, old or new.

    Raises:
        UserError: the folder holds rows that were made from something else.
    """
    folder = Path(folder)
    claim(folder, made_from)
    for number in range(shards):
        path = folder / f"{number:05d}.safetensors"
        if not path.exists():
            _write(path, make(number))
        yield path


class Shards:
    """The rows that `write_shards` kept, read when they are asked for.

    It can be pickled, and opens the files anew in another process.

    Args:
        folder: where the shards are.
        count: how many rows, the first ones; `None` for all.

    Raises:
        UserError: no shards, fewer rows than asked for, or a broken file.
    """

    def __init__(self, folder: Path | str, count: int | None = None):
        self.folder = Path(folder)
        self._files: dict[int, Any] = {}
        self._paths: list[Path] = []
        self._strings: dict[str, list[str]] = {}
        self._kinds: dict[str, tuple[str, tuple[int, ...]]] = {}
        lengths: list[int] = []
        for number, path in enumerate(sorted(self.folder.glob("[0-9]*.safetensors"))):
            if count is not None and sum(lengths) >= count:
                break
            if path.name != f"{number:05d}.safetensors":
                raise UserError(f"{folder}: {number:05d}.safetensors is missing; make it again")
            lengths.append(self._open(path))
        held = sum(lengths)
        if not held or (count is not None and held < count):
            raise UserError(f"{folder} holds {held} rows, {count or 'some'} are needed")
        self._starts = np.cumsum([0, *lengths])
        self._count = held if count is None else count

    def __len__(self) -> int:
        return self._count

    @property
    def names(self) -> list[str]:
        """Names of the arrays."""
        return list(self._file(0).keys())

    def shape(self, name: str) -> tuple[int, ...]:
        """Return the shape of an array's row.

        Raises:
            KeyError: no such array.
        """
        self._check_name(name)
        return tuple(self._file(0).get_slice(name).get_shape()[1:])

    def strings(self, name: str) -> list[str]:
        """Return a string of every row.

        Raises:
            KeyError: no such column.
        """
        return self._strings[name][: self._count]

    def expect(self, **columns: tuple[Collection[str], tuple[int | None, ...]]) -> None:
        """Refuse rows that lack a column, or have it of another kind.

        Args:
            columns: by name, which kinds of numbers (`genima_lite.tensor_files`) or "strings", and
                the shape of a row, `None` for any length.

        Raises:
            UserError: the message has the column.
        """
        for name, (kinds, shape) in columns.items():
            kind, found = self._kinds.get(name, ("missing", ()))
            alike = len(found) == len(shape) and all(
                want in (None, have) for want, have in zip(shape, found, strict=True)
            )
            if kind not in kinds or not alike:
                raise UserError(
                    f"{self.folder}: column '{name}' is {kind} {list(found)}, wanted are "
                    f"{' or '.join(sorted(kinds))} {list(shape)}; these rows are for something else"
                )

    def rows(self, numbers: np.ndarray | Sequence[int], name: str) -> np.ndarray:
        """Return rows of an array, (N, ...), in the order of their numbers (N,).

        Raises:
            IndexError: a number outside 0 to `len(self) - 1`.
            KeyError: no such array.
            UserError: a number in them is not finite.
        """
        self._check_name(name)
        numbers = np.asarray(numbers, int)
        if len(numbers) and not 0 <= numbers.min() <= numbers.max() < self._count:
            raise IndexError(f"{self.folder} has rows 0 to {self._count - 1}")
        if not len(numbers):
            return self._file(0).get_slice(name)[0:0]
        shards = np.searchsorted(self._starts, numbers, side="right") - 1
        parts = [
            self._file(shard).get_slice(name)[row : row + 1]
            for shard, row in zip(
                shards.tolist(), (numbers - self._starts[shards]).tolist(), strict=True
            )
        ]
        found = np.concatenate(parts)
        if found.dtype.kind == "f" and not np.isfinite(found).all():
            raise UserError(
                f"{self.folder}: '{name}' has numbers that are not finite (NaN, infinity); delete "
                "the folder and make it again from data that 'genima-lite inspect' finds sound"
            )
        return found

    def __getstate__(self) -> dict[str, Any]:
        return {**vars(self), "_files": {}}

    def _check_name(self, name: str) -> None:
        if name not in self.names:
            raise KeyError(f"{self.folder} has no '{name}' (present: {', '.join(self.names)})")

    def _open(self, path: Path) -> int:
        """Take a shard up; return how many rows it has."""
        header, columns = _read(path)
        kinds: dict[str, tuple[str, tuple[int, ...]]] = {
            **{name: (entry.dtype, entry.shape[1:]) for name, entry in header.tensors.items()},
            **dict.fromkeys(columns, ("strings", ())),
        }
        if self._paths and kinds != self._kinds:
            raise UserError(f"{path}: its columns are others than before; delete the folder")
        self._paths.append(path)
        self._kinds = kinds
        for name, column in columns.items():
            self._strings.setdefault(name, []).extend(column)
        return next(iter(header.tensors.values())).shape[0]

    def _file(self, number: int) -> Any:
        """Return a shard mapped into memory."""
        if number not in self._files:
            path = self._paths[number]
            try:
                self._files[number] = safe_open(path, "np")
            except (SafetensorError, OSError) as error:
                raise UserError(f"{path}: not readable ({error}); delete it") from error
        return self._files[number]


def _read(path: Path) -> tuple[Header, dict[str, list[str]]]:
    """Return what arrays a shard holds, and its columns of strings; all have as many rows."""
    header = read_header(path)
    if "strings" not in header.texts or not header.tensors:
        raise UserError(f"{path}: not a shard of ours; delete the folder")
    text = parse_json(header.texts["strings"], path)
    columns = schema.decode(dict[str, list[str]], text, f"{path}: strings")
    lengths = {len(column) for column in columns.values()}
    lengths |= {entry.shape[0] if entry.shape else -1 for entry in header.tensors.values()}
    if len(lengths) != 1 or -1 in lengths:
        raise UserError(f"{path}: its columns do not fit each other; delete the folder")
    return header, columns


def _write(path: Path, rows: Rows) -> None:
    arrays = {
        name: np.ascontiguousarray(column)
        for name, column in rows.items()
        if isinstance(column, np.ndarray)
    }
    strings = {name: list(column) for name, column in rows.items() if name not in arrays}
    if len({len(column) for column in rows.values()}) != 1:
        raise ValueError(f"columns of different lengths for {path.name}")
    with written_whole(path) as partial:
        save_file(arrays, partial, {"strings": json.dumps(strings)})
