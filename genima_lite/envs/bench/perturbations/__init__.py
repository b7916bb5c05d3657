"""Perturbations: one file each, found by its name. Adding one means adding a file here.

A file `object_color.py` holds a class `ObjectColor(Perturbation)`. Ranges at strength 1 are those
of The Colosseum (Pumacay et al., 2024), as Genima uses it, where it has any.
"""

from __future__ import annotations

import importlib
import pkgutil

from genima_lite.envs.bench.perturbation import Perturbation
from genima_lite.envs.bench.tasks import class_name


def perturbation_names(task: str | None = None) -> list[str]:
    """Return the names of all perturbations, sorted, from the files in this folder; with a task
    those that it can have.
    """
    names = sorted(module.name for module in pkgutil.iter_modules(__path__))
    return [name for name in names if task is None or load_perturbation(name).fits(task)]


def load_perturbation(name: str) -> Perturbation:
    """Return a perturbation by its name, one of `perturbation_names`."""
    module = importlib.import_module(f"{__name__}.{name}")
    return getattr(module, class_name(name))()
