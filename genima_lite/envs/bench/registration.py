"""Registers `genima_lite/<Task>-v0` with gymnasium for every file in `bench/tasks`."""

from __future__ import annotations

import gymnasium

from genima_lite.envs.bench.tasks import class_name, task_names


def environment_id(task: str) -> str:
    """Return the gymnasium id of a task: `open_drawer` gives `genima_lite/OpenDrawer-v0`."""
    return f"genima_lite/{class_name(task)}-v0"


def register() -> None:
    """Register every task once; importing the package again changes nothing."""
    for task in task_names():
        if environment_id(task) not in gymnasium.registry:
            gymnasium.register(
                id=environment_id(task),
                entry_point="genima_lite.envs.bench.env:BenchEnv",
                kwargs={"task": task},
            )
