"""From the pictures to the policy's answer: the seconds and the rows that pass meanwhile.

On a simulation rows of the old chunk are carried out once the answer is there; where time passes by
itself a thread has carried them out, and says how many.
"""

from __future__ import annotations

import time

import numpy as np

from genima_lite.envs.arm.backend import Backend
from genima_lite.envs.arm.chunks import catch_up, drop_passed, fade
from genima_lite.envs.arm.follower import Follower
from genima_lite.envs.arm.meanwhile import Meanwhile
from genima_lite.envs.arm.safety import SafetyFilter
from genima_lite.envs.arm.watchdog import Watchdog

_NOTHING = np.zeros((0, 8))


class Thinking:
    """Keeps the rows that are left of a chunk, and lets them pass while the policy thinks.

    Args:
        parts: of the backend.
        safety: halts where the answer is too late.
        watchdog: says what is too late.
        follower: carries rows out.

    Attributes:
        looked: when the pictures were taken, seconds on the backend's clock.
    """

    def __init__(
        self, parts: Backend, safety: SafetyFilter, watchdog: Watchdog, follower: Follower
    ):
        self._parts, self._filter, self._watchdog = parts, safety, watchdog
        self._follower, self._meanwhile = follower, Meanwhile()
        self.begin()

    def begin(self) -> None:
        """Nothing is left of any chunk, and the policy looks now."""
        self.forget()
        self.look()
        self._until = self.looked

    def look(self) -> None:
        """The policy has got its pictures, and begins to think."""
        self.looked, self._asked = self._parts.clock.now(), time.perf_counter()

    def leave(self, rows: np.ndarray) -> None:
        """Keep checked rows (n, 8) for the time in which the policy thinks."""
        self._left = rows

    def forget(self) -> None:
        """Let go of the rows that are left."""
        self._left = _NOTHING

    def go_on(self) -> None:
        """Begin to carry out what is left, where time passes by itself."""
        if self._parts.live and len(self._left):
            self._meanwhile.begin(self._follower.carried(self._left))

    def take_over(self) -> int:
        """End what is carried out meanwhile, after its present row; return how many rows were.

        Raises:
            Halted: it halted; the arm is at rest.
        """
        rows, wrong = self._meanwhile.end()
        for row in rows:
            self._follower.stepped(row)
        if wrong is not None:
            raise wrong
        return len(rows)

    def answered(self, chunk: np.ndarray) -> np.ndarray:
        """Let rows of the old chunk pass while the policy thinks; return the new chunk (n, 8) from
        then on, faded in.

        Raises:
            Halted: the answer is too late, or the arm holds.
        """
        live = self._parts.live
        took = self._parts.clock.now() - self.looked if live else time.perf_counter() - self._asked
        seconds = self._parts.table.thinks(took)
        self._until = self.looked + seconds
        carried = self.take_over()
        wrong = self._watchdog.answer(0.0, seconds)
        if wrong is not None:
            raise self._filter.halt(wrong)
        old, self._left = self._left, _NOTHING
        passed = self._passed_by_itself(carried) if live else self._let_pass(old, seconds)
        done = carried if live else passed
        new = drop_passed(chunk, passed) if passed else chunk
        left = old[done:] if done < len(old) else old[-1:]
        return fade(left, catch_up(left, new))

    def wait(self) -> None:
        """Let the rest of the policy's thinking pass, if the arm is at rest."""
        if not self._follower.moves:
            self._parts.clock.sleep_until(self._until)
            if self._follower.behind:
                self._follower.resync()

    def _passed_by_itself(self, carried: int) -> int:
        """Return for how many rows time has passed since the policy looked, which may have been
        when some were carried out already.
        """
        since = round((self._follower.time - self.looked) / self._filter.seconds)
        return min(max(since, 0), carried)

    def _let_pass(self, left: np.ndarray, seconds: float) -> int:
        """Follow the first of the rows (n, 8) that are left; return how many."""
        passed = min(int(np.ceil(seconds / self._filter.seconds)), len(left))
        self._follower.follow(left[:passed], left[passed:])
        return passed
