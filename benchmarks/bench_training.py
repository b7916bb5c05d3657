"""Speed of training steps, as ratios measured in one run: `python benchmarks/bench_training.py`.

What makes training on a processor faster, each against the same step without it: the controller's
pictures with their channels last, and the diffusion model in half precision (which pays only where
the processor multiplies it, see `genima_lite.training.precision`). One thread; times are the
processor's. They depend on the machine, and through its memory on what else it does; ratios depend
less on that, so rounds take turns.

    --steps N        steps a round (default 4)
    --rounds N       rounds (default 5)
    --before CLONE   instead compare with another version of this repository, in its folder CLONE
    --json FILE      also write the numbers to a file
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import torch
from rich.console import Console
from rich.table import Table
from torch.nn.utils import convert_conv2d_weight_memory_format

from genima_lite.controller.augment import AugmentConfig
from genima_lite.controller.backgrounds import textures
from genima_lite.controller.config import PRESETS
from genima_lite.controller.data import collate
from genima_lite.controller.sources import MotionSource
from genima_lite.controller.train import Following, FollowingBatch, new_controller
from genima_lite.diffusion.base import load_pipeline
from genima_lite.diffusion.batch import DrawingBatch
from genima_lite.diffusion.components import Components
from genima_lite.diffusion.train import AdapterConfig, Drawing
from genima_lite.files import write_json
from genima_lite.shipped import shipped
from genima_lite.training.config import TrainingConfig
from genima_lite.training.loop import Trainee, Trainer

Step = Callable[[], object]

ENDLESS = TrainingConfig(steps=10**6, save_every=10**6)


class Same:
    """One batch, again and again."""

    def __init__(self, batch: object):
        self._batch = batch

    def batch(self, rng: np.random.Generator, size: int) -> object:
        return self._batch


class Noise:
    """Random samples of 32 random pictures."""

    def __init__(self) -> None:
        pictures = np.random.default_rng(0).integers(0, 256, (32, 128, 128, 3), np.uint8)
        self._pictures = torch.from_numpy(pictures)

    def batch(self, rng: np.random.Generator, size: int) -> DrawingBatch:
        chosen = self._pictures[torch.from_numpy(rng.integers(32, size=size))]
        return DrawingBatch(torch.zeros(size, dtype=torch.int64), chosen, chosen)


def following(layout: torch.memory_format, folder: str) -> Step:
    """Return a step of the controller, 32 samples of generated motions, in a memory format."""
    config = PRESETS["lite"]
    source = MotionSource(config, AugmentConfig(), textures, motions=8)
    batch = collate(config, source.sample(np.random.default_rng(0), 32))
    model = new_controller(config, 0)
    convert_conv2d_weight_memory_format(model, layout)
    return steps_of(Following(model), Same(FollowingBatch(batch, None)), ENDLESS, folder)


def drawing(precision: str, folder: str) -> Step:
    """Return a step of the diffusion model, 16 random pictures, in a precision."""
    config = TrainingConfig(steps=10**6, save_every=10**6, batch_size=16, precision=precision)
    components = Components.of(load_pipeline(shipped("mini-turbo")))
    trainee = Drawing(components, ["push the red button"], AdapterConfig(), config)
    return steps_of(trainee, Noise(), config, folder)


def steps_of(trainee: Trainee, data: object, config: TrainingConfig, folder: str) -> Step:
    """Return one step of the training loop."""
    run = Trainer(trainee, data, config, folder, {}).run()
    return lambda: next(run)


def seconds(step: Step, steps: int) -> float:
    """Return the seconds of the processor that one step takes."""
    begin = time.process_time()
    for _ in range(steps):
        step()
    return (time.process_time() - begin) / steps


Timed = Callable[[int], float]
"""Makes some steps and returns the seconds that one takes."""


def timed(step: Step) -> Timed:
    return lambda steps: seconds(step, steps)


def here(folder: str) -> dict[str, Step]:
    """Return the steps whose times are compared between versions."""
    return {
        "controller": following(torch.channels_last, f"{folder}/controller"),
        "diffusion, float32": drawing("float32", f"{folder}/float32"),
        "diffusion, bfloat16": drawing("bfloat16", f"{folder}/bfloat16"),
    }


ELSEWHERE = """
import sys, tempfile, time, torch
import bench_training as bench
torch.set_num_threads(1)
with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
    steps = bench.here(folder) if hasattr(bench, "here") else {
        "controller": bench.following(torch.channels_last),
        "diffusion, float32": bench.drawing("float32", folder + "/float32"),
        "diffusion, bfloat16": bench.drawing("bfloat16", folder + "/bfloat16"),
    }
    for line in sys.stdin:
        name, count = line.strip().split(";")
        begin = time.process_time()
        for _ in range(int(count)):
            steps[name]()
        print("seconds", (time.process_time() - begin) / int(count), flush=True)
"""
"""The same steps by the benchmark of another version, on demand; before there was one training loop
it had no `here`."""


class Elsewhere:
    """Another version of this repository at work, in a process of its own."""

    def __init__(self, clone: Path):
        path = os.pathsep.join([str(clone), str(clone / "benchmarks")])
        env, pipe = {**os.environ, "PYTHONPATH": path}, subprocess.PIPE
        self._process = subprocess.Popen(
            [sys.executable, "-c", ELSEWHERE],
            stdin=pipe,
            stdout=pipe,
            env=env,
            cwd=clone,
            text=True,
        )

    def timed(self, name: str) -> Timed:
        """Return what times a step there."""

        def ask(steps: int) -> float:
            assert self._process.stdin is not None
            assert self._process.stdout is not None
            print(f"{name};{steps}", file=self._process.stdin, flush=True)
            for line in self._process.stdout:
                if line.startswith("seconds "):
                    return float(line.split()[1])
            raise SystemExit("the other version does not answer; see its message above")

        return ask

    def stop(self) -> None:
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait()


def compare(ours: Timed, other: Timed, steps: int, rounds: int) -> np.ndarray:
    """Return the seconds of both, (rounds, 2), in turns."""
    ours(1), other(1)
    return np.array([[ours(steps), other(steps)] for _ in range(rounds)])


def show(measured: dict[str, np.ndarray]) -> None:
    """Print a table."""
    table = Table("step", "ours, seconds", "other, seconds", "times as fast", "lowest", "highest")
    for name, rounds in measured.items():
        ratio = rounds[:, 1] / rounds[:, 0]
        spread = (np.median(ratio), ratio.min(), ratio.max())
        table.add_row(name, *(f"{x:.3f}" for x in (*np.median(rounds, axis=0), *spread)))
    Console().print(table)


def with_and_without(folder: str, steps: int, rounds: int) -> dict[str, np.ndarray]:
    """Compare steps with and without what makes them faster."""
    layouts = (torch.channels_last, torch.contiguous_format)
    pairs = {
        "controller: channels last, plain": [
            following(layout, f"{folder}/{layout}") for layout in layouts
        ],
        "diffusion: bfloat16, float32": [
            drawing(precision, f"{folder}/{precision}") for precision in ("bfloat16", "float32")
        ],
    }
    return {
        name: compare(timed(ours), timed(other), steps, rounds)
        for name, (ours, other) in pairs.items()
    }


def with_another_version(folder: str, clone: Path, steps: int, rounds: int) -> dict:
    """Compare steps with those of another version."""
    other = Elsewhere(clone)
    measured = {
        name: compare(timed(step), other.timed(name), steps, rounds)
        for name, step in here(folder).items()
    }
    other.stop()
    return measured


def main() -> None:
    """Measure, print a table, write the numbers."""
    parser = argparse.ArgumentParser(description="speed of training steps")
    parser.add_argument("--steps", type=int, default=4)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--before", type=lambda folder: Path(folder).resolve())
    parser.add_argument("--json", type=Path)
    args = parser.parse_args()
    torch.set_num_threads(1)
    with TemporaryDirectory() as folder:
        if args.before is None:
            measured = with_and_without(folder, args.steps, args.rounds)
        else:
            measured = with_another_version(folder, args.before, args.steps, args.rounds)
    show(measured)
    if args.json is not None:
        write_json(args.json, {name: rounds.tolist() for name, rounds in measured.items()})


if __name__ == "__main__":
    main()
