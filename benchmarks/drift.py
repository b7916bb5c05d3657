"""Is it the drawing, or where the arm's own errors lead? `python benchmarks/drift.py [TASKS]`.

Genima twice on the same episodes with the same controller: once it draws on what it sees; once on
what it would see if the arm were exactly on the expert's path, decision by decision. The second
number shows how good drawings are where demonstrations have been; what the first lacks to it is
lost where the arm's own errors lead. Part of that is drift, part is choice: where several ways are
right (either rim of a cup), the expert's own posture shows which one it has taken.

    --episodes N        a task (default 24)
    --seed S            the first evaluation seed's base (default 7000)
    --checkpoint DIR    folder of the agent (default the shipped one)
    --json FILE         also write the results
"""

from __future__ import annotations

import argparse
from dataclasses import replace
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.table import Table

from genima_lite.envs.api import HasSnapshot, RobotEnv, check_task, make_env, require, task_names
from genima_lite.evaluation.rollout import run_episode
from genima_lite.evaluation.statistics import EpisodeResult, summarize
from genima_lite.files import write_json
from genima_lite.observation import Observation
from genima_lite.policies.api import Policy, PolicyFactory, PolicySettings, env_spec
from genima_lite.policies.genima import GenimaPolicy
from genima_lite.policies.oracle import OraclePolicy
from genima_lite.seeds import evaluation_seed


class OnExpertsViews(OraclePolicy):
    """Draws on the views that the expert would have, and follows from where the arm is."""

    def __init__(self, env: RobotEnv, settings: PolicySettings, painter: GenimaPolicy):
        super().__init__(env, settings)
        self._painter = painter
        self._twin = make_env(env_spec("genima", env.task_name, settings))

    @classmethod
    def controller_folder(cls, settings: PolicySettings) -> Path:
        """Return where Genima's controller is."""
        return GenimaPolicy.controller_folder(settings)

    def reset(self, instruction: str, seed: int) -> None:
        """Plan the episode, and put the twin at its start."""
        super().reset(instruction, seed)
        self._painter.reset(instruction, seed)
        state = require(self.env, HasSnapshot, "the twin").state()
        require(self._twin, HasSnapshot, "the twin").restore(state)
        self._at = 0

    def _views(self, observation: Observation) -> dict[str, np.ndarray]:
        frame = self._frame
        super()._views(observation)  # goes on to the next decision's frame
        if frame > self._at:
            self._twin.execute(self._expert.plan[self._at + 1 : frame + 1])
            self._at = frame
        return self._painter._views(self._twin.observation)


def compare(task: str, episodes: int, seed: int, settings: PolicySettings) -> list[EpisodeResult]:
    """Run both on a task; tasks' names in the results end in what was drawn on."""
    env, genima = PolicyFactory("genima", settings)(task)
    assert isinstance(genima, GenimaPolicy)
    ways: dict[str, Policy] = {
        "own views": genima,
        "expert's views": OnExpertsViews(env, settings, genima),
    }
    results = []
    for i in range(episodes):
        for name, policy in ways.items():
            variation = i % env.variations
            result = run_episode(env, policy, evaluation_seed(seed, i), variation)
            results.append(replace(result, task=f"{task}, {name}"))
    return results


def main() -> None:
    """Run, print a table, write the results."""
    parser = argparse.ArgumentParser(description="drawing or drift?")
    parser.add_argument("tasks", nargs="*", type=check_task, default=task_names())
    parser.add_argument("--episodes", type=int, default=24)
    parser.add_argument("--seed", type=int, default=7000)
    parser.add_argument("--checkpoint", type=Path)
    parser.add_argument("--json", type=Path)
    args = parser.parse_args()
    table = Table("task, drawn on", "success", "n", "95 %")
    written = {}
    for task in args.tasks:
        settings = PolicySettings(args.checkpoint)
        summary = summarize(compare(task, args.episodes, args.seed, settings))
        for name, row in summary.items():
            low, high = row["interval_95"]
            table.add_row(name, str(row["successes"]), str(row["n"]), f"{low:.0%} to {high:.0%}")
        written |= summary
    Console().print(table)
    if args.json is not None:
        write_json(args.json, written)


if __name__ == "__main__":
    main()
