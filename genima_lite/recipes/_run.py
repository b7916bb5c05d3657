"""Runs a recipe: every step that is not done yet, some of them side by side."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from genima_lite import locks
from genima_lite.datasets.shards import shards_for
from genima_lite.demos.collect import claim_folder
from genima_lite.diffusion.finetune import FinetuneConfig, draw_perturbed_states
from genima_lite.errors import UserError
from genima_lite.provenance import claim
from genima_lite.recipes._check import check_recipe
from genima_lite.recipes._collection import CollectConfig
from genima_lite.recipes._stages import Stage, run_stages
from genima_lite.recipes._steps import run_step
from genima_lite.recipes.api import Recipe, needs, placed, steps_of

EACH_STATE = 0.0011
"""Minutes that a single decision, such as a perturbed state, takes on one core of a laptop."""


LONGEST = ("collecting", "training", "splitting", "measuring")
"""The part of each kind of step that takes longest."""


def train_recipe(out: Path, recipe: Recipe, processes: int = 2, device: str = "cpu") -> None:
    """Do everything of a recipe that is not done yet.

    Killed and started again with the same recipe it goes on.

    Args:
        out: the run's folder; every step has one below.
        recipe: with the settings of all steps.
        processes: how many steps run side by side, each on one core.
        device: of the networks.

    Raises:
        UserError: `out` holds another run, another process works in it, or something is missing
            (`genima_lite.recipes._check`).
    """
    check_recipe(out, recipe, processes, device)
    with locks.writing(out):
        claim_run(out, recipe)
        run_stages(recipe_stages(out, recipe, device), processes)


def claim_run(out: Path, recipe: Recipe) -> None:
    """Make a folder this recipe's run, with its datasets, or refuse if it is another one's.

    Raises:
        UserError: it is.
    """
    claim(out, {"recipe": recipe.name, "version": recipe.version, "steps": asdict(recipe)})
    for folder, config in steps_of(recipe).items():
        if isinstance(config, CollectConfig):  # workers collect task by task into it
            claim_folder(out / folder, config.settings)


def recipe_stages(out: Path, recipe: Recipe, device: str = "cpu") -> list[Stage]:
    """Return a recipe's steps as stages of a job, by the names of their folders."""
    steps = steps_of(recipe)
    for folder, config in steps.items():
        _check_order(folder, needs(config, steps), list(steps))
    ahead = {folder: _ahead(folder, config, out) for folder, config in steps.items()}
    names = {folder: tuple(stage.name for stage in stages) for folder, stages in ahead.items()}
    stages = [stage for folder in steps for stage in ahead[folder]]
    for folder, config in steps.items():
        if isinstance(config, CollectConfig):
            continue
        wanted = [name for other in needs(config, steps) for name in names[other] or (other,)]
        placed_config = placed(config, steps, out)
        do = (out / folder, placed_config, device)
        stages.append(Stage(folder, _run_stage, do, _minutes(config), (*names[folder], *wanted)))
    return stages


def _ahead(folder: str, config: Any, out: Path) -> list[Stage]:
    """Return what of a step waits for nothing: a task's episodes each, or perturbed states."""
    if isinstance(config, CollectConfig):
        return [
            Stage(
                f"{folder}: {task}",
                _run_stage,
                (out / folder, replace(config, tasks=(task,)), "cpu"),
                0.02 * config.episodes,
            )
            for task in config.tasks
        ]
    if isinstance(config, FinetuneConfig) and config.perturbed_states:
        minutes = EACH_STATE * config.perturbed_states
        do = (out / folder, config)
        return [Stage(f"{folder}: perturbed states", _make_perturbed_states, do, minutes)]
    return []


def _make_perturbed_states(
    out: Path, config: FinetuneConfig, report: Callable[[int, int], None]
) -> None:
    """Make them where fine-tuning looks for them."""
    with locks.writing(out, below=True):
        for number, _ in enumerate(draw_perturbed_states(out, config), 1):
            report(number, shards_for(config.perturbed_states))


def _check_order(folder: str, wanted: tuple[str, ...], order: list[str]) -> None:
    """Refuse a step that waits for itself or for a later one."""
    for other in wanted:
        if order.index(other) >= order.index(folder):
            raise UserError(f"recipe: step {folder} names {other}, which is not made before it")


def _run_stage(out: Path, config: Any, device: str, report: Callable[[int, int], None]) -> None:
    """Do a step; of what it tells, the part that takes longest counts."""

    def tell(part: str, done: int, total: int, _: float | None) -> None:
        if part in LONGEST:
            report(done, total)

    run_step(out, config, tell, device=device)


def _minutes(config: Any) -> float:
    """Return about how many minutes a step takes on one core of a laptop."""
    if not hasattr(config, "training"):
        return 1.0
    steps = config.training.steps + getattr(config, "even_steps", 0)
    made = sum(getattr(config, name, 0) for name in ("dagger", "drawings"))
    each = 0.0007 if hasattr(config, "adapter") or hasattr(config, "base") else 0.00025
    return EACH_STATE * made + each * steps * config.training.batch_size
