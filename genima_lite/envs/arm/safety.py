"""The safety filter: no command reaches an arm but through it.

Every motion that it lets pass is known to its end: it arrives at the next row, and from there a
motion to rest has been computed and checked as well. So whatever is refused later, an arm that
carries on comes to rest within all limits. That is the invariant which
`benchmarks/prove_safety.py` tries to break.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from genima_lite.envs.arm.limits import ArmLimits
from genima_lite.envs.arm.motion import Motion, MotionState, Planner
from genima_lite.envs.arm.workspace import Workspace
from genima_lite.errors import UserError
from genima_lite.observation import CONTROL_PERIOD

Log = Callable[[str, dict[str, Any]], None]
"""Gets the name of an event and what belongs to it, JSON-able."""


class Halted(RuntimeError):
    """The arm comes to rest and holds until a person lets it go on; the message says why."""


@dataclass(frozen=True)
class FilterSettings:
    """How careful the filter is.

    Raises:
        UserError: a number out of range.
    """

    margin: float = 0.1
    """Radians that targets keep from the ends of the joints' ranges; braking may use half."""
    share: float = 0.9
    """Of the arm's limits of velocity, acceleration and jerk that is used."""
    jump: float = 0.2
    """Radians that a row may lie from the one before, and the first from where the arm is."""
    outside: float = 0.1
    """Radians beyond a joint's range from which on a chunk is refused instead of clipped."""
    apart: float = 0.01
    """Metres that links keep from each other at the points of a motion that are checked."""
    spacing: float = 0.01
    """Seconds between the points of a motion at which elbow, wrist, hand and tip are checked."""

    def __post_init__(self) -> None:
        if not 0.02 <= self.margin <= 0.5:
            raise UserError(f"margin is {self.margin} rad; give 0.02 to 0.5")
        if not 0.05 <= self.share <= 0.98:
            raise UserError(f"share is {self.share}; give 0.05 to 0.98 of the arm's limits")
        if not 0.02 <= self.jump <= 0.3:
            raise UserError(f"jump is {self.jump} rad; give 0.02 to 0.3")
        if not 0 <= self.apart <= 0.03:
            raise UserError(f"apart is {self.apart} m; give 0 to 0.03")
        if not 0 <= self.outside <= 1 or not 0.001 <= self.spacing <= 0.05:
            raise UserError("give outside from 0 to 1 rad, and spacing from 0.001 to 0.05 s")


class SafetyFilter:
    """Turns rows of joint targets into motions within all limits, or halts.

    One of its users calls `begin`, then `check` for each chunk and `follow` for each of its rows;
    `stop` at any time.

    Args:
        limits: of the arm.
        workspace: where it may be.
        speed: share of the policy's own speed; rows last the longer.
        settings: see `FilterSettings`.
        log: gets every clip, delay and refusal.
        itself: returns metres between the nearest two links on a path (n, 7); `None`: nobody
            looks whether the arm touches itself.

    Attributes:
        seconds: how long a row lasts at least.
        state: what is commanded at the end of the last motion.
        rest: the motion from there to rest.
        halted: why the arm holds; `None` while it may move.
        clips: how many values were clipped so far.

    Raises:
        UserError: ruckig is not installed, or a speed out of range.
    """

    def __init__(
        self,
        limits: ArmLimits,
        workspace: Workspace = Workspace(),  # noqa: B008
        speed: float = 1.0,
        settings: FilterSettings = FilterSettings(),
        log: Log = lambda _event, _values: None,
        itself: Callable[[np.ndarray], float] | None = None,
    ):
        if not 0.02 <= speed <= 1:
            raise UserError(f"speed is {speed}; give 0.02 to 1")
        self.limits, self.workspace, self.settings = limits, workspace, settings
        self.seconds, self._log = CONTROL_PERIOD / speed, log
        self._inner = limits.share(settings.margin, settings.share, speed)
        self._braking = limits.share(settings.margin / 2, settings.share, speed)
        self._unseen = settings.spacing**2 / 8 * self._inner.acceleration
        self._planner = Planner(self._inner)
        self.state = MotionState.rest(np.zeros(7))
        self.rest: Motion | None = None
        self.halted: str | None = "not begun"
        self.clips, self._clear_at_start, self._itself = 0, 0.0, itself
        self._apart_at_start = settings.apart

    def begin(self, joints: np.ndarray) -> None:
        """Start from where an arm at rest was measured, (7,) radians.

        Raises:
            Halted: that is no place to start from.
        """
        measured = np.asarray(joints, dtype=np.float64)
        self.halted = None
        if measured.shape != (7,) or not np.isfinite(measured).all():
            raise self._halt(f"measured joints are {measured}: seven finite radians are needed")
        outside = np.maximum(self.limits.lower - measured, measured - self.limits.upper)
        if (worst := int(np.argmax(outside))) >= 0 and outside[worst] >= 0:
            raise self._halt(
                f"joint {worst + 1} is at {measured[worst]:.3f} rad, outside what the "
                f"{self.limits.model} allows: guide it back by hand"
            )
        self.state = MotionState.rest(measured)
        self._clear_at_start = float(self.workspace.clearance(measured[None])[0])
        if self._itself is not None:
            self._apart_at_start = self._itself(measured[None])
        self.rest = None

    def recover(self) -> None:
        """Forget why the arm halted; `begin` must follow. Only to be called when a person said
        so.
        """
        self._log("recovered", {"halted": self.halted})
        self.halted = "not begun"

    def check(self, chunk: Any, measured: np.ndarray) -> np.ndarray:
        """Return a chunk (n, 8), its joint targets within their ranges, float64.

        Args:
            chunk: (n, 8), n at least 1: joint targets in radians, Franka's, then gripper open.
            measured: (7,) radians, where the arm is now.

        Raises:
            Halted: another shape, numbers that are not finite, a target far outside the ranges, or
                a jump; or the filter has halted before.
        """
        self._go_on()
        rows = self._numbers(chunk)
        given = rows.copy()
        given[:, :7] = np.clip(rows[:, :7], self._inner.lower, self._inner.upper)
        given[:, 7] = np.clip(rows[:, 7], 0.0, 1.0)
        self._refuse_outside(rows)
        self._refuse_jumps(np.vstack([measured, given[:, :7]]), "the measured joints")
        self._refuse_jumps(np.vstack([self.state.joints, given[:1, :7]]), "the last command")
        for row, joint in np.argwhere(rows != given):
            self._clipped(int(row), int(joint), rows[row, joint], given[row, joint])
        return given

    def follow(self, row: np.ndarray, after: np.ndarray | None = None) -> Motion:
        """Return the motion to the next joints (7,), already checked by `check`.

        Args:
            row: where to, radians.
            after: the joints of the row that will follow; `None`: come to rest at `row`.

        Raises:
            Halted: no motion there stays within all limits; `rest` brings the arm to rest.
        """
        self._go_on()
        slope = self._slope(row, after)
        for velocities in (slope, np.zeros(7)) if slope.any() else (slope,):
            found = self._allowed(row, velocities)
            if found is not None:
                motion, self.state, self.rest = found
                self._came_out()
                if motion.seconds > 1.05 * self.seconds:
                    self._log("slowed", {"lasts": motion.seconds, "asked": self.seconds})
                return motion
        raise self._halt(f"no allowed motion to the next row: {self._why(row)}")

    def stop(self, motion: Motion, at: float, why: str) -> list[tuple[Motion, float]]:
        """Return how to come to rest from within a motion: motions, and where in them to start.

        Args:
            motion: that `follow` returned last.
            at: seconds since its start.
            why: for the log, and for who lets the arm go on.
        """
        self._halt(why)
        brake = self._planner.brake(motion.at(at))
        if brake is not None and self._fits(brake):
            self.state, self.rest = brake.at(brake.seconds), None
            return [(brake, 0.0)]
        return [(motion, at), *self.coast()]

    def coast(self) -> list[tuple[Motion, float]]:
        """Return how to come to rest from the end of the last motion."""
        if self.rest is None:
            return []
        rest, self.rest = self.rest, None
        self.state = MotionState.rest(rest.at(rest.seconds).joints)
        return [(rest, 0.0)]

    def halt(self, why: str) -> Halted:
        """Halt for another's reason; return the error to raise."""
        return self._halt(why)

    def _allowed(
        self, row: np.ndarray, velocities: np.ndarray
    ) -> tuple[Motion, MotionState, Motion | None] | None:
        """Return a motion to joints (7,), its end, and from there the motion to rest; `None` where
        one of them leaves what is allowed.
        """
        motion = self._planner.move(self.state, row, velocities, self.seconds)
        if motion is None or self._strays(motion, row):
            return None
        end = MotionState(row.copy(), velocities, np.zeros(7))
        if not velocities.any():
            return (motion, end, None) if self._fits(motion) else None
        rest = self._planner.brake(end)
        if rest is None or not self._fits(motion, rest):
            return None
        return motion, end, rest

    def _fits(self, *motions: Motion) -> bool:
        """Return whether motions that follow each other stay in the joints' ranges and clear of
        what is forbidden. Where the arm stands beyond the ranges' margin, it may stay there; where
        it stands within something forbidden, it may come out.
        """
        path = np.vstack([each.joints(self.settings.spacing) for each in motions])
        lower = np.minimum(self._braking.lower + self._unseen, self.state.joints)
        upper = np.maximum(self._braking.upper - self._unseen, self.state.joints)
        if (path < lower).any() or (path > upper).any():
            return False
        return self.workspace.along(path) >= self._need() and self._free_of_itself(path)

    def _free_of_itself(self, path: np.ndarray) -> bool:
        """Return whether links stay apart on a path (n, 7), or no nearer than they are now."""
        need = min(self.settings.apart, self._apart_at_start - 1e-3)
        return self._itself is None or self._itself(path) >= need

    def _need(self) -> float:
        """Return the clearance in metres that a motion must keep: any, or, from within what is
        forbidden, no worse one than now.
        """
        now = min(self._clear_at_start, 0.0)
        return now - 1e-3 if now < 0 else 0.0

    def _came_out(self) -> None:
        """Where the arm stood within something forbidden, or touched itself: remember how far it
        is out by now.
        """
        if self._clear_at_start < 0:
            self._clear_at_start = float(self.workspace.clearance(self.state.joints[None])[0])
        if self._itself is not None and self._apart_at_start < self.settings.apart:
            self._apart_at_start = self._itself(self.state.joints[None])

    def _strays(self, motion: Motion, row: np.ndarray) -> bool:
        """Return whether a motion swings out further than a jump beside the way to a row."""
        start, out = self.state.joints, self.settings.jump / 2
        low, high = np.minimum(start, row) - out, np.maximum(start, row) + out
        path = motion.joints(self.settings.spacing)
        return bool((path < low).any() or (path > high).any())

    def _slope(self, row: np.ndarray, after: np.ndarray | None) -> np.ndarray:
        """Return velocities (7,) with which to pass a row: the mean of the ways to it and from it,
        none at a turn, so that joints do not swing out.
        """
        if after is None:
            return np.zeros(7)
        to, further = row - self.state.joints, after - row
        mean = (to + further) / 2
        least = 2 * np.minimum(np.abs(to), np.abs(further))
        slope = np.where(to * further > 0, np.sign(mean) * np.minimum(np.abs(mean), least), 0.0)
        top = 0.98 * self._inner.velocity
        return np.clip(slope / self.seconds, -top, top)

    def _numbers(self, chunk: Any) -> np.ndarray:
        """Return a chunk as an array (n, 8) of finite numbers."""
        try:
            rows = np.asarray(chunk, dtype=np.float64)
        except (TypeError, ValueError) as error:
            raise self._halt(f"a chunk that is no array of numbers: {error}") from error
        if rows.ndim != 2 or rows.shape[1] != 8 or not len(rows):
            raise self._halt(f"a chunk of shape {rows.shape}: (n, 8) is needed")
        if not np.isfinite(rows).all():
            row, column = (int(i) for i in np.argwhere(~np.isfinite(rows))[0])
            raise self._halt(f"row {row} of a chunk holds {rows[row, column]} at {column}")
        return rows

    def _refuse_outside(self, rows: np.ndarray) -> None:
        """Halt where a target lies far outside a joint's range."""
        low, high = self.limits.lower - rows[:, :7], rows[:, :7] - self.limits.upper
        outside = np.maximum(low, high)
        if outside.max() > self.settings.outside:
            row, joint = (int(i) for i in np.unravel_index(outside.argmax(), outside.shape))
            raise self._halt(
                f"row {row} wants joint {joint + 1} at {rows[row, joint]:.3f} rad, far outside "
                f"what the {self.limits.model} allows: is it another robot's, or in degrees?"
            )

    def _refuse_jumps(self, path: np.ndarray, where: str) -> None:
        """Halt where rows (n, 7) lie too far apart; the first is `where` the arm is."""
        strides = np.abs(np.diff(path, axis=0))
        if strides.max() > self.settings.jump:
            row, joint = (int(i) for i in np.unravel_index(strides.argmax(), strides.shape))
            raise self._halt(
                f"row {row} jumps by {strides[row, joint]:.3f} rad at joint {joint + 1} from "
                f"{where if row == 0 else 'the row before'}; {self.settings.jump} is allowed"
            )

    def _clipped(self, row: int, joint: int, asked: float, given: float) -> None:
        self.clips += 1
        values = {"row": row, "joint": joint + 1, "asked": float(asked), "given": float(given)}
        self._log("clip", values)

    def _why(self, row: np.ndarray) -> str:
        """Return what is in the way to a row."""
        path = np.linspace(self.state.joints, row, 5)
        if self.workspace.along(path) < self._need():
            return self.workspace.complaint(path)
        if not self._free_of_itself(path):
            return f"the arm would come nearer than {self.settings.apart} m to itself"
        return "the joints could not brake within their ranges"

    def _go_on(self) -> None:
        if self.halted is not None:
            raise Halted(f"the arm holds: {self.halted}")

    def _halt(self, why: str) -> Halted:
        self.halted = why
        self._log("halt", {"why": why})
        return Halted(why)


class Stream:
    """Samples motions one after another at a fixed rate, across their borders.

    Args:
        period: seconds from one sample to the next.
    """

    def __init__(self, period: float):
        self.period, self._phase = period, period

    def samples(self, motion: Motion, start: float = 0.0) -> tuple[np.ndarray, np.ndarray]:
        """Return times (n,) since a motion's start, and joints, velocities and accelerations
        (n, 3, 7) then, from `start` to its end; the next motion goes on with what is left of the
        period, so n can be 0.
        """
        first = start + self._phase
        count = max(0, int(np.floor((motion.seconds - first) / self.period)) + 1)
        times = first + self.period * np.arange(count)
        self._phase = first + self.period * count - motion.seconds
        return times, motion.sampled(times)

    def restart(self) -> None:
        """Let the next sample come a whole period after its motion's start."""
        self._phase = self.period
