"""The Franka Research 3 through franky (`pip install franky-control`): impedance tracking.

franky's own loop runs at 1 kHz in C++; we hand it a target every 10 ms. Its wheel on the package
index speaks to the FR3 only (server 10); it does not enforce the FR3's limits on targets: the
safety filter does.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from genima_lite.envs.arm.drivers.base import DriverArm, DriverGripper, package, told_as
from genima_lite.envs.arm.drivers.wall import WallClock
from genima_lite.envs.arm.limits import FR3
from genima_lite.errors import UserError

STIFFNESS = np.array([300.0, 300.0, 300.0, 300.0, 125.0, 75.0, 25.0])
"""(7,) N m / rad of the impedance tracker. On an emulator joints trail by up to 0.042 rad with them
(docs/real_arm.md)."""

TORQUE_LIMIT, FORCE_LIMIT = 20.0, 30.0
"""N m and N at which the robot stops as after a collision."""


class FrankyArm(DriverArm):
    """An FR3 at an address.

    Args:
        address: for example 172.16.0.2.
        clock: the wall's.
        realtime: refuse a kernel without real time, as hardware needs.
    """

    model, period = FR3.model, 0.01

    def __init__(self, address: str, clock: WallClock, realtime: bool = True):
        super().__init__(address, clock)
        self._realtime = realtime
        self._franky: Any = None
        self._tracker: Any = None

    def connect(self) -> None:
        """Reach the robot, and set collision thresholds.

        Raises:
            UserError: franky is not installed, nobody answers, or it is no FR3.
        """
        self._franky = package("franky", "franky-control")
        with told_as(UserError, f"{self._address}: no robot answers"):
            try:
                self._reach()
            except self._franky.IncompatibleVersionException as error:
                raise UserError(
                    f"{self._address}: this franky speaks to the FR3, the robot is another or has "
                    f"another system version ({error}); for a Panda take driver panda-py"
                ) from error

    def _reach(self) -> None:
        config = self._franky.RealtimeConfig
        wanted = config.Enforce if self._realtime else config.Ignore
        self._robot = self._franky.Robot(self._address, realtime_config=wanted)
        self._robot.set_collision_behavior(TORQUE_LIMIT, FORCE_LIMIT)

    def guide(self, on: bool) -> None:
        """Refuse: guide the FR3 by its own buttons."""
        raise UserError("franky: guide the FR3 by the buttons on its hand, then read where it is")

    def _state(self) -> tuple[float, Any, Any, Any, str | None]:
        state = self._robot.state
        wrong = "robot errors" if self._robot.has_errors else None
        return state.time.to_sec(), state.q, state.dq, state.tau_J, wrong

    def _set_target(self, joints: np.ndarray, velocities: np.ndarray) -> None:
        if self._tracker is None:
            stiff = {"stiffness": STIFFNESS, "period": None}
            self._tracker = self._franky.JointImpedanceTracker(self._robot, **stiff)
            self._tracker.__enter__()
        self._tracker.set_target(joints, velocities)

    def _end_loop(self) -> None:
        tracker, self._tracker = self._tracker, None
        if tracker is not None:
            try:
                tracker.__exit__(None, None, None)
            except Exception as error:
                self._stopped = str(error)

    def _clear_errors(self) -> None:
        self._end_loop()
        self._robot.recover_from_errors()


class FrankyGripper(DriverGripper):
    """The Franka Hand through franky."""

    def width(self) -> float:
        """Return the metres between the fingers."""
        return float(self._hand.width)

    def _reach(self) -> Any:
        return package("franky", "franky-control").Gripper(self._address)

    def _move(self, opens: bool) -> None:
        if opens:
            self._hand.open(self._speed)
        else:
            wide = float(self._hand.max_width)
            self._hand.grasp(0.0, self._speed, self._force, epsilon_outer=wide)
