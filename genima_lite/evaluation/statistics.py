"""Numbers of an evaluation: rates with intervals, a task at a time and over all tasks.

Errors are no results: an episode that ended with one counts neither as solved nor as failed.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from scipy.stats import binomtest

from genima_lite.errors import UserError


@dataclass(frozen=True)
class EpisodeResult:
    """What happened in one episode.

    Attributes:
        task, variation, seed: which episode; `seed` is the environment's.
        success: whether the task was solved within its step limit.
        steps: 50 ms steps taken.
        refusal: why the policy could not go on (unreachable plan), else `None`; such an episode
            counts as a failure.
        error: what went wrong in policy or environment, else `None`; such an episode counts as
            nothing.
        decisions: how often the policy was asked.
        seconds: wall-clock seconds by stage: "environment", what the policy reports of its own
            (for example "draw" and "control"), and "policy" for the rest of its time.
        objects: where the task's pieces were at the start, x, y, z in metres by name; empty for
            an environment that cannot tell.
    """

    task: str
    variation: int
    seed: int
    success: bool
    steps: int
    refusal: str | None
    error: str | None
    decisions: int
    seconds: dict[str, float]
    objects: dict[str, list[float]]


def results_document(settings: dict[str, Any], results: Sequence[EpisodeResult]) -> dict[str, Any]:
    """Return all about a run, JSON-able: `settings`, `summary`, `episodes`, and apart from them
    `errors`, the episodes that ended with one.
    """
    return {
        "settings": settings,
        "summary": summarize(results),
        "episodes": [asdict(result) for result in results if result.error is None],
        "errors": [asdict(result) for result in results if result.error is not None],
    }


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


@dataclass(frozen=True)
class Paired:
    """Two runs of the same episodes, compared episode by episode.

    Attributes:
        won: episodes that only the first run solves.
        lost: episodes that only the second one solves.
        p: of a two-sided sign test; chance would give each half of those.
    """

    won: int
    lost: int
    p: float


def paired(one: Mapping[Hashable, bool], other: Mapping[Hashable, bool]) -> Paired:
    """Compare two runs.

    Args:
        one, other: by episode (task and seed), whether it was solved.

    Raises:
        UserError: they are not the same episodes.
    """
    if different := set(one) ^ set(other):
        example = min(map(str, different))
        raise UserError(f"{len(different)} episodes are in one result only, such as {example}")
    won = sum(one[key] and not other[key] for key in one)
    lost = sum(other[key] and not one[key] for key in one)
    return Paired(won, lost, float(binomtest(won, won + lost).pvalue) if won + lost else 1.0)


def summarize(results: Iterable[EpisodeResult]) -> dict[str, Any]:
    """Return by task: `successes`, `n`, `rate` (`None` without episodes), `interval_95` (Wilson),
    `median_steps`, `by_variation`, `seeds`, `variations`, `failures`, `refused` (how many of the
    failures are refusals), and `errors` (how many episodes ended with one; they are not in n).
    """
    by_task: dict[str, list[EpisodeResult]] = {}
    for result in results:
        by_task.setdefault(result.task, []).append(result)
    return {task: _summary(rows) for task, rows in by_task.items()}


def mean_over_tasks(summary: Mapping[str, Any]) -> dict[str, Any]:
    """Return what `summarize` gave as one row: all tasks with episodes count the same.

    `interval_95` is Wilson's over all episodes together, `None` where tasks differ in n, since
    then the mean of the rates is not the share of those episodes.
    """
    rows = [row for row in summary.values() if row["n"]]
    successes, n = sum(row["successes"] for row in rows), sum(row["n"] for row in rows)
    alike = len({row["n"] for row in rows}) == 1
    return {
        "tasks": len(rows),
        "successes": successes,
        "n": n,
        "rate": sum(row["rate"] for row in rows) / len(rows) if rows else None,
        "interval_95": wilson_interval(successes, n) if alike else None,
    }


def _summary(every: list[EpisodeResult]) -> dict[str, Any]:
    rows = [row for row in every if row.error is None]
    successes = sum(row.success for row in rows)
    return {
        "successes": successes,
        "n": len(rows),
        "rate": successes / len(rows) if rows else None,
        "interval_95": wilson_interval(successes, len(rows)),
        "median_steps": float(np.median([row.steps for row in rows])) if rows else None,
        "by_variation": _by_variation(rows),
        "seeds": [row.seed for row in rows],
        "variations": [row.variation for row in rows],
        "failures": [asdict(row) for row in rows if not row.success],
        "refused": sum(row.refusal is not None for row in rows),
        "errors": len(every) - len(rows),
    }


def _by_variation(rows: list[EpisodeResult]) -> dict[str, dict[str, int]]:
    counts: dict[str, dict[str, int]] = {}
    for row in rows:
        count = counts.setdefault(str(row.variation), {"successes": 0, "n": 0})
        count["successes"] += row.success
        count["n"] += 1
    return counts
