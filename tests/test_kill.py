"""Killed at random moments, commands finish with the same bytes; the kill test notices if not."""

import json
import sys
import time
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("torch")
if not sys.platform.startswith("linux"):
    pytest.skip("the kill test reads /proc", allow_module_level=True)

from safetensors.numpy import save_file

sys.path.insert(0, str(Path(__file__).parents[1] / "scripts"))

import kill_test
from kill_test import COMMANDS, contents, crumbs, differences


@pytest.mark.slow
def test_a_collection_and_a_training_that_are_killed_twice(tmp_path):
    named = kill_test.make_inputs(tmp_path / "inputs")
    for name in ("collect", "train-controller"):
        arguments = kill_test.filled(COMMANDS[name], named)
        test = kill_test.KillTest(arguments, tmp_path / name, kills=2, seed=1)
        test.run()
        assert test.wrong == []
        assert test.killed == 2
        assert test.finished >= 1


def written(folder, seconds, weight):
    folder.mkdir()
    text = json.dumps({"step": 3, "validations": [{"minutes": seconds / 60, "loss": 0.5}]})
    (folder / "metadata.json").write_text(json.dumps({"seconds": seconds, "steps": 3}))
    save_file({"w": np.full(2, weight)}, folder / "training.safetensors", {"training": text})
    np.savez(folder / "r.npz", index=np.array(json.dumps([{"seconds": seconds}])), x=np.ones(2))
    (folder / "logs").mkdir()
    (folder / "logs/events").write_text(str(seconds))
    return contents(folder)


def test_clocks_may_differ_and_nothing_else(tmp_path):
    one = written(tmp_path / "one", 1.0, 1.0)
    assert differences(one, written(tmp_path / "later", 2.0, 1.0)) == []
    other = written(tmp_path / "other", 1.0, 1.5)
    assert differences(one, other) == ["training.safetensors: differs"]
    (tmp_path / "other/metadata.json").unlink()
    (tmp_path / "other/more.txt").write_text("x")
    said = differences(one, contents(tmp_path / "other"))
    assert said[:2] == ["metadata.json: missing", "more.txt: too many"]


def test_crumbs_are_found(tmp_path):
    written(tmp_path / "run", 1.0, 1.0)
    assert crumbs(tmp_path / "run") == []
    (tmp_path / "run/.partial").mkdir()
    (tmp_path / "run/logs/.w.7.partial.json").touch()
    assert crumbs(tmp_path / "run") == [".partial", "logs/.w.7.partial.json"]


def test_a_worker_that_outlives_its_parent_is_found(tmp_path, monkeypatch):
    code = "import subprocess, sys, time; subprocess.Popen([sys.executable, '-c', 'import time;"
    code += "time.sleep(60)']); time.sleep(60)"
    (tmp_path / "genima_lite.py").write_text(code)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    marks = []
    process = kill_test.start((), tmp_path / "out", marks).process
    time.sleep(2)
    process.kill()
    process.wait()
    assert len(left := kill_test.left(marks)) == 1
    assert "outlived its parent" in left[0]
    for _ in range(100):  # it was killed; the system takes a moment
        if not kill_test.left(marks):
            break
        time.sleep(0.1)
    assert kill_test.left(marks) == []
