"""Brings the arm beside the expert's path before a demonstration, which then shows the way back.

A policy's own small errors take it beside the paths that experts show, where it has learned
nothing (Ross and Bagnell, 2010). Two cures: noise, as in DART (Laskey et al., 2017), and the
policy itself, as in DAgger (Ross, Gordon and Bagnell, 2011), with the expert taking over at a
random decision. Deviation from the paper, whose demonstrations all start at home.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

from genima_lite import panda
from genima_lite.envs.api import HasExpert, HasSnapshot, RobotEnv, require
from genima_lite.observation import Observation

SPREAD = 0.04
"""radians: joints are displaced by normal noise whose deviation is uniform between 0 and this.
It moves the tip by 2 cm on average, the size of a pixel of a 64-pixel view of the table."""

FLIP = 0.15
"""Share of the starts with an empty hand in which the gripper is closed instead of open, or the
other way round."""

DECISIONS = 9
"""A policy decides at most so often before the expert takes over."""

_DETOUR = 6
_PAUSE = 6
_APART = 0.002
"""metres: closed fingers that are farther apart have something between them."""


class Decider(Protocol):
    """What sources of samples ask of a policy; `genima_lite.policies.api.Policy` is one."""

    def reset(self, instruction: str, seed: int) -> None:
        """Start an episode."""

    def act(self, observation: Observation) -> Any:
        """Return a decision, whose `actions` are (n, 8): joint targets in radians, gripper open."""


class MakePolicy(Protocol):
    """Makes a policy with its environment; picklable and hashable, so that workers get it.

    Attributes:
        name: of the policy.
    """

    @property
    def name(self) -> str:
        """The policy's name."""

    def __call__(self, task: str) -> tuple[RobotEnv, Decider]:
        """Return a task's environment and the policy in it."""

    def fingerprint(self) -> str | None:
        """Return digits that change with the policy's weights; `None` if it has none."""


class ByNoise:
    """Goes a random part of the expert's way unseen, then moves every joint a little."""

    def __call__(self, env: RobotEnv, seed: int, instruction: str) -> None:
        """See `genima_lite.demos.collect.Lead`."""
        rng = np.random.default_rng([seed, 1])
        expert = require(env, HasExpert, "recovery starts")
        steps = np.vstack(list(expert.expert_stretches()))
        part, opening = steps[: rng.integers(len(steps))], 1.0
        if len(part):
            opening = float(part[env.execute(part).steps - 1, 7])
        for command in _aside(env.observation, opening, rng):  # even where the task is done
            env.execute(command[None])
        snapshot = require(env, HasSnapshot, "recovery starts")
        snapshot.restore(snapshot.state())


class ByPolicy:
    """Lets a policy decide a few times, and ends where the task was not done yet.

    Args:
        env: the policy's environment.
        policy: decides in it.

    Raises:
        UserError: the environment has no snapshots.
    """

    def __init__(self, env: RobotEnv, policy: Decider):
        self._env, self._policy = env, policy
        self._snapshot = require(env, HasSnapshot, "recovery starts by a policy")

    def __call__(self, env: RobotEnv, seed: int, instruction: str) -> None:
        """See `genima_lite.demos.collect.Lead`."""
        other = require(env, HasSnapshot, "recovery starts by a policy")
        self._snapshot.restore(other.state())
        self._policy.reset(instruction, seed)
        state, command = self._snapshot.state(), _posture(self._env.observation)
        for _ in range(int(np.random.default_rng([seed, 1]).integers(1, DECISIONS + 1))):
            actions = self._policy.act(self._env.observation).actions
            outcome = self._env.execute(actions)
            if outcome.success:
                break
            state, command = self._snapshot.state(), actions[outcome.steps - 1]
        self._snapshot.restore(state)
        self._env.execute(np.repeat(command[None], _PAUSE, axis=0))
        other.restore(self._snapshot.state())


@dataclass(frozen=True)
class NoiseLeads:
    """Makes `ByNoise` for the workers of a collection; see `genima_lite.demos.collect.MakeLead`."""

    def __call__(self, task: str) -> ByNoise:
        """Return what leads in a task's environment."""
        return ByNoise()

    def provenance(self) -> dict[str, Any]:
        """Return what the starts come from, JSON-able."""
        return {"by": "noise"}


@dataclass(frozen=True)
class PolicyLeads:
    """Makes `ByPolicy` for the workers of a collection.

    Attributes:
        make: makes the policy, for example `genima_lite.policies.api.PolicyFactory("genima")`.
    """

    make: MakePolicy

    def __call__(self, task: str) -> ByPolicy:
        """Return what leads in a task's environment."""
        return ByPolicy(*self.make(task))

    def provenance(self) -> dict[str, Any]:
        """Return what the starts come from, JSON-able, with a fingerprint of the weights."""
        return {"by": self.make.name, "weights": self.make.fingerprint()}


def _aside(observation: Observation, opening: float, rng: np.random.Generator) -> np.ndarray:
    """Return commands (n, 8) that move every joint a little, sometimes the gripper too, and wait.

    Args:
        observation: where the arm is.
        opening: the gripper's last command.
        rng: decides how far.
    """
    joints = np.asarray(observation.joint_positions)
    goal = joints + rng.normal(0, rng.uniform(0, SPREAD), 7)
    shares = np.linspace(0, 1, _DETOUR + 1)[1:, None]
    way = np.clip(joints + shares * (goal - joints), panda.LOWER, panda.UPPER)
    commands = np.hstack([way, np.full((_DETOUR, 1), opening)])
    last = commands[-1:].copy()
    if not _holds_something(observation, opening) and rng.random() < FLIP:
        last[:, 7] = 1 - opening
    return np.vstack([commands, *[last] * _PAUSE])


def _holds_something(observation: Observation, opening: float) -> bool:
    fingers = np.asarray(observation.gripper_joint_positions)
    return opening < 0.5 and bool(fingers.min() > _APART)


def _posture(observation: Observation) -> np.ndarray:
    """Return joints in radians and gripper open, (8,)."""
    return np.append(np.asarray(observation.joint_positions), float(observation.gripper_open or 0))
