"""A hand leads the arm: by rows that it gives one at a time, or by pushing the arm itself."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from genima_lite import panda
from genima_lite.envs.arm.backend import Backend
from genima_lite.envs.arm.follower import Follower
from genima_lite.envs.arm.log import CommandLog
from genima_lite.envs.arm.safety import SafetyFilter
from genima_lite.observation import CONTROL_PERIOD


class Leading:
    """Takes rows (8,) of RLBench's angles from a hand as they come.

    Args:
        parts: of the backend.
        safety: what every row must pass.
        follower: carries rows out.
        log: told of each row.
    """

    def __init__(self, parts: Backend, safety: SafetyFilter, follower: Follower, log: CommandLog):
        self._parts, self._filter, self._follower, self._log = parts, safety, follower, log

    def stream(self, rows: Iterator[np.ndarray]) -> None:
        """Follow rows, each one row later, so that motions do not stop in between.

        Raises:
            Halted: a row is refused.
            ArmError: the arm stopped.
        """
        coming = self._checked(rows)
        row = next(coming, None)
        while row is not None:
            after = next(coming, None)
            self._follower.decided = self._parts.clock.now()
            self._follower.carry(row, after)
            self._follower.stepped(row)
            row = after

    def guide(self, rows: Iterator[np.ndarray]) -> None:
        """Let a person push the arm while rows come; of them only the gripper counts, and on the
        twin, which is pushed to their joints, these.

        Raises:
            ArmError: the arm stopped.
        """
        arm, follower = self._parts.arm, self._follower
        arm.guide(True)
        try:
            for row in rows:
                if (row[7] > 0.5) != (follower.opening > 0.5):
                    follower.grip(row[7])
                follower.time += CONTROL_PERIOD
                if self._parts.extra is not None:
                    self._parts.extra.push(row[:7])
                self._parts.clock.sleep_until(follower.time)
                follower.stepped(np.append(arm.read().joints, follower.opening))
        finally:
            arm.guide(False)
            follower.start()

    def _checked(self, rows: Iterator[np.ndarray]) -> Iterator[np.ndarray]:
        """Yield rows (8,) of Franka's angles, each checked beside the one before."""
        before = None
        for asked in rows:
            row = np.append(panda.to_franka(asked[:7]), asked[7])
            given = self._filter.check(
                row[None] if before is None else np.vstack([before, row]),
                self._follower.measured(),
            )
            self._log("led", {"asked": row.tolist()})
            before = given[-1]
            yield before
