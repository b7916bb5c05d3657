"""Shards: rows on disk, made once, read a few at a time, refused for anything else."""

import json
import multiprocessing
import pickle
import subprocess
import sys

import numpy as np
import pytest
from broken_tensors import BROKEN, change
from safetensors.numpy import save_file

from genima_lite.datasets.shards import Shards, shards_for, write_shards
from genima_lite.errors import UserError


def rows_of(part, count=4):
    """Rows that tell their number: pictures, flags and sentences."""
    numbers = np.arange(count * part, count * (part + 1))
    return {
        "pictures": np.repeat(numbers, 12).reshape(count, 2, 2, 3).astype(np.uint8),
        "even": numbers % 2 == 0,
        "where": numbers / 7,
        "said": [f"größe {number}" for number in numbers],
    }


def make(folder, shards=3, made_from=None, rows=rows_of):
    return list(write_shards(folder, made_from or {"seed": 0}, shards, rows))


def test_rows_come_back_in_the_order_that_is_asked_for(tmp_path):
    make(tmp_path)
    kept = Shards(tmp_path)
    assert len(kept) == 12
    assert kept.shape("pictures") == (2, 2, 3)
    assert sorted(kept.names) == ["even", "pictures", "where"]
    wanted = np.array([11, 0, 4, 4, 3])
    pictures = kept.rows(wanted, "pictures")
    assert pictures.dtype == np.uint8
    np.testing.assert_array_equal(pictures[:, 1, 1, 2], wanted)
    np.testing.assert_array_equal(kept.rows(wanted, "even"), wanted % 2 == 0)
    np.testing.assert_array_equal(kept.rows(wanted, "where"), wanted / 7)
    assert kept.strings("said") == [f"größe {number}" for number in range(12)]
    assert kept.rows([], "pictures").shape == (0, 2, 2, 3)


def test_shards_may_have_different_numbers_of_rows(tmp_path):
    make(tmp_path, rows=lambda part: rows_of(0, part + 1))
    kept = Shards(tmp_path)
    assert len(kept) == 1 + 2 + 3
    np.testing.assert_array_equal(kept.rows(range(6), "pictures")[:, 0, 0, 0], [0, 0, 1, 0, 1, 2])


def test_only_the_first_rows_where_fewer_are_asked_for(tmp_path):
    make(tmp_path)
    kept = Shards(tmp_path, 6)
    assert len(kept) == len(kept.strings("said")) == 6
    with pytest.raises(IndexError, match="rows 0 to 5"):
        kept.rows([6], "pictures")
    with pytest.raises(KeyError, match="no 'joints' .*pictures"):
        kept.rows([0], "joints")


def test_making_goes_on_after_a_kill_with_the_same_bytes(tmp_path):
    whole, broken = tmp_path / "whole", tmp_path / "broken"
    make(whole)

    def killed(part):
        if part == 1:
            raise KeyboardInterrupt
        return rows_of(part)

    with pytest.raises(KeyboardInterrupt):
        make(broken, rows=killed)
    assert len(list(broken.glob("*.safetensors"))) == 1
    untouched = (broken / "00000.safetensors").stat().st_mtime_ns
    make(broken)
    assert (broken / "00000.safetensors").stat().st_mtime_ns == untouched
    names = {path.name for path in whole.iterdir()}
    assert names == {path.name for path in broken.iterdir()}, "and nothing half written"
    for name in names:
        assert (whole / name).read_bytes() == (broken / name).read_bytes()
    more = make(broken, shards=5)
    assert len(more) == 5
    assert len(Shards(broken)) == 20


@pytest.mark.parametrize(
    ("other", "named"),
    [
        ({"seed": 1, "policy": "aa"}, "seed = 0, not 1"),
        ({"seed": 0, "policy": "bb"}, 'policy = "aa", not "bb"'),
        ({"seed": 0}, 'policy = "aa", not nothing'),
    ],
)
def test_other_settings_or_weights_are_refused_by_name(tmp_path, other, named):
    made_from = {"seed": 0, "policy": "aa"}
    make(tmp_path / "rows", made_from=made_from)
    with pytest.raises(UserError, match=named):
        make(tmp_path / "rows", made_from=other)
    make(tmp_path / "there" / ".." / "rows", made_from=made_from)  # spelled otherwise, the same


def test_too_few_rows_none_at_all_and_foreign_files_are_said(tmp_path):
    make(tmp_path / "rows")
    with pytest.raises(UserError, match="holds 12 rows, 13 are needed"):
        Shards(tmp_path / "rows", 13)
    with pytest.raises(UserError, match="holds 0 rows, some are needed"):
        Shards(tmp_path / "nowhere")
    (tmp_path / "rows" / "00001.safetensors").write_bytes(b"half")
    with pytest.raises(UserError, match=r"00001.safetensors: not readable"):
        Shards(tmp_path / "rows")
    with pytest.raises(ValueError, match="different lengths"):
        make(tmp_path / "odd", rows=lambda part: {"a": np.zeros(2), "b": ["x"]})


def test_as_many_files_as_rows_need():
    assert [shards_for(count) for count in (1, 64, 65)] == [1, 1, 2]


def first_row(kept):
    return kept.rows([5], "pictures")[0, 0, 0, 0]


def test_other_processes_open_the_files_themselves(tmp_path):
    make(tmp_path)
    kept = Shards(tmp_path)
    kept.rows([5], "pictures")
    assert len(pickle.dumps(kept)) < 2000, "no rows travel"
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        assert pool.apply(first_row, (kept,)) == 5


READ = """
import resource, sys
import numpy as np
from genima_lite.datasets.shards import Shards

kept = Shards(sys.argv[1])
held = next(int(line.split()[1]) << 10 for line in open("/proc/self/status") if "VmData" in line)
resource.setrlimit(resource.RLIMIT_DATA, (held + (32 << 20),) * 2)  # private memory, not mapped
rng, total = np.random.default_rng(0), 0
for _ in range(200):
    total += int(kept.rows(rng.integers(len(kept), size=4), "pictures").sum())
try:
    kept.rows(np.arange(len(kept)), "pictures")
except MemoryError:
    print("too large to hold", total > 0)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="limits and /proc are Linux's")
def test_rows_of_a_set_that_memory_could_not_hold_are_read(tmp_path):
    """96 MB of pictures, and 32 MB of memory to read all of them by and by."""

    def large(part):
        return {"pictures": np.full((16, 512, 512, 3), part, np.uint8)}

    make(tmp_path, 8, rows=large)
    done = subprocess.run(
        [sys.executable, "-c", READ, str(tmp_path)], capture_output=True, text=True, check=False
    )
    assert done.stdout.strip() == "too large to hold True", done.stderr


def test_a_folder_says_what_it_was_made_from(tmp_path):
    make(tmp_path, made_from={"tasks": ("a", "b"), "weights": "1f"})
    said = json.loads((tmp_path / "provenance.json").read_text())
    assert said == {"tasks": ["a", "b"], "weights": "1f"}


def two_columns(part):
    return {"a": np.full((3, 2), part, np.float32), "b": [f"{part} {i}" for i in range(3)]}


def texts(**texts):
    return lambda folder: change(
        folder / "00001.safetensors", lambda header: header.update(__metadata__=texts)
    )


WRONG = {
    "strings of numbers": texts(strings='{"b": [1, 2, 3]}'),
    "strings as a word": texts(strings='{"b": "abc"}'),
    "strings as a list": texts(strings="[]"),
    "strings as no JSON": texts(strings="{"),
    "no strings": texts(other=""),
    "fewer strings": texts(strings='{"b": ["x"]}'),
    "another name": texts(strings='{"c": ["x", "y", "z"]}'),
    "another kind": lambda folder: save_file(
        {"a": np.zeros((3, 2), np.uint8)}, folder / "00001.safetensors", {"strings": STRINGS}
    ),
    "another shape": lambda folder: save_file(
        {"a": np.zeros((3, 4), np.float32)}, folder / "00001.safetensors", {"strings": STRINGS}
    ),
    "a single number": lambda folder: save_file(
        {"a": np.zeros((), np.float32)}, folder / "00001.safetensors", {"strings": STRINGS}
    ),
    "a gap": lambda folder: (folder / "00001.safetensors").unlink(),
    **{
        name: (lambda folder, how=how: how(folder / "00001.safetensors"))
        for name, how in BROKEN.items()
        if name != "missing"
    },
}
STRINGS = '{"b": ["x", "y", "z"]}'


@pytest.mark.parametrize("how", WRONG)
def test_wrong_shards_are_refused_by_name(how, tmp_path):
    make(tmp_path, 3, rows=two_columns)
    assert len(Shards(tmp_path)) == 9
    WRONG[how](tmp_path)
    with pytest.raises(UserError, match=r"00001\.safetensors"):
        Shards(tmp_path)


def test_numbers_that_are_not_finite_are_refused(tmp_path):
    make(tmp_path, 2, rows=lambda part: {"a": np.full((3, 2), [1, np.nan][part], np.float32)})
    kept = Shards(tmp_path)
    assert kept.rows([0, 2], "a").tolist() == [[1, 1], [1, 1]]
    with pytest.raises(UserError, match="'a' has numbers that are not finite"):
        kept.rows([0, 4], "a")


@pytest.mark.parametrize(
    "wanted",
    [
        {"a": (("U8",), (2,))},
        {"a": (("F32",), (3,))},
        {"a": (("F32",), (2, None))},
        {"c": (("F32",), (2,))},
        {"a": (("strings",), ())},
    ],
)
def test_rows_for_something_else_are_refused(wanted, tmp_path):
    make(tmp_path, rows=two_columns)
    kept = Shards(tmp_path)
    kept.expect(a=(("F32", "F64"), (None,)), b=(("strings",), ()))
    with pytest.raises(UserError, match=f"column '{next(iter(wanted))}'"):
        kept.expect(**wanted)
