"""The controller with true targets: it measures the controller alone."""

from __future__ import annotations

import numpy as np

from genima_lite.observation import Observation
from genima_lite.policies.controller import ControllerPolicy
from genima_lite.targets.expert_targets import ExpertTargets


class OraclePolicy(ControllerPolicy):
    """The targets of the expert's plan are drawn, as if the diffusion model were perfect.

    Where a target is a keyframe, the arm waits there, and the plan goes on from it.
    """

    def reset(self, instruction: str, seed: int) -> None:
        """Plan the whole episode.

        Raises:
            UserError: the environment has no expert.
            Refusal: the expert has no plan for it.
        """
        super().reset(instruction, seed)
        config = self.model.config
        self._expert = ExpertTargets(self.env, config.horizon, config.keyframes)
        self._frame = 0

    def _views(self, observation: Observation) -> dict[str, np.ndarray]:
        """Return the pictures with the targets of this step drawn on them."""
        frame, target = self._frame, int(self._expert.targets[self._frame])
        self._frame = min(frame + self._n_action_steps, target)
        return self._expert.draw(observation, frame, self.model.config.cameras)
