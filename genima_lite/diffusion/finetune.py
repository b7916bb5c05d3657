"""Teach a base model to draw joint targets, from demonstrations (paper, section 3.1)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from genima_lite.diffusion.base import load_pipeline
from genima_lite.diffusion.data import read_demos, target_pictures
from genima_lite.diffusion.parts import Parts
from genima_lite.diffusion.train import TrainConfig, Trainer
from genima_lite.errors import UserError


@dataclass(frozen=True)
class FinetuneConfig:
    """A whole fine-tuning run."""

    tasks: tuple[str, ...] | None = None
    """Which tasks of the dataset; `None` for all."""
    frames_each: int = 30
    """Random frames of each demonstration; neighbouring frames look alike."""
    training: TrainConfig = field(default_factory=TrainConfig)
    """How they are learned."""
    seed: int = 0
    """Of the choice of frames and sentences."""

    def __post_init__(self) -> None:
        if self.frames_each < 1:
            raise UserError(f"frames_each is {self.frames_each}; it must be at least 1")
        if self.training.setting == "base":
            raise UserError("setting 'base' is pre-training; choose how the base shall be changed")


def finetune(
    out: Path | str,
    base: Path | str,
    demos: Path | str,
    config: FinetuneConfig,
    max_minutes: float | None = None,
    report: Callable[[int, int, float], None] = lambda *_: None,
    device: str = "cpu",
) -> Trainer:
    """Train on a dataset and write the model to `out`, for `DiffusionAgent.load`.

    Run again with the same words it goes on where it stopped.

    Args:
        out: the model's folder.
        base: folder of the base model, or a model id of the hub such as "stabilityai/sd-turbo".
        demos: a dataset in RLBench's layout, its views half as large as the tiled pictures.
        config: what to do.
        max_minutes: of training in this call.
        report: called as `report(step, steps, loss)` after each step.
        device: of the networks, for example "cuda".

    Returns:
        The trainer; `trainer.done` says whether all steps are made.

    Raises:
        UserError: nothing to learn from, or `out` holds a run of another configuration.
    """
    pictures = target_pictures(read_demos(demos, config.tasks), config.frames_each, config.seed)
    parts = Parts.of(load_pipeline(base).to(device))
    trainer = Trainer(parts, pictures, config.training, out)
    for loss in trainer.run(max_minutes):
        report(trainer.step, config.training.steps, loss)
    trainer.save_model()
    return trainer
