"""Files are whole or not there, and only regular ones are read."""

from __future__ import annotations

import json
import os
import time
from contextlib import suppress
from pathlib import Path

import pytest

from genima_lite.errors import UserError
from genima_lite.files import (
    check_file,
    check_folder,
    parse_json,
    read_bytes,
    read_json,
    write_json,
    written_whole,
)


def test_an_error_while_writing_leaves_the_old_file_and_no_crumbs(tmp_path: Path) -> None:
    write_json(tmp_path / "a.json", [1])
    with suppress(RuntimeError), written_whole(tmp_path / "a.json") as partial:
        partial.write_text("half")
        raise RuntimeError
    assert read_json(tmp_path / "a.json") == [1]
    assert os.listdir(tmp_path) == ["a.json"]


def test_a_written_file_is_synced_before_it_has_its_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[bool] = []
    fsync = os.fsync
    monkeypatch.setattr(
        os, "fsync", lambda fd: (seen.append((tmp_path / "a.json").exists()), fsync(fd))
    )
    write_json(tmp_path / "a.json", {})
    assert seen == [False, True]  # the file, then the folder with its new name


def test_written_files_have_the_permissions_of_new_ones(tmp_path: Path) -> None:
    with written_whole(tmp_path / "a") as partial:
        os.close(os.open(partial, os.O_CREAT | os.O_WRONLY, 0o600))
    (tmp_path / "b").touch()
    assert (tmp_path / "a").stat().st_mode == (tmp_path / "b").stat().st_mode


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_no_number_is_written_that_json_does_not_know(tmp_path: Path, value: float) -> None:
    with pytest.raises(ValueError, match="not JSON compliant"):
        write_json(tmp_path / "a.json", {"x": value})
    assert not os.listdir(tmp_path)


def test_what_is_no_regular_file_is_refused_at_once(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "zero").symlink_to("/dev/zero")
    (tmp_path / "loop").symlink_to(tmp_path / "loop")
    for name, reason in (
        ("pipe", "a pipe, socket or device"),
        ("zero", "a pipe, socket or device"),
        (".", "a folder"),
        ("none", "no such file"),
        ("loop", "cannot be read"),
        ("x" * 300, "cannot be read"),
        ("nul\0", "cannot be read"),
    ):
        with pytest.raises(UserError, match=reason):
            check_file(tmp_path / name)


def test_links_to_files_are_read_and_large_files_refused(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"12345")
    (tmp_path / "link").symlink_to(tmp_path / "a")
    assert read_bytes(tmp_path / "link", 5) == b"12345"
    with pytest.raises(UserError, match="5 bytes, such a file has at most 4"):
        read_bytes(tmp_path / "link", 4)


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b"{",
        b"\xff",
        b'{"x": NaN}',
        b'{"x": -Infinity}',
        b"1e999",
        b"[" * 100_000,
        b"1" * 10_000,
    ],
)
def test_broken_json_is_refused_by_name(tmp_path: Path, text: bytes) -> None:
    (tmp_path / "a.json").write_bytes(text)
    with pytest.raises(UserError, match=r"a\.json: not readable as JSON"):
        read_json(tmp_path / "a.json")


def test_json_is_read_as_it_was_written(tmp_path: Path) -> None:
    content = {"ä": [1, 2.5, None, True, "x"], "n": {"m": {}}}
    write_json(tmp_path / "deep" / "a.json", content)
    assert read_json(tmp_path / "deep" / "a.json") == content
    assert parse_json("\ufeff[]".encode(), "text with a byte order mark") == []
    assert json.loads((tmp_path / "deep" / "a.json").read_text(encoding="utf-8")) == content


def test_json_may_be_nested_but_not_without_end(tmp_path: Path) -> None:
    assert parse_json("[" * 20 + "]" * 20, "a") is not None
    for depth in (200, 900, 100_000):
        with pytest.raises(UserError, match="a: .*nested too deep"):
            parse_json('{"x": ' + "[" * depth + "]" * depth + "}", "a")


def test_half_characters_in_json_are_refused(tmp_path: Path) -> None:
    assert parse_json('["\\ud83d\\ude00"]', "a") == ["\U0001f600"]
    with pytest.raises(UserError, match="a: not readable as JSON"):
        parse_json('{"\\ud800": 1}', "a")


def test_a_huge_file_without_content_is_refused_at_once(tmp_path: Path) -> None:
    (tmp_path / "weights").touch()
    os.truncate(tmp_path / "weights", 1 << 36)
    if (tmp_path / "weights").stat().st_blocks:
        pytest.skip("this file system writes zeros out")
    with pytest.raises(UserError, match="weights: all but empty"):
        check_file(tmp_path / "weights")


def test_many_names_cost_no_time_even_if_one_is_there_twice() -> None:
    names = [f'"{i:05d}":0' for i in range(60_000)]
    begin = time.process_time()
    with pytest.raises(UserError, match="'59999' is in it twice"):
        parse_json(f"{{{','.join([*names, names[-1]])}}}", "a.json")
    assert time.process_time() - begin < 5


@pytest.mark.skipif(not Path("/proc/self").exists(), reason="no folder that nothing is made in")
def test_a_folder_that_takes_no_files_is_refused_whatever_its_permissions_say() -> None:
    with pytest.raises(UserError, match="/proc.*choose another folder"):
        check_folder("/proc/x")


def test_looking_whether_a_folder_takes_files_leaves_nothing(tmp_path: Path) -> None:
    check_folder(tmp_path / "a" / "b")
    assert list(tmp_path.iterdir()) == []


def test_a_full_disk_is_told_with_the_file_also_where_a_library_names_none(tmp_path: Path) -> None:
    def write() -> None:
        with written_whole(tmp_path / "w.safetensors"):
            raise RuntimeError("Error: I/O error: No space left on device (os error 28)")

    with pytest.raises(OSError, match="No space left on device.*w.safetensors") as caught:
        write()
    assert caught.value.errno == 28
    assert list(tmp_path.iterdir()) == []
