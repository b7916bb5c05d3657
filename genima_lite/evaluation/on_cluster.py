"""Episodes on a Ray cluster: each a job of its own, kept by this process alone.

An evaluation whose episodes are all kept runs none of them again, so its results are the same as
without a cluster, in the same order.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from genima_lite.cluster import each_on_cluster
from genima_lite.envs.api import RobotEnv
from genima_lite.evaluation.episode_store import TaskEpisodes
from genima_lite.evaluation.recording import Recorder, Recording
from genima_lite.evaluation.rollout import EpisodeError, Start, dealt_round, run_number
from genima_lite.evaluation.statistics import EpisodeResult
from genima_lite.policies.api import Policy, PolicyFactory


@dataclass(frozen=True)
class Cell:
    """A policy's episodes of one task.

    Attributes:
        make: environment and policy. Weights lie where every machine finds them by the same path.
        task: its name.
        seed: of the first episode.
        episodes: how many.
        recorded: how many of the first ones are recorded.
        kept: where they are kept.
        start: gives variation and scene of an episode.
    """

    make: PolicyFactory
    task: str
    seed: int
    episodes: int
    recorded: int
    kept: TaskEpisodes
    start: Start = dealt_round


@dataclass(frozen=True)
class Job:
    """An episode of a cell, by its number."""

    cell: Cell
    number: int


def missing(cells: Iterable[Cell]) -> list[Job]:
    """Return the episodes of cells that are not kept yet.

    Raises:
        UserError: a broken file of a kept episode.
    """
    return [
        Job(cell, number)
        for cell in cells
        for number in range(cell.episodes)
        if cell.kept.result(number) is None
    ]


def run_jobs(jobs: Sequence[Job], address: str) -> Iterator[None]:
    """Run episodes on a cluster, and keep them; yield for each.

    An episode that ends with an error is not kept.

    Args:
        jobs: what is run.
        address: of the cluster; see `genima_lite.cluster.connected`.

    Raises:
        UserError: no Ray, or no cluster.
    """
    for job, result, recording in each_on_cluster(_run, jobs, address):
        if result is not None:
            job.cell.kept.keep(job.number, result, recording)
        yield


def _run(job: Job) -> tuple[Job, EpisodeResult | None, Recording | None]:
    """Run an episode; `None` where it ends with an error."""
    cell = job.cell
    driven = _DRIVEN.made(cell.make, cell.task)
    recorder = Recorder(cell.make.name) if job.number < cell.recorded else None
    try:
        result = run_number(driven, cell.start, cell.task, cell.seed, job.number, recorder)
    except EpisodeError:
        return job, None, None
    return job, result, recorder.recordings[-1] if recorder else None


class _Driven:
    """The environment and the policy of a worker: one simulator at a time."""

    def __init__(self) -> None:
        self._key: tuple[PolicyFactory, str] | None = None
        self._made: tuple[RobotEnv, Policy] | None = None

    def made(self, make: PolicyFactory, task: str) -> tuple[RobotEnv, Policy]:
        if self._made is None or self._key != (make, task):
            if self._made is not None:
                self._made[0].close()
            self._key, self._made = (make, task), make(task)
        return self._made


_DRIVEN = _Driven()
