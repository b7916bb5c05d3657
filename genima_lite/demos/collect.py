"""Collects the expert's demonstrations into a dataset in RLBench's layout."""

from __future__ import annotations

import json
import multiprocessing
import os
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import asdict, dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np

from genima_lite.datasets.recovery_starts import Lead, make_lead
from genima_lite.demos.layout import DatasetError, episode_folder
from genima_lite.demos.write import write_episode
from genima_lite.envs.bench.env import BenchEnv
from genima_lite.envs.bench.expert import plan
from genima_lite.envs.bench.recovery import waypoints_ahead
from genima_lite.envs.bench.tasks import load_task
from genima_lite.errors import UserError
from genima_lite.files import write_json
from genima_lite.observation import Demo
from genima_lite.panda import Unreachable
from genima_lite.policies.api import policy_names
from genima_lite.seeds import MAX_ATTEMPTS, training_seed

SETTINGS_FILE = "collection.json"
_LAST_CHANCE_STEPS = 10


@dataclass(frozen=True)
class CollectSettings:
    """What all episodes of a dataset share.

    Attributes:
        seed: the same seed gives the same data.
        image_size: pixels along each side.
        variations: which variations episodes are dealt round; `None` for all of a task's.
        recovery: share of the episodes that start with the arm beside the expert's path
            (`genima_lite.datasets.recovery_starts`).
        recovery_by: what leads it there, "noise" or a policy's name.
        checkpoint: folder of that policy; `None` for the shipped one.
    """

    seed: int = 0
    image_size: int = 128
    variations: tuple[int, ...] | None = None
    recovery: float = 0.0
    recovery_by: str = "noise"
    checkpoint: str | None = None

    def __post_init__(self) -> None:
        if self.seed < 0:
            raise UserError(f"--seed is {self.seed}; it must not be negative")
        if self.variations is not None and not self.variations:
            raise UserError("--variations is empty; name at least one, or 'all'")
        if not 0 <= self.recovery <= 1:
            raise UserError(f"--recovery is {self.recovery}; give a share from 0 to 1")
        if self.recovery_by not in ("noise", *policy_names()):
            raise UserError(
                f"--recovery-by is '{self.recovery_by}'; choose noise, {', '.join(policy_names())}"
            )


@dataclass(frozen=True)
class Job:
    """One episode to record: where it goes, and which of the task's episodes it is."""

    task: str
    variation: int
    episode: int
    number: int


@dataclass(frozen=True)
class Recorded:
    """What became of a job: steps of the demo, and seeds that the expert could not solve."""

    job: Job
    steps: int
    unsolved_seeds: tuple[int, ...]


def plan_jobs(tasks: Sequence[str], episodes: int, settings: CollectSettings) -> list[Job]:
    """Deal `episodes` episodes a task round over the variations.

    Raises:
        UserError: unknown task or variation.
    """
    if episodes < 1:
        raise UserError(f"--episodes is {episodes}; ask for at least 1")
    jobs = []
    for task in tasks:
        count = load_task(task).variations
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
        DatasetError: the folder holds other data, or data of other settings.
    """
    path = root / SETTINGS_FILE
    wanted = json.loads(json.dumps(asdict(settings)))
    if path.exists():
        _check_same(path, json.loads(path.read_text(encoding="utf-8")), wanted)
    elif root.exists() and any(root.iterdir()):
        raise DatasetError(
            f"{root}: not empty and without {SETTINGS_FILE}, so it was not made by 'collect'; "
            "choose another folder"
        )
    else:
        write_json(path, wanted)


def _check_same(path: Path, present: dict, wanted: dict) -> None:
    present = {
        "recovery": 0.0,
        "recovery_by": "noise",
        **present,
    }  # older versions did not write them
    for key, value in wanted.items():
        if present.get(key) != value:
            raise DatasetError(
                f"{path}: this folder was collected with {key} = {present.get(key)}, not {value}; "
                "use the same settings to go on with it, or choose another folder"
            )


def collect(
    root: Path | str,
    tasks: Sequence[str],
    episodes: int,
    settings: CollectSettings,
    workers: int = 1,
) -> Iterator[Recorded | None]:
    """Record demonstrations that are not there yet, in any order, yielding one result a job.

    Episodes that are there already yield `None`. Killed and started again with the same arguments
    it finishes the set: an episode appears in its place only when it is whole.

    Raises:
        DatasetError, UserError: see `claim_folder` and `plan_jobs`.
    """
    root = Path(root)
    jobs = plan_jobs(tasks, episodes, settings)
    claim_folder(root, settings)
    todo = [j for j in jobs if not episode_folder(root, j.task, j.variation, j.episode).exists()]
    yield from [None] * (len(jobs) - len(todo))
    if workers <= 1:
        for job in todo:
            yield _record(root, job, settings)
        return
    spawn = multiprocessing.get_context("spawn")
    pool = ProcessPoolExecutor(workers, mp_context=spawn, initializer=_one_thread)
    try:
        for future in as_completed([pool.submit(_record, root, j, settings) for j in todo]):
            yield future.result()
    finally:
        pool.shutdown(cancel_futures=True)


def _one_thread() -> None:
    """Let a worker's software GL and its models use one core only."""
    os.environ["LP_NUM_THREADS"] = "0"
    os.environ["OMP_NUM_THREADS"] = "1"


@lru_cache(maxsize=2)
def _environment(task: str, image_size: int) -> BenchEnv:
    return BenchEnv(task, image_size=image_size, depth=True, mask=True)


@lru_cache(maxsize=2)
def _lead(task: str, settings: CollectSettings) -> Lead:
    folder = Path(settings.checkpoint) if settings.checkpoint else None
    return make_lead(settings.recovery_by, task, folder)


def _is_recovery(seed: int, attempt: int, settings: CollectSettings) -> bool:
    """Return whether an attempt is led astray; the last ones are not, since a policy may break
    what the expert needs, such as a tower of bricks.
    """
    drawn = np.random.default_rng([seed, 2]).random()
    return attempt < MAX_ATTEMPTS // 2 and bool(drawn < settings.recovery)


def _record(root: Path, job: Job, settings: CollectSettings) -> Recorded:
    """Record one episode and write it; seeds that the expert cannot solve are reported."""
    env = _environment(job.task, settings.image_size)
    unsolved: list[int] = []
    for attempt in range(MAX_ATTEMPTS):
        seed = training_seed(settings.seed, job.number, attempt)
        lead = _lead(job.task, settings) if _is_recovery(seed, attempt, settings) else None
        demo = record_demo(env, seed, job.variation, lead)
        if demo is not None:
            sentences = env.task.instructions(job.variation)
            write_episode(demo, root, job.task, job.variation, job.episode, sentences)
            return Recorded(job, len(demo) - 1, tuple(unsolved))
        unsolved.append(seed)
    raise UserError(
        f"the expert failed on task '{job.task}', variation {job.variation}, with all of "
        f"{MAX_ATTEMPTS} seeds {unsolved}"
    )


def record_demo(env: BenchEnv, seed: int, variation: int, lead: Lead | None = None) -> Demo | None:
    """Record the expert's episode, or return `None` where it does not succeed.

    As in RLBench the expert runs its waypoints to the end even if success comes early; after
    the last one it has ten more steps. Frame t + 1 holds the command that led there.

    Args:
        env: the task's environment.
        seed: of the scene, and of where the arm goes astray.
        variation: the task's variation.
        lead: leads the arm astray before; `None` to start at home.
    """
    env.reset(seed=seed, options={"variation": variation})
    drawn_from = env.random_state
    try:
        steps = _plan(env, seed, lead)
    except Unreachable:
        return None
    state = {"task": env.task_name, "seed": seed, **env.scene.state()}
    demo = Demo([env.observation], drawn_from, 1, state)
    for step in range(len(steps) + _LAST_CHANCE_STEPS):
        *_, info = env.step(steps[min(step, len(steps) - 1)])
        demo._observations.append(env.observation)
        if info["success"] and step >= len(steps) - 1:
            return demo
    return None


def _plan(env: BenchEnv, seed: int, lead: Lead | None) -> np.ndarray:
    """Return the expert's commands (T, 8), from where the arm is led if it is led astray."""
    waypoints = env.task.waypoints(env.scene)
    if lead:
        lead(env, seed)
        waypoints = waypoints_ahead(env.scene, waypoints)
    open_now = float(env.scene.robot.commanded_open)
    return plan(waypoints, np.asarray(env.observation.joint_positions), open_now)
