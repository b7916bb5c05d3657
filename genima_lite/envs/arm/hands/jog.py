"""From speeds of the tip to joint targets, for devices that move the tip."""

from __future__ import annotations

import numpy as np

from genima_lite import panda
from genima_lite.observation import CONTROL_PERIOD

FASTEST, TURNING = 0.15, 0.6
"""Metres and radians a second, at the end of a stick."""

_DAMPING, _STEP = 1e-5, 0.08
"""Of the inverse, and the most radians that a joint moves in a row."""


class Jog:
    """A target that is moved by speeds.

    Args:
        joints: (7,) radians, where it begins.
        opening: of the gripper.
    """

    def __init__(self, joints: np.ndarray, opening: float):
        self._joints, self.opening = np.array(joints, np.float64), opening

    def row(self, speeds: np.ndarray) -> np.ndarray:
        """Return the next row (8,), joints within their ranges.

        Args:
            speeds: (4,) from -1 to 1: along the world's x, y, z, and turning about z.
        """
        wanted = np.zeros(6)
        wanted[:3], wanted[5] = FASTEST * speeds[:3], TURNING * speeds[3]
        poses, tip = panda.forward_kinematics(self._joints)
        jac = panda.jacobian(poses, tip)
        step = jac.T @ np.linalg.solve(jac @ jac.T + _DAMPING * np.eye(6), wanted * CONTROL_PERIOD)
        step *= min(1.0, _STEP / max(float(np.abs(step).max()), 1e-9))
        self._joints = np.clip(self._joints + step, panda.LOWER, panda.UPPER)
        return np.append(self._joints, self.opening)

    def toggle(self) -> None:
        """Open a closed gripper, close an open one."""
        self.opening = float(self.opening < 0.5)
