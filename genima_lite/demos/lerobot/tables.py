"""Parquet files: read only if they are what they should be, written in LeRobot's types."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from genima_lite.demos.layout import DatasetError
from genima_lite.demos.lerobot.info import Feature
from genima_lite.errors import UserError
from genima_lite.files import MEBIBYTE, check_file

_LIMIT = 4096 * MEBIBYTE
"""Bytes of a file; LeRobot's have some hundred MiB."""

_FREE, _RATIO = 100_000, 8
"""Values that any file may hold, and those that it may hold for each of its bytes."""

_FREE_BYTES, _GROWTH = 8 * MEBIBYTE, 32
"""Bytes that any file may unpack to, and those that it may for each of its own."""


def read_table(
    path: Path, columns: Mapping[str, str], more: Collection[str] = ()
) -> dict[str, list]:
    """Read some of a file's columns as Python values; others may hold what they like.

    Args:
        path: the file.
        columns: those that must be there, each with "int", "float" (finite) or "numbers" (a list
            of them in each row).
        more: those that are read if they are there, and may have gaps.

    Raises:
        DatasetError: no such file, no Parquet, a column that is missing or of another kind, or
            more values than anybody stores in so few bytes.
    """
    try:
        size = check_file(path, _LIMIT)
        with pq.ParquetFile(path, page_checksum_verification=True) as file:
            table = _unpacked(file, size, {*columns, *more})
    except (UserError, pa.ArrowException, OSError, ValueError) as error:
        said = str(error) if isinstance(error, UserError) else f"{path}: no Parquet ({error})"
        raise DatasetError(f"{said}; copy the dataset again") from None
    for name, kind in columns.items():
        if name not in table.column_names:
            raise DatasetError(f"{path}: has no column '{name}'; is it LeRobot's v3?")
        found, column = table.schema.field(name).type, table.column(name)
        if not _KINDS[kind](found) or column.null_count:
            raise DatasetError(f"{path}: column '{name}' holds {found}, or gaps, and no {kind}")
        if kind == "float" and not np.isfinite(column.to_numpy()).all():
            raise DatasetError(f"{path}: column '{name}' holds NaN or infinity")
    return table.to_pydict()


def _unpacked(file: pq.ParquetFile, size: int, names: Collection[str]) -> pa.Table:
    """Return some columns of a file of `size` bytes.

    Raises:
        ValueError: they would be far more than that.
    """
    chunks = list(_chunks(file.metadata, names))
    if sum(chunk.num_values for chunk in chunks) > _FREE + _RATIO * size:
        raise ValueError(f"far too many values for {size} bytes")
    known = file.schema_arrow
    if twice := [name for name in known.names if name in names and known.names.count(name) > 1]:
        raise ValueError(f"column '{twice[0]}' is in it twice")
    wanted = [name for name in known.names if name in names]
    largest = max((chunk.total_uncompressed_size for chunk in chunks), default=1)
    rows = min(1024, max(1, _FREE_BYTES // max(1, largest)))  # one value may be that large
    batches, left = [], _FREE_BYTES + _GROWTH * size
    for batch in file.iter_batches(rows, columns=wanted) if wanted else ():
        left -= batch.nbytes
        if left < 0:
            raise ValueError(f"unpacks to far more than its {size} bytes")
        batches.append(batch)
    return pa.Table.from_batches(batches, pa.schema([known.field(name) for name in wanted]))


def _chunks(metadata: pq.FileMetaData, names: Collection[str]) -> Iterator[pq.ColumnChunkMetaData]:
    """Yield where a file keeps some columns."""
    for group in range(metadata.num_row_groups):
        found = metadata.row_group(group)
        for number in range(found.num_columns):
            path = found.column(number).path_in_schema
            if path in names or any(path.startswith(f"{name}.") for name in names):
                yield found.column(number)


def _is_numbers(kind: pa.DataType) -> bool:
    lists = (pa.types.is_list, pa.types.is_large_list, pa.types.is_fixed_size_list)
    return any(each(kind) for each in lists) and (
        pa.types.is_floating(kind.value_type) or pa.types.is_integer(kind.value_type)
    )


def _is_text(kind: pa.DataType) -> bool:
    return pa.types.is_string(kind) or pa.types.is_large_string(kind)


_KINDS = {
    "int": pa.types.is_integer,
    "float": pa.types.is_floating,
    "numbers": _is_numbers,
}


class Table:
    """Rows of frames, written episode by episode, each a group of its own.

    Args:
        path: the file.
        features: its columns; videos are left out.
    """

    def __init__(self, path: Path, features: Mapping[str, Feature]):
        path.parent.mkdir(parents=True, exist_ok=True)
        stored = {name: each for name, each in features.items() if each.dtype != "video"}
        self._schema = pa.schema([(name, _type(each)) for name, each in stored.items()])
        self._file = pq.ParquetWriter(
            path, self._schema, compression="snappy", write_page_checksum=True
        )
        self.path = path

    def add(self, columns: Mapping[str, Sequence[Any]]) -> None:
        """Write one episode's columns."""
        self._file.write_table(pa.table(dict(columns), schema=self._schema))

    def close(self) -> None:
        """End the file."""
        self._file.close()


def _type(feature: Feature) -> pa.DataType:
    if feature.dtype == "image":
        return pa.struct([("bytes", pa.binary()), ("path", pa.string())])
    value = pa.from_numpy_dtype(feature.dtype)
    return value if feature.shape == [1] else pa.list_(value, feature.shape[0])


def write_rows(path: Path, rows: Sequence[Mapping[str, Any]]) -> None:
    """Write dicts with the same names as one file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    _write(pa.Table.from_pylist([dict(each) for each in rows]), path)


def write_columns(path: Path, columns: Mapping[str, Sequence[Any]]) -> None:
    """Write columns of equal lengths as one file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    _write(pa.table(dict(columns)), path)


def write_tasks(path: Path, tasks: Sequence[str]) -> None:
    """Write the sentences with their numbers, so that pandas takes the sentence for the index."""
    table = pa.table({"task_index": pa.array(range(len(tasks)), pa.int64()), "task": list(tasks)})
    columns = [
        {
            "name": name,
            "field_name": name,
            "pandas_type": kind,
            "numpy_type": numpy,
            "metadata": None,
        }
        for name, kind, numpy in (("task_index", "int64", "int64"), ("task", "unicode", "object"))
    ]
    said = {"index_columns": ["task"], "column_indexes": [], "columns": columns}
    path.parent.mkdir(parents=True, exist_ok=True)
    _write(table.replace_schema_metadata({"pandas": json.dumps(said)}), path)


def _write(table: pa.Table, path: Path) -> None:
    pq.write_table(table, path, write_page_checksum=True)


_SENTENCES = ("task", "__index_level_0__")
"""Columns that hold them: one of the two."""


def read_tasks(path: Path) -> dict[int, str]:
    """Return sentences by their numbers.

    Raises:
        DatasetError: see `read_table`; or no column has them.
    """
    columns = read_table(path, {"task_index": "int"}, _SENTENCES)
    names = [name for name in _SENTENCES if name in columns]
    sentences = columns[names[0]] if names else [None]
    if not all(isinstance(each, str) for each in sentences):
        raise DatasetError(f"{path}: has no sentences in a column 'task'")
    return dict(zip(columns["task_index"], sentences, strict=True))
