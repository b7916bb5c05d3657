"""Drives to random postures; the floor that every other policy must beat."""

from __future__ import annotations

import numpy as np

from genima_lite.observation import Observation
from genima_lite.panda import LOWER, UPPER
from genima_lite.policies.api import Decision, Policy
from genima_lite.targets.horizon import HORIZON


class RandomPolicy(Policy):
    """Goes to a random posture near the present one, and closes or opens the gripper."""

    def reset(self, instruction: str, seed: int) -> None:
        """Seed the random numbers."""
        self._rng = np.random.default_rng(seed)

    def act(self, observation: Observation) -> Decision:
        """Return K actions on a straight line to a posture near the present one."""
        start = np.clip(np.asarray(observation.joint_positions), LOWER, UPPER)
        goal = np.clip(start + self._rng.normal(0, 0.4, 7), LOWER, UPPER)
        share = np.linspace(0, 1, HORIZON + 1)[1:, None]
        opening = np.full((HORIZON, 1), self._rng.integers(2))
        way = np.clip((1 - share) * start + share * goal, LOWER, UPPER)  # rounding may leave them
        return Decision(np.hstack([way, opening]))
