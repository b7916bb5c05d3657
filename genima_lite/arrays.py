"""Arrays in `.npz` files, read without running or allocating what a file says of itself."""

from __future__ import annotations

import struct
import zipfile
import zlib
from pathlib import Path
from typing import IO, Any

import numpy as np

from genima_lite.errors import UserError
from genima_lite.files import MEBIBYTE, check_file

LIMIT = 512 * MEBIBYTE
"""Bytes of all arrays together, unpacked."""

_FREE, _RATIO = 64 * MEBIBYTE, 50
"""Bytes that arrays may always take, and those for each byte of their file."""

_BROKEN = (
    *(zipfile.BadZipFile, zlib.error, NotImplementedError, RuntimeError, struct.error),
    *(OSError, ValueError, TypeError, KeyError, EOFError, OverflowError),
)
"""What the readers of such files raise if they are damaged."""


def read_npz(path: Path | str, limit: int = LIMIT) -> dict[str, np.ndarray]:
    """Read all arrays of a file that `numpy.savez` wrote, by name.

    Raises:
        UserError: no regular file, not such a file, broken, or with objects, with more than `limit`
            bytes, or with far more than the file has itself.
    """
    size = check_file(path, limit)
    try:
        with zipfile.ZipFile(path) as file:
            most = min(limit, _FREE + _RATIO * size)
            if sum(member.file_size for member in file.infolist()) > most:
                raise ValueError(f"more than {most} bytes of arrays")
            return {m.filename.removesuffix(".npy"): _read(file, m) for m in file.infolist()}
    except _BROKEN as error:
        raise UserError(f"{path}: broken ({error}); delete it") from None


def _read(file: zipfile.ZipFile, member: zipfile.ZipInfo) -> np.ndarray:
    """Read one array, after a look at its header: it has exactly the bytes that its shape needs."""
    with file.open(member) as stream:
        shape, dtype = _header(stream)
        size = int(np.prod(shape, dtype=object)) * dtype.itemsize
        if dtype.hasobject or size != member.file_size - stream.tell():
            raise ValueError(f"{member.filename} is no array of numbers of its size")
    with file.open(member) as stream:
        array: np.ndarray = np.lib.format.read_array(stream, allow_pickle=False)
    return array


def _header(stream: IO[bytes]) -> tuple[tuple[int, ...], np.dtype[Any]]:
    major, _ = np.lib.format.read_magic(stream)
    read = (
        np.lib.format.read_array_header_1_0 if major == 1 else np.lib.format.read_array_header_2_0
    )
    shape, _, dtype = read(stream)
    return shape, dtype
