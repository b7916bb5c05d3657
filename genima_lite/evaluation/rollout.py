"""Closed-loop evaluation: policies on tasks over seeds, with confidence intervals."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from genima_lite.envs.bench.env import BenchEnv
from genima_lite.errors import UserError
from genima_lite.policies.api import Policy, PolicySettings, make_env, make_policy
from genima_lite.seeds import evaluation_seed

if TYPE_CHECKING:
    from genima_lite.evaluation.recording import Recorder


@dataclass(frozen=True)
class EpisodeResult:
    """What happened in one episode.

    Attributes:
        task, variation, seed: which episode; `seed` is the environment's.
        success: whether the task was solved within its step limit.
        steps: 50 ms steps taken.
        error: why the policy could not act, else `None`; such an episode counts as a failure.
        decisions: how often the policy was asked.
        seconds: wall-clock seconds by stage: "environment", what the policy reports of its own
            (for example "draw" and "control"), and "policy" for the rest of its time.
        objects: where the task's pieces were at the start, x, y, z in metres by body name.
    """

    task: str
    variation: int
    seed: int
    success: bool
    steps: int
    error: str | None
    decisions: int
    seconds: dict[str, float]
    objects: dict[str, list[float]]


def run_episode(
    env: BenchEnv, policy: Policy, seed: int, variation: int, recorder: Recorder | None = None
) -> EpisodeResult:
    """Run one episode: decide, execute all actions of the decision, until success or the limit.

    A recorder's own time is in no account.
    """
    run = _Run(env, policy, recorder)
    run.begin(seed, variation)
    objects = {name: place.tolist() for name, place in env.scene.pieces().items()}
    error = None
    try:
        policy.reset(run.info["instruction"], seed)
        while not run.done:
            run.execute(run.decide())
    except ValueError as refused:
        error = str(refused)
    which = (env.task_name, variation, seed, run.info["success"], run.steps)
    result = EpisodeResult(*which, error, run.decisions, run.clock.accounts, objects)
    if recorder:
        recorder.finish(result)
    return result


class _Run:
    """An episode while it runs: counts, the clock, and who watches."""

    def __init__(self, env: BenchEnv, policy: Policy, recorder: Recorder | None):
        self._env, self._policy, self._recorder = env, policy, recorder
        self.clock = _Clock()
        self.steps = self.decisions = 0
        self.done = False
        self.info: dict[str, Any] = {}

    def begin(self, seed: int, variation: int) -> None:
        """Reset the environment."""
        _, self.info = self._env.reset(seed=seed, options={"variation": variation})
        self.clock.charge("environment")
        if self._recorder:
            self._recorder.start(self._env, self.info["instruction"])
            self.clock.skip()

    def decide(self) -> np.ndarray:
        """Return the policy's next actions, (n, 8)."""
        observation = self._env.observation
        before = getattr(self._policy, "last", None)
        actions = self._policy.act(observation)
        decision = getattr(self._policy, "last", None)
        reported = decision.seconds if decision is not None and decision is not before else {}
        self.clock.charge("policy", reported)
        self.decisions += 1
        if self._recorder:
            self._recorder.decided(observation, decision)
            self.clock.skip()
        return actions

    def execute(self, actions: np.ndarray) -> None:
        """Take one step an action, until the episode ends; only the last one's view is needed."""
        for i, action in enumerate(actions, 1):
            if i < len(actions):
                terminated, truncated, self.info = self._env.step_blindly(action)
            else:
                _, _, terminated, truncated, self.info = self._env.step(action)
            self.steps += 1
            self.done = terminated or truncated
            self.clock.charge("environment")
            if self._recorder:
                self._recorder.stepped(self._env)
                self.clock.skip()
            if self.done:
                break


class _Clock:
    """Adds the time since the last call to accounts, in seconds."""

    def __init__(self) -> None:
        self.accounts = {"environment": 0.0, "policy": 0.0}
        self._last = time.perf_counter()

    def charge(self, account: str, parts: Mapping[str, float] | None = None) -> None:
        """Charge the time since the last call: `parts` to their accounts, the rest to `account`."""
        now = time.perf_counter()
        rest = now - self._last - sum((parts or {}).values())
        for stage, seconds in {**(parts or {}), account: max(0.0, rest)}.items():
            self.accounts[stage] = self.accounts.get(stage, 0.0) + seconds
        self._last = now

    def skip(self) -> None:
        """Charge the time since the last call to nobody."""
        self._last = time.perf_counter()


def evaluate(
    policy: str,
    tasks: Sequence[str],
    episodes: int,
    seed: int,
    settings: PolicySettings = PolicySettings(),  # noqa: B008
    recorder: Recorder | None = None,
) -> Iterator[EpisodeResult]:
    """Yield the results of `episodes` episodes a task, dealt round over the task's variations.

    Episode i of every task runs with environment seed `evaluation_seed(seed, i)`.

    Args:
        policy: its name.
        tasks: task names.
        episodes: how many a task.
        seed: of the first episode; see above.
        settings: for a trained policy.
        recorder: watches each task's first `recorder.each` episodes; if a later one failed, the
            first that did is run once more for it.

    Raises:
        UserError: no episodes asked for, a negative seed, an unknown task or policy, or no
            checkpoint for a policy that needs one.
    """
    if episodes < 1 or seed < 0:
        raise UserError(f"{episodes} episodes from seed {seed}: give at least 1, and from 0 on")
    for task in tasks:
        env = make_env(policy, task, settings)
        agent = make_policy(policy, env, settings)
        yield from _evaluate_task(env, agent, episodes, seed, recorder)
        env.close()
    if recorder:
        recorder.close()


def _evaluate_task(
    env: BenchEnv, agent: Policy, episodes: int, seed: int, recorder: Recorder | None
) -> Iterator[EpisodeResult]:
    """Yield a task's results; record the first episodes and one of the later failures."""
    failed: EpisodeResult | None = None
    for i in range(episodes):
        recorded = recorder is not None and i < recorder.each
        watcher = recorder if recorded else None
        variation = i % env.task.variations
        result = run_episode(env, agent, evaluation_seed(seed, i), variation, watcher)
        if not (recorded or result.success):
            failed = failed or result
        yield result
    if recorder is not None and failed is not None:
        run_episode(env, agent, failed.seed, failed.variation, recorder)


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


def mean_over_tasks(summary: Mapping[str, Any]) -> dict[str, Any]:
    """Return what `summarize` gave as one row: all tasks count the same.

    `interval_95` is Wilson's over all episodes together, `None` where tasks differ in n, since
    then the mean of the rates is not the share of those episodes.
    """
    rows = list(summary.values())
    successes, n = sum(row["successes"] for row in rows), sum(row["n"] for row in rows)
    alike = len({row["n"] for row in rows}) == 1
    return {
        "tasks": len(rows),
        "successes": successes,
        "n": n,
        "rate": sum(row["rate"] for row in rows) / len(rows) if rows else None,
        "interval_95": wilson_interval(successes, n) if alike else None,
    }


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
