"""The script that measures a GPU: its parts, what becomes of those that fail, and its tables."""

import argparse
import json
import runpy
from pathlib import Path

import pytest

SCRIPT = runpy.run_path(str(Path(__file__).parents[1] / "scripts" / "measure_gpu.py"))
MINE, ENCODING = "ours, latents kept", "encoded each step"


def parts_of(tmp_path, **changed):
    words = {"device": "cuda", "tiny": False, "script": None, "out": tmp_path, **changed}
    return {
        part.name: list(part.arguments) for part in SCRIPT["parts"](argparse.Namespace(**words))
    }


def test_parts_that_want_a_gpu_or_a_script_are_run_where_there_is_one(tmp_path):
    parts = parts_of(tmp_path)
    assert list(parts) == ["training", "drawing", "memory", "tests", "compiled"]
    assert "--compile" in parts["drawing"]
    assert "tests/test_drawing_speed.py" in parts["tests"]
    tiny = parts_of(tmp_path, device="cpu", tiny=True, script=tmp_path / "train.py")
    assert list(tiny) == ["training", "example", "drawing", "memory", "tests"]
    assert "--compile" not in {word for words in tiny.values() for word in words}
    assert tiny["example"][tiny["example"].index("--script") + 1] == str(tmp_path / "train.py")


@pytest.mark.parametrize(
    ("code", "seconds", "said"),
    [
        ("pass", 60, "done"),
        ("raise SystemExit(3)", 60, "failed (see part.log)"),
        ("import time; time.sleep(60)", 1.5, "stopped: the time is up"),
        ("pass", 0.5, "not begun: the time is up"),
    ],
)
def test_how_a_part_ended_is_said(code, seconds, said, tmp_path):
    part = SCRIPT["Part"]("part", ["-c", code])
    assert part.run(tmp_path, seconds) == said
    assert part.rows(tmp_path) == []
    (tmp_path / "part.json").write_text(json.dumps([{"batch": 2}]))
    assert part.rows(tmp_path) == [{"batch": 2}]


def test_tables_say_what_was_measured_and_what_did_not_fit():
    rows = {
        "training": [
            {"loop": MINE, "batch": 8, "a_second": 60.0, "gib": 16.0},
            {"loop": ENCODING, "batch": 8, "a_second": 40.0, "gib": 17.0},
        ],
        "drawing": [
            {"setting": "float16", "steps": 5, "milliseconds": 38.2, "difference": 3}
            | {"same_again": True}
        ],
        "memory": [
            {"gigabytes": 8, "settings": "--checkpointing", "batch": 1}
            | {"a_second": 7.0, "gib": 4.9},
            {"gigabytes": 8, "settings": "", "batch": None},
        ],
    }
    text = "\n".join(SCRIPT["tables"]({"training": "done, 90 s"}, rows))
    for line in (
        f"| {MINE} | 8 | 133 | 60 | 16 | 1 |",
        f"| {ENCODING} | 8 | 200 | 40 | 17 | 1.5 |",
        "| float16 | 5 | 38.2 | 3 | yes |",
        "| 8 | `--checkpointing` | 1 | 4.9 | 7 |",
        "| 8 |  | does not fit | does not fit | does not fit |",
        "| training | done, 90 s |",
    ):
        assert line in text.splitlines()
