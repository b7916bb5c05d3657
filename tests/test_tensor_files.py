"""Safetensors files are checked before a library opens them."""

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from broken_tensors import BROKEN, poison
from safetensors import torch as torch_file
from safetensors.numpy import save_file

from genima_lite.errors import UserError
from genima_lite.tensor_files import BITS, read_header
from genima_lite.training.tensors import check_fit, checksum, load_tensors, save_tensors


@pytest.fixture
def path(tmp_path):
    save_tensors(
        tmp_path / "some.safetensors", {"a": torch.zeros(2, 3), "b": torch.ones(())}, x="y"
    )
    return tmp_path / "some.safetensors"


def test_a_header_says_what_the_library_reads(path):
    header = read_header(path)
    assert header.texts["x"] == "y"
    assert {k: (v.dtype, v.shape) for k, v in header.tensors.items()} == {
        "a": ("F32", (2, 3)),
        "b": ("F32", ()),
    }
    tensors, texts = load_tensors(path)
    assert texts == {"x": "y"}
    assert torch.equal(tensors["b"], torch.ones(()))


@pytest.mark.parametrize("dtype", ["bool", "uint8", "int64", "float16", "float64"])
def test_all_plain_kinds_and_empty_tensors_are_read(dtype, tmp_path):
    save_file({"a": np.zeros((3, 0, 2), dtype), "b": np.ones(3, dtype)}, tmp_path / "a")
    found = read_header(tmp_path / "a").tensors
    assert found["a"].shape == (3, 0, 2)
    assert BITS[found["b"].dtype] == 8 * np.dtype(dtype).itemsize


@pytest.mark.parametrize("how", BROKEN)
def test_a_broken_file_is_refused_by_name(how, path):
    BROKEN[how](path)
    with pytest.raises(UserError, match="some.safetensors"):
        load_tensors(path)


def test_changed_numbers_and_swapped_names_are_noticed(path):
    content = path.read_bytes()
    path.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
    with pytest.raises(UserError, match="changed since it was written"):
        load_tensors(path)
    path.write_bytes(content)
    tensors, texts = load_tensors(path)
    assert checksum(tensors) != checksum({"a": tensors["b"], "b": tensors["a"]})
    assert checksum(tensors) == checksum(dict(reversed(tensors.items())))
    torch_file.save_file(tensors, path, texts)  # somebody else's, without a checksum
    assert load_tensors(path)[1] == texts


@pytest.mark.parametrize("number", [float("nan"), float("inf")])
def test_numbers_that_are_not_finite_are_refused_by_name(number, path):
    poison(path, number)
    with pytest.raises(UserError, match="'[ab]' has numbers that are not finite"):
        load_tensors(path)


@pytest.mark.parametrize(
    ("wanted", "match"),
    [
        ({"a": torch.zeros(2, 3)}, "'b' has no place"),
        ({"a": torch.zeros(3, 2), "b": torch.ones(())}, r"'a' is \[2, 3\], not \[3, 2\]"),
        ({"a": torch.zeros(2, 3), "c": torch.ones(())}, "'c' is missing"),
        ({"a": torch.zeros(2, 3, dtype=torch.int64)}, "'a' is of F32, not of torch.int64"),
    ],
)
def test_tensors_of_another_network_are_refused_by_name(wanted, match, path):
    with pytest.raises(UserError, match=match):
        check_fit(path, read_header(path).tensors, wanted)
