"""The Franka Research 3 through franky (`pip install franky-control`): impedance tracking.

franky's own loop runs at 1 kHz in C++; we hand it a target every 10 ms. Its wheel on the package
index speaks to the FR3 only (server 10); it does not enforce the FR3's limits on targets: the
safety filter does.
"""

from __future__ import annotations

from importlib import import_module
from typing import Any

import numpy as np

from genima_lite.envs.arm.api import ArmError, ArmState
from genima_lite.envs.arm.drivers.wall import WallClock
from genima_lite.envs.arm.limits import FR3
from genima_lite.errors import UserError

STIFFNESS = np.array([300.0, 300.0, 300.0, 300.0, 125.0, 75.0, 25.0])
"""(7,) N m / rad of the impedance tracker. Against an emulator joints trail too far with these, and
with twice as much: see docs/real_arm.md before any use."""

TORQUE_LIMIT, FORCE_LIMIT = 20.0, 30.0
"""N m and N at which the robot stops as after a collision."""


class FrankyArm:
    """An FR3 at an address.

    Args:
        address: for example 172.16.0.2.
        clock: the wall's.
        realtime: refuse a kernel without real time, as hardware needs.
    """

    model, period = FR3.model, 0.01

    def __init__(self, address: str, clock: WallClock, realtime: bool = True):
        self._address, self._clock, self._realtime = address, clock, realtime
        self._franky: Any = None
        self._robot: Any = None
        self._tracker: Any = None
        self._stopped: str | None = None

    def connect(self) -> None:
        """Reach the robot, and set collision thresholds.

        Raises:
            UserError: franky is not installed, nobody answers, or it is no FR3.
        """
        self._franky = package("franky", "franky-control")
        config = self._franky.RealtimeConfig
        wanted = config.Enforce if self._realtime else config.Ignore
        try:
            self._robot = self._franky.Robot(self._address, realtime_config=wanted)
            self._robot.set_collision_behavior(TORQUE_LIMIT, FORCE_LIMIT)
        except self._franky.IncompatibleVersionException as error:
            raise UserError(
                f"{self._address}: this franky speaks to the FR3, the robot is another or has "
                f"another system version ({error}); for a Panda take driver panda-py"
            ) from error
        except Exception as error:
            raise UserError(f"{self._address}: no robot answers ({error})") from error

    def read(self) -> ArmState:
        """Return the newest state.

        Raises:
            ArmError: the robot does not answer.
        """
        try:
            state, fault = self._robot.current_joint_state, self._fault()
            load = -np.asarray(self._robot.state.tau_J, dtype=np.float64)
        except Exception as error:
            raise ArmError(f"{self._address}: the robot does not answer ({error})") from error
        joints, speeds = (np.array(v, np.float64) for v in (state.position, state.velocity))
        return ArmState(self._clock.now(), joints, speeds, load, fault)

    def send(self, joints: np.ndarray, velocities: np.ndarray) -> None:
        """Hand a target to the tracker, which starts with the first.

        Raises:
            ArmError: the robot stopped.
        """
        if self._stopped is not None:
            return
        try:
            if self._tracker is None:
                stiff = {"stiffness": STIFFNESS, "period": None}
                self._tracker = self._franky.JointImpedanceTracker(self._robot, **stiff)
                self._tracker.__enter__()
            self._tracker.set_target(joints, velocities)
        except Exception as error:
            self._stopped = str(error)
            raise ArmError(f"{self._address}: the robot stopped ({error})") from error

    def stop(self) -> None:
        """Let the tracker bring the arm to rest."""
        self._stopped = self._stopped or "stopped"
        self._end_tracker()

    def recover(self) -> None:
        """Clear the robot's errors.

        Raises:
            ArmError: they stay.
        """
        self._end_tracker()
        try:
            self._robot.recover_from_errors()
        except Exception as error:
            raise ArmError(f"{self._address}: cannot recover ({error})") from error
        self._stopped = None

    def guide(self, on: bool) -> None:
        """Refuse: guide the FR3 by its own buttons."""
        raise UserError("franky: guide the FR3 by the buttons on its hand, then read where it is")

    def close(self) -> None:
        """Stop, and forget the robot."""
        if self._robot is not None:
            self.stop()
        self._robot = None

    def _fault(self) -> str | None:
        return "robot errors" if self._robot.has_errors else self._stopped

    def _end_tracker(self) -> None:
        tracker, self._tracker = self._tracker, None
        if tracker is not None:
            try:
                tracker.__exit__(None, None, None)
            except Exception as error:
                self._stopped = str(error)


class FrankyGripper:
    """The Franka Hand through franky."""

    def __init__(self, address: str, speed: float = 0.1, force: float = 20.0):
        self._address, self._speed, self._force = address, speed, force
        self._hand: Any = None

    def connect(self) -> None:
        """Reach the gripper.

        Raises:
            UserError: it does not answer.
        """
        franky = package("franky", "franky-control")
        try:
            self._hand = franky.Gripper(self._address)
        except Exception as error:
            raise UserError(f"{self._address}: no gripper answers ({error})") from error

    def set(self, opening: float) -> None:
        """Open, or close on whatever is there.

        Raises:
            ArmError: it failed.
        """
        try:
            if opening > 0.5:
                self._hand.open(self._speed)
            else:
                wide = float(self._hand.max_width)
                self._hand.grasp(0.0, self._speed, self._force, epsilon_outer=wide)
        except Exception as error:
            raise ArmError(f"{self._address}: the gripper failed ({error})") from error

    def width(self) -> float:
        """Return the metres between the fingers."""
        return float(self._hand.width)

    def close(self) -> None:
        """Forget the gripper."""
        self._hand = None


def package(module: str, distribution: str) -> Any:
    """Import a driver's package.

    Raises:
        UserError: it is not installed.
    """
    try:
        return import_module(module)
    except ImportError as error:
        raise UserError(
            f"this driver needs {module}: pip install {distribution} ({error})"
        ) from error
