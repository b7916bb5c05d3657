"""The Panda (FER) through panda-py (`pip install panda-python`): its joint position controller.

The wheel on the package index speaks to system version 4.x (server 5). The controller runs at 1 kHz
in C++; we hand it a target every 5 ms.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from genima_lite.envs.arm.drivers.base import DriverArm, DriverGripper, package, told_as
from genima_lite.envs.arm.drivers.wall import WallClock
from genima_lite.envs.arm.limits import FER
from genima_lite.errors import UserError


class PandaPyArm(DriverArm):
    """A Panda at an address."""

    model, period = FER.model, 0.005

    def __init__(self, address: str, clock: WallClock):
        super().__init__(address, clock)
        self._module: Any = None
        self._controller: Any = None

    def connect(self) -> None:
        """Reach the robot, and compare its joint ranges with the FER's.

        Raises:
            UserError: panda-py is not installed, nobody answers, or it is no FER.
        """
        self._module = package("panda_py", "panda-python")
        with told_as(UserError, f"{self._address}: no Panda answers"):
            self._robot = self._module.Panda(self._address)
            upper = np.asarray(self._robot.get_joint_limits_upper())
        if not np.allclose(upper, FER.upper, atol=1e-3):
            raise UserError(f"{self._address}: its joint ranges are not the FER's; is it an FR3?")

    def guide(self, on: bool) -> None:
        """Let a person move the arm by hand, or hold it again."""
        self._controller = None
        self._robot.teaching_mode(on)

    def _state(self) -> tuple[float, Any, Any, Any, str | None]:
        if self._controller is None:  # else its loop refreshes the state
            self._robot.refresh_state()
        state = self._robot.get_state()
        errors = str(state.current_errors)
        wrong = errors if bool(state.current_errors) and errors != "[]" else None
        return state.time.to_sec(), state.q, state.dq, state.tau_J, wrong

    def _set_target(self, joints: np.ndarray, velocities: np.ndarray) -> None:
        if self._controller is None:
            self._controller = self._module.controllers.JointPosition()
            self._robot.start_controller(self._controller)
        self._controller.set_control(joints, velocities)

    def _end_loop(self) -> None:
        if self._controller is not None:
            self._controller = None
            self._robot.stop_controller()

    def _clear_errors(self) -> None:
        self._controller = None
        self._robot.recover()


class PandaPyGripper(DriverGripper):
    """The Franka Hand through panda-py."""

    def width(self) -> float:
        """Return the metres between the fingers."""
        return float(self._hand.read_once().width)

    def _reach(self) -> Any:
        package("panda_py", "panda-python")
        return package("panda_py.libfranka", "panda-python").Gripper(self._address)

    def _move(self, opens: bool) -> None:
        wide = float(self._hand.read_once().max_width)
        if opens:
            self._hand.move(wide, self._speed)
        else:
            self._hand.grasp(0.0, self._speed, self._force, wide, wide)
