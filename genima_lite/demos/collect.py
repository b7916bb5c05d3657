"""Collects the expert's demonstrations into a dataset in RLBench's layout."""

from __future__ import annotations

import shutil
from collections.abc import Generator, Iterator, Sequence
from concurrent.futures import as_completed
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, replace
from functools import lru_cache, partial
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from genima_lite import locks
from genima_lite.cluster import each_on_cluster
from genima_lite.demos.layout import PARTIAL, DatasetError, episode_folder
from genima_lite.demos.write import write_episode
from genima_lite.envs.api import (
    BENCH,
    EnvSpec,
    HasDemonstrations,
    HasExpert,
    HasSnapshot,
    RobotEnv,
    check_like,
    check_perturbations,
    check_task,
    check_tasks,
    make_env,
    require,
)
from genima_lite.envs.lost import unless_lost
from genima_lite.envs.sentences import tasks_with_sentences
from genima_lite.errors import UserError
from genima_lite.files import check_folder, refuse_link
from genima_lite.observation import Demo
from genima_lite.panda import Unreachable
from genima_lite.provenance import FILE, claim, fingerprint
from genima_lite.seeds import MAX_ATTEMPTS, check_episodes, training_seed
from genima_lite.workers import check_processes, one_thread, pool

MAX_IMAGE_SIZE = 2048
"""Pixels; a side of what the software renderer draws in a reasonable time."""

_BYTES_PER_PIXEL = 300
"""A whole episode has at least so many, of all pictures, for each pixel of one: half of what the
shortest task needs."""

_LAST_CHANCE_STEPS = 10


class Lead(Protocol):
    """Brings the arm somewhere and starts the episode anew from there, its clock at 0."""

    def __call__(self, env: RobotEnv, seed: int, instruction: str) -> None:
        """Lead an environment that was just reset; the same seed does the same.

        Raises:
            UserError: the environment lacks a capability.
            panda.Unreachable: the expert has no plan.
        """


class MakeLead(Protocol):
    """Makes leads; picklable and hashable, so that workers get it. See
    `genima_lite.datasets.recovery_starts.NoiseLeads` and `PolicyLeads`.
    """

    def __call__(self, task: str) -> Lead:
        """Return what leads in a task's environment."""

    def __hash__(self) -> int:
        """Tell equal makers: each worker makes one lead a task."""

    def provenance(self) -> dict[str, Any]:
        """Return what the starts come from, JSON-able, fingerprints of weights included."""


@dataclass(frozen=True)
class CollectSettings:
    """What all episodes of a dataset share.

    Attributes:
        seed: the same seed gives the same data.
        image_size: pixels along each side.
        variations: which variations episodes are dealt round; `None` for all of a task's.
        recovery: share of the episodes that start with the arm beside the expert's path
            (`genima_lite.datasets.recovery_starts`).
        lead: makes what leads it there.
        backend, perturbations, strength, speed, tracking, sentences: see
            `genima_lite.envs.api.EnvSpec`.
    """

    seed: int = 0
    image_size: int = 128
    variations: tuple[int, ...] | None = None
    recovery: float = 0.0
    lead: MakeLead | None = None
    backend: str = BENCH
    perturbations: tuple[str, ...] = ()
    strength: float = 1.0
    speed: str = BENCH
    tracking: str = BENCH
    sentences: str | None = None

    def __post_init__(self) -> None:
        if self.seed < 0:
            raise UserError(f"--seed is {self.seed}; it must not be negative")
        if self.variations is not None and not self.variations:
            raise UserError("--variations is empty; name at least one, or 'all'")
        if not 1 <= self.image_size <= MAX_IMAGE_SIZE:
            raise UserError(f"--image-size is {self.image_size}; give 1 to {MAX_IMAGE_SIZE}")
        if not 0 <= self.recovery <= 1:
            raise UserError(f"--recovery is {self.recovery}; give a share from 0 to 1")
        check_perturbations(self.perturbations, self.strength, self.backend)
        check_like("speed", self.speed)
        check_like("tracking", self.tracking)
        if self.recovery and self.lead is None:
            raise UserError("recovery starts need a lead: by noise or by a policy")

    def spec(self, task: str) -> EnvSpec:
        """Return the environment in which a task's episodes are recorded."""
        size, backend = self.image_size, self.backend
        spec = EnvSpec(task, image_size=size, depth=True, mask=True, backend=backend)
        names = ("perturbations", "strength", "speed", "tracking", "sentences")
        return replace(spec, **{name: getattr(self, name) for name in names})

    def provenance(self) -> dict[str, Any]:
        """Return all that the episodes come from, JSON-able, with fingerprints of the file of
        sentences and of the weights of the policy that leads to recovery starts.
        """
        sentences = fingerprint(self.sentences) if self.sentences else None
        lead = self.lead.provenance() if self.lead else None
        return {**vars(self), "sentences": sentences, "lead": lead}


@dataclass(frozen=True)
class Job:
    """One episode to record: where it goes, and which of the task's episodes it is."""

    task: str
    variation: int
    episode: int
    number: int

    def folder(self, root: Path) -> Path:
        """Return where the episode is, or will be."""
        return episode_folder(root, self.task, self.variation, self.episode)


@dataclass(frozen=True)
class Recorded:
    """What became of a job: steps of the demo, and seeds that the expert could not solve."""

    job: Job
    steps: int
    unsolved_seeds: tuple[int, ...]


def plan_jobs(tasks: Sequence[str], episodes: int, settings: CollectSettings) -> list[Job]:
    """Deal `episodes` episodes a task round over the variations.

    Raises:
        UserError: unknown task or variation, a task that is named twice, too many episodes, or
            sentences for an unknown task.
    """
    check_episodes(episodes)
    check_tasks(tasks, settings.backend)
    for task in tasks_with_sentences(settings.sentences):
        check_task(task, settings.backend)
    jobs = []
    for task in tasks:
        count = _environment(settings.spec(task)).variations
        chosen = settings.variations or tuple(range(count))
        wrong = [v for v in chosen if not 0 <= v < count]
        if wrong:
            raise UserError(f"task '{task}' has no variation {wrong[0]}: it has 0 to {count - 1}")
        for number in range(episodes):
            episode, which = divmod(number, len(chosen))
            jobs.append(Job(task, chosen[which], episode, number))
    return jobs


def claim_folder(root: Path, settings: CollectSettings) -> None:
    """Make `root` this collection's folder, or check that it already is.

    Raises:
        DatasetError: the folder holds other data.
        UserError: it holds data of other settings, or of other weights.
    """
    strange = root.exists() and any(not path.name.startswith(".") for path in root.iterdir())
    if strange and not (root / FILE).exists():
        raise DatasetError(
            f"{root}: not empty and without {FILE}, so it was not made by 'collect'; "
            "choose another folder"
        )
    claim(root, settings.provenance())


def collect(
    root: Path | str,
    tasks: Sequence[str],
    episodes: int,
    settings: CollectSettings,
    workers: int = 1,
    ray_address: str | None = None,
) -> Generator[Recorded | None, None, None]:
    """Record demonstrations that are not there yet, in any order, yielding one result a job.

    Episodes that are there already yield `None`. Killed and started again with the same arguments
    it finishes the set: an episode appears in its place only when it is whole. One process at a
    time records a task's episodes; others wait for it.

    Args:
        root: the dataset's folder.
        tasks, episodes, settings: what is recorded.
        workers: processes of this machine.
        ray_address: of a Ray cluster that records instead (`genima_lite.cluster`); this process
            writes.

    Raises:
        DatasetError, UserError: see `claim_folder`, `check_collection`, `locks.writing`; or a
            number of workers that makes no sense.
    """
    root = Path(root)
    check_processes(workers, "workers")
    jobs = check_collection(root, tasks, episodes, settings)
    with locks.writing(root):
        claim_folder(root, settings)
    with _only_writer(root, tasks):
        todo = [job for job in jobs if not job.folder(root).exists()]
        yield from [None] * (len(jobs) - len(todo))
        if ray_address is not None:
            for made in each_on_cluster(partial(_made, settings=settings), todo, ray_address):
                yield _written(root, made)
            return
        if workers == 1:
            yield from (_record(root, job, settings) for job in todo)
            return
        with pool(workers, one_thread) as executor:
            for future in as_completed([executor.submit(_record, root, j, settings) for j in todo]):
                yield future.result()


def check_collection(
    root: Path, tasks: Sequence[str], episodes: int, settings: CollectSettings
) -> list[Job]:
    """Return the jobs of a collection, or refuse one that could only fail later.

    Raises:
        UserError: see `plan_jobs`; the folder cannot be written to, or there is too little space.
    """
    jobs = plan_jobs(tasks, episodes, settings)
    missing = sum(not job.folder(root).exists() for job in jobs)
    check_folder(root, space(missing, settings.image_size))
    return jobs


def space(episodes: int, image_size: int) -> int:
    """Return how many bytes episodes at least take on the disk."""
    return episodes * image_size**2 * _BYTES_PER_PIXEL


@contextmanager
def _only_writer(root: Path, tasks: Sequence[str]) -> Iterator[None]:
    """Be the only process that writes tasks' episodes; remove what killed ones left unfinished.

    Raises:
        UserError: a link leads the unfinished ones elsewhere, or another process writes.
    """
    folders = [root / PARTIAL / task for task in sorted(set(tasks))]  # in order: no deadlocks
    for folder in (root / PARTIAL, *folders):
        refuse_link(folder)
    try:
        with ExitStack() as held:
            for folder in folders:
                held.enter_context(locks.writing(folder))
            _remove_unfinished(folders)
            try:
                yield
            finally:
                _remove_unfinished(folders)
    finally:
        for folder in [*folders, root / PARTIAL]:
            with suppress(OSError):  # another process works in it
                folder.rmdir()


def _remove_unfinished(folders: Sequence[Path]) -> None:
    """Remove episodes that nobody builds any more."""
    for left in [path for folder in folders for path in folder.iterdir() if path.is_dir()]:
        shutil.rmtree(left, ignore_errors=True)


@lru_cache(maxsize=2)
def _environment(spec: EnvSpec) -> RobotEnv:
    return make_env(spec)


@lru_cache(maxsize=2)
def _lead(task: str, make: MakeLead) -> Lead:
    return make(task)


def _is_recovery(seed: int, attempt: int, settings: CollectSettings) -> bool:
    """Return whether an attempt starts beside the expert's path; the last ones do not, since a
    policy may break what the expert needs, such as a tower of bricks.
    """
    drawn = np.random.default_rng([seed, 2]).random()
    return attempt < MAX_ATTEMPTS // 2 and bool(drawn < settings.recovery)


def _record(root: Path, job: Job, settings: CollectSettings) -> Recorded:
    """Record one episode and write it; seeds that the expert cannot solve are reported."""
    return _written(root, _made(job, settings))


@dataclass(frozen=True)
class _Made:
    """An episode that is not written yet."""

    job: Job
    demo: Demo
    sentences: list[str]
    unsolved: tuple[int, ...]


def _written(root: Path, made: _Made) -> Recorded:
    job = made.job
    write_episode(made.demo, root, job.task, job.variation, job.episode, made.sentences)
    return Recorded(job, len(made.demo) - 1, made.unsolved)


def _made(job: Job, settings: CollectSettings) -> _Made:
    """Record one episode.

    Raises:
        UserError: the expert solves none of its seeds.
    """
    env = _environment(settings.spec(job.task))
    unsolved: list[int] = []
    for attempt in range(MAX_ATTEMPTS):
        seed = training_seed(settings.seed, job.number, attempt)
        lead = None
        if settings.lead and _is_recovery(seed, attempt, settings):
            lead = _lead(job.task, settings.lead)
        demo = unless_lost(partial(record_demo, env, seed, job.variation, lead))
        if demo is not None:
            return _Made(job, demo, env.instructions(job.variation), tuple(unsolved))
        unsolved.append(seed)
    raise UserError(
        f"the expert failed on task '{job.task}', variation {job.variation}, with all of "
        f"{MAX_ATTEMPTS} seeds {unsolved}"
    )


def record_demo(env: RobotEnv, seed: int, variation: int, lead: Lead | None = None) -> Demo | None:
    """Record the expert's episode, or return `None` where it does not succeed.

    As in RLBench the expert runs its plan to the end even if success comes early; after the last
    command it has ten more steps. Frame t + 1 holds the command that led there.

    Args:
        env: the task's environment; it needs an expert.
        seed: of the scene, and of where `lead` brings the arm.
        variation: the task's variation.
        lead: brings the arm beside the expert's path before; `None` to start at home.

    Raises:
        UserError: the environment has no expert.
    """
    if isinstance(env, HasDemonstrations) and lead is None:
        return _demonstration(env, seed, variation)
    expert = require(env, HasExpert, "recording demonstrations")
    _, info = env.reset(seed=seed, options={"variation": variation})
    drawn_from = env.random_state
    try:
        if lead:
            lead(env, seed, info["instruction"])
        steps = np.vstack(list(expert.expert_stretches()))
    except Unreachable:
        return None
    demo = Demo([env.observation], drawn_from, 1, _scene_state(env, seed))
    for step in range(len(steps) + _LAST_CHANCE_STEPS):
        row = min(step, len(steps) - 1)
        outcome = env.execute(steps[row : row + 1])
        demo._observations.append(env.observation)
        if outcome.success and step >= len(steps) - 1:
            return demo
    return None


def _demonstration(env: Any, seed: int, variation: int) -> Demo | None:
    """Return what an environment demonstrates itself, `None` where it does not succeed."""
    env.reset(seed=seed, options={"variation": variation})
    with suppress(Unreachable):
        return env.demonstration(pictures=True)
    return None


def _scene_state(env: RobotEnv, seed: int) -> dict[str, Any] | None:
    """Return what a replay needs; `None` where the environment cannot be restored."""
    if not isinstance(env, HasSnapshot):
        return None
    return {"task": env.task_name, "seed": seed, **env.state()}
