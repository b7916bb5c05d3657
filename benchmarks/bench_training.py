"""Speed of training steps, as ratios measured in one run: `python benchmarks/bench_training.py`.

What makes training on a processor faster, each against the same step without it: the controller's
pictures with their channels last, and the diffusion model in half precision (which pays only where
the processor multiplies it, see `genima_lite.training.precision`). Absolute times depend on the machine and
on what else it does; ratios much less, so rounds take turns. One thread.

    --steps N        steps a round (default 4)
    --json FILE      also write the numbers to a file
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import torch
from genima_lite.controller.recipe import preset, training_data
from rich.console import Console
from rich.table import Table
from torch.nn.utils import convert_conv2d_weight_memory_format

from genima_lite.controller.train import TrainConfig, start, training_step
from genima_lite.diffusion.base import load_pipeline
from genima_lite.diffusion.components import Components
from genima_lite.diffusion.pictures import Pictures
from genima_lite.diffusion.train import TrainConfig as DrawingConfig
from genima_lite.diffusion.train import Trainer
from genima_lite.files import write_json
from genima_lite.shipped import shipped

ROUNDS = 5


def following(layout: torch.memory_format) -> Callable[[], object]:
    """Return a step of the controller, 32 samples of generated motions, in a memory format."""
    run = start(preset("lite"), TrainConfig())
    convert_conv2d_weight_memory_format(run.model, layout)
    batch = training_data(run.model.config, motions=8).batch(0, 32)
    return lambda: training_step(run, batch)


def drawing(precision: str, folder: str) -> Callable[[], object]:
    """Return a step of the diffusion model, 16 random pictures, in a precision."""
    noise = np.random.default_rng(0).integers(0, 256, (32, 128, 128, 3), np.uint8)
    pictures = Pictures(noise, ("push the red button",) * 32, noise)
    components = Components.of(load_pipeline(shipped("mini-turbo")))
    config = DrawingConfig(steps=10**6, save_every=10**6, precision=precision)
    losses = Trainer(components, pictures, config, folder).run()
    return lambda: next(losses)


def seconds(step: Callable[[], object], steps: int) -> float:
    """Return the seconds that one step takes."""
    begin = time.perf_counter()
    for _ in range(steps):
        step()
    return (time.perf_counter() - begin) / steps


def compare(ours: Callable[[], object], other: Callable[[], object], steps: int) -> np.ndarray:
    """Return the seconds of both, (ROUNDS, 2), in turns."""
    ours(), other()
    return np.array([[seconds(ours, steps), seconds(other, steps)] for _ in range(ROUNDS)])


def main() -> None:
    """Measure, print a table, write the numbers."""
    parser = argparse.ArgumentParser(description="speed of training steps")
    parser.add_argument("--steps", type=int, default=4)
    parser.add_argument("--json", type=Path)
    args = parser.parse_args()
    torch.set_num_threads(1)
    with TemporaryDirectory() as one, TemporaryDirectory() as other:
        pairs = {
            "controller: channels last, plain": (
                following(torch.channels_last),
                following(torch.contiguous_format),
            ),
            "diffusion: bfloat16, float32": (drawing("bfloat16", one), drawing("float32", other)),
        }
        measured = {name: compare(*pair, args.steps) for name, pair in pairs.items()}
    table = Table("step", "ours, seconds", "other, seconds", "times as fast", "lowest", "highest")
    numbers = {}
    for name, rounds in measured.items():
        ratio = rounds[:, 1] / rounds[:, 0]
        spread = (np.median(ratio), ratio.min(), ratio.max())
        table.add_row(name, *(f"{x:.2f}" for x in (*np.median(rounds, axis=0), *spread)))
        numbers[name] = rounds.tolist()
    Console().print(table)
    if args.json is not None:
        write_json(args.json, numbers)


if __name__ == "__main__":
    main()
