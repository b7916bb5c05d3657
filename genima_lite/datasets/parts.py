"""Rows of samples are made part by part, the tasks in turn, each with an environment of its own."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Protocol, TypeVar

from genima_lite.datasets.recovery_starts import Decider, MakePolicy
from genima_lite.envs.api import RobotEnv


class Closes(Protocol):
    """Something that holds what must be freed."""

    def close(self) -> None:
        """Free it."""


T = TypeVar("T", bound=Closes)


@dataclass(frozen=True, eq=False)
class Driven:
    """An environment and the policy that acts in it."""

    env: RobotEnv
    policy: Decider

    def close(self) -> None:
        """Close the environment."""
        self.env.close()


def task_of(tasks: Sequence[str], part: int) -> str:
    """Return the task of a part."""
    return tasks[part % len(tasks)]


@contextmanager
def one_each(tasks: Sequence[str], make: Callable[[str], T]) -> Iterator[Callable[[int], T]]:
    """Yield a function from a part to its task's environment, made when it is first asked for.

    All are closed at the end.
    """
    made: dict[str, T] = {}

    def of(part: int) -> T:
        task = task_of(tasks, part)
        if task not in made:
            made[task] = make(task)
        return made[task]

    try:
        yield of
    finally:
        for each in made.values():
            each.close()


@contextmanager
def driven(tasks: Sequence[str], pilot: MakePolicy) -> Iterator[Callable[[int], Driven]]:
    """Yield a function from a part to its environment and the policy that acts in it."""
    with one_each(tasks, lambda task: Driven(*pilot(task))) as made:
        yield made
