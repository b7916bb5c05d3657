"""What a backend of the arm must be: `Arm`, `Gripper`, `Camera`, `Clock`.

Joint angles are Franka's everywhere below this door, seconds are those of the backend's clock.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np


class ArmError(RuntimeError):
    """The arm, a gripper or a camera failed; the message says what to do."""


@dataclass(frozen=True, eq=False)
class ArmState:
    """What was measured of an arm at one instant.

    Attributes:
        seconds: when, on the backend's clock.
        joints: (7,) radians, Franka's.
        velocities: (7,) rad/s.
        torques: (7,) N m, of the load, as in RLBench; zeros where nothing measures them.
        fault: what stopped the arm, in the robot's own words; `None` where it is ready.
    """

    seconds: float
    joints: np.ndarray
    velocities: np.ndarray
    torques: np.ndarray
    fault: str | None = None


@dataclass(frozen=True, eq=False)
class Picture:
    """One picture of a camera.

    Attributes:
        seconds: when it was exposed, on the backend's clock.
        rgb: (H, W, 3) uint8.
        dropped: frames that were lost so far.
    """

    seconds: float
    rgb: np.ndarray
    dropped: int = 0


class Clock(Protocol):
    """Time of a backend: of the wall, or of a simulation."""

    def now(self) -> float:
        """Return seconds since some instant."""

    def sleep_until(self, seconds: float) -> None:
        """Return when it is that late; at once if it was."""


class Arm(Protocol):
    """Seven joints that follow positions.

    Attributes:
        model: "fer" or "fr3": which limits it has (`genima_lite.envs.arm.limits`).
        period: seconds between two calls of `send`.
    """

    model: str
    period: float

    def connect(self) -> None:
        """Reach the robot; drivers import their packages here.

        Raises:
            UserError: the package is missing, or the address is not reached, or the robot is
                another than the driver is for.
        """

    def read(self) -> ArmState:
        """Return the newest measured state.

        Raises:
            ArmError: the robot does not answer.
        """

    def send(self, joints: np.ndarray, velocities: np.ndarray) -> None:
        """Command joints (7,) in radians and their velocities (7,) in rad/s for now.

        They come from the safety filter, one each `period`, and are held where no more come.

        Raises:
            ArmError: the robot stopped, or does not answer.
        """

    def stop(self) -> None:
        """Stop at once with the robot's own means; nothing but `recover` goes on from there."""

    def recover(self) -> None:
        """Clear faults and stand ready where the arm is. Only to be called when a person said so.

        Raises:
            ArmError: the fault stays.
        """

    def guide(self, on: bool) -> None:
        """Let a person move the arm by hand, or hold it again.

        Raises:
            UserError: this robot cannot.
        """

    def close(self) -> None:
        """Let go of the robot; it stands."""


class Gripper(Protocol):
    """Two fingers that open or close, as RLBench's."""

    def connect(self) -> None:
        """Reach the gripper.

        Raises:
            UserError: it is not there.
        """

    def set(self, opening: float) -> None:
        """Open above 0.5, else close; returns when the fingers stand.

        Raises:
            ArmError: it failed.
        """

    def width(self) -> float:
        """Return the metres between the fingers."""

    def close(self) -> None:
        """Let go of the gripper."""


class Camera(Protocol):
    """Takes pictures.

    Attributes:
        name: which of RLBench's views it stands for, for example "front".
    """

    name: str

    def connect(self) -> None:
        """Open the camera.

        Raises:
            UserError: it is not there.
        """

    def picture(self) -> Picture:
        """Return the newest picture.

        Raises:
            ArmError: no picture comes.
        """

    def close(self) -> None:
        """Let go of the camera."""
