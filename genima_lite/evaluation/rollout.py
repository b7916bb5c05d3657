"""Closed-loop evaluation: one policy in one environment, episode by episode."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from genima_lite.envs.api import HasObjects, RobotEnv
from genima_lite.envs.lost import unless_lost
from genima_lite.errors import NotReady, Refusal, UserError
from genima_lite.evaluation.statistics import EpisodeResult
from genima_lite.observation import Demo
from genima_lite.policies.api import Policy
from genima_lite.seeds import evaluation_seed

if TYPE_CHECKING:
    from genima_lite.evaluation.episode_store import TaskEpisodes
    from genima_lite.evaluation.recording import Recorder

Make = Callable[[str], tuple[RobotEnv, Policy]]
"""From a task's name to its environment and the policy in it, such as a
`genima_lite.policies.api.PolicyFactory`."""


Start = Callable[[str, int, int], tuple[int, Demo | None]]
"""From a task's name, an episode's number and how many variations the task has to the episode's
variation, and the demonstration in whose scene it starts, if any."""


def dealt_round(task: str, number: int, variations: int) -> tuple[int, Demo | None]:
    """Deal episodes round over all variations, in scenes of their seeds; a `Start`."""
    return number % variations, None


class EpisodeError(RuntimeError):
    """Something went wrong in an episode, in the policy or in the environment; no result.

    Attributes:
        result: the episode, as far as it came.
    """

    def __init__(self, result: EpisodeResult):
        self.result = result
        super().__init__(
            f"task '{result.task}', variation {result.variation}, seed {result.seed}, "
            f"after {result.steps} steps: {result.error}"
        )

    def __reduce__(self) -> tuple[type[EpisodeError], tuple[EpisodeResult]]:
        return type(self), (self.result,)  # so that it comes back from another process


class WrongEpisode(EpisodeError, UserError):
    """An episode cannot run with what the user gave; the message says so, and the way out."""


def run_episode(
    env: RobotEnv,
    policy: Policy,
    seed: int,
    variation: int,
    recorder: Recorder | None = None,
    demo: Demo | None = None,
) -> EpisodeResult:
    """Run one episode: decide, execute all actions of the decision, until success or the limit.

    A recorder's own time is in no account.

    Args:
        env: the task's environment.
        policy: decides in it.
        seed, variation: of the episode.
        recorder: watches, if there is one.
        demo: a demonstration in whose scene the episode starts, where the environment can do that.

    Raises:
        NotReady: no episode can run on this machine.
        EpisodeError: anything but a refusal went wrong; the cause is the error itself. A
            `WrongEpisode` if what went wrong is what the user gave.
    """
    run = _Run(env, policy, recorder, seed, variation, demo)
    try:
        run.to_the_end()
    except Refusal as refused:
        run.refusal = str(refused)
    except NotReady:
        raise
    except UserError as error:
        raise WrongEpisode(run.result(str(error))) from error
    except Exception as error:
        raise EpisodeError(run.result(f"{type(error).__name__}: {error}")) from error
    result = run.result()
    if recorder:
        recorder.finish(result)
    return result


def run_number(
    driven: tuple[RobotEnv, Policy],
    start: Start,
    task: str,
    seed: int,
    number: int,
    recorder: Recorder | None = None,
) -> EpisodeResult:
    """Run an episode of a task by its number; again, if its environment was lost on the way.

    Args:
        driven: the task's environment, and the policy.
        start: gives variation and scene.
        task: its name.
        seed: of the task's first episode.
        number: of this one, from 0.
        recorder: watches the episode.

    Raises:
        EpisodeError: as `run_episode`.
    """
    env, policy = driven
    variation, demo = start(task, number, env.variations)
    which = (evaluation_seed(seed, number), variation, recorder, demo)
    return unless_lost(lambda: run_episode(env, policy, *which))


class _Run:
    """An episode while it runs: counts, the clock, and who watches."""

    def __init__(
        self,
        env: RobotEnv,
        policy: Policy,
        recorder: Recorder | None,
        seed: int,
        variation: int,
        demo: Demo | None,
    ):
        self._env, self._policy, self._recorder = env, policy, recorder
        self._seed, self._variation = seed, variation
        self._options: dict[str, Any] = {"variation": variation}
        if demo is not None:
            self._options = {"demo": demo}
        self._clock = _Clock()
        self._steps = self._decisions = 0
        self._success = False
        self._objects: dict[str, list[float]] = {}
        self.refusal: str | None = None

    def to_the_end(self) -> None:
        """Reset environment and policy, then decide and execute until all is over."""
        instruction = self._begin()
        self._policy.reset(instruction, self._seed)
        done = False
        while not done:
            done = self._execute(self._decide())

    def result(self, error: str | None = None) -> EpisodeResult:
        """Return what happened so far."""
        which = (self._env.task_name, self._variation, self._seed, self._success, self._steps)
        how = (self.refusal, error, self._decisions, self._clock.accounts, self._objects)
        return EpisodeResult(*which, *how)

    def _begin(self) -> str:
        """Reset the environment; return the instruction."""
        _, info = self._env.reset(seed=self._seed, options=self._options)
        if isinstance(self._env, HasObjects):
            places = self._env.objects()
            self._objects = {name: np.asarray(at).tolist() for name, at in places.items()}
        self._clock.charge("environment")
        if self._recorder:
            self._recorder.start(self._env, info["instruction"])
            self._clock.skip()
        return info["instruction"]

    def _decide(self) -> np.ndarray:
        """Return the policy's next actions, (n, 8)."""
        observation = self._env.observation  # takes the pictures
        self._clock.charge("environment")
        decision = self._policy.act(observation)
        self._clock.charge("policy", decision.seconds)
        self._decisions += 1
        if self._recorder:
            self._recorder.decided(observation, decision)
            self._clock.skip()
        return decision.actions

    def _execute(self, actions: np.ndarray) -> bool:
        """Execute a decision's actions until the episode ends; return whether it did."""
        outcome = self._env.execute(actions, self._stepped)
        self._clock.charge("environment")
        self._success = outcome.success
        return outcome.done

    def _stepped(self, env: RobotEnv) -> None:
        self._steps += 1
        if self._recorder:
            self._clock.charge("environment")
            self._recorder.stepped(env)
            self._clock.skip()


class _Clock:
    """Adds the time since the last call to accounts, in seconds."""

    def __init__(self) -> None:
        self.accounts = {"environment": 0.0, "policy": 0.0}
        self._last = time.perf_counter()

    def charge(self, account: str, stages: Mapping[str, float] | None = None) -> None:
        """Charge the time since the last call: `stages` to theirs, the rest to `account`."""
        now = time.perf_counter()
        rest = now - self._last - sum((stages or {}).values())
        for stage, seconds in {**(stages or {}), account: max(0.0, rest)}.items():
            self.accounts[stage] = self.accounts.get(stage, 0.0) + seconds
        self._last = now

    def skip(self) -> None:
        """Charge the time since the last call to nobody."""
        self._last = time.perf_counter()


def evaluate(
    make: Make,
    tasks: Sequence[str],
    episodes: int,
    seed: int,
    recorder: Recorder | None = None,
    keep_going: bool = False,
    kept: Callable[[str], TaskEpisodes] | None = None,
    start: Start | None = None,
) -> Iterator[EpisodeResult]:
    """Yield the results of `episodes` episodes a task, dealt round over the task's variations.

    Episode i of every task runs with environment seed `evaluation_seed(seed, i)`.

    Args:
        make: gives environment and policy of a task, for example `PolicyFactory("genima")`.
        tasks: task names.
        episodes: how many a task.
        seed: of the first episode; see above.
        recorder: watches each task's first `recorder.each` episodes; if a later one failed, the
            first that did is run once more for it, unless it does not want that.
        keep_going: yield an episode that ended with an error as a result with `error`, and go on.
        kept: gives what keeps a task's episodes, for example
            `genima_lite.evaluation.episode_store.EpisodeStore.task`. Each is written when it ends;
            those that are there already are not run again.
        start: gives variation and scene of an episode; by default variations are dealt round.

    An episode whose simulator is lost is run again (`genima_lite.envs.lost`).

    Raises:
        UserError: no episodes asked for, a negative seed, an unknown task, no checkpoint for a
            policy that needs one, or a broken file of a kept episode.
        EpisodeError: something went wrong in an episode, and `keep_going` is not set.
    """
    if episodes < 1 or seed < 0:
        raise UserError(f"{episodes} episodes from seed {seed}: give at least 1, and from 0 on")
    for task in tasks:
        store = kept(task) if kept else None
        running = _Task(make, task, seed, recorder, keep_going, store, start or dealt_round)
        try:
            yield from running.results(episodes)
        finally:
            running.close()


class _Task:
    """A task's episodes; its environment and policy are made for the first that must be run."""

    def __init__(
        self,
        make: Make,
        task: str,
        seed: int,
        recorder: Recorder | None,
        keep_going: bool,
        kept: TaskEpisodes | None,
        start: Start,
    ):
        self._make, self._task, self._seed, self._start = make, task, seed, start
        self._recorder, self._keep_going, self._kept = recorder, keep_going, kept
        self._made: tuple[RobotEnv, Policy] | None = None

    def results(self, episodes: int) -> Iterator[EpisodeResult]:
        """Yield the results; record the first episodes and one of the later failures."""
        failed: int | None = None
        for i in range(episodes):
            watcher = self._recorder if self._recorder and i < self._recorder.each else None
            result = self._result(i, watcher)
            if failed is None and not (watcher or result.success or result.error):
                failed = i
            yield result
        if self._recorder is not None and self._recorder.failure and failed is not None:
            self._result(failed, self._recorder)

    def close(self) -> None:
        """Close the environment."""
        if self._made is not None:
            self._made[0].close()

    def _result(self, number: int, watcher: Recorder | None) -> EpisodeResult:
        """Return an episode that is kept, or run it."""
        found = self._look_up(number, watcher)
        if found is not None:
            return found
        self._made = self._made or self._make(self._task)
        which = (self._start, self._task, self._seed, number, watcher)
        try:
            result = run_number(self._made, *which)
        except EpisodeError as error:
            if not self._keep_going:
                raise
            return error.result
        if self._kept is not None:
            self._kept.keep(number, result, watcher.recordings[-1] if watcher else None)
        return result

    def _look_up(self, number: int, watcher: Recorder | None) -> EpisodeResult | None:
        """Return an episode if it is kept, and its recording too if it shall be recorded."""
        result = self._kept.result(number) if self._kept is not None else None
        if self._kept is None or result is None:
            return None
        if (result.task, result.seed) != (self._task, evaluation_seed(self._seed, number)):
            raise UserError(f"{self._kept.folder}: number {number} is another episode; delete it")
        recording = self._kept.recording(number) if watcher else None
        if watcher is not None and recording is not None:
            watcher.recordings.append(recording)
        return None if watcher is not None and recording is None else result
