"""How often does the expert solve its task? `python benchmarks/experts.py [TASKS]`

From the arm's home in each variation, and from beside its way. Every scene counts: one whose
waypoints the arm cannot reach is a failure ("refused"), and none is drawn again. No pictures.

    TASKS          some (default all)
    --episodes N   a variation (default 200)
    --recovery N   a task, from home with noise on the way (`datasets/recovery_starts.py`), and as
                   many with the arm set down anywhere (`datasets/perturbed_states.py`) (default 50)
    --seed S       base of the episodes' seeds (default 5000)
    --perturb P    perturbations of all scenes, at full strength (default none)
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator, Sequence
from typing import TypeVar

import numpy as np
from rich.progress import track

from genima_lite import panda
from genima_lite.datasets.perturbed_states import PerturbedStates, perturbed_states
from genima_lite.datasets.recovery_starts import ByNoise
from genima_lite.demos.collect import record_demo
from genima_lite.envs.api import (
    EnvSpec,
    HasExpert,
    HasSnapshot,
    RobotEnv,
    check_task,
    make_env,
    require,
    task_names,
)
from genima_lite.evaluation.rollout import run_episode
from genima_lite.evaluation.statistics import EpisodeResult, wilson_interval
from genima_lite.policies.expert import ExpertPolicy
from genima_lite.seeds import evaluation_seed, training_seed

T = TypeVar("T")

_REST = 20
"""Steps that the arm rests at the end of its way, for what still moves."""


def from_home(env: RobotEnv, variation: int, episodes: int, seed: int) -> Iterator[EpisodeResult]:
    """Yield the results of a variation's episodes with evaluation seeds."""
    expert = ExpertPolicy(env)
    for i in range(episodes):
        yield run_episode(env, expert, evaluation_seed(seed, i), variation)


def with_noise(env: RobotEnv, episodes: int, seed: int) -> Iterator[bool]:
    """Yield whether the expert finishes from where noise has led the arm, over all variations."""
    for i in range(episodes):
        demo = record_demo(env, training_seed(seed, i), i % env.variations, ByNoise())
        yield demo is not None


def set_down(env: RobotEnv, count: int, seed: int) -> Iterator[bool]:
    """Yield whether the expert finishes from where the arm was set down."""
    expert = require(env, HasExpert, "recovery")
    snapshot = require(env, HasSnapshot, "recovery")
    for _ in perturbed_states(env, PerturbedStates(seed), 0, count):
        snapshot.restore(snapshot.state())  # the time limit counts from here
        try:
            way = np.vstack(list(expert.expert_stretches()))
        except panda.Unreachable:
            yield False
            continue
        yield env.execute(np.vstack([way, *[way[-1:]] * _REST])).success


def rate(solved: Sequence[bool]) -> str:
    """Return how many were solved, with the 95 % interval."""
    low, high = wilson_interval(sum(solved), len(solved))
    return f"{sum(solved)} of {len(solved)} ({low:.1%} to {high:.1%})"


def described(results: Sequence[EpisodeResult]) -> str:
    """Return the success rate, the steps of what was solved, and which seeds were not."""
    steps = [result.steps for result in results if result.success] or [0]
    failed = [
        f"{result.seed}{' refused' if result.refusal else ''}"
        for result in results
        if not result.success
    ]
    return (
        f"{rate([result.success for result in results])}, seeds {results[0].seed} to "
        f"{results[-1].seed}, steps {min(steps)}/{np.median(steps):g}/{max(steps)}"
        + (f"; failed: {', '.join(failed)}" if failed else "")
    )


def measure(task: str, episodes: int, recovery: int, seed: int, perturb: Sequence[str]) -> None:
    """Print a line for each variation of a task, and two for its recovery."""
    env = make_env(EnvSpec(task, cameras=(), perturbations=tuple(perturb)))
    for variation in range(env.variations if episodes else 0):
        what = f"{task}, variation {variation}"
        results = _tracked(from_home(env, variation, episodes, seed), what, episodes)
        print(f"{what}: {described(results)}", flush=True)
    for how, start in (("noise on the way", with_noise), ("set down anywhere", set_down)):
        if recovery:
            what = f"{task}, {how}"
            print(
                f"{what}: {rate(_tracked(start(env, recovery, seed), what, recovery))}", flush=True
            )
    env.close()


def _tracked(row: Iterator[T], what: str, count: int) -> list[T]:
    """Return all of a row, with a bar of progress on a terminal."""
    return list(track(row, what, count, transient=True, disable=not sys.stdout.isatty()))


def main() -> None:
    """Measure task by task."""
    parser = argparse.ArgumentParser(description="how often the expert solves its task")
    parser.add_argument("tasks", nargs="*", type=check_task, default=task_names())
    parser.add_argument("--episodes", type=int, default=200)
    parser.add_argument("--recovery", type=int, default=50)
    parser.add_argument("--seed", type=int, default=5000)
    parser.add_argument("--perturb", nargs="+", default=[])
    args = parser.parse_args()
    print("success (95 %), seeds, steps of 50 ms min/median/max")
    for task in args.tasks:
        measure(task, args.episodes, args.recovery, args.seed, args.perturb)


if __name__ == "__main__":
    main()
