"""The Panda (FER) through panda-py (`pip install panda-python`): its joint position controller.

The wheel on the package index speaks to system version 4.x (server 5). The controller runs at 1 kHz
in C++; we hand it a target every 5 ms.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from genima_lite.envs.arm.api import ArmError, ArmState
from genima_lite.envs.arm.drivers.franky_arm import package
from genima_lite.envs.arm.drivers.wall import WallClock
from genima_lite.envs.arm.limits import FER
from genima_lite.errors import UserError


class PandaPyArm:
    """A Panda at an address.

    Args:
        address: for example 172.16.0.2.
        clock: the wall's.
    """

    model, period = FER.model, 0.005

    def __init__(self, address: str, clock: WallClock):
        self._address, self._clock = address, clock
        self._module: Any = None
        self._panda: Any = None
        self._controller: Any = None
        self._stopped: str | None = None

    def connect(self) -> None:
        """Reach the robot, and compare its joint ranges with the FER's.

        Raises:
            UserError: panda-py is not installed, nobody answers, or it is no FER.
        """
        self._module = package("panda_py", "panda-python")
        try:
            self._panda = self._module.Panda(self._address)
            upper = np.asarray(self._panda.get_joint_limits_upper())
        except Exception as error:
            raise UserError(f"{self._address}: no Panda answers ({error})") from error
        if not np.allclose(upper, FER.upper, atol=1e-3):
            raise UserError(f"{self._address}: its joint ranges are not the FER's; is it an FR3?")

    def read(self) -> ArmState:
        """Return the newest state.

        Raises:
            ArmError: the robot does not answer.
        """
        try:
            if self._controller is None:  # else its loop refreshes the state
                self._panda.refresh_state()
            state = self._panda.get_state()
        except Exception as error:
            raise ArmError(f"{self._address}: the robot does not answer ({error})") from error
        joints, speeds, load = (np.array(v, float) for v in (state.q, state.dq, state.tau_J))
        return ArmState(self._clock.now(), joints, speeds, -load, self._fault(state))

    def send(self, joints: np.ndarray, velocities: np.ndarray) -> None:
        """Hand a target to the controller, which starts with the first.

        Raises:
            ArmError: the robot stopped.
        """
        if self._stopped is not None:
            return
        try:
            if self._controller is None:
                self._controller = self._module.controllers.JointPosition()
                self._panda.start_controller(self._controller)
            self._controller.set_control(joints, velocities)
        except Exception as error:
            self._stopped = str(error)
            raise ArmError(f"{self._address}: the robot stopped ({error})") from error

    def stop(self) -> None:
        """Stop the controller; the arm holds."""
        self._stopped = self._stopped or "stopped"
        if self._controller is not None:
            self._controller = None
            self._panda.stop_controller()

    def recover(self) -> None:
        """Clear the robot's errors.

        Raises:
            ArmError: they stay.
        """
        self._controller = None
        try:
            self._panda.recover()
        except Exception as error:
            raise ArmError(f"{self._address}: cannot recover ({error})") from error
        self._stopped = None

    def guide(self, on: bool) -> None:
        """Let a person move the arm by hand, or hold it again."""
        self._controller = None
        self._panda.teaching_mode(on)

    def close(self) -> None:
        """Stop, and forget the robot."""
        if self._panda is not None:
            self.stop()
        self._panda = None

    def _fault(self, state: Any) -> str | None:
        errors = str(state.current_errors)
        return errors if bool(state.current_errors) and errors != "[]" else self._stopped


class PandaPyGripper:
    """The Franka Hand through panda-py."""

    def __init__(self, address: str, speed: float = 0.1, force: float = 20.0):
        self._address, self._speed, self._force = address, speed, force
        self._hand: Any = None

    def connect(self) -> None:
        """Reach the gripper.

        Raises:
            UserError: it does not answer.
        """
        package("panda_py", "panda-python")
        libfranka = package("panda_py.libfranka", "panda-python")
        try:
            self._hand = libfranka.Gripper(self._address)
        except Exception as error:
            raise UserError(f"{self._address}: no gripper answers ({error})") from error

    def set(self, opening: float) -> None:
        """Open, or close on whatever is there.

        Raises:
            ArmError: it failed.
        """
        wide = float(self._hand.read_once().max_width)
        try:
            if opening > 0.5:
                self._hand.move(wide, self._speed)
            else:
                self._hand.grasp(0.0, self._speed, self._force, wide, wide)
        except Exception as error:
            raise ArmError(f"{self._address}: the gripper failed ({error})") from error

    def width(self) -> float:
        """Return the metres between the fingers."""
        return float(self._hand.read_once().width)

    def close(self) -> None:
        """Forget the gripper."""
        self._hand = None
