"""Damages to Parquet: tables that say something else, or hold what nobody asked for."""

from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from . import values
from .raw import put

STRANGE: tuple[Any, ...] = (None, -1, 2**40, 1e300, float("nan"), "x", [], [1], {"a": 1}, b"\xff")


def lost_column(path: Path, rng: np.random.Generator) -> None:
    """A column is missing."""
    table = pq.read_table(path)
    _write(path, table.remove_column(int(rng.integers(table.num_columns))))


def other_column(path: Path, rng: np.random.Generator) -> None:
    """A column has other values, often of another type, in each row or in one."""
    table = pq.read_table(path)
    at = int(rng.integers(table.num_columns))
    strange = STRANGE[rng.integers(len(STRANGE))]
    rows: list[Any] = [strange] * table.num_rows
    if rng.random() < 0.5:
        rows = table.column(at).to_pylist()
        rows[rng.integers(len(rows))] = strange
    try:
        column = pa.array(rows)
    except (pa.ArrowInvalid, pa.ArrowTypeError):  # one text among numbers
        column = pa.array([strange] * table.num_rows)
    _write(path, table.set_column(at, table.column_names[at], column))


def other_numbers(path: Path, rng: np.random.Generator) -> None:
    """One number of a column, also of a list in it, becomes another."""
    table = pq.read_table(path)
    at = int(rng.integers(table.num_columns))
    rows = table.column(at).to_pylist()
    number = (0, -1, 7, 1e6, 1e300, np.nan, np.inf)[rng.integers(7)]
    row = int(rng.integers(len(rows)))
    if isinstance(rows[row], list) and rows[row]:
        rows[row] = [number, *rows[row][1:]]
    elif isinstance(rows[row], int | float):
        rows[row] = number
    if all(isinstance(each, int | float) for each in rows):
        column = pa.array(np.array(rows, np.float64))
    else:
        column = pa.array(rows)
    _write(path, table.set_column(at, table.column_names[at], column))


def ragged(path: Path, rng: np.random.Generator) -> None:
    """Lists of a column have several lengths."""
    table = pq.read_table(path)
    lists = [i for i, field in enumerate(table.schema) if pa.types.is_list(field.type)]
    at = lists[rng.integers(len(lists))] if lists else 0
    rows = [[0.0] * int(rng.integers(9)) for _ in range(table.num_rows)]
    _write(path, table.set_column(at, table.column_names[at], pa.array(rows)))


def other_rows(path: Path, rng: np.random.Generator) -> None:
    """Rows are missing, twice there, or in another order."""
    table = pq.read_table(path)
    rows = np.arange(table.num_rows)
    chosen = (rows[:0], rows[:-1], rows[::-1], np.repeat(rows, 2), rng.permutation(rows))
    _write(path, table.take(chosen[rng.integers(len(chosen))]))


def same_names(path: Path, rng: np.random.Generator) -> None:
    """Two columns have one name."""
    table = pq.read_table(path)
    at = int(rng.integers(table.num_columns))
    _write(path, table.append_column(table.column_names[at], table.column(0)))


def huge(path: Path, rng: np.random.Generator) -> None:
    """A million rows, or texts of a hundred thousand letters, in a few kilobytes."""
    table = pq.read_table(path)
    count = (10**6, 2000)[rng.integers(2)]
    small = [f.name for f in table.schema if not pa.types.is_struct(f.type)]
    columns = {name: table.column(name).take([0] * count) for name in small[:3]}
    if count == 2000:
        columns["task"] = pa.array(["x" * 100_000]).take([0] * count)
    _write(path, pa.table(columns), compression="zstd")


def another_table(path: Path, rng: np.random.Generator) -> None:
    """No columns at all, or those of somebody else."""
    tables = (pa.table({}), pa.table({"a": [1]}), pa.table({"": [None]}), pa.table({"a": [[[1]]]}))
    _write(path, tables[rng.integers(len(tables))])


def strange_metadata(path: Path, rng: np.random.Generator) -> None:
    """What pandas wrote about the table is none."""
    said = ({"pandas": "{"}, {"pandas": "[]"}, {"\x1b[31m": "x"}, {"ARROW:schema": "x" * 100})
    _write(path, pq.read_table(path).replace_schema_metadata(said[rng.integers(len(said))]))


DAMAGES = (
    *(lost_column, other_column, other_numbers, ragged, other_rows, same_names, huge),
    *(another_table, strange_metadata),
)


def damage_picture(path: Path, rng: np.random.Generator, change) -> None:
    """Let a damage change one PNG in a table of frames."""
    table = pq.read_table(path)
    names = [each for each in table.column_names if each.startswith("observation.images")]
    name = names[rng.integers(len(names))]
    rows = table.column(name).to_pylist()
    row, picture = int(rng.integers(len(rows))), path.with_name("picture.png")
    picture.write_bytes(rows[row]["bytes"])
    change(picture, rng)
    rows[row] = {"bytes": picture.read_bytes(), "path": None}
    picture.unlink()
    column = pa.array(rows, table.schema.field(name).type)
    _write(path, table.set_column(table.column_names.index(name), name, column))


PICTURES = values.PICTURES
"""Damages to a PNG in a row."""


def _write(path: Path, table: pa.Table, **more: Any) -> None:
    stream = pa.BufferOutputStream()
    pq.write_table(table, stream, **more)
    put(path, stream.getvalue().to_pybytes())
