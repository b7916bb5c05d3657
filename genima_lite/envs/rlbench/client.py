"""RLBench as an environment: the client of a simulator in a process of its own."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from genima_lite import panda
from genima_lite.envs.actions import checked_actions
from genima_lite.envs.api import EnvSpec, Outcome, RobotEnv
from genima_lite.envs.options import check_names, check_variation
from genima_lite.envs.rlbench.catalogue import TIME_LIMIT, VARIATIONS
from genima_lite.envs.rlbench.colosseum import check_colosseum
from genima_lite.envs.rlbench.messages import (
    Pictures,
    observation_of,
    random_state,
    random_state_of,
)
from genima_lite.envs.rlbench.process import Seconds, SimulatorError, WorkerProcess
from genima_lite.errors import UserError
from genima_lite.observation import CAMERAS, Demo, Observation

ATTEMPTS = 5
"""How often RLBench's expert may try to solve one scene; its planner has chance of its own."""

_LOW, _HIGH = np.append(panda.LOWER, 0.0), np.append(panda.UPPER, 1.0)
_ROUNDED = 1e-3
"""Radians, beyond a limit, that go without a warning: RLBench's commands are rounded so."""
_OPTIONS = ("variation", "demo")


class RLBenchEnv:
    """One task of RLBench: `RobotEnv`, `HasDemonstrations`, `HasExpert` and `HasFilm`.

    The simulator starts at the first reset, and again after each error or loss. Success is
    RLBench's own, after each action; at an episode's start it is `False`.

    Args:
        spec: which task and pictures. RLBench has one speed (Genima's) and one tracking, its own.
        seconds: how long the simulator may take.

    Raises:
        UserError: unknown camera, impossible size, or a setting that RLBench does not have.
    """

    time_limit = TIME_LIMIT

    def __init__(self, spec: EnvSpec, seconds: Seconds = Seconds()):  # noqa: B008
        _check(spec)
        self.task_name, self.cameras, self.image_size = spec.task, spec.cameras, spec.image_size
        self.variations = VARIATIONS[spec.task]
        self.random_state: tuple | None = None
        self._pictures = Pictures(spec.cameras, spec.image_size, spec.depth, spec.mask)
        self._looks: dict[str, Any] = {
            "perturbations": sorted(spec.perturbations),
            "strength": spec.strength,
        }
        self._seconds = seconds
        self._worker: WorkerProcess | None = None
        self._sentences: dict[int, list[str]] = {}
        self._states: dict[str, Any] | None = None
        self._variation, self._steps, self._success = 0, 0, False
        self._command: np.ndarray | None = None
        self._seen: Observation | None = None
        self._demo: Demo | None = None
        self._warned = False

    @property
    def observation(self) -> Observation:
        """The present observation; pictures are taken when it is first read after a change.

        Raises:
            Lost, SimulatorError: see `execute`.
        """
        if self._seen is None:
            states = self._begun()
            if self.cameras:
                states = self._ask("look", self._seconds.look)["states"]
            self._seen = self._observation(states, self._command)
            if self.cameras:
                self._pictures.take(self._seen, self._running.memory)
        return self._seen

    @property
    def success(self) -> bool:
        """Whether RLBench called the task solved after the last action."""
        return self._success

    def instructions(self, variation: int) -> list[str]:
        """Return RLBench's sentences for a variation; the first is the standard one.

        Raises:
            UserError: RLBench says them at a reset, and there was none yet of this variation.
        """
        if variation not in self._sentences:
            raise UserError(
                f"task '{self.task_name}': RLBench says the sentences of variation {variation} "
                "when it is reset; reset it first"
            )
        return self._sentences[variation]

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[None, dict[str, Any]]:
        """Start an episode; the same seed gives the same scene.

        Args:
            seed: of NumPy's global generator in the simulator's process.
            options: `variation` (int, default 0), or `demo` (a `Demo` that was recorded in
                RLBench: the episode starts in its scene, and its `demonstration` is that).

        Raises:
            UserError: unknown option or variation, a demonstration that cannot be restored, or
                something missing on this machine.
            Lost: the simulator died or hangs.
            SimulatorError: RLBench's own error.
        """
        chosen = dict(options or {})
        check_names(chosen, _OPTIONS)
        demo = chosen.get("demo")
        self._variation = _variation_of(demo) if demo else chosen.get("variation", 0)
        check_variation(self._variation, self.variations)
        if demo:
            self.random_state = tuple(demo.random_seed)
        else:
            self.random_state = _state_of(seed)
        self._demo = demo
        self._begin()
        sentences = self._sentences[self._variation]
        return None, {
            "instruction": sentences[0],
            "instructions": sentences,
            "variation": self._variation,
            "success": False,
            "perturbations": tuple(self._looks["perturbations"]),
            "strength": self._looks["strength"],
        }

    def execute(
        self, actions: np.ndarray, on_step: Callable[[RobotEnv], None] | None = None
    ) -> Outcome:
        """Execute actions (n, 8), n at least 1, until they or the episode end; no pictures.

        Joint targets are brought within the arm's limits, with one warning: RLBench checks none.

        Raises:
            UserError: no actions, wrong shape, or not finite.
            Lost: the simulator died or hangs; the episode is over.
            SimulatorError: RLBench's own error; the episode is over.
        """
        before, done = self._steps, False
        self._begun()
        for action in self._within_limits(checked_actions(actions)):
            answer = self._ask("step", self._seconds.step, action=action.tolist())
            self._states, self._command, self._seen = answer["states"], action, None
            self._steps += 1
            self._success = answer["success"]
            if on_step:
                on_step(self)
            done = self._success or answer["over"] or self._steps >= self.time_limit
            if done:
                break
        return Outcome(self._steps - before, self._success, done)

    def demonstration(self, pictures: bool = False) -> Demo:
        """Return a demonstration of the present episode's scene, and start the episode anew.

        It is the one that the episode was reset to, else RLBench's expert makes one. The same
        episode keeps it.

        Args:
            pictures: with the cameras' pictures at every frame; without, its states alone.

        Raises:
            UserError: the episode is past its start.
            panda.Unreachable: RLBench's expert does not solve this scene.
            Lost, SimulatorError: see `execute`.
        """
        self._begun()
        if self._steps:
            raise UserError("RLBench's expert makes demonstrations from an episode's start alone")
        if self._demo is None or (pictures and not _has_pictures(self._demo, self._pictures)):
            self._demo = self._live_demonstration(pictures)
            self._begin()
        return self._demo

    def expert_stretches(self) -> Iterator[np.ndarray]:
        """Yield the commands (T - 1, 8) of this episode's demonstration, all at once.

        The gripper's column is whether it is open afterwards, as in Genima: RLBench closes some
        grippers to a tenth.

        Raises:
            UserError, panda.Unreachable, Lost, SimulatorError: see `demonstration`.
        """
        demo = self.demonstration()
        commands = demo.actions()
        commands[:, 7] = [float(frame.gripper_open or 0.0) for frame in list(demo)[1:]]
        yield commands

    def film_frame(self, size: int) -> np.ndarray:
        """Return a (size, size, 3) uint8 picture from the front camera."""
        self._begun()
        self._ask("film", self._seconds.look, size=size)
        picture = np.frombuffer(self._running.memory, np.uint8, 3 * size**2)
        return picture.reshape(size, size, 3).copy()

    def close(self) -> None:
        """End the simulator; nothing is left running."""
        if self._worker is not None:
            self._worker.close()
        self._worker, self._states, self._seen = None, None, None

    def _begin(self) -> None:
        """Draw the scene of `random_state`; of a demonstration if that is there."""
        request: dict[str, Any] = {
            "variation": int(self._variation),
            "state": random_state_of(self.random_state),
        }
        if self._demo is None:
            answer = self._ask("reset", self._seconds.reset, **request)
        else:
            first = self._demo[0].task_low_dim_state
            request["attempts"] = self._demo.num_reset_attempts
            request["first"] = None if first is None else np.ravel(first).tolist()
            answer = self._ask("reset_to_demo", self._seconds.reset, **request)
        self._sentences[self._variation] = answer["sentences"]
        self._states = answer["states"]
        self._steps, self._success, self._command, self._seen = 0, False, None, None

    def _live_demonstration(self, pictures: bool) -> Demo:
        """Let RLBench's expert solve the present scene."""
        seconds = self._seconds.demonstration * ATTEMPTS
        request = {"variation": int(self._variation), "attempts": ATTEMPTS, "pictures": pictures}
        try:
            found = self._ask(
                "demonstration", seconds, state=random_state_of(self.random_state), **request
            )
        except SimulatorError as error:
            if error.kind != "NoDemonstration":
                raise
            self._begin()
            raise panda.Unreachable(
                f"RLBench's expert does not solve this scene: {error}"
            ) from None
        frames = []
        for number, states in enumerate(found["frames"]):
            command = states["misc"].get("joint_position_action")
            frames.append(self._observation(states, command))
            if pictures and self.cameras:
                self._ask("frame", self._seconds.look, number=number)
                self._pictures.take(frames[-1], self._running.memory)
        self._ask("forget", self._seconds.look)
        return Demo(frames, random_state(found["state"]), found["attempts"])

    def _observation(self, states: dict[str, Any], command: Any) -> Observation:
        """Return an observation with the command that led to it: RLBench leaves that of the last
        demonstration in all that follow.
        """
        misc = dict(states["misc"])
        poses = misc.pop("joint_poses")
        misc.pop("joint_position_action", None)
        if command is not None:
            misc["joint_position_action"] = list(command)
        return observation_of({**states, "misc": {**misc, "joint_poses": poses}})

    def _ask(self, do: str, seconds: float, **arguments: Any) -> dict[str, Any]:
        """Ask the worker; after an error the episode is over and the worker gone."""
        if do in ("reset", "reset_to_demo") and (self._worker is None or not self._worker.alive):
            self.close()
            self._worker = WorkerProcess(self.task_name, self._pictures, self._seconds, self._looks)
            self.variations = self._worker.started["variations"]
        try:
            return self._running.ask(do, seconds, **arguments)
        except SimulatorError as error:
            if error.kind != "NoDemonstration":
                self.close()
            raise
        except BaseException:
            self.close()
            raise

    @property
    def _running(self) -> WorkerProcess:
        assert self._worker is not None
        return self._worker

    def _begun(self) -> dict[str, Any]:
        """Return the states of the present observation."""
        if self._states is None:
            raise UserError("no episode is running: reset the environment first")
        return self._states

    def _within_limits(self, actions: np.ndarray) -> np.ndarray:
        """Return actions (n, 8) within the limits."""
        inside = np.clip(actions, _LOW, _HIGH)
        if np.abs(inside - actions).max() > _ROUNDED and not self._warned:
            self._warned = True
            warnings.warn("actions are outside the arm's limits: clipped", stacklevel=3)
        return inside


def _check(spec: EnvSpec) -> None:
    """Refuse a spec that RLBench cannot have."""
    if unknown := [name for name in spec.cameras if name not in CAMERAS]:
        raise UserError(f"unknown camera '{unknown[0]}': choose from {', '.join(CAMERAS)}")
    if not 8 <= spec.image_size <= 2048:
        raise UserError(f"image_size is {spec.image_size!r}; give 8 to 2048 pixels")
    if spec.sentences is not None:
        raise UserError("RLBench says its own sentences: leave sentences away")
    check_colosseum(spec.perturbations, spec.strength)


def _state_of(seed: int | None) -> tuple[Any, ...]:
    """Return the state of NumPy's global generator for a seed, which may have over 32 bits."""
    words: int | list[int] | None = seed
    if seed is not None and seed >= 2**32:
        words = [seed >> at & 0xFFFFFFFF for at in range(0, seed.bit_length(), 32)]
    return tuple(np.random.RandomState(words).get_state())


def _variation_of(demo: Demo) -> int:
    """Return a demonstration's variation, and refuse one whose scene cannot be drawn again."""
    if not len(demo) or demo.random_seed is None:
        raise UserError(
            "reset option 'demo': it has no random_seed; only RLBench's own can be used"
        )
    if demo.scene_state is not None:
        raise UserError("reset option 'demo': it was recorded on the bench, not in RLBench")
    return demo[0].misc.get("variation_index", 0)


def _has_pictures(demo: Demo, pictures: Pictures) -> bool:
    """Return whether a demonstration has all pictures."""
    return all(getattr(demo[0], name) is not None for name, *_ in pictures.places())
