"""Closed-loop evaluation: policies on tasks over seeds, with confidence intervals."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from genima_lite.bench.env import BenchEnv
from genima_lite.errors import UserError
from genima_lite.policy import Policy, PolicySettings, make_env, make_policy
from genima_lite.seeds import evaluation_seed


@dataclass(frozen=True)
class EpisodeResult:
    """What happened in one episode.

    Attributes:
        task, variation, seed: which episode; `seed` is the environment's.
        success: whether the task was solved within its step limit.
        steps: 50 ms steps taken.
        error: why the policy could not act, else `None`; such an episode counts as a failure.
        seconds: wall-clock seconds by stage: "policy" and "environment".
    """

    task: str
    variation: int
    seed: int
    success: bool
    steps: int
    error: str | None
    seconds: dict[str, float]


def run_episode(env: BenchEnv, policy: Policy, seed: int, variation: int) -> EpisodeResult:
    """Run one episode: decide, execute all actions of the decision, until success or the limit."""
    spent = {"policy": 0.0, "environment": 0.0}
    clock = _Clock(spent)
    _, info = env.reset(seed=seed, options={"variation": variation})
    clock.charge("environment")
    steps, done, error = 0, False, None
    try:
        policy.reset(info["instruction"], seed)
        while not done:
            actions = policy.act(env.observation)
            clock.charge("policy")
            for action in actions:
                _, _, terminated, truncated, info = env.step(action)
                steps += 1
                done = terminated or truncated
                if done:
                    break
            clock.charge("environment")
    except ValueError as refused:
        error = str(refused)
    return EpisodeResult(env.task_name, variation, seed, info["success"], steps, error, spent)


class _Clock:
    """Adds the time since the last call to an account."""

    def __init__(self, accounts: dict[str, float]):
        self._accounts, self._last = accounts, time.perf_counter()

    def charge(self, account: str) -> None:
        now = time.perf_counter()
        self._accounts[account] += now - self._last
        self._last = now


def evaluate(
    policy: str,
    tasks: Sequence[str],
    episodes: int,
    seed: int,
    settings: PolicySettings = PolicySettings(),  # noqa: B008
) -> Iterator[EpisodeResult]:
    """Yield the results of `episodes` episodes a task, dealt round over the task's variations.

    Episode i of every task runs with environment seed `evaluation_seed(seed, i)`.

    Raises:
        UserError: no episodes asked for, a negative seed, an unknown task or policy, or no
            checkpoint for a policy that needs one.
    """
    if episodes < 1 or seed < 0:
        raise UserError(f"{episodes} episodes from seed {seed}: give at least 1, and from 0 on")
    for task in tasks:
        env = make_env(policy, task, settings)
        agent = make_policy(policy, env, settings)
        for i in range(episodes):
            variation = i % env.task.variations
            yield run_episode(env, agent, evaluation_seed(seed, i), variation)
        env.close()


def results_document(settings: dict[str, Any], results: Sequence[EpisodeResult]) -> dict[str, Any]:
    """Return all about a run, JSON-able: its settings, the summary, and every episode."""
    episodes = [asdict(result) for result in results]
    return {"settings": settings, "summary": summarize(results), "episodes": episodes}


def wilson_interval(successes: int, n: int, z: float = 1.959964) -> tuple[float, float]:
    """Return the Wilson score interval of a success rate (95 % by default), within [0, 1].

    Source: Wilson (1927), J. Am. Stat. Assoc. 22, 209-212.
    """
    if n == 0:
        return 0.0, 1.0
    share, spread = successes / n, z * z / n
    middle = (share + spread / 2) / (1 + spread)
    half = z / (1 + spread) * np.sqrt(share * (1 - share) / n + spread / (4 * n))
    return max(0.0, float(middle - half)), min(1.0, float(middle + half))


def summarize(results: Iterable[EpisodeResult]) -> dict[str, Any]:
    """Return per-task successes with n, seeds, step counts and 95 % Wilson intervals."""
    by_task: dict[str, list[EpisodeResult]] = {}
    for result in results:
        by_task.setdefault(result.task, []).append(result)
    return {task: _summary(rows) for task, rows in by_task.items()}


def _summary(rows: list[EpisodeResult]) -> dict[str, Any]:
    successes = sum(row.success for row in rows)
    return {
        "successes": successes,
        "n": len(rows),
        "rate": successes / len(rows),
        "interval_95": wilson_interval(successes, len(rows)),
        "median_steps": float(np.median([row.steps for row in rows])),
        "by_variation": _by_variation(rows),
        "seeds": [row.seed for row in rows],
        "variations": [row.variation for row in rows],
        "failures": [asdict(row) for row in rows if not row.success],
    }


def _by_variation(rows: list[EpisodeResult]) -> dict[str, dict[str, int]]:
    counts: dict[str, dict[str, int]] = {}
    for row in rows:
        count = counts.setdefault(str(row.variation), {"successes": 0, "n": 0})
        count["successes"] += row.success
        count["n"] += 1
    return counts
