"""A robustness grid that is committed, episode by episode: who solved what under which change.

`python scripts/keep_robustness.py FOLDER` makes the file of what `genima-lite robustness` wrote.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from genima_lite import schema
from genima_lite.errors import UserError
from genima_lite.evaluation.statistics import wilson_interval
from genima_lite.shipped import DATA

SOLVED, FAILED, ERROR = "1", "0", "-"
"""What stands for an episode."""


@dataclass(frozen=True)
class Grid:
    """Outcomes of policies under conditions, the same scenes in each.

    Attributes:
        command: that made them.
        date: when.
        settings: of the grid.
        seeds: of the environment, of a task's episodes.
        outcomes: by policy, condition and task, a character an episode in the order of `seeds`:
            `SOLVED`, `FAILED` or `ERROR`.
    """

    command: str
    date: str
    settings: dict[str, Any]
    seeds: list[int]
    outcomes: dict[str, dict[str, dict[str, str]]]

    def __post_init__(self) -> None:
        for policy, row in self.outcomes.items():
            for condition, tasks in row.items():
                for task, text in tasks.items():
                    if len(text) != len(self.seeds) or set(text) - {SOLVED, FAILED, ERROR}:
                        raise UserError(f"{policy}, {condition}, {task}: not one of 1, 0, - a seed")

    @property
    def policies(self) -> list[str]:
        """The policies' names."""
        return list(self.outcomes)

    @property
    def conditions(self) -> list[str]:
        """The conditions' names; clean scenes come first."""
        return list(next(iter(self.outcomes.values())))

    def solved(self, policy: str, condition: str) -> np.ndarray:
        """Return which episodes were solved, (N,) bool, task by task: the same scenes in the same
        order for every policy and condition. An episode with an error counts as not solved.
        """
        text = "".join(self.outcomes[policy][condition].values())
        return np.array([each == SOLVED for each in text])

    def row(self, policy: str, condition: str, task: str | None = None) -> dict[str, Any]:
        """Return `successes`, `n`, `rate` and `interval_95` (Wilson) of all tasks or of one.

        Episodes with an error are not counted.
        """
        tasks = self.outcomes[policy][condition]
        text = tasks[task] if task else "".join(tasks.values())
        solved, n = text.count(SOLVED), len(text) - text.count(ERROR)
        rate = solved / n if n else None
        return {
            "successes": solved,
            "n": n,
            "rate": rate,
            "interval_95": wilson_interval(solved, n),
        }


def committed_grid(path: Path = DATA / "results/robustness.json") -> Grid:
    """Read a committed grid, by default the shipped models'.

    Raises:
        UserError: no such file, or not of this kind.
    """
    return schema.read(Grid, path)
