"""An arm as an environment: `RobotEnv` over clock, arm, gripper, cameras and table.

Every action goes through the safety filter. A chunk is executed row by row, 50 ms each or longer
where the mode or the limits ask for it (`follower`). With `ahead`, `execute` returns while rows are
left: the policy looks and decides while they are carried out, on a robot by a thread, and the new
chunk fades in where time has come to, by the seconds that passed (`thinking`). Here episodes begin
and end, and a person is asked.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from genima_lite import panda
from genima_lite.envs.actions import checked_actions
from genima_lite.envs.api import EnvSpec, Outcome, RobotEnv
from genima_lite.envs.arm.api import ArmError, Picture
from genima_lite.envs.arm.backend import Backend, make_backend
from genima_lite.envs.arm.follower import Follower
from genima_lite.envs.arm.leading import Leading
from genima_lite.envs.arm.limits import limits_of
from genima_lite.envs.arm.log import CommandLog
from genima_lite.envs.arm.modes import mode_of
from genima_lite.envs.arm.observing import observe
from genima_lite.envs.arm.operators import Operator, operator_of
from genima_lite.envs.arm.other_arm import refuse_other_arm
from genima_lite.envs.arm.preview import write_preview
from genima_lite.envs.arm.safety import Halted, SafetyFilter
from genima_lite.envs.arm.settings import ArmSettings
from genima_lite.envs.arm.thinking import Thinking
from genima_lite.envs.arm.twin.itself import Itself
from genima_lite.envs.arm.workspace import Workspace, read_workspace
from genima_lite.errors import UserError
from genima_lite.observation import Demo, Observation


class ArmEnv:
    """One task in front of an arm or its twin.

    A halt ends the episode, unless a person says that the arm may go on.

    Args:
        spec: task, cameras, size; `spec.arm` has the settings.
        operator: who is asked; by default who the settings name.
        workspace: where the arm may be; by default what the settings name.
        parts: of a backend; by default those that the settings name.

    Attributes:
        log: every command, clip and halt.
        random_state: from which the present scene was drawn; `None` on a real table.

    Raises:
        UserError: see `ArmSettings`, and the drivers.
    """

    def __init__(
        self,
        spec: EnvSpec,
        operator: Operator | None = None,
        workspace: Workspace | None = None,
        parts: Backend | None = None,
    ):
        settings = spec.arm or ArmSettings()
        self.task_name, self.cameras, self.image_size = spec.task, spec.cameras, spec.image_size
        if spec.depth or spec.mask:
            raise UserError("the arm takes colour pictures only: leave depth and mask away")
        self.settings, self._mode = settings, mode_of(settings.mode)
        self._operator = operator or operator_of(settings.operator)
        workspace = workspace or read_workspace(settings.workspace)
        self._parts = parts or make_backend(spec, settings, self._operator)
        self._connect()
        if settings.preview is not None:
            Path(settings.preview).parent.mkdir(parents=True, exist_ok=True)
        path = None if settings.log is None else Path(settings.log)
        self.log = CommandLog(path, self._parts.clock.now)
        limits = limits_of(settings.model)
        chosen = (workspace, self._mode.speed, settings.safety, self.log)
        self._filter = SafetyFilter(limits, *chosen, Itself().clearance)
        dog = settings.watchdog
        self._follower = Follower(
            self._parts, self._filter, dog, self.log, self._stepped, lambda: self._over
        )
        self._thinking = Thinking(self._parts, self._filter, dog, self._follower)
        self._leading = Leading(self._parts, self._filter, self._follower, self.log)
        self.random_state: tuple | None = None
        self._seen: Observation | None = None
        self._command: np.ndarray | None = None
        self._on_step: Callable[[RobotEnv], None] | None = None
        self._steps = 0
        self._begin(0)

    @property
    def variations(self) -> int:
        """How many variations the task has."""
        return self._parts.table.variations

    @property
    def time_limit(self) -> int:
        """Steps of 50 ms until an episode ends."""
        return self._parts.table.time_limit

    @property
    def success(self) -> bool:
        """Whether the task is done now."""
        return self._parts.table.success()

    @property
    def halted(self) -> str | None:
        """Why the arm holds; `None` while it may move."""
        return self._follower.halted

    @property
    def observation(self) -> Observation:
        """The present observation; pictures are taken when it is first read after a change.

        Pictures that are too old, or apart from each other, halt the arm: the next `execute` ends
        the episode.
        """
        if self._seen is None:
            told = self._pictures(), self._variation, self._command
            self._seen = observe(self._parts, self.cameras, *told)
            self._thinking.look()
        return self._seen

    def instructions(self, variation: int) -> list[str]:
        """Return sentences that ask for a variation."""
        return self._parts.table.instructions(variation)

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[Observation, dict[str, Any]]:
        """Start an episode: the table is set up, the arm stands where it is measured.

        Args:
            seed: of the twin's scene.
            options: `variation`, or `demo`, a demonstration in whose scene to start (`reset_to`).

        Raises:
            UserError: unknown option or variation, or an arm that may not go on.
        """
        if set(chosen := options or {}) == {"demo"}:
            self.reset_to(chosen["demo"])
        else:
            self._finish()
            self._begin(self._parts.table.reset(seed, chosen))
            self._check_ready()
            values = {"task": self.task_name, "variation": self._variation, "seed": seed}
            self.log("episode", values)
        sentences, variation = self.instructions(self._variation), self._variation
        return self.observation, {
            "instruction": sentences[0],
            "instructions": sentences,
            "variation": variation,
            "success": self.success,
        }

    def reset_to(self, demo: Demo) -> None:
        """Start an episode in a demonstration's scene, to execute its actions again.

        Raises:
            UserError: it was recorded on another arm, or its joints are outside what this one
                allows; or a scene that cannot be restored.
        """
        refuse_other_arm(demo, self.settings.model)
        self._finish()
        self._begin(self._parts.table.restore(demo))
        self._check_ready()
        self.log("replay", {"task": self.task_name, "variation": self._variation})

    def scene_state(self) -> dict[str, Any] | None:
        """Return the twin's scene, JSON-able, for `reset_to`; `None` on a real table."""
        return None if self._parts.extra is None else self._parts.extra.state()

    def happened(self, success: bool) -> bool:
        """Return whether the episode that ended was a success, and log it with what a person
        notes; on a real table the person is asked for the success, too.
        """
        success = self._parts.table.ended(success)
        note = self._operator.tells("A note on this episode (enter: none):")
        told = {"success": success, "steps": self._steps, "halted": self.halted, "note": note}
        self.log("ended", told | self._parts.told())
        return success

    @property
    def now(self) -> float:
        """Seconds on the backend's clock."""
        return self._parts.clock.now()

    def execute(
        self, actions: np.ndarray, on_step: Callable[[RobotEnv], None] | None = None
    ) -> Outcome:
        """Execute actions (n, 8); with `ahead` all but the last rows, which follow later.

        Raises:
            UserError: wrong shape, or not finite.
        """
        rows = checked_actions(actions)
        before, self._on_step = self._steps, on_step
        try:
            if self.halted is None:
                self._carry_out(rows)
        except Halted as halt:
            self._hold(str(halt))
        except ArmError as error:
            self._lost(str(error))
        self._seen = None
        success = self.success
        done = success or self._steps >= self.time_limit or self.halted is not None
        self._steps = max(self._steps, before + 1)
        if done:
            self._rest()
            success = self.happened(success)
        else:
            self._thinking.go_on()
        return Outcome(self._steps - before, success, done)

    def stream(
        self, rows: Iterator[np.ndarray], on_step: Callable[[RobotEnv], None] | None = None
    ) -> Outcome:
        """Follow rows (8,) as a hand gives them, each one row later, so that motions do not stop in
        between; neither success nor the time limit ends it.

        Raises:
            UserError: what the hand raises.
        """
        return self._led(self._leading.stream, rows, on_step)

    def guide(
        self, rows: Iterator[np.ndarray], on_step: Callable[[RobotEnv], None] | None = None
    ) -> Outcome:
        """Let a person lead the arm, in its teaching mode, while rows (8,) come: their last value
        is for the gripper. The twin is pushed to their joints. Nothing is sent to a robot.

        Raises:
            UserError: this robot cannot, or what the hand raises.
        """
        return self._led(self._leading.guide, rows, on_step)

    def expert_stretches(self) -> Iterator[np.ndarray]:
        """Yield the bench's expert's commands, on the twin.

        Raises:
            UserError: this is no twin, or `ahead` would drop rows of its plan.
            panda.Unreachable: a waypoint lies outside the arm's reach.
        """
        if self.settings.ahead:
            raise UserError("the expert plans a whole episode: leave ahead away")
        yield from self._twin("an expert").expert_stretches()

    def objects(self) -> dict[str, np.ndarray]:
        """Return where pieces are, (3,) metres by name; none but on the twin."""
        return {} if self._parts.extra is None else self._parts.extra.objects()

    def film_frame(self, size: int) -> np.ndarray:
        """Return a picture (size, size, 3) uint8 for people: of the twin's own, or what the front
        camera sees, or the first there is; black without any.
        """
        if self._parts.extra is not None:
            return self._parts.extra.film_frame(size)
        cameras = sorted(self._parts.cameras, key=lambda each: each.name != "front")
        if not cameras:
            return np.zeros((size, size, 3), np.uint8)
        return np.asarray(Image.fromarray(cameras[0].picture().rgb).resize((size, size)))

    def close(self) -> None:
        """Bring the arm to rest and let go of everything."""
        self._finish()
        for each in self._parts.devices:
            each.close()
        if self._parts.extra is not None:
            self._parts.extra.close()
        self.log.close()

    def _led(
        self,
        lead: Callable[[Iterator[np.ndarray]], None],
        rows: Iterator[np.ndarray],
        on_step: Callable[[RobotEnv], None] | None,
    ) -> Outcome:
        """Let a hand lead; what halts it ends it, which the outcome calls done."""
        before, self._on_step, halted = self._steps, on_step, True
        try:
            lead(rows)
            halted = False
        except Halted as halt:
            self._hold(str(halt))
        except ArmError as error:
            self._lost(str(error))
        finally:
            self._follower.coast()
        self._seen = None
        return Outcome(max(1, self._steps - before), self.success, halted)

    def _twin(self, what: str) -> Any:
        if self._parts.extra is None:
            raise UserError(f"{what} is there on the twin only: leave it away on a real arm")
        return self._parts.extra

    def _connect(self) -> None:
        for each in self._parts.devices:
            each.connect()

    def _begin(self, variation: int) -> None:
        """Start to count; the filter starts from where the arm is measured."""
        self._variation, self._steps = variation, 0
        self._command = self._seen = self._on_step = None
        self.random_state = self._parts.table.random_state
        self._thinking.begin()
        self._follower.begin()

    def _check_ready(self) -> None:
        if self.halted is not None:
            raise UserError(f"the arm cannot start: {self.halted}")

    def _finish(self) -> None:
        """Bring what still moves to rest."""
        with suppress(Halted, ArmError):
            self._thinking.take_over()
        self._rest()
        self._thinking.forget()

    def _carry_out(self, rows: np.ndarray) -> None:
        """Think, fade, check and follow a chunk (n, 8) of RLBench's angles."""
        asked = np.column_stack([panda.to_franka(rows[:, :7]), rows[:, 7]])
        chunk = self._thinking.answered(asked)
        self._thinking.wait()
        if self._over:
            return
        measured = self._follower.measured()
        self.log("chunk", {"asked": asked.tolist(), "measured": measured.tolist()})
        given = self._filter.check(chunk, measured)
        self._follower.decided = self._thinking.looked
        self._show(given)
        self._confirm(given)
        ahead = min(self.settings.ahead, len(given) - 1)
        now, later = np.split(given, [len(given) - ahead])
        self._thinking.leave(later)
        self._follower.follow(now, later[:1])

    @property
    def _over(self) -> bool:
        return self.success or self._steps >= self.time_limit

    def _stepped(self, row: np.ndarray) -> None:
        """A row was carried out."""
        self._command = np.append(panda.from_franka(row[:7]), row[7])
        self._steps, self._seen = self._steps + 1, None
        if self._on_step:
            self._on_step(self)

    def _hold(self, why: str) -> None:
        """Come to rest; go on only if a person says so."""
        self._follower.coast()
        self._thinking.forget()
        self._follower.halted = why
        if self._operator.allows(f"The arm holds: {why}. May it go on?"):
            self._parts.arm.recover()
            self._filter.recover()
            self._follower.start()

    def _rest(self) -> None:
        """Come to rest from the end of the last motion."""
        try:
            self._follower.coast()
        except ArmError as error:
            self._lost(str(error))

    def _lost(self, why: str) -> None:
        """The robot stopped by itself, or is silent."""
        self._follower.give_up(why)
        self._hold(why)

    def _show(self, rows: np.ndarray) -> None:
        """Draw a chunk for a person to look at, if that is asked for."""
        if self.settings.preview is not None and self.cameras:
            write_preview(self.settings.preview, self.observation, rows, self.cameras)

    def _confirm(self, rows: np.ndarray) -> None:
        """Ask a person for a chunk, in mode confirm."""
        if not self._mode.asks:
            return
        far = float(np.abs(np.diff(rows[:, :7], axis=0)).sum(axis=0).max(initial=0.0))
        grip = "opens" if rows[-1, 7] > 0.5 else "closes"
        question = f"{len(rows)} rows, {far:.2f} rad at most, the gripper {grip}. Execute?"
        if self.settings.preview is not None:
            question = f"See {self.settings.preview}. {question}"
        if not self._operator.allows(question):
            raise self._filter.halt("a person refused the chunk")

    def _pictures(self) -> dict[str, Picture]:
        """Return the newest pictures by camera; where they are too old the arm holds, and if a
        person lets it go on, others are taken.
        """
        while True:
            pictures = {each.name: each.picture() for each in self._parts.cameras}
            taken = {name: each.seconds for name, each in pictures.items()}
            wrong = self.settings.watchdog.pictures(taken, self._parts.clock.now())
            if wrong is None or self.halted is not None:
                return pictures
            with suppress(Halted, ArmError):
                self._thinking.take_over()
            self._filter.halt(wrong)
            self._hold(wrong)
