"""Ways to fine-tune the base, side by side on one budget: `python benchmarks/compare_adapters.py`.

Trains each adapter of `genima_lite.diffusion.adapters` for as many steps on the same pictures and
scores drawings of held-out decisions. Killed and started again it goes on.

    --demos DIR      demonstrations with 64-pixel views
    --held-out DIR   other demonstrations of the same tasks
    --base DIR       what is fine-tuned (default the shipped mini-turbo)
    --out DIR        keeps the trainings (default runs/adapters)
    --adapters A,B   which (default all five)
    --tasks A,B      of the dataset (default all)
    --steps N        of each (default 600)
"""

from __future__ import annotations

import argparse
from dataclasses import replace
from pathlib import Path

from rich.console import Console
from rich.table import Column, Table

from genima_lite.datasets.demonstrations import read_demos
from genima_lite.diffusion.adapters import ADAPTERS
from genima_lite.diffusion.agent import DiffusionAgent
from genima_lite.diffusion.finetune import FinetuneConfig, finetune
from genima_lite.diffusion.metadata import load_metadata
from genima_lite.diffusion.train import AdapterConfig
from genima_lite.diffusion.validate import DrawingScore, decision_examples, score_drawings
from genima_lite.envs.api import task_names
from genima_lite.files import write_json
from genima_lite.shipped import shipped
from genima_lite.training.precision import fast_precision


def train(words: argparse.Namespace, adapter: str, tasks: tuple[str, ...]) -> Path:
    """Train one adapter, if that is not done yet, and return its folder."""
    out = words.out / adapter
    config = FinetuneConfig(
        str(words.base), tasks, (str(words.demos),), adapter=AdapterConfig(adapter)
    )
    training = replace(config.training, steps=words.steps, precision=fast_precision())
    finetune(out, replace(config, training=training))
    return out


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--demos", type=Path, required=True)
    parser.add_argument("--held-out", type=Path, required=True)
    parser.add_argument("--base", type=Path, default=shipped("mini-turbo"))
    parser.add_argument("--out", type=Path, default=Path("runs/adapters"))
    parser.add_argument("--adapters", default=",".join(ADAPTERS[1:]))
    parser.add_argument("--tasks", default=",".join(task_names()))
    parser.add_argument("--steps", type=int, default=600)
    words = parser.parse_args()
    tasks = tuple(words.tasks.split(","))
    examples = decision_examples(read_demos(words.held_out, tasks))
    measured = ("minutes", "spheres", "px median", "missed", "95 %", "gripper right", "mm")
    table = Table(Column("adapter", no_wrap=True), *measured)
    rows: dict[str, DrawingScore] = {}
    for adapter in words.adapters.split(","):
        folder = train(words, adapter, tasks)
        score, _ = score_drawings(DiffusionAgent.load(folder), examples)
        rows[adapter] = score
        cells = (
            f"{load_metadata(folder).minutes:.1f}",
            str(score.spheres),
            f"{score.pixels:.2f}",
        )
        missed = (f"{score.misses:.1%}", "{:.1%} to {:.1%}".format(*score.misses_interval))
        shares = (*missed, f"{score.gripper:.1%}", f"{score.millimetres:.0f}")
        table.add_row(adapter, *cells, *shares)
    Console().print(table)
    write_json(words.out / "adapters.json", {name: vars(score) for name, score in rows.items()})


if __name__ == "__main__":
    main()
