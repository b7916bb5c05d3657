"""The embedded benchmark: a Panda on a table in MuJoCo that speaks RLBench."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from genima_lite.envs.bench.perturbations import perturbation_names
from genima_lite.envs.bench.registration import register
from genima_lite.envs.bench.tasks import load_task, task_names

if TYPE_CHECKING:  # MuJoCo takes a second to import, and not everybody needs it
    from genima_lite.envs.api import EnvSpec
    from genima_lite.envs.bench.env import BenchEnv
    from genima_lite.envs.bench.random_scenes import RandomScenes

__all__ = [
    "make",
    "make_random_scenes",
    "perturbation_names",
    "register",
    "stored_spec",
    "task_names",
    "vocabulary",
]


def make(spec: EnvSpec) -> BenchEnv:
    """Return one task on the bench.

    Raises:
        UserError: unknown task or camera, or an impossible size.
    """
    from genima_lite.envs.bench.env import BenchEnv

    given = {name: value for name, value in vars(spec).items() if name not in ("backend", "arm")}
    return BenchEnv(**given)


def stored_spec(spec: EnvSpec, state: Mapping[str, Any]) -> EnvSpec:
    """Return a spec with the perturbations and the tracking of a stored state.

    Raises:
        UserError: what the state says of them is damaged.
    """
    from genima_lite.envs.bench.stored_world import with_stored_world

    return with_stored_world(spec, state)


def make_random_scenes(task: str, view_size: int) -> RandomScenes:
    """Return what draws random scenes with a task's pieces."""
    from genima_lite.envs.bench.random_scenes import RandomScenes

    return RandomScenes(task, view_size)


def vocabulary() -> tuple[list[str], list[str]]:
    """Return all sentences that ask for the tasks, and the names of all pieces, as words."""
    tasks = [load_task(name) for name in task_names()]
    sentences = [s for task in tasks for v in range(task.variations) for s in task.instructions(v)]
    bodies = [name for task in tasks for name in re.findall(r'<body name="(\w+)"', task.mjcf)]
    return sentences, [name.replace("_", " ") for name in bodies]
