"""An arm as an environment: `RobotEnv` over clock, arm, gripper, cameras and table.

Every action goes through the safety filter. A chunk is executed row by row, 50 ms each or longer
where the mode or the limits ask for it. With `ahead`, `execute` returns while rows are left: the
policy looks and decides while they are carried out, on a robot by a thread, and the new chunk fades
in where time has come to, by the seconds that passed.
"""

from __future__ import annotations

import time
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
from genima_lite.envs.arm.chunks import drop_passed, fade
from genima_lite.envs.arm.limits import limits_of
from genima_lite.envs.arm.log import CommandLog
from genima_lite.envs.arm.meanwhile import Meanwhile
from genima_lite.envs.arm.modes import mode_of
from genima_lite.envs.arm.motion import Motion
from genima_lite.envs.arm.operators import Operator, operator_of
from genima_lite.envs.arm.other_arm import refuse_other_arm
from genima_lite.envs.arm.safety import Halted, SafetyFilter, Stream
from genima_lite.envs.arm.settings import ArmSettings
from genima_lite.envs.arm.twin.itself import Itself
from genima_lite.envs.arm.workspace import Workspace
from genima_lite.errors import UserError
from genima_lite.observation import CAMERAS, CONTROL_PERIOD, Demo, Observation
from genima_lite.transforms import pose_vector

_OPEN = 0.9 * 2 * panda.FINGER_STROKE
"""Metres between the fingers from which on the gripper counts as open."""

_LATE = 0.05
"""Seconds behind their time from which on samples are not made up for."""


class ArmEnv:
    """One task in front of an arm or its twin.

    A halt ends the episode, unless a person says that the arm may go on.

    Args:
        spec: task, cameras, size; `spec.arm` has the settings.
        operator: who is asked; by default who the settings name.
        workspace: where the arm may be.
        parts: of a backend; by default those that the settings name.

    Attributes:
        log: every command, clip and halt.
        halted: why the arm holds; `None` while it may move.
        random_state: from which the present scene was drawn; `None` on a real table.

    Raises:
        UserError: see `ArmSettings`, and the drivers.
    """

    def __init__(
        self,
        spec: EnvSpec,
        operator: Operator | None = None,
        workspace: Workspace = Workspace(),  # noqa: B008
        parts: Backend | None = None,
    ):
        settings = spec.arm or ArmSettings()
        self.task_name, self.cameras, self.image_size = spec.task, spec.cameras, spec.image_size
        if spec.depth or spec.mask:
            raise UserError("the arm takes colour pictures only: leave depth and mask away")
        self.settings, self._mode = settings, mode_of(settings.mode)
        self._operator = operator or operator_of(settings.operator)
        self._parts = parts or make_backend(spec, settings, self._operator)
        self._connect()
        path = None if settings.log is None else Path(settings.log)
        self.log = CommandLog(path, self._parts.clock.now)
        limits = limits_of(settings.model)
        chosen = (workspace, self._mode.speed, settings.safety, self.log)
        self._filter = SafetyFilter(limits, *chosen, Itself().clearance)
        self._stream = Stream(self._parts.arm.period)
        self._meanwhile = Meanwhile()
        self.halted: str | None = None
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
    def observation(self) -> Observation:
        """The present observation; pictures are taken when it is first read after a change.

        Pictures that are too old, or apart from each other, halt the arm: the next `execute` ends
        the episode.
        """
        if self._seen is None:
            pictures = self._pictures()
            self._seen = self._observe(pictures)
            self._looked, self._asked = self._parts.clock.now(), time.perf_counter()
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
        elif self._parts.live and len(self._left):
            self._meanwhile.begin(self._carried(self._left))
        return Outcome(self._steps - before, success, done)

    def stream(
        self, rows: Iterator[np.ndarray], on_step: Callable[[RobotEnv], None] | None = None
    ) -> Outcome:
        """Follow rows (8,) as a hand gives them, each one row later, so that motions do not stop in
        between; neither success nor the time limit ends it.

        Raises:
            UserError: what the hand raises.
        """
        return self._led(self._streamed, rows, on_step)

    def guide(
        self, rows: Iterator[np.ndarray], on_step: Callable[[RobotEnv], None] | None = None
    ) -> Outcome:
        """Let a person lead the arm, in its teaching mode, while rows (8,) come: their last value
        is for the gripper. The twin is pushed to their joints. Nothing is sent to a robot.

        Raises:
            UserError: this robot cannot, or what the hand raises.
        """
        return self._led(self._guided, rows, on_step)

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
            self._coast()
        self._seen = None
        return Outcome(max(1, self._steps - before), self.success, halted)

    def _streamed(self, rows: Iterator[np.ndarray]) -> None:
        coming = self._checked_rows(rows)
        row = next(coming, None)
        while row is not None:
            after = next(coming, None)
            self._decided = self._parts.clock.now()
            self._carry(row, after)
            self._stepped(row)
            row = after

    def _checked_rows(self, rows: Iterator[np.ndarray]) -> Iterator[np.ndarray]:
        """Yield rows (8,) of Franka's angles, each checked beside the one before."""
        before = None
        for asked in rows:
            row = np.append(panda.to_franka(asked[:7]), asked[7])
            given = self._filter.check(
                row[None] if before is None else np.vstack([before, row]), self._measured()
            )
            self.log("led", {"asked": row.tolist()})
            before = given[-1]
            yield before

    def _guided(self, rows: Iterator[np.ndarray]) -> None:
        arm, clock = self._parts.arm, self._parts.clock
        arm.guide(True)
        try:
            for row in rows:
                if (row[7] > 0.5) != (self._opening > 0.5):
                    self._grip(row[7])
                self._time += CONTROL_PERIOD
                if self._parts.extra is not None:
                    self._parts.extra.push(row[:7])
                clock.sleep_until(self._time)
                self._stepped(np.append(arm.read().joints, self._opening))
        finally:
            arm.guide(False)
            self._start_filter()

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
        self._left = np.zeros((0, 8))
        self.random_state = self._parts.table.random_state
        self._opening = float(self._parts.gripper.width() > _OPEN)
        self._looked = self._decided = self._until = self._parts.clock.now()
        self._asked = time.perf_counter()
        self._start_filter()

    def _check_ready(self) -> None:
        if self.halted is not None:
            raise UserError(f"the arm cannot start: {self.halted}")

    def _start_filter(self) -> None:
        self.halted = None
        try:
            self._filter.begin(self._parts.arm.read().joints)
        except Halted as halt:
            self.halted = str(halt)
        self._resync()

    def _resync(self) -> None:
        """The arm rests: motions count from now on."""
        self._stream.restart()
        self._time = self._parts.clock.now()

    def _finish(self) -> None:
        """Bring what still moves to rest."""
        with suppress(Halted, ArmError):
            self._take_over()
        self._rest()
        self._left = np.zeros((0, 8))

    def _carry_out(self, rows: np.ndarray) -> None:
        """Think, fade, check and follow a chunk (n, 8) of RLBench's angles."""
        asked = np.column_stack([panda.to_franka(rows[:, :7]), rows[:, 7]])
        chunk = self._after_thinking(asked)
        self._wait()
        if self._over:
            return
        measured = self._measured()
        given = self._filter.check(chunk, measured)
        self._decided = self._looked
        self.log("chunk", {"asked": asked.tolist(), "measured": measured.tolist()})
        self._confirm(given)
        ahead = min(self.settings.ahead, len(given) - 1)
        self._left = given[len(given) - ahead :]
        self._follow(given[: len(given) - ahead], self._left[:1])

    @property
    def _over(self) -> bool:
        return self.success or self._steps >= self.time_limit

    def _after_thinking(self, chunk: np.ndarray) -> np.ndarray:
        """Let rows of the old chunk pass while the policy thinks; return the new chunk (n, 8) from
        then on, faded in.
        """
        live, clock = self._parts.live, self._parts.clock
        took = clock.now() - self._looked if live else time.perf_counter() - self._asked
        seconds = self._parts.table.thinks(took)
        self._until = self._looked + seconds
        carried = self._take_over()
        wrong = self.settings.watchdog.answer(0.0, seconds)
        if wrong is not None:
            raise self._filter.halt(wrong)
        left, self._left = self._left[carried:], np.zeros((0, 8))
        if live:  # the policy may have looked when some rows had passed already
            since = round((self._time - self._looked) / self._filter.seconds)
            passed = min(max(since, 0), carried)
        else:
            passed = min(int(np.ceil(seconds / self._filter.seconds)), len(left))
            self._follow(left[:passed], left[passed:])
            left = left[passed:]
        return fade(left, drop_passed(chunk, passed) if passed else chunk)

    def _take_over(self) -> int:
        """End what is carried out meanwhile, after its present row; return how many rows were.

        Raises:
            Halted: it halted; the arm is at rest.
        """
        rows, wrong = self._meanwhile.end()
        for row in rows:
            self._stepped(row)
        if wrong is not None:
            raise wrong
        return len(rows)

    def _wait(self) -> None:
        """Let the rest of the policy's thinking pass, if the arm is at rest."""
        clock = self._parts.clock
        if not self._filter.state.velocities.any():
            clock.sleep_until(self._until)
            if clock.now() > self._time + self._stream.period:
                self._resync()

    def _follow(self, rows: np.ndarray, then: np.ndarray | None = None) -> None:
        """Follow checked rows (n, 8); `then` are those (m, 8) that will come after, if any."""
        ways = rows if then is None else np.vstack([rows, then])
        for k, row in enumerate(rows):
            if self._over:
                return
            self._carry(row, ways[k + 1] if k + 1 < len(ways) else None)
            self._stepped(row)

    def _carried(self, rows: np.ndarray) -> Iterator[np.ndarray]:
        """Carry checked rows (n, 8) out, yield each, and come to rest at the last.

        Raises:
            Halted: the arm holds; it is at rest.
        """
        try:
            for k, row in enumerate(rows):
                self._carry(row, rows[k + 1] if k + 1 < len(rows) else None)
                yield row
        except Halted:
            self._coast()
            raise
        except ArmError as error:
            self._give_up(str(error))
            raise Halted(str(error)) from error

    def _carry(self, row: np.ndarray, after: np.ndarray | None) -> None:
        """Carry a checked row (8,) out; where the gripper changes the arm comes to rest first."""
        changes = (row[7] > 0.5) != (self._opening > 0.5)
        self._play(self._filter.follow(row[:7], None if changes or after is None else after[:7]))
        if changes:
            self._grip(row[7])

    def _stepped(self, row: np.ndarray) -> None:
        """A row was carried out."""
        self._command = np.append(panda.from_franka(row[:7]), row[7])
        self._steps, self._seen = self._steps + 1, None
        if self._on_step:
            self._on_step(self)

    def _play(self, motion: Motion, start: float = 0.0) -> None:
        """Send a motion, sample by sample, in its time, and where it ends at rest, its end: what is
        sent last is held.
        """
        self._watch(motion)
        times, states = self._stream.samples(motion, start)
        for at, state in zip(times, states, strict=True):
            self._parts.clock.sleep_until(self._time + at - start)
            self._forget_late(self._parts.clock.now() - (self._time + at - start))
            self._parts.arm.send(state[0], state[1])
        self._time += motion.seconds - start
        self._parts.clock.sleep_until(self._time)
        end = motion.at(motion.seconds)
        short = not len(times) or times[-1] < motion.seconds - 1e-6
        if short and np.abs(end.velocities).max() < 1e-6:
            self._parts.arm.send(end.joints, np.zeros(7))

    def _forget_late(self, seconds: float) -> None:
        """Go on from now where the process was held up: made up for in haste, what was missed would
        be a jump.
        """
        if seconds > _LATE:
            self._time += seconds
            self.log("late", {"by": seconds})

    def _watch(self, motion: Motion) -> None:
        """Halt where the arm is silent or at fault, or what it follows is too old."""
        state, now = self._parts.arm.read(), self._parts.clock.now()
        dog = self.settings.watchdog
        wrong = state.fault or dog.state(state.seconds, now) or dog.chunk(self._decided, now)
        if wrong is not None and self._filter.halted is None:
            pieces = self._filter.stop(motion, 0.0, wrong)
            for piece, start in pieces:
                self._play(piece, start)
            raise Halted(wrong)

    def _grip(self, opening: float) -> None:
        self._parts.gripper.set(opening)
        self._opening = float(opening > 0.5)
        self.log("gripper", {"open": self._opening})
        self._resync()

    def _coast(self) -> None:
        for motion, start in self._filter.coast():
            self._play(motion, start)

    def _hold(self, why: str) -> None:
        """Come to rest; go on only if a person says so."""
        self._coast()
        self._left = np.zeros((0, 8))
        self.halted = why
        if self._operator.allows(f"The arm holds: {why}. May it go on?"):
            self._parts.arm.recover()
            self._filter.recover()
            self._start_filter()

    def _rest(self) -> None:
        """Come to rest from the end of the last motion."""
        try:
            self._coast()
        except ArmError as error:
            self._lost(str(error))

    def _lost(self, why: str) -> None:
        """The robot stopped by itself, or is silent."""
        self._give_up(why)
        self._hold(why)

    def _give_up(self, why: str) -> None:
        """Send nothing more."""
        self._filter.halt(why)
        self._filter.coast()  # what was planned is forgotten, not sent
        self._parts.arm.stop()

    def _confirm(self, rows: np.ndarray) -> None:
        """Ask a person for a chunk, in mode confirm."""
        if not self._mode.asks:
            return
        far = float(np.abs(np.diff(rows[:, :7], axis=0)).sum(axis=0).max(initial=0.0))
        grip = "opens" if rows[-1, 7] > 0.5 else "closes"
        question = f"{len(rows)} rows, {far:.2f} rad at most, the gripper {grip}. Execute?"
        if not self._operator.allows(question):
            raise self._filter.halt("a person refused the chunk")

    def _measured(self) -> np.ndarray:
        """Return joints (7,) where the arm is, or is sent to while it moves."""
        if self._filter.state.velocities.any():
            return self._filter.state.joints
        return self._parts.arm.read().joints

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
                self._take_over()
            self._filter.halt(wrong)
            self._hold(wrong)

    def _observe(self, pictures: dict[str, Picture]) -> Observation:
        """Return what arm, gripper and cameras say now."""
        state = self._parts.arm.read()
        joints = panda.from_franka(state.joints)
        poses, tip = panda.forward_kinematics(joints)
        width = self._parts.gripper.width()
        return Observation(
            joint_positions=joints,
            joint_velocities=state.velocities,
            joint_forces=state.torques,
            gripper_open=float(width > _OPEN),
            gripper_pose=pose_vector(tip),
            gripper_matrix=tip,
            gripper_joint_positions=np.full(2, width / 2),
            gripper_touch_forces=np.zeros(6),
            task_low_dim_state=self._low_dim(),
            misc=self._misc(poses, tip),
            **{f"{name}_rgb": each.rgb for name, each in pictures.items()},
        )

    def _low_dim(self) -> np.ndarray:
        extra = self._parts.extra
        return np.zeros(0) if extra is None else extra.task_state()

    def _misc(self, poses: np.ndarray, tip: np.ndarray) -> dict[str, Any]:
        misc: dict[str, Any] = {"variation_index": self._variation}
        for name in CAMERAS if self._parts.extra is not None else self.cameras:
            camera = self._parts.view(name, tip)
            extrinsics, intrinsics = camera.to_rlbench()
            misc[f"{name}_camera_extrinsics"] = extrinsics
            misc[f"{name}_camera_intrinsics"] = intrinsics
            misc[f"{name}_camera_near"] = camera.near
            misc[f"{name}_camera_far"] = camera.far
        if self._command is not None:
            misc["joint_position_action"] = self._command.copy()
        misc["joint_poses"] = list(pose_vector(poses))
        return misc
