"""A clone under Windows' default, core.autocrlf=true, has the line ends that tools need."""

import os
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]


def git(*words):
    return subprocess.run(["git", *words], capture_output=True, check=True).stdout


@pytest.mark.skipif(not (ROOT / ".git").exists(), reason="not a clone")
def test_a_clone_with_autocrlf_has_no_carriage_returns_and_the_same_files(tmp_path):
    clone = tmp_path / "clone"
    git("-c", "core.autocrlf=true", "clone", "-q", "--depth", "1", ROOT.as_uri(), str(clone))
    names = [os.fsdecode(n) for n in git("-C", str(clone), "ls-files", "-z").split(b"\0") if n]
    assert {"Makefile", ".ci/run", "scripts/setup.sh"} <= set(names)
    for name in names:
        stored = git("-C", str(clone), "cat-file", "blob", f"HEAD:{name}")
        assert (clone / name).read_bytes() == stored, name
        assert b"\0" in stored or b"\r\n" not in stored, name
    status = git("-C", str(clone), "-c", "core.autocrlf=true", "status", "--porcelain")
    assert not status


def test_pictures_and_weights_are_never_converted():
    for suffix in ("png", "safetensors", "npz", "pkl", "stl", "gif"):
        attributes = git("-C", str(ROOT), "check-attr", "text", f"some.{suffix}").decode()
        assert attributes.strip().endswith("unset"), suffix
