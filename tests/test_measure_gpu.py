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


def test_a_gpu_is_limited_to_the_memory_of_smaller_ones_and_a_cpu_is_not(tmp_path):
    parts = parts_of(tmp_path)
    assert list(parts) == [
        "training",
        "drawing",
        *(f"memory{number}" for number in range(len(SCRIPT["SMALLER"]))),
        "tests",
    ]
    limit = float(parts["memory0"][parts["memory0"].index("--memory") + 1])
    assert limit * 2**30 < 8e9
    assert "--compile" in parts["drawing"]
    assert "tests/test_drawing_speed.py" in parts["tests"]
    tiny = parts_of(tmp_path, device="cpu", tiny=True)
    assert list(tiny) == ["training", "drawing", "memory0", "tests"]
    assert not {"--memory", "--compile"} & {word for words in tiny.values() for word in words}


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
            {"loop": MINE, "batch": 16},
        ],
        "drawing": [
            {"setting": "float16", "steps": 5, "milliseconds": 38.2, "difference": 3}
            | {"same_again": True}
        ],
        "memory0": [{"loop": MINE, "batch": 1, "a_second": 7.0, "gib": 4.9}],
    }
    text = "\n".join(SCRIPT["tables"]({"training": "done, 90 s"}, rows))
    for line in (
        f"| {MINE} | 8 | 133 | 60 | 16 | 1 |",
        f"| {ENCODING} | 8 | 200 | 40 | 17 | 1.5 |",
        f"| {MINE} | 16 | does not fit | does not fit | does not fit | does not fit |",
        "| float16 | 5 | 38.2 | 3 | yes |",
        "| 8 | `--adapter controlnet-lora --checkpointing` | 1 | 4.9 | 7 |",
        "| training | done, 90 s |",
    ):
        assert line in text.splitlines()
