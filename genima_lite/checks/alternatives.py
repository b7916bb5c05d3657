"""Notebook 05's short comparison: how its rows are trained and measured; the committed table."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from genima_lite import schema
from genima_lite.datasets.demonstrations import read_demos, recorded
from genima_lite.diffusion.adapters import LoraSettings
from genima_lite.diffusion.agent import DiffusionAgent
from genima_lite.diffusion.augment import AugmentConfig
from genima_lite.diffusion.data import demo_pictures
from genima_lite.diffusion.finetune import FinetuneConfig
from genima_lite.diffusion.metadata import load_metadata
from genima_lite.diffusion.pixels import score_pixels
from genima_lite.diffusion.step import StepConfig
from genima_lite.diffusion.train import AdapterConfig
from genima_lite.diffusion.validate import decision_examples, score_drawings
from genima_lite.files import write_json
from genima_lite.recipes._collection import CollectConfig
from genima_lite.shipped import shipped
from genima_lite.targets.horizon import FUTURE, SPHERES
from genima_lite.training.config import TrainingConfig

TASK = "push_button"
DEMOS = CollectConfig((TASK,), 8, image_size=64)
HELD_OUT = CollectConfig((TASK,), 6, image_size=64, seed=5000)
ROWS = {
    "ControlNet": ("frozen", SPHERES),
    "ControlNet and LoRA": ("unet-lora", SPHERES),
    "ControlNet and up-blocks": ("up-blocks", SPHERES),
    "pix2pix": ("concat", SPHERES),
    "future picture": ("up-blocks", FUTURE),
}
"""Adapter and target by name."""
STEPS = 120
FILE = "results/alternatives.json"


@dataclass(frozen=True)
class Row:
    """One way to teach the base, trained and measured once.

    Attributes:
        name: of `ROWS`.
        seed: of weights, batches and noise.
        steps, samples: of training.
        trained: how many weights learn.
        seconds: of training; other work may have gone on beside it.
        decisions, spheres: how many of held-out demonstrations were drawn, and stand in them.
        missed, missed_interval: share of the spheres, and its 95 % interval; `None` without.
        left, left_interval: what is left of the pixels' change (`PixelScore`).
    """

    name: str
    seed: int
    steps: int
    samples: int
    trained: int
    seconds: float
    decisions: int
    spheres: int
    missed: float | None
    missed_interval: tuple[float, float] | None
    left: float
    left_interval: tuple[float, float]


def short_run(name: str, demos: Path, steps: int = STEPS, seed: int = 0) -> FinetuneConfig:
    """Return the training of a row: alike in all but the adapter and the target."""
    adapter, target = ROWS[name]
    return FinetuneConfig(
        base=str(shipped("mini-turbo")),
        tasks=(TASK,),
        demos=(str(demos),),
        target=target,
        augment=AugmentConfig(share=0),
        prompt_dropout=0.0,
        adapter=AdapterConfig(adapter, LoraSettings(rank=8), step=StepConfig(noise_power=300.0)),
        training=TrainingConfig(
            steps=steps, batch_size=8, learning_rate=2e-3, warmup=10, ema=0.9, seed=seed
        ),
        seed=seed,
    )


def measured(name: str, folder: Path, held_out: Path, config: FinetuneConfig) -> Row:
    """Return the row of a trained model.

    Args:
        name: of `ROWS`.
        folder: of the model.
        held_out: other demonstrations.
        config: how it was trained.
    """
    agent, said = DiffusionAgent.load(folder), load_metadata(folder)
    spheres, missed, interval = 0, None, None
    examples = decision_examples(read_demos(held_out))
    if config.target == SPHERES:
        score, _ = score_drawings(agent, examples)
        spheres, missed, interval = score.spheres, score.misses, score.misses_interval
    episodes, rng = recorded([held_out]), np.random.default_rng(0)
    each = -(-len(examples) // len(episodes))
    pictures = demo_pictures(episodes, each, rng, target=config.target)
    pixels, _ = score_pixels(agent, pictures)
    training = config.training
    return Row(
        name=name,
        seed=training.seed,
        steps=training.steps,
        samples=training.steps * training.batch_size,
        trained=0 if said.result is None else said.result.weights,
        seconds=round(60 * said.minutes, 1),
        decisions=len(examples),
        spheres=spheres,
        missed=missed,
        missed_interval=interval,
        left=pixels.left,
        left_interval=pixels.left_interval,
    )


def write_rows(path: Path, command: str, rows: list[Row]) -> None:
    """Write a table, with the command that makes it."""
    said: dict[str, Any] = {"command": command, "rows": [asdict(row) for row in rows]}
    write_json(path, said)


@dataclass(frozen=True)
class Table:
    """Committed rows.

    Attributes:
        command: makes them.
        rows: in its order.
    """

    command: str
    rows: tuple[Row, ...]


def committed() -> Table:
    """Return the table that comes with the repository.

    Raises:
        UserError: it is not there, or not whole.
    """
    return schema.read(Table, shipped("results") / Path(FILE).name)
