"""Benchmarks that fine-tune one base in several ways, and the one that reads batches."""

import json
import runpy
import sys
from dataclasses import replace
from pathlib import Path

import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("diffusers")
pytest.importorskip("peft")

from miniature import TASK
from paper_models import sd, write

from genima_lite.demos.collect import CollectSettings, collect

pytestmark = pytest.mark.usefixtures("one_torch_thread")

SCRIPTS = Path(__file__).parents[1] / "benchmarks"


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    """A folder with a tiny base, and one demonstration to learn from and one to be judged on."""
    root = tmp_path_factory.mktemp("data")
    write(root / "base", sd())
    for seed, name in enumerate(("demos", "held")):
        list(collect(root / name, [TASK], 1, CollectSettings(seed, 64)))
    return root


@pytest.mark.parametrize(
    ("name", "more"),
    [
        ("compare_copies.py", ("--copies", "1,0", "--seeds", "3")),
        ("compare_adapters.py", ("--adapters", "up-blocks,concat")),
    ],
)
def test_a_comparison_trains_each_and_scores_it(name, more, data, tmp_path, monkeypatch, capsys):
    paths = {"--demos": "demos", "--held-out": "held", "--base": "base"}
    words = [str(word) for option, path in paths.items() for word in (option, data / path)]
    words += ["--out", str(tmp_path), "--steps", "1", *more]
    monkeypatch.syspath_prepend(str(SCRIPTS))
    monkeypatch.setattr(sys, "argv", [name, *words])
    runpy.run_path(str(SCRIPTS / name), run_name="__main__")
    (table,) = tmp_path.glob("*.json")
    rows = json.loads(table.read_text())
    assert [{k: row[k] for k in ("copies", "seed", "adapter") if k in row} for row in rows] == (
        [{"adapter": "up-blocks"}, {"adapter": "concat"}]
        if "adapters" in name
        else [{"copies": 1, "seed": 3}, {"copies": 0, "seed": 3}]
    )
    assert all(row["frames"] > 3 and 0 <= row["misses"] <= 1 for row in rows)
    assert f"{rows[0]['frames']} decisions, {rows[0]['spheres']} spheres" in capsys.readouterr().out


@pytest.mark.skipif(sys.platform != "linux", reason="/proc is Linux's")
def test_reading_is_measured_from_shards_and_from_a_stream(data, tmp_path):
    script = runpy.run_path(str(SCRIPTS / "bench_reading.py"))
    reading = script["Reading"](data / "demos", 64, 2, tmp_path / "kept")
    rows = script["make"](reading)
    assert rows == 2 * script["FRAMES_EACH"]
    for source in (reading, replace(reading, shards=None)):
        found = script["measure"](source, 1)
        assert 10 < found.before < found.read + 10
        assert found.seconds_a_sample > 0
