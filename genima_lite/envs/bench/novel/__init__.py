"""Other shapes of the things that tasks are about: one file for each task, found by its name.

A file `open_drawer.py` holds subclasses of the task `OpenDrawer` with other pieces in `mjcf`. Names
and number of bodies and joints are those of the task, and so are placement, success and language;
each has to be solved by its expert.
"""

from __future__ import annotations

import importlib
import pkgutil

from genima_lite.envs.bench.task import Task


def tasks_with_shapes() -> list[str]:
    """Return the names of the tasks that have other shapes, sorted."""
    return sorted(module.name for module in pkgutil.iter_modules(__path__))


def shapes_of(task: Task) -> list[Task]:
    """Return a task with pieces of other shapes, in the order of its file, if there are any."""
    name = type(task).__module__.rpartition(".")[2]
    if name not in tasks_with_shapes():
        return []
    module = importlib.import_module(f"{__name__}.{name}")
    own = [item for item in vars(module).values() if isinstance(item, type)]
    return [item() for item in own if issubclass(item, Task) and item.__module__ == module.__name__]
