"""What drivers share: their packages, errors in our words, and what an arm does once it stopped."""

from __future__ import annotations

import threading
from abc import ABC, abstractmethod
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from typing import Any

import numpy as np

from genima_lite.envs.arm.api import ArmError, ArmState
from genima_lite.envs.arm.drivers.wall import WallClock
from genima_lite.errors import UserError


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


@contextmanager
def told_as(kind: type[Exception], words: str) -> Iterator[None]:
    """Raise what goes wrong within as an error of ours; one of ours passes as it is."""
    try:
        yield
    except (UserError, ArmError):
        raise
    except Exception as error:
        raise kind(f"{words} ({error})") from error


class DriverArm(ABC):
    """A Franka arm at an address. One thread may read while another sends.

    Args:
        address: for example 172.16.0.2.
        clock: the wall's.
    """

    def __init__(self, address: str, clock: WallClock):
        self._address, self._clock = address, clock
        self._robot: Any = None
        self._stopped: str | None = None
        self._one = threading.RLock()
        self._own, self._since = float("nan"), 0.0

    @abstractmethod
    def connect(self) -> None:
        """Reach the robot.

        Raises:
            UserError: the package is not installed, nobody answers, or it is another robot.
        """

    def read(self) -> ArmState:
        """Return the newest state; one that the robot does not renew grows older.

        Raises:
            ArmError: the robot does not answer.
        """
        with told_as(ArmError, f"{self._address}: the robot does not answer"), self._one:
            own, *measured, errors = self._state()
            joints, speeds, load = (np.array(each, np.float64) for each in measured)
            if own != self._own:
                self._own, self._since = own, self._clock.now()
            return ArmState(self._since, joints, speeds, -load, errors or self._stopped)

    def send(self, joints: np.ndarray, velocities: np.ndarray) -> None:
        """Hand a target to the robot's own loop, which starts with the first.

        Raises:
            ArmError: the robot stopped.
        """
        if self._stopped is not None:
            return
        try:
            with self._one:
                self._set_target(joints, velocities)
        except Exception as error:
            self._stopped = str(error)
            raise ArmError(f"{self._address}: the robot stopped ({error})") from error

    def stop(self) -> None:
        """End the robot's loop, which brings the arm to rest."""
        self._stopped = self._stopped or "stopped"
        self._end_loop()

    def recover(self) -> None:
        """Clear the robot's errors.

        Raises:
            ArmError: they stay.
        """
        with told_as(ArmError, f"{self._address}: cannot recover"):
            self._clear_errors()
        self._stopped = None

    def close(self) -> None:
        """Stop, and forget the robot."""
        if self._robot is not None:
            self.stop()
        self._robot = None

    @abstractmethod
    def _state(self) -> tuple[float, Any, Any, Any, str | None]:
        """Return seconds on the robot's clock, joints, their velocities and torques, and what is
        wrong with the robot.
        """

    @abstractmethod
    def _set_target(self, joints: np.ndarray, velocities: np.ndarray) -> None:
        """Give the loop its target; start it if it does not run."""

    @abstractmethod
    def _end_loop(self) -> None:
        """End the loop, if it runs."""

    @abstractmethod
    def _clear_errors(self) -> None:
        """Forget the loop, and clear the robot's errors."""


class DriverGripper(ABC):
    """The Franka Hand at an address.

    Args:
        address: the robot's.
        speed: metres a second.
        force: newtons with which it grasps.
    """

    def __init__(self, address: str, speed: float = 0.1, force: float = 20.0):
        self._address, self._speed, self._force = address, speed, force
        self._hand: Any = None

    def connect(self) -> None:
        """Reach the gripper.

        Raises:
            UserError: it does not answer.
        """
        with told_as(UserError, f"{self._address}: no gripper answers"):
            self._hand = self._reach()

    def set(self, opening: float) -> None:
        """Open, or close on whatever is there.

        Raises:
            ArmError: it failed.
        """
        with told_as(ArmError, f"{self._address}: the gripper failed"):
            self._move(opening > 0.5)

    @abstractmethod
    def width(self) -> float:
        """Return the metres between the fingers."""

    def close(self) -> None:
        """Forget the gripper."""
        self._hand = None

    @abstractmethod
    def _reach(self) -> Any:
        """Return the package's gripper."""

    @abstractmethod
    def _move(self, opens: bool) -> None:
        """Open, or grasp."""
