"""Smooth motions between two states within velocity, acceleration and jerk: ruckig, as data."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import chain
from typing import Any

import numpy as np

from genima_lite.envs.arm.limits import ArmLimits
from genima_lite.extras import missing_extra


@dataclass(frozen=True, eq=False)
class MotionState:
    """Where a commanded motion is: (7,) each, radians, rad/s, rad/s^2."""

    joints: np.ndarray
    velocities: np.ndarray
    accelerations: np.ndarray

    @classmethod
    def rest(cls, joints: np.ndarray) -> MotionState:
        """Return a state at rest."""
        return cls(np.array(joints, dtype=np.float64), np.zeros(7), np.zeros(7))


class Motion:
    """A motion that was computed, to be sampled.

    Attributes:
        seconds: how long it takes.
    """

    def __init__(self, trajectory: Any):
        self._trajectory = trajectory
        self.seconds = float(trajectory.duration)
        self._paths: dict[float, np.ndarray] = {}

    def at(self, seconds: float) -> MotionState:
        """Return the state at a time from 0 to `seconds`."""
        found = self._trajectory.at_time(min(max(seconds, 0.0), self.seconds))
        return MotionState(*map(np.array, found))

    def sampled(self, times: np.ndarray) -> np.ndarray:
        """Return joints, velocities and accelerations (n, 3, 7) at times (n,), all on the way."""
        found = map(self._trajectory.at_time, np.asarray(times).tolist())
        flat = chain.from_iterable(chain.from_iterable(found))  # twice as fast as np.array
        return np.fromiter(flat, np.float64, 21 * len(times)).reshape(-1, 3, 7)

    def joints(self, spacing: float) -> np.ndarray:
        """Return joints (n, 7) at most `spacing` seconds apart, both ends included."""
        if spacing not in self._paths:
            count = max(2, int(np.ceil(self.seconds / spacing)) + 1)
            self._paths[spacing] = self.sampled(np.linspace(0, self.seconds, count))[:, 0]
        return self._paths[spacing]


class Planner:
    """Computes motions within velocity, acceleration and jerk.

    Raises:
        UserError: ruckig is not installed.
    """

    def __init__(self, limits: ArmLimits):
        try:
            import ruckig
        except ModuleNotFoundError as error:
            raise (missing_extra("the arm's safety filter", error) or error) from error
        self._ruckig, self._solver = ruckig, ruckig.Ruckig(7)
        self._limits = limits

    def move(
        self, start: MotionState, joints: np.ndarray, velocities: np.ndarray, seconds: float
    ) -> Motion | None:
        """Return a motion that arrives at joints (7,) with velocities (7,) after `seconds`, or as
        soon after that as the limits let it; `None` where there is none.
        """
        wanted = self._input(start, velocities)
        wanted.target_position = joints.tolist()
        wanted.minimum_duration = seconds
        return self._solve(wanted)

    def brake(self, start: MotionState) -> Motion | None:
        """Return the motion that comes to rest soonest; `None` where there is none."""
        wanted = self._input(start, np.zeros(7))
        wanted.control_interface = self._ruckig.ControlInterface.Velocity
        wanted.synchronization = self._ruckig.Synchronization.No
        return self._solve(wanted)

    def _input(self, start: MotionState, velocities: np.ndarray) -> Any:
        wanted = self._ruckig.InputParameter(7)
        wanted.current_position = start.joints.tolist()
        wanted.current_velocity = start.velocities.tolist()
        wanted.current_acceleration = start.accelerations.tolist()
        wanted.target_velocity = velocities.tolist()
        wanted.max_velocity = self._limits.velocity.tolist()
        wanted.max_acceleration = self._limits.acceleration.tolist()
        wanted.max_jerk = self._limits.jerk.tolist()
        return wanted

    def _solve(self, wanted: Any) -> Motion | None:
        trajectory = self._ruckig.Trajectory(7)
        try:
            result = self._solver.calculate(wanted, trajectory)
        except RuntimeError:  # an input that it refuses, such as a target of velocity too high
            return None
        done = (self._ruckig.Result.Working, self._ruckig.Result.Finished)
        return Motion(trajectory) if result in done else None
