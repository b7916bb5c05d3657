"""Rows of a chunk carried out on an arm: through the filter, sample by sample, in time, watched."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np

from genima_lite import panda
from genima_lite.envs.arm.api import ArmError
from genima_lite.envs.arm.backend import Backend
from genima_lite.envs.arm.log import CommandLog
from genima_lite.envs.arm.motion import Motion
from genima_lite.envs.arm.safety import Halted, SafetyFilter, Stream
from genima_lite.envs.arm.watchdog import Watchdog

OPEN = 0.9 * 2 * panda.FINGER_STROKE
"""Metres between the fingers from which on the gripper counts as open."""

_LATE = 0.05
"""Seconds behind their time from which on samples are not made up for."""


class Follower:
    """Sends an arm and its gripper along rows (8,): Franka's joint targets, then the opening.

    Args:
        parts: of the backend.
        safety: what every row must pass.
        watchdog: what must be recent.
        log: told of grippers and delays.
        stepped: called with each row that was carried out.
        over: tells whether no further row is to begin.

    Attributes:
        halted: why the arm holds; `None` while it may move.
        opening: 1 where the gripper is open, else 0.
        time: when the motion that was sent last ends, seconds on the backend's clock.
        decided: when the pictures were taken that the present rows were decided on.
    """

    def __init__(
        self,
        parts: Backend,
        safety: SafetyFilter,
        watchdog: Watchdog,
        log: CommandLog,
        stepped: Callable[[np.ndarray], None],
        over: Callable[[], bool],
    ):
        self._arm, self._clock, self._gripper = parts.arm, parts.clock, parts.gripper
        self._filter, self._watchdog, self._log = safety, watchdog, log
        self.stepped, self._over = stepped, over
        self._stream = Stream(parts.arm.period)
        self.halted: str | None = None
        self.opening = self.time = self.decided = 0.0

    def begin(self) -> None:
        """Start an episode: arm and gripper are where they are measured."""
        self.opening = float(self._gripper.width() > OPEN)
        self.decided = self._clock.now()
        self.start()

    def start(self) -> None:
        """Let the filter start from where the arm is measured; where it may not, it holds."""
        self.halted = None
        try:
            self._filter.begin(self._arm.read().joints)
        except Halted as halt:
            self.halted = str(halt)
        self.resync()

    def resync(self) -> None:
        """The arm rests: motions count from now on."""
        self._stream.restart()
        self.time = self._clock.now()

    def measured(self) -> np.ndarray:
        """Return joints (7,) where the arm is, or is sent to while it moves."""
        if self.moves:
            return self._filter.state.joints
        return self._arm.read().joints

    @property
    def moves(self) -> bool:
        """Whether the motion that was sent last does not end at rest."""
        return bool(self._filter.state.velocities.any())

    @property
    def behind(self) -> bool:
        """Whether more time has passed since the last motion than between two samples."""
        return self._clock.now() > self.time + self._stream.period

    def follow(self, rows: np.ndarray, then: np.ndarray | None = None) -> None:
        """Follow checked rows (n, 8); `then` are those (m, 8) that will come after, if any.

        Raises:
            Halted: the arm decelerates, and holds.
            ArmError: it stopped by itself.
        """
        ways = rows if then is None else np.vstack([rows, then])
        for k, row in enumerate(rows):
            if self._over():
                return
            self.carry(row, ways[k + 1] if k + 1 < len(ways) else None)
            self.stepped(row)

    def carried(self, rows: np.ndarray) -> Iterator[np.ndarray]:
        """Carry checked rows (n, 8) out, yield each, and come to rest at the last.

        Raises:
            Halted: the arm holds; it is at rest.
        """
        try:
            for k, row in enumerate(rows):
                self.carry(row, rows[k + 1] if k + 1 < len(rows) else None)
                yield row
        except Halted:
            self.coast()
            raise
        except ArmError as error:
            self.give_up(str(error))
            raise Halted(str(error)) from error

    def carry(self, row: np.ndarray, after: np.ndarray | None) -> None:
        """Carry a checked row (8,) out; where the gripper changes the arm comes to rest first.

        Errors: `follow`.
        """
        changes = (row[7] > 0.5) != (self.opening > 0.5)
        self._play(self._filter.follow(row[:7], None if changes or after is None else after[:7]))
        if changes:
            self.grip(row[7])

    def grip(self, opening: float) -> None:
        """Open or close the gripper; the arm rests."""
        self._gripper.set(opening)
        self.opening = float(opening > 0.5)
        self._log("gripper", {"open": self.opening})
        self.resync()

    def coast(self) -> None:
        """Come to rest from the end of the last motion."""
        for motion, start in self._filter.coast():
            self._play(motion, start)

    def give_up(self, why: str) -> None:
        """Send nothing more."""
        self._filter.halt(why)
        self._filter.coast()  # what was planned is forgotten, not sent
        self._arm.stop()

    def _play(self, motion: Motion, start: float = 0.0) -> None:
        """Send a motion, sample by sample, in its time, and where it ends at rest, its end: what is
        sent last is held.
        """
        self._watch(motion)
        times, states = self._stream.samples(motion, start)
        for at, state in zip(times, states, strict=True):
            self._clock.sleep_until(self.time + at - start)
            self._forget_late(self._clock.now() - (self.time + at - start))
            self._arm.send(state[0], state[1])
        self.time += motion.seconds - start
        self._clock.sleep_until(self.time)
        end = motion.at(motion.seconds)
        short = not len(times) or times[-1] < motion.seconds - 1e-6
        if short and np.abs(end.velocities).max() < 1e-6:
            self._arm.send(end.joints, np.zeros(7))

    def _forget_late(self, seconds: float) -> None:
        """Go on from now where the process was held up: made up for in haste, what was missed would
        be a jump.
        """
        if seconds > _LATE:
            self.time += seconds
            self._log("late", {"by": seconds})

    def _watch(self, motion: Motion) -> None:
        """Halt where the arm is silent or at fault, or what it follows is too old."""
        state, now, dog = self._arm.read(), self._clock.now(), self._watchdog
        wrong = state.fault or dog.state(state.seconds, now) or dog.chunk(self.decided, now)
        if wrong is not None and self._filter.halted is None:
            for piece, start in self._filter.stop(motion, 0.0, wrong):
                self._play(piece, start)
            raise Halted(wrong)
