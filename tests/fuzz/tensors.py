"""Damages to safetensors files: to the header, which is JSON, and to the numbers behind it."""

import json
import struct
from pathlib import Path

import numpy as np

from . import jsons
from .raw import put


def length(path: Path, rng: np.random.Generator) -> None:
    """The header's length is a lie."""
    lies = (0, 1, 2**31, 2**63 - 1, 2**64 - 1, path.stat().st_size, 100_000_000)
    put(path, struct.pack("<Q", lies[rng.integers(len(lies))]) + path.read_bytes()[8:])


def header_value(path: Path, rng: np.random.Generator) -> None:
    """One value of the header becomes another."""
    _in_header(path, rng, jsons.another_value)


def header_lost(path: Path, rng: np.random.Generator) -> None:
    """One name of the header is missing."""
    _in_header(path, rng, jsons.lost)


def header_deep(path: Path, rng: np.random.Generator) -> None:
    """Brackets without end in the header."""
    _in_header(path, rng, jsons.deep)


def another_dtype(path: Path, rng: np.random.Generator) -> None:
    """A tensor says that it has another type of the same width."""
    alike = {"F32": ("I32", "U32"), "I64": ("F64", "U64"), "U8": ("I8", "BOOL"), "F64": ("I64",)}

    def change(header, data):
        tensor = _some(header, rng)
        others = alike.get(tensor["dtype"], ("F8_E4M3",))
        tensor["dtype"] = others[rng.integers(len(others))]
        return data

    _change(path, change)


def converted(path: Path, rng: np.random.Generator) -> None:
    """A tensor is rightly stored as half precision, double, integers or complex numbers."""

    def change(values):
        kinds = (np.float16, np.float64, np.int32, np.complex64)
        return values.astype(kinds[rng.integers(len(kinds))])

    _rewrite(path, rng, change)


def another_shape(path: Path, rng: np.random.Generator) -> None:
    """A tensor with as many numbers, differently arranged."""
    _rewrite(path, rng, lambda values: values.reshape(1, -1))


def huge_shape(path: Path, rng: np.random.Generator) -> None:
    """A tensor says that it is larger than the file."""

    def change(header, data):
        sizes = ([2**40], [2**32, 2**32], [0, 2**62], [-1], [1] * 70)
        _some(header, rng)["shape"] = sizes[rng.integers(len(sizes))]
        return data

    _change(path, change)


def offsets(path: Path, rng: np.random.Generator) -> None:
    """A tensor's bytes are elsewhere: beyond the end, backwards, or another's."""

    def change(header, data):
        tensor = _some(header, rng)
        begin, end = tensor["data_offsets"]
        lies = ([end, begin], [begin, 2**40], [0, end - begin], [-8, 0], [begin + 1, end + 1])
        tensor["data_offsets"] = lies[rng.integers(len(lies))]
        return data

    _change(path, change)


def names(path: Path, rng: np.random.Generator) -> None:
    """Two tensors of one shape have changed their names, or one has another."""

    def change(header, data):
        keys = [key for key in header if key != "__metadata__"]
        one = keys[rng.integers(len(keys))]
        alike = [key for key in keys if header[key]["shape"] == header[one]["shape"]]
        other = alike[rng.integers(len(alike))]
        if other == one:
            header["other"] = header.pop(one)
        else:
            header[one], header[other] = header[other], header[one]
        return data

    _change(path, change)


def gone(path: Path, rng: np.random.Generator) -> None:
    """One tensor is missing, the file is sound."""
    tensors, texts = _load(path)
    del tensors[sorted(tensors)[rng.integers(len(tensors))]]
    _save(path, tensors, texts)


def more(path: Path, rng: np.random.Generator) -> None:
    """One tensor too many."""
    tensors, texts = _load(path)
    _save(path, tensors | {"evil.weight": np.zeros(3, np.float32)}, texts)


def not_finite(path: Path, rng: np.random.Generator) -> None:
    """One number of one tensor is NaN or infinite."""

    def change(values):
        if values.dtype.kind == "f" and values.size:
            values.ravel()[rng.integers(values.size)] = (np.nan, np.inf, -np.inf)[rng.integers(3)]
        return values

    _rewrite(path, rng, change)


def all_nan(path: Path, rng: np.random.Generator) -> None:
    """All numbers are NaN, as after a training that diverged."""
    tensors, texts = _load(path)
    for values in tensors.values():
        if values.dtype.kind == "f":
            values[...] = np.nan
    _save(path, tensors, texts)


def no_text(path: Path, rng: np.random.Generator) -> None:
    """The texts of the header are missing."""
    tensors, _ = _load(path)
    _save(path, tensors, None)


def another_text(path: Path, rng: np.random.Generator) -> None:
    """The JSON in the header's texts says something else."""
    _in_texts(path, rng, jsons.DAMAGES[rng.integers(len(jsons.DAMAGES))])


def nothing(path: Path, rng: np.random.Generator) -> None:
    """A sound file without tensors."""
    _save(path, {}, _load(path)[1])


DAMAGES = (
    *(length, header_value, header_lost, header_deep, another_dtype, converted, another_shape),
    *(huge_shape, offsets, names, gone, more, not_finite, all_nan, no_text, another_text, nothing),
)


def _change(path: Path, change) -> None:
    """Let `change(header, data)` alter the header and return the bytes behind it."""
    content = path.read_bytes()
    size = struct.unpack("<Q", content[:8])[0]
    header = json.loads(content[8 : 8 + size])
    data = change(header, content[8 + size :])
    text = json.dumps(header).encode()
    put(path, struct.pack("<Q", len(text)) + text + data)


def _in_header(path: Path, rng: np.random.Generator, damage) -> None:
    content = path.read_bytes()
    size = struct.unpack("<Q", content[:8])[0]
    put(path, content[8 : 8 + size])
    damage(path, rng)
    text = path.read_bytes()
    put(path, struct.pack("<Q", len(text)) + text + content[8 + size :])


def _in_texts(path: Path, rng: np.random.Generator, damage) -> None:
    tensors, texts = _load(path)
    if not texts:
        return gone(path, rng)
    name = sorted(texts)[rng.integers(len(texts))]
    put(path, texts[name].encode())
    if texts[name][:1] in "[{":
        damage(path, rng)
    texts[name] = path.read_bytes().decode("utf-8", "replace")
    return _save(path, tensors, texts)


def _rewrite(path: Path, rng: np.random.Generator, change) -> None:
    """Let `change` alter one tensor's values."""
    tensors, texts = _load(path)
    name = sorted(tensors)[rng.integers(len(tensors))]
    tensors[name] = np.ascontiguousarray(change(tensors[name]))
    _save(path, tensors, texts)


def _some(header, rng):
    keys = [key for key in header if key != "__metadata__"]
    return header[keys[rng.integers(len(keys))]]


def _load(path: Path):
    from safetensors import safe_open

    with safe_open(path, "np") as file:
        return {name: file.get_tensor(name).copy() for name in file.keys()}, file.metadata()  # noqa: SIM118


def _save(path: Path, tensors, texts) -> None:
    from safetensors.numpy import save

    put(path, save(tensors, texts))
