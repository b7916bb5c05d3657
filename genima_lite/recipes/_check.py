"""Looks at all that a step needs before its first minute of work: it may be days until it is used.

A step's own rules are in its configuration; here is what depends on this machine and its files.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from genima_lite.datasets.demonstrations import recorded
from genima_lite.demos.collect import check_collection, space
from genima_lite.demos.split import stored_in
from genima_lite.errors import UserError
from genima_lite.files import check_folder
from genima_lite.provenance import model_fingerprint
from genima_lite.recipes._collection import CollectConfig
from genima_lite.recipes._split import SplitConfig
from genima_lite.recipes.api import Recipe, needs, steps_of
from genima_lite.schema import check_finite
from genima_lite.training.devices import check_device
from genima_lite.training.optimizers import check_optimizer
from genima_lite.workers import check_processes

DATASETS = ("demos", "held_out")
MODELS = ("drawn_by", "dagger_by", "begin", "base", "controller", "compared")


def check_recipe(out: Path, recipe: Recipe, processes: int = 2, device: str = "cpu") -> None:
    """Refuse a recipe that could only fail later.

    Args:
        out: the run's folder.
        recipe: whose steps are looked at; what one of them makes for another need not be there.
        processes: how many steps run side by side.
        device: of the networks.

    Raises:
        UserError: see `check_step`, or a number of processes that makes no sense.
    """
    check_processes(processes)
    steps = steps_of(recipe)
    check_folder(out, sum(_space(out / folder, config) for folder, config in steps.items()))
    for folder, config in steps.items():
        check_step(out / folder, config, device, made=needs(config, steps))


def check_step(
    out: Path, config: Any, device: str = "cpu", workers: int = 0, made: Iterable[str] = ()
) -> None:
    """Refuse a step that could only fail later.

    Args:
        out: the step's folder.
        config: of any kind of step.
        device: of the networks.
        workers: processes that make batches.
        made: folders of other steps, which are made before this one.

    Raises:
        UserError: a number that is not finite, a device or an extra that is not here, a folder that
            cannot be written to, too little space, a data set or a model that is missing or broken,
            or a number of workers that makes no sense.
    """
    check_finite(config)
    check_processes(workers, "workers", 0)
    check_device(device)
    if isinstance(config, CollectConfig):
        check_collection(out, config.tasks, config.episodes, config.settings)
        return
    check_folder(out, _space(out, config))
    if hasattr(config, "training"):
        check_optimizer(config.training.optimizer)
    made = set(made)
    for folder in _named(config, (*DATASETS, *MODELS), made):
        if Path(folder).resolve() == out.resolve():
            raise UserError(f"{out}: would be written over what it is made from; choose another")
    if isinstance(config, SplitConfig):
        stored_in(config.source, config.tasks)
    for folder in _named(config, DATASETS, made):
        for each in recorded([folder], tuple(config.tasks) or None):
            assert each.sentences
    for folder in _named(config, ("held_out",), made):
        for each in recorded([folder], tuple(config.tasks) or None):
            each.seen([0])
    for folder in _named(config, MODELS, made):
        if Path(folder).exists() or not hasattr(config, "base"):
            model_fingerprint(folder)


def _named(config: Any, fields: Iterable[str], made: set[str]) -> list[str]:
    """Return the folders that some fields name, without those that other steps make."""
    found: list[str] = []
    for field in fields:
        value = getattr(config, field, None)
        found += [value] if isinstance(value, str) else value if isinstance(value, tuple) else []
    return [folder for folder in found if not any(_below(folder, step) for step in made)]


def _below(folder: str, step: str) -> bool:
    """Return whether a folder is a step's, below it, or above it."""
    return f"{folder}/".startswith(f"{step}/") or step.startswith(f"{folder}/")


def _space(out: Path, config: Any) -> int:
    """Return how many bytes a step will at least write, if nothing of it is there."""
    if out.exists():
        return 0
    if isinstance(config, CollectConfig):
        return space(config.total, config.image_size)
    if not hasattr(config, "training"):
        return 0
    rows = sum(getattr(config, name, 0) for name in ("perturbed_states", "dagger", "grounding"))
    rows += getattr(config, "pictures", 0) + getattr(config, "drawings", 0)
    return int(rows) * 3 * _side(config) ** 2


def _side(config: Any) -> int:
    """Return the pixels along each side of the four views together."""
    if hasattr(config, "view_size"):
        return 2 * int(config.view_size)
    if hasattr(config, "network"):
        return 2 * int(config.network.image_size)
    return int(config.base.picture_size)
