"""What the two arms allow, as data, with where the numbers are from."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from genima_lite.errors import UserError


@dataclass(frozen=True, eq=False)
class ArmLimits:
    """Limits of one arm: (7,) each, Franka's angles.

    Attributes:
        model: its short name.
        lower, upper: radians.
        velocity, acceleration, jerk: rad/s, rad/s^2, rad/s^3, of both signs.
        source: where the numbers are from.
    """

    model: str
    lower: np.ndarray
    upper: np.ndarray
    velocity: np.ndarray
    acceleration: np.ndarray
    jerk: np.ndarray
    source: str

    def share(self, margin: float, share: float, speed: float) -> ArmLimits:
        """Return narrower limits.

        Args:
            margin: radians that joints keep from the ends of their ranges.
            share: of velocity, acceleration and jerk that is used.
            speed: as if time ran so much slower: it enters once, twice, and three times.
        """
        return replace(
            self,
            lower=self.lower + margin,
            upper=self.upper - margin,
            velocity=self.velocity * share * speed,
            acceleration=self.acceleration * share * speed**2,
            jerk=self.jerk * share * speed**3,
        )


FER = ArmLimits(
    "fer",
    np.array([-2.8973, -1.7628, -2.8973, -3.0718, -2.8973, -0.0175, -2.8973]),
    np.array([2.8973, 1.7628, 2.8973, -0.0698, 2.8973, 3.7525, 2.8973]),
    np.array([2.175, 2.175, 2.175, 2.175, 2.61, 2.61, 2.61]),
    np.array([15.0, 7.5, 10.0, 12.5, 15.0, 20.0, 20.0]),
    np.array([7500.0, 3750.0, 5000.0, 6250.0, 7500.0, 10000.0, 10000.0]),
    "Franka Robotics, FCI documentation, control parameters, limits for Panda",
)
"""Franka Emika Robot, "Panda"."""

FR3 = ArmLimits(
    "fr3",
    np.array([-2.3093, -1.5133, -2.4937, -2.7478, -2.4800, 0.8521, -2.6895]),
    np.array([2.3093, 1.5133, 2.4937, -0.4461, 2.4800, 4.2094, 2.6895]),
    np.array([2.0, 1.0, 1.5, 1.25, 3.0, 1.5, 3.0]),
    np.full(7, 10.0),
    np.full(7, 5000.0),
    "Franka Robotics, FCI documentation, control parameters, limits for Franka Research 3: the "
    "rectangle of positions in which fixed limits of velocity hold",
)
"""Franka Research 3. Its limits of velocity shrink towards the ends of the ranges; inside this
smaller rectangle the fixed numbers hold everywhere."""

ROBOTS = {each.model: each for each in (FER, FR3)}
"""By short name."""


def limits_of(robot: str) -> ArmLimits:
    """Return the limits of a robot.

    Raises:
        UserError: no such robot.
    """
    if robot not in ROBOTS:
        raise UserError(f"robot is '{robot}': choose from {', '.join(ROBOTS)}")
    return ROBOTS[robot]
