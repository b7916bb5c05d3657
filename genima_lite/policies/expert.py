"""The environment's own expert; it knows the scene, which no other policy may."""

from __future__ import annotations

import numpy as np

from genima_lite.envs.api import HasExpert, require
from genima_lite.observation import Observation
from genima_lite.policies.api import Decision, Policy
from genima_lite.targets.horizon import HORIZON


class ExpertPolicy(Policy):
    """Plans the whole episode at its start, and sees nothing.

    Attributes:
        plan: (T, 8), the episode's commands.
    """

    def reset(self, instruction: str, seed: int) -> None:
        """Plan the whole episode.

        Raises:
            UserError: the environment has no expert.
            Refusal: the expert cannot reach a waypoint.
        """
        expert = require(self.env, HasExpert, "policy 'expert'")
        self.plan = np.vstack(list(expert.expert_stretches()))
        self._next = 0

    def act(self, observation: Observation) -> Decision:
        """Return the next K planned actions; past the plan's end its last one is held."""
        rows = np.arange(self._next, self._next + HORIZON)
        self._next += HORIZON
        return Decision(self.plan[np.minimum(rows, len(self.plan) - 1)])
