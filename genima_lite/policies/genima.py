"""Genima (paper, figure 2): a diffusion model draws the targets, the controller follows them."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from genima_lite.controller.config import ControllerConfig
from genima_lite.diffusion.agent import DiffusionAgent
from genima_lite.diffusion.metadata import METADATA, DrawingMetadata, load_metadata
from genima_lite.envs.api import RobotEnv
from genima_lite.errors import UserError
from genima_lite.observation import Observation
from genima_lite.policies.api import PolicySettings
from genima_lite.policies.controller import ControllerPolicy, warn_if_unseen


class GenimaPolicy(ControllerPolicy):
    """The checkpoint's folder has `diffusion/`, or what is in there, and `controller/`.

    It warns where the diffusion model was not trained on the environment's task.

    Attributes:
        agent: what draws.

    Raises:
        UserError: one of the two is missing, or they do not fit each other.
    """

    shipped = "genima"
    draws = True

    def __init__(self, env: RobotEnv, settings: PolicySettings = PolicySettings()):  # noqa: B008
        super().__init__(env, settings)
        folder = self.drawing_folder(settings)
        metadata = load_metadata(folder)
        _check_pair(folder, metadata, self.model.config)
        warn_if_unseen(folder, metadata.tasks, env.task_name)
        self.agent = DiffusionAgent.load(folder, None, settings.device, settings.drawing)
        self._seed = 0

    @classmethod
    def controller_folder(cls, settings: PolicySettings) -> Path:
        """Return where the controller is."""
        return cls.weights(settings) / "controller"

    @classmethod
    def drawing_folder(cls, settings: PolicySettings) -> Path:
        """Return where the diffusion model is: on the hub it lies beside `controller/`."""
        folder = cls.weights(settings)
        beside = not (folder / "diffusion").exists() and (folder / METADATA).exists()
        return folder if beside else folder / "diffusion"

    def reset(self, instruction: str, seed: int) -> None:
        """Start an episode; its seed decides the noise from which pictures are drawn."""
        super().reset(instruction, seed)
        self._seed = 1000 * seed

    def _views(self, observation: Observation) -> dict[str, np.ndarray]:
        """Return the views with the targets that the diffusion model draws on them."""
        self._seed += 1
        return self.agent.draw(super()._views(observation), self._instruction, self._seed)


def _check_pair(folder: Path, metadata: DrawingMetadata, config: ControllerConfig) -> None:
    """Refuse a diffusion model that was trained for other targets or views."""
    for name, ours in (
        ("view_size", config.image_size),
        ("target", config.target),
        ("horizon", config.horizon),
        ("keyframes", config.keyframes),
    ):
        if (theirs := getattr(metadata, name)) != ours:
            raise UserError(
                f"{folder}: draws with {name} {theirs}, the controller follows {name} "
                f"{ours}; take a pair that was trained alike"
            )
