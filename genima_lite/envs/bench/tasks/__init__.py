"""Tasks: one file each, found by its name. Adding a task means adding a file here.

A file `open_drawer.py` holds a class `OpenDrawer(Task)`; the file's name is RLBench's task name.
"""

from __future__ import annotations

import difflib
import importlib
import pkgutil

from genima_lite.envs.bench.task import Task
from genima_lite.errors import UserError


def task_names() -> list[str]:
    """Return the names of all tasks, sorted, from the files in this folder."""
    return sorted(module.name for module in pkgutil.iter_modules(__path__))


def class_name(task: str) -> str:
    """Return the class name of a task: `open_drawer` gives `OpenDrawer`."""
    return "".join(word.capitalize() for word in task.split("_"))


def check_task(name: str) -> str:
    """Return the name of a task that exists.

    Raises:
        UserError: no such task; the message names the nearest and all known ones.
    """
    if name not in task_names():
        near = difflib.get_close_matches(name, task_names(), n=1)
        hint = f"did you mean '{near[0]}'? " if near else ""
        raise UserError(f"unknown task '{name}': {hint}known tasks: {', '.join(task_names())}")
    return name


def load_task(name: str) -> Task:
    """Return a task by its RLBench name.

    Raises:
        UserError: no such task.
    """
    module = importlib.import_module(f"{__name__}.{check_task(name)}")
    return getattr(module, class_name(name))()
