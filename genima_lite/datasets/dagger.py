"""Decisions that a policy comes to by itself, each with what the expert would do there.

What a policy's own errors lead to, it has never seen done right (Ross and Bagnell, 2010). In
DAgger (Ross, Gordon and Bagnell, 2011) the policy acts and the expert names, at every decision,
the right one. Deviation from the paper, which learns from demonstrations only.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import count
from pathlib import Path

import numpy as np

from genima_lite import panda
from genima_lite.datasets.perturbed_states import expert_way, led_along
from genima_lite.envs.bench.env import BenchEnv
from genima_lite.envs.bench.scene import Scene
from genima_lite.envs.bench.tasks import load_task
from genima_lite.observation import Demo, Observation
from genima_lite.policies.api import Policy, PolicySettings, make_env, make_policy
from genima_lite.seeds import training_seed

HELPED = 0.3
"""Share of the decisions that the expert takes instead of the policy, so that it also comes to
what lies behind its own errors."""

_MOVED = 0.01
_ROW = 250
"""Episodes set apart for a row; every one gives a decision, mostly several."""


@dataclass(frozen=True)
class DaggerSettings:
    """What defines a row of visited decisions."""

    task: str
    """RLBench task name."""
    policy: str = "genima"
    """Which trained policy decides."""
    checkpoint: Path | None = None
    """Its folder; `None` for the shipped one."""
    seed: int = 0
    """Of the episodes, whose environment seeds are training seeds."""
    keyframes: bool = True
    """Targets end at stops (`genima_lite.targets.horizon.target_frames`)."""
    part: int = 0
    """Rows of one seed with other numbers show other episodes."""


def dagger_rollouts(settings: DaggerSettings, number: int) -> Iterator[tuple[Demo, list[str]]]:
    """Let a policy do whole episodes, helped now and then, and take the first `number` decisions.

    A decision at which the tip is within a centimetre of the last one, as when the arm is stuck,
    is not taken again.

    Yields:
        As `genima_lite.datasets.perturbed_states.moments`: a demonstration from a decision to the expert's
        next target, with the pictures that the policy saw in its first frame, and the sentences
        that ask for the variation. Draw targets with `keyframes=False`.

    Raises:
        UserError: no such policy or task, or no checkpoint.
    """
    chosen = PolicySettings(settings.checkpoint)
    env = make_env(settings.policy, settings.task, chosen)
    policy = make_policy(settings.policy, env, chosen)
    stand_in = Scene(load_task(settings.task))
    stand_in.reset(0, np.random.RandomState(0))
    made = 0
    for episode in count(_ROW * settings.part):
        for demo in _of_one_episode(env, policy, stand_in, settings, episode):
            if made == number:
                env.close()
                return
            made += 1
            yield demo, env.task.instructions(episode % env.task.variations)


def _of_one_episode(
    env: BenchEnv, policy: Policy, stand_in: Scene, settings: DaggerSettings, episode: int
) -> Iterator[Demo]:
    """Yield an episode's decisions, until it is over or beyond the expert."""
    seed = training_seed(settings.seed, episode)
    rng = np.random.default_rng([seed, 4])
    _, info = env.reset(seed=seed, options={"variation": episode % env.task.variations})
    before, done = np.full(3, np.inf), False
    try:
        policy.reset(info["instruction"], seed)
        first = env.task.waypoints(env.scene)
        while not done:
            seen = env.observation
            way = expert_way(env.scene, first, settings.keyframes)
            if np.linalg.norm(_tip(seen) - before) > _MOVED:
                yield Demo([seen, *led_along(stand_in, way)])
            before = _tip(seen)
            done = _execute(env, way if rng.random() < HELPED else policy.act(seen))
    except panda.Unreachable:
        return


def _tip(observation: Observation) -> np.ndarray:
    """Return where the tip is, (3,) metres."""
    assert observation.gripper_pose is not None
    return observation.gripper_pose[:3]


def _execute(env: BenchEnv, actions: np.ndarray) -> bool:
    """Take the steps of a decision, with a view after the last; return whether all is over."""
    *before, last = actions
    for action in before:
        terminated, truncated, _ = env.step_blindly(action)
        if terminated or truncated:
            return True
    _, _, terminated, truncated, _ = env.step(last)
    return terminated or truncated
