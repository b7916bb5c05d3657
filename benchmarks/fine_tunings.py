"""What comparisons of fine-tuned bases share: a table of how well each one draws, and options.

Common options:

    --demos DIR      demonstrations with 64-pixel views
    --held-out DIR   other demonstrations of the same tasks
    --base DIR       what is fine-tuned (default the shipped mini-turbo)
    --out DIR        keeps the trainings
    --tasks A,B      of the datasets (default all that are held out)
    --steps N        of each training
"""

from __future__ import annotations

import argparse
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from genima_lite.datasets.demonstrations import read_demos
from genima_lite.diffusion.agent import DiffusionAgent
from genima_lite.diffusion.metadata import load_metadata
from genima_lite.diffusion.validate import decision_examples, score_drawings
from genima_lite.files import write_json
from genima_lite.shipped import shipped


def options(out: str, steps: int) -> argparse.ArgumentParser:
    """Return a parser of the options above, with these defaults."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--demos", type=Path, required=True)
    parser.add_argument("--held-out", type=Path, required=True)
    parser.add_argument("--base", type=Path, default=shipped("mini-turbo"))
    parser.add_argument("--out", type=Path, default=Path(out))
    parser.add_argument("--tasks")
    parser.add_argument("--steps", type=int, default=steps)
    return parser


def tasks_of(words: argparse.Namespace) -> tuple[str, ...]:
    """Return the tasks that are compared."""
    if words.tasks is not None:
        return tuple(words.tasks.split(","))
    return tuple(sorted(path.name for path in words.held_out.iterdir() if path.is_dir()))


def compare(
    words: argparse.Namespace, trained: Iterable[tuple[Mapping[str, Any], Path]], file: str
) -> None:
    """Print how well models draw held-out decisions, and write it to a file of `words.out`.

    Args:
        words: the options above.
        trained: what tells a model from the others, by columns, and its folder.
        file: JSON, a row for each model.
    """
    examples = decision_examples(read_demos(words.held_out, tasks_of(words)))
    measured = ("minutes", "px median", "missed", "95 %", "gripper right", "mm")
    rows: list[dict[str, Any]] = []
    table = Table()
    for names, folder in trained:
        if not rows:
            table = Table(*names, *measured)
        score, _ = score_drawings(DiffusionAgent.load(folder), examples)
        rows.append({**names, **score.to_json()})
        numbers = (f"{load_metadata(folder).minutes:.1f}", f"{score.pixels:.2f}")
        missed = (f"{score.misses:.1%}", "{:.1%} to {:.1%}".format(*score.misses_interval))
        gripper = (f"{score.gripper:.1%}", f"{score.millimetres:.0f}")
        table.add_row(*map(str, names.values()), *numbers, *missed, *gripper)
        write_json(words.out / file, rows)
    Console().print(f"{len(examples)} decisions, {rows[0]['spheres']} spheres", table)
