"""Policies: from an observation to the next K actions."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

import numpy as np

from genima_lite.bench.env import BenchEnv
from genima_lite.bench.expert import plan
from genima_lite.errors import UserError
from genima_lite.observation import Observation
from genima_lite.panda import LOWER, UPPER

HORIZON = 20
"""K, the actions of one decision (paper: 20 steps, one second)."""


class Policy(Protocol):
    """Decides what to do next."""

    def reset(self, instruction: str, seed: int) -> None:
        """Start an episode; called after the environment's reset.

        Raises:
            ValueError: the policy cannot do this episode (the expert cannot reach a waypoint).
        """

    def act(self, observation: Observation) -> np.ndarray:
        """Return the next actions, (K, 8) float64: joint targets in radians, gripper open."""


class ExpertPolicy:
    """The task's scripted expert; it sees the simulator's state, which no other policy may."""

    def __init__(self, env: BenchEnv):
        self._env = env

    def reset(self, instruction: str, seed: int) -> None:
        """Plan the whole episode."""
        scene = self._env.scene
        start = self._env.observation.joint_positions
        assert start is not None
        self.plan = plan(scene.task.waypoints(scene), start)
        self._next = 0

    def act(self, observation: Observation) -> np.ndarray:
        """Return the next K planned actions; past the plan's end its last one is held."""
        rows = np.arange(self._next, self._next + HORIZON)
        self._next += HORIZON
        return self.plan[np.minimum(rows, len(self.plan) - 1)]


class RandomPolicy:
    """Drives to random postures; the floor that every other policy must beat."""

    def __init__(self, env: BenchEnv):
        self._rng = np.random.default_rng(0)

    def reset(self, instruction: str, seed: int) -> None:
        """Seed the random numbers."""
        self._rng = np.random.default_rng(seed)

    def act(self, observation: Observation) -> np.ndarray:
        """Return K actions on a straight line to a posture near the present one."""
        start = np.clip(np.asarray(observation.joint_positions), LOWER, UPPER)
        goal = np.clip(start + self._rng.normal(0, 0.4, 7), LOWER, UPPER)
        share = np.linspace(0, 1, HORIZON + 1)[1:, None]
        opening = np.full((HORIZON, 1), self._rng.integers(2))
        way = np.clip((1 - share) * start + share * goal, LOWER, UPPER)  # rounding may leave them
        return np.hstack([way, opening])


POLICIES: dict[str, Callable[[BenchEnv], Policy]] = {"expert": ExpertPolicy, "random": RandomPolicy}


def make_policy(name: str, env: BenchEnv) -> Policy:
    """Return a policy by name.

    Raises:
        UserError: no such policy.
    """
    if name not in POLICIES:
        raise UserError(f"unknown policy '{name}': choose from {', '.join(POLICIES)}")
    return POLICIES[name](env)
