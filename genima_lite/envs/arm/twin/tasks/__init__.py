"""Tasks for the arm beside the bench's, of the kinds that the paper did on a real arm.

One file each, found by its name. The bench keeps RLBench's 25.
"""

from __future__ import annotations

import importlib
import pkgutil

from genima_lite.envs.bench import tasks as bench
from genima_lite.envs.bench.task import Task


def task_names() -> list[str]:
    """Return the names of the bench's tasks and of those in this folder, sorted."""
    own = (found.name for found in pkgutil.iter_modules(__path__))
    return sorted([*bench.task_names(), *own])


def load_task(name: str) -> Task:
    """Return a task by its name.

    Raises:
        UserError: no such task.
    """
    if name not in {found.name for found in pkgutil.iter_modules(__path__)}:
        return bench.load_task(name)
    module = importlib.import_module(f"{__name__}.{name}")
    return getattr(module, bench.class_name(name))()
