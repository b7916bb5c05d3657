"""Parquet files: read only if they are what they should be, written in LeRobot's types."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from genima_lite.demos.layout import DatasetError
from genima_lite.demos.lerobot.info import Feature
from genima_lite.errors import UserError
from genima_lite.files import MEBIBYTE, check_file

_LIMIT = 4096 * MEBIBYTE
"""Bytes of a file; LeRobot's have some hundred MiB."""


def read_table(path: Path, columns: Mapping[str, str]) -> dict[str, list]:
    """Read a file's columns as Python values.

    Args:
        path: the file.
        columns: those that must be there, each with "int", "float", "text", "texts" or "any".

    Raises:
        DatasetError: no such file, no Parquet, a column that is missing or of another kind.
    """
    try:
        check_file(path, _LIMIT)
        table = pq.ParquetFile(path).read()
    except (UserError, pa.ArrowException, OSError, ValueError) as error:
        said = str(error) if isinstance(error, UserError) else f"{path}: no Parquet ({error})"
        raise DatasetError(f"{said}; copy the dataset again") from None
    for name, kind in columns.items():
        if name not in table.column_names:
            raise DatasetError(f"{path}: has no column '{name}'; is it LeRobot's v3?")
        found = table.schema.field(name).type
        gaps = kind != "any" and table.column(name).null_count
        if not _KINDS[kind](found) or gaps:
            raise DatasetError(f"{path}: column '{name}' holds {found}, or gaps, and no {kind}")
    return table.to_pydict()


def _is_texts(kind: pa.DataType) -> bool:
    return pa.types.is_list(kind) and _is_text(kind.value_type)


def _is_text(kind: pa.DataType) -> bool:
    return pa.types.is_string(kind) or pa.types.is_large_string(kind)


_KINDS = {
    "int": pa.types.is_integer,
    "float": pa.types.is_floating,
    "text": _is_text,
    "texts": _is_texts,
    "any": lambda _: True,
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
        self._file = pq.ParquetWriter(path, self._schema, compression="snappy")
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
    pq.write_table(pa.Table.from_pylist([dict(each) for each in rows]), path)


def write_columns(path: Path, columns: Mapping[str, Sequence[Any]]) -> None:
    """Write columns of equal lengths as one file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(pa.table(dict(columns)), path)


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
    pq.write_table(table.replace_schema_metadata({"pandas": json.dumps(said)}), path)


def read_tasks(path: Path) -> dict[int, str]:
    """Return sentences by their numbers.

    Raises:
        DatasetError: see `read_table`; or no column has them.
    """
    columns = read_table(path, {"task_index": "int"})
    names = [name for name in ("task", "__index_level_0__") if name in columns]
    sentences = columns[names[0]] if names else [None]
    if not all(isinstance(each, str) for each in sentences):
        raise DatasetError(f"{path}: has no sentences in a column 'task'")
    return dict(zip(columns["task_index"], sentences, strict=True))
