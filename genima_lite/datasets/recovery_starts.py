"""Leads the arm astray before a demonstration, so that the expert shows the way back.

A policy's own small errors take it beside the paths that experts show, where it has learned
nothing (Ross and Bagnell, 2010). Two cures: noise, as in DART (Laskey et al., 2017), and the
policy itself, as in DAgger (Ross, Gordon and Bagnell, 2011), with the expert taking over at a
random decision. Deviation from the paper, whose demonstrations all start at home.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, Protocol

import numpy as np

from genima_lite import panda
from genima_lite.envs.bench.env import BenchEnv
from genima_lite.envs.bench.expert import plan
from genima_lite.policies.api import PolicySettings, make_env, make_policy

SPREAD = 0.04
"""radians: joints are displaced by normal noise whose deviation is uniform between 0 and this.
It moves the tip by 2 cm on average, the size of a pixel of a 64-pixel view of the table."""

FLIP = 0.15
"""Share of the starts with an empty hand in which the gripper is closed instead of open, or the
other way round."""

DECISIONS = 9
"""A policy decides at most so often before the expert takes over."""

_DETOUR = 6
_PAUSE = 4


class Lead(Protocol):
    """Brings the arm somewhere and starts the episode anew from there, its clock at 0."""

    def __call__(self, env: BenchEnv, seed: int) -> None:
        """Lead an environment astray that was just reset; the same seed does the same.

        Raises:
            panda.Unreachable: the expert has no plan.
        """


class ByNoise:
    """Goes a random part of the expert's way unseen, then moves every joint a little."""

    def __call__(self, env: BenchEnv, seed: int) -> None:
        """See `Lead`."""
        rng = np.random.default_rng([seed, 1])
        steps = plan(env.task.waypoints(env.scene), np.asarray(env.observation.joint_positions))
        for action in steps[: rng.integers(len(steps))]:
            env.step_blindly(action)
        _displace(env, rng)
        _restart(env, env.scene.state())


class ByPolicy:
    """Lets a policy decide a few times, and ends where the task was not done yet.

    Args:
        name: of the policy.
        task: of the environments.
        checkpoint: folder of the trained policy; `None` for the shipped one.

    Raises:
        UserError: no such policy, or no checkpoint.
    """

    def __init__(self, name: str, task: str, checkpoint: Path | None = None):
        settings = PolicySettings(checkpoint)
        self._env = make_env(name, task, settings)
        self._policy = make_policy(name, self._env, settings)

    def __call__(self, env: BenchEnv, seed: int) -> None:
        """See `Lead`."""
        _, info = self._env.reset(options={"scene_state": env.scene.state()})
        self._policy.reset(info["instruction"], seed)
        count = int(np.random.default_rng([seed, 1]).integers(1, DECISIONS + 1))
        state = self._env.scene.state()
        for _ in range(count):
            if self._decide():
                break
            state = self._env.scene.state()
        _restart(self._env, state)
        self._env.scene.robot.hold(_PAUSE)
        _restart(env, self._env.scene.state())

    def _decide(self) -> bool:
        """Execute one decision; return whether the episode is over."""
        *unseen, last = self._policy.act(self._env.observation)
        for action in unseen:
            if self._env.step_blindly(action)[0]:
                return True
        _, _, terminated, _, _ = self._env.step(last)
        return terminated


def make_lead(name: str, task: str, checkpoint: Path | None = None) -> Lead:
    """Return what leads recovery: "noise", or the policy of that name."""
    return ByNoise() if name == "noise" else ByPolicy(name, task, checkpoint)


def _displace(env: BenchEnv, rng: np.random.Generator) -> None:
    """Move every joint a little, sometimes the gripper too, and wait until the arm rests."""
    robot = env.scene.robot
    joints = np.asarray(env.observation.joint_positions)
    aside = joints + rng.normal(0, rng.uniform(0, SPREAD), 7)
    for share in np.linspace(0, 1, _DETOUR + 1)[1:]:
        robot.move(np.clip(joints + share * (aside - joints), panda.LOWER, panda.UPPER))
    if not robot.held and rng.random() < FLIP:
        robot.set_gripper(0.0 if robot.commanded_open else 1.0)
    robot.hold(_PAUSE)


def _restart(env: BenchEnv, state: dict[str, Any]) -> None:
    env.reset(options={"scene_state": state})
