"""A network of a few numbers with its loss, and data for it: what a trainer needs and no more.

As a program it trains in however many processes started it:
`python toy_training.py OUT [MICRO_BATCHES]`.
"""

import json
import sys
from dataclasses import dataclass, replace
from pathlib import Path

import torch
from torch import nn

from genima_lite.training import checkpoint, tensors
from genima_lite.training.config import TrainingConfig
from genima_lite.training.loop import Trainee, Trainer


@dataclass(frozen=True)
class Points:
    x: torch.Tensor
    y: torch.Tensor


class Line:
    """Noisy points of a line."""

    def batch(self, rng, size):
        x = rng.normal(size=(size, 3)).astype("float32")
        return Points(torch.from_numpy(x), torch.from_numpy(x.sum(1, keepdims=True)))


class Fit(Trainee):
    """Two layers, fitted to points, with noise on what they see."""

    def __init__(self, seed=0):
        super().__init__()
        with torch.random.fork_rng():
            torch.manual_seed(seed)
            self.layers = nn.Sequential(nn.Linear(3, 8), nn.Tanh(), nn.Linear(8, 1))

    def forward(self, batch, generator):
        noise = torch.randn(batch.x.shape, generator=generator, device=batch.x.device)
        off = self.layers(batch.x + 0.1 * noise) - batch.y
        return off.square().mean(), {"off": off.abs().mean()}

    def parameter_groups(self):
        first, _, last = self.layers
        return {"main": (list(first.parameters()), 1.0), "last": (list(last.parameters()), 5.0)}


CONFIG = TrainingConfig(
    steps=8, batch_size=12, micro_batches=2, warmup=2, ema=0.9, seed=3, save_every=3
)


def trainer(out, config=CONFIG, data=None, **more):
    return Trainer(Fit(), data or Line(), config, out, {"data": "a line"}, **more)


def goes_on_exactly(make, folder, killed_after):
    """Assert that a run that was killed after some steps ends as one that was not.

    `make(out)` returns a trainer. Returns what both checkpoints hold.
    """
    whole = [step.loss for step in make(folder / "whole").run()]
    steps = make(folder / "killed").run()
    seen = [next(steps).loss for _ in range(killed_after)]
    steps.close()
    again = make(folder / "killed")
    assert again.step == killed_after - killed_after % CONFIG.save_every
    assert seen[: again.step] + [step.loss for step in again.run()] == whole
    one, other = (
        tensors.load_tensors(folder / name / checkpoint.FILE)[0] for name in ("whole", "killed")
    )
    assert sorted(one) == sorted(other)
    assert all(torch.equal(one[name], other[name]) for name in one)
    return one


def main():
    out, config = Path(sys.argv[1]), CONFIG
    if len(sys.argv) > 2:
        config = replace(config, micro_batches=int(sys.argv[2]))
    torch.set_num_threads(1)
    made = trainer(out, config)
    losses = [step.loss for step in made.run()]
    if made.is_main:
        (out / "losses.json").write_text(json.dumps([made._ours[1], losses]))


if __name__ == "__main__":
    main()
