"""Killed at random moments, commands finish with the same bytes; the kill test notices if not."""

import json
import os
import subprocess
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
from kill_test import contents, crumbs, differences


@pytest.mark.slow
def test_commands_that_are_killed_twice(tmp_path):
    log = tmp_path / "log"
    words = [sys.executable, kill_test.__file__, "collect", "train-controller", "--kills", "2"]
    done = subprocess.run([*words, "--log", log], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr[-3000:]
    found = [json.loads(line) for line in log.read_text().splitlines()]
    assert [each["command"] for each in found] == ["collect", "train-controller"]
    assert all(each["finished"] >= 1 and each["wrong"] == [] for each in found)
    again = subprocess.run([*words, "--log", log], capture_output=True, text=True, check=True)
    assert again.stdout.count("went well before") == 2


def written(folder, seconds, weight):
    folder.mkdir()
    text = json.dumps({"step": 3, "validations": [{"minutes": seconds / 60, "loss": 0.5}]})
    (folder / "metadata.json").write_text(json.dumps({"seconds": seconds, "steps": 3}))
    save_file({"w": np.full(2, weight)}, folder / "training.safetensors", {"training": text})
    np.savez(folder / "r.npz", index=np.array(json.dumps([{"seconds": seconds}])), x=np.ones(2))
    rows = f"| steps | 3 |\n| minutes | {seconds / 60} |\n| result.minutes | {seconds / 60} |\n"
    (folder / "README.md").write_text(rows)
    page = f"<section>\n<h2>Time</h2>\n{seconds}</section>\n<section>{weight}</section>"
    (folder / "report.html").write_text(page)
    (folder / "time.png").write_text(str(seconds))
    (folder / "logs").mkdir()
    (folder / "logs/events").write_text(str(seconds))
    return contents(folder)


def test_clocks_may_differ_and_nothing_else(tmp_path):
    one = written(tmp_path / "one", 1.0, 1.0)
    assert differences(one, written(tmp_path / "later", 2.0, 1.0)) == []
    other = written(tmp_path / "other", 1.0, 1.5)
    assert differences(one, other) == ["report.html: differs", "training.safetensors: differs"]
    (tmp_path / "other/metadata.json").unlink()
    (tmp_path / "other/README.md").write_text("| steps | 4 |\n")
    (tmp_path / "other/more.txt").write_text("x")
    said = differences(one, contents(tmp_path / "other"))
    assert said[:3] == ["metadata.json: missing", "more.txt: too many", "README.md: differs"]


def test_crumbs_are_found(tmp_path):
    written(tmp_path / "run", 1.0, 1.0)
    assert crumbs(tmp_path / "run") == []
    (tmp_path / "run/.partial").mkdir()
    (tmp_path / "run/logs/.w.7.partial.json").touch()
    assert crumbs(tmp_path / "run") == [".partial", "logs/.w.7.partial.json"]


def test_a_process_that_outlives_its_parent_is_found():
    sleeping = [sys.executable, "-c", "import time; time.sleep(60)"]
    process = subprocess.Popen(sleeping, env={**os.environ, kill_test.MARK: "here"})
    time.sleep(0.5)  # until it has its environment
    assert kill_test.left(["elsewhere"], grace=0) == []
    (said,) = kill_test.left(["here"], grace=0.2)
    assert "outlived its parent" in said
    assert process.wait() == -9
    assert kill_test.left(["here"]) == []
