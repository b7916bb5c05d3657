"""Both halves of the benchmark at miniature size; for LeRobot a package stands in."""

import argparse
import math
import runpy
import sys
from dataclasses import replace
from pathlib import Path

import pytest

pytest.importorskip("transformers")

from tiny_controller import TINY_CONTROLLER

SCRIPT = Path(__file__).parents[1] / "benchmarks" / "bench_act.py"
BENCH = argparse.Namespace(**runpy.run_path(str(SCRIPT)))
SIZE = BENCH.Size(replace(TINY_CONTROLLER, spheres=False), batch=3)

STAND_IN = {
    "torchvision.py": "",
    "lerobot/__init__.py": "__version__ = 'stand-in'",
    "lerobot/configs/types.py": """
from collections import namedtuple
from enum import Enum
FeatureType = Enum("FeatureType", ["VISUAL", "STATE", "ACTION"])
PolicyFeature = namedtuple("PolicyFeature", ["type", "shape"])
""",
    "lerobot/policies/act/configuration_act.py": "from types import SimpleNamespace as ACTConfig",
    "lerobot/policies/act/modeling_act.py": """
import torch
class ACTPolicy(torch.nn.Module):
    def __init__(self, config):
        super().__init__()
        self.config, self.layer = config, torch.nn.Linear(8, 8)
    def forward(self, batch):
        batch = dict(batch)
        assert self.training and torch.get_num_threads() == 1
        size, actions = len(batch["action"]), (self.config.chunk_size, 8)
        features = self.config.input_features | self.config.output_features
        for name, feature in features.items():
            shape = actions if name == "action" else feature.shape
            assert batch.pop(name).shape == (size, *shape), name
        padding = batch.pop("action_is_pad")
        assert padding.shape == (size, self.config.chunk_size) and padding.float().mean() < 0.3
        assert not batch
        return self.layer(torch.ones(8)).sum(), {}
""",
}


@pytest.fixture
def stand_in(tmp_path, monkeypatch):
    for name, text in STAND_IN.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))


def test_sizes_are_resnet18_and_plain():
    for size in BENCH.SIZES.values():
        assert (size.config.channels, size.config.blocks) == ((64, 128, 256, 512), (2, 2, 2, 2))
        assert (size.config.spheres, size.config.text_features) == (False, 0)


@pytest.mark.parametrize("spheres", [False, True])
def test_our_half_trains_on_the_batches_in_turn(spheres):
    config = replace(SIZE.config, spheres=spheres)
    step = BENCH.our_step(config, BENCH.make_batches(SIZE, count=2))
    losses = [step() for _ in range(10)]
    assert losses[0] != pytest.approx(losses[1], abs=1e-4)  # two batches
    assert losses[8] < losses[0]
    assert losses[9] < losses[1]


def test_both_halves_take_turns(stand_in):
    measured, about = BENCH.compare(SIZE, sys.executable, rounds=2, steps=1)
    assert measured.shape == (2, 3)
    assert all(math.isfinite(x) and x > 0 for x in measured.flat)
    assert (about["lerobot"], about["parameters"]) == ("stand-in", 8 * 8 + 8)


def test_a_half_that_dies_ends_the_benchmark(tmp_path, monkeypatch):
    (tmp_path / "torchvision.py").write_text("raise SystemExit('no such luck')")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    with pytest.raises(SystemExit, match="without an answer"):
        BENCH.compare(SIZE, sys.executable, rounds=1, steps=1)


@pytest.mark.parametrize("arguments", [[], ["--lerobot", "no/such/python"]])
def test_without_lerobot_it_says_how_to_get_it(arguments, monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["bench_act.py", *arguments])
    with pytest.raises(SystemExit) as end:
        BENCH.main()
    assert end.value.code == 2
    assert "pip install --no-deps lerobot" in capsys.readouterr().err
