"""DAgger rollouts: decisions of a policy, each with what the expert would do there.

What a policy's own errors lead to, it has never seen done right (Ross and Bagnell, 2010). In
DAgger (Ross, Gordon and Bagnell, 2011) the policy acts and the expert names, at every decision,
the right one. Deviation from the paper, which learns from demonstrations only.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import count as count_from

import numpy as np

from genima_lite.datasets.perturbed_states import led_along
from genima_lite.datasets.recovery_starts import Decider
from genima_lite.datasets.source import Segment
from genima_lite.envs.api import HasExpert, RobotEnv, require
from genima_lite.errors import Refusal
from genima_lite.observation import Demo, Observation
from genima_lite.seeds import training_seed
from genima_lite.targets.expert_targets import way_to_target

HELPED = 0.3
"""Share of the decisions that the expert takes instead of the policy, so that it also comes to
what lies behind its own errors."""

_MOVED = 0.01
_ROW = 250
"""Episodes set apart for a part; every one gives a decision, mostly several."""


@dataclass(frozen=True)
class DaggerRollouts:
    """What defines a row of DAgger rollouts.

    Attributes:
        seed: of the episodes, whose environment seeds are training seeds.
        keyframes: targets end at keyframes (`genima_lite.targets.horizon.target_frames`).
    """

    seed: int = 0
    keyframes: bool = True


def dagger_rollouts(
    env: RobotEnv, policy: Decider, config: DaggerRollouts, part: int, count: int
) -> Iterator[Segment]:
    """Let a policy do whole episodes, helped now and then, and take the first `count` decisions.

    A decision at which the tip is within a centimetre of the last one, as when the arm is stuck,
    is not taken again. Its first frame has the pictures that the policy saw.

    Args:
        env: the policy's environment; it needs an expert.
        policy: decides in it.
        config: see there.
        part: rows of one seed with other parts show other episodes.
        count: how many decisions.

    Yields:
        See `genima_lite.datasets.perturbed_states.perturbed_states`.

    Raises:
        UserError: the environment has no expert.
    """
    require(env, HasExpert, "DAgger rollouts")
    made = 0
    for episode in count_from(_ROW * part):
        for demo in _of_one_episode(env, policy, config, episode):
            if made == count:
                return
            made += 1
            yield demo, env.instructions(episode % env.variations)


def _of_one_episode(
    env: RobotEnv, policy: Decider, config: DaggerRollouts, episode: int
) -> Iterator[Demo]:
    """Yield an episode's decisions, until it is over or beyond the expert."""
    seed = training_seed(config.seed, episode)
    rng = np.random.default_rng([seed, 4])
    _, info = env.reset(seed=seed, options={"variation": episode % env.variations})
    before, done = np.full(3, np.inf), False
    try:
        policy.reset(info["instruction"], seed)
        while not done:
            seen = env.observation
            way = way_to_target(env, config.keyframes)
            if np.linalg.norm(_tip(seen) - before) > _MOVED:
                yield Demo([seen, *led_along(way)])
            before = _tip(seen)
            helped = rng.random() < HELPED
            done = env.execute(way if helped else policy.act(seen).actions).done
    except Refusal:
        return


def _tip(observation: Observation) -> np.ndarray:
    """Return where the tip is, (3,) metres."""
    assert observation.gripper_pose is not None
    return observation.gripper_pose[:3]
