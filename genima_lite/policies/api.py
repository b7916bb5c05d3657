"""Policies: from an observation to the next K actions."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from genima_lite.envs.bench.env import BenchEnv
from genima_lite.envs.bench.expert import plan
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
        """Return the actions to execute before it is asked again, (n, 8) float64, n from 1 to K:
        joint targets in radians, gripper open.
        """


@dataclass(frozen=True, eq=False)
class Decision:
    """What a policy can tell about its last decision, in its attribute `last`.

    Attributes:
        drawn: by camera, (H, W, 3) uint8, the views with targets that the controller saw; `None`
            for a policy that draws none.
        seconds: wall-clock seconds by stage, for example "draw" and "control".
    """

    drawn: dict[str, np.ndarray] | None
    seconds: dict[str, float]


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


@dataclass(frozen=True)
class PolicySettings:
    """What trained policies are told beside their name.

    Attributes:
        checkpoint: folder of the trained policy; `None` for the one in `data/`.
        execute: how many of a decision's K actions are executed before the next; `None` for all.
        ensemble: temporal ensembling: decide at every step and average what was said about it.
    """

    checkpoint: Path | None = None
    n_action_steps: int | None = None
    ensemble: bool = False


POLICIES: dict[str, Any] = {"expert": ExpertPolicy, "random": RandomPolicy}
"""Policies that need the environment only; they see no pictures."""

TRAINED = {
    "genima": "genima_lite.policies.trained:GenimaPolicy",
    "oracle": "genima_lite.policies.trained:OraclePolicy",
    "act": "genima_lite.policies.trained:ActPolicy",
}
"""Policies with a checkpoint, as module:class, imported when asked for since they need torch.

A class has `views(settings) -> Views`, which says what it wants to see, and is made with
`(env, settings)`.
"""


def make_env(policy: str, task: str, settings: PolicySettings) -> BenchEnv:
    """Return a task's environment with the views that a policy wants.

    Raises:
        UserError: no such policy or task, or no checkpoint where one is needed.
    """
    if policy in TRAINED:
        views = _trained(policy, settings).views(settings)
        return BenchEnv(task, views.cameras, views.size)
    _check_name(policy)
    return BenchEnv(task, cameras=())


def make_policy(name: str, env: BenchEnv, settings: PolicySettings = PolicySettings()) -> Policy:
    """Return a policy by name.

    Raises:
        UserError: no such policy, or no checkpoint where one is needed.
    """
    if name in TRAINED:
        return _trained(name, settings)(env, settings)
    _check_name(name)
    return POLICIES[name](env)


def policy_names() -> Sequence[str]:
    """Return the names of all policies."""
    return [*POLICIES, *TRAINED]


def _check_name(name: str) -> None:
    if name not in policy_names():
        raise UserError(f"unknown policy '{name}': choose from {', '.join(policy_names())}")


def _trained(name: str, settings: PolicySettings) -> Any:
    """Return the class of a trained policy."""
    module, _, attribute = TRAINED[name].partition(":")
    try:
        return getattr(import_module(module), attribute)
    except ImportError as error:
        raise UserError(
            f"policy '{name}' needs {error.name}: pip install 'genima-lite[models]'"
        ) from error
