"""The real RLBench behind the same door; its simulator runs in a process of its own."""

from __future__ import annotations

from typing import TYPE_CHECKING

from genima_lite.envs.rlbench.catalogue import VARIATIONS
from genima_lite.envs.rlbench.colosseum import colosseum_names
from genima_lite.envs.rlbench.perturbed import NAMES

if TYPE_CHECKING:
    from genima_lite.envs.api import EnvSpec
    from genima_lite.envs.rlbench.client import RLBenchEnv

__all__ = ["make", "perturbation_names", "task_names"]


def make(spec: EnvSpec) -> RLBenchEnv:
    """Return one task of RLBench; its simulator starts at the first reset.

    Raises:
        UserError: unknown camera, impossible size, or not on Linux.
    """
    from genima_lite.envs.rlbench.client import RLBenchEnv

    return RLBenchEnv(spec)


def task_names() -> list[str]:
    """Return the names of the paper's 25 tasks."""
    return list(VARIATIONS)


def perturbation_names(task: str | None = None) -> list[str]:
    """Return the names of what PyRep can change of a scene's looks, which every task can have, and
    of what The Colosseum's package, if it is installed, changes in a task, or in any.
    """
    tasks = VARIATIONS if task is None else [task]
    return [*NAMES, *sorted({name for each in tasks for name in colosseum_names(each)})]
