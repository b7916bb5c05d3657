"""What keeping augmented pictures costs: `python benchmarks/compare_copies.py`.

Fine-tunes the base on the same demonstrations for as many steps, once with each number of kept
copies; 0 draws, crops and colours anew for each batch. Scores drawings of held-out decisions.
Killed and started again it goes on.

    --demos DIR      demonstrations with 64-pixel views
    --held-out DIR   other demonstrations of the same tasks
    --base DIR       what is fine-tuned (default the shipped mini-turbo)
    --out DIR        keeps the trainings (default runs/copies)
    --copies A,B     which (default 4,0)
    --seeds A,B      of training (default 0)
    --steps N        of each (default 160)
"""

from __future__ import annotations

import argparse
from dataclasses import replace
from pathlib import Path

from rich.console import Console
from rich.table import Table

from genima_lite.datasets.demonstrations import read_demos
from genima_lite.diffusion.agent import DiffusionAgent
from genima_lite.diffusion.augment import AugmentConfig
from genima_lite.diffusion.finetune import FinetuneConfig, finetune
from genima_lite.diffusion.metadata import load_metadata
from genima_lite.diffusion.validate import decision_examples, score_drawings
from genima_lite.files import write_json
from genima_lite.shipped import shipped


def train(words: argparse.Namespace, tasks: tuple[str, ...], copies: int, seed: int) -> Path:
    """Train with some number of copies, if that is not done yet, and return the folder."""
    config = FinetuneConfig(
        str(words.base),
        tasks,
        (str(words.demos),),
        copies=copies,
        augment=AugmentConfig(share=1.0),
    )
    training = replace(config.training, steps=words.steps, seed=seed)
    out = words.out / f"{copies}_copies_seed{seed}"
    finetune(out, replace(config, training=training))
    return out


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--demos", type=Path, required=True)
    parser.add_argument("--held-out", type=Path, required=True)
    parser.add_argument("--base", type=Path, default=shipped("mini-turbo"))
    parser.add_argument("--out", type=Path, default=Path("runs/copies"))
    parser.add_argument("--copies", default="4,0")
    parser.add_argument("--seeds", default="0")
    parser.add_argument("--steps", type=int, default=160)
    words = parser.parse_args()
    tasks = tuple(sorted(path.name for path in words.held_out.iterdir() if path.is_dir()))
    examples = decision_examples(read_demos(words.held_out, tasks))
    table, rows = Table("copies", "seed", "minutes", "px median", "missed", "95 %", "mm"), []
    for seed in map(int, words.seeds.split(",")):
        for copies in map(int, words.copies.split(",")):
            folder = train(words, tasks, copies, seed)
            score, _ = score_drawings(DiffusionAgent.load(folder), examples)
            rows.append({"copies": copies, "seed": seed, **score.to_json()})
            interval = "{:.1%} to {:.1%}".format(*score.misses_interval)
            numbers = (f"{score.pixels:.2f}", f"{score.misses:.1%}", interval)
            minutes = f"{load_metadata(folder).minutes:.1f}"
            table.add_row(str(copies), str(seed), minutes, *numbers, f"{score.millimetres:.0f}")
    Console().print(f"{len(examples)} decisions, {score.spheres} spheres", table)
    write_json(words.out / "copies.json", rows)


if __name__ == "__main__":
    main()
