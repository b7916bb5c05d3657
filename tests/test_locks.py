"""One process at a time writes into a folder."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from genima_lite.errors import UserError
from genima_lite.locks import writing

_HOLD = """
import sys, time
from genima_lite.locks import writing
with writing(sys.argv[1]):
    print("held", flush=True)
    time.sleep(60)
"""


def _holder(folder: Path) -> subprocess.Popen[str]:
    """Start a process that holds a folder's lock."""
    process = subprocess.Popen(
        [sys.executable, "-c", _HOLD, str(folder)], stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "held\n"
    return process


def test_a_second_process_is_refused_by_the_number_of_the_first(tmp_path: Path) -> None:
    process, told = _holder(tmp_path), list[str]()
    try:
        with (
            pytest.raises(UserError, match=f"process {process.pid} is writing there"),
            writing(tmp_path, told.append, patience=0.1),
        ):
            pass
    finally:
        process.kill()
        process.wait()
    assert told == [f"{tmp_path}: waiting for process {process.pid}, which is writing there"]


def test_the_lock_of_a_killed_process_is_free(tmp_path: Path) -> None:
    process = _holder(tmp_path)
    process.kill()
    with writing(tmp_path):
        assert (tmp_path / ".lock").read_text() == f"{os.getpid()}\n"
    process.wait()


def test_one_waits_until_the_first_process_ends(tmp_path: Path) -> None:
    process = _holder(tmp_path)
    process.terminate()
    begun = time.monotonic()
    with writing(tmp_path, patience=20):
        assert time.monotonic() - begun < 10
    process.wait()


def test_nothing_is_left_in_a_folder_that_was_made(tmp_path: Path) -> None:
    with writing(tmp_path / "a" / "b"):
        pass
    assert os.listdir(tmp_path / "a" / "b") == []


def test_a_file_in_the_way_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a").touch()
    with pytest.raises(UserError, match="is no folder"), writing(tmp_path / "a" / "b"):
        pass


def test_a_lock_is_held_on_a_full_disk_and_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object, **__: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(Path, "write_text", full)
    refused = pytest.raises(UserError, match="another process")
    with writing(tmp_path), refused, writing(tmp_path, patience=0.1):
        pass
    assert list(tmp_path.iterdir()) == []
