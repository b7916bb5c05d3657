"""Trained policies in closed loop: `genima` draws targets, `oracle` gets them, `act` has none."""

from __future__ import annotations

import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch

from genima_lite.cameras import Camera
from genima_lite.controller.act import ACT
from genima_lite.controller.checkpoint import load_config, load_controller
from genima_lite.controller.config import ControllerConfig
from genima_lite.controller.data import encode
from genima_lite.controller.ensemble import TemporalEnsemble
from genima_lite.controller.normalise import denormalise_actions, normalise_state
from genima_lite.controller.pictures import stack_views, to_input
from genima_lite.diffusion.agent import DiffusionAgent
from genima_lite.diffusion.finetune import load_metadata
from genima_lite.envs.bench.env import BenchEnv
from genima_lite.envs.bench.expert import plan
from genima_lite.envs.bench.observe import Views
from genima_lite.errors import UserError
from genima_lite.observation import Observation
from genima_lite.policies.api import Decision, PolicySettings
from genima_lite.shipped import shipped
from genima_lite.targets.horizon import target_frames
from genima_lite.targets.keypoints import draw_views, targets_of


@torch.no_grad()
def predict_actions(
    model: ACT, views: Mapping[str, np.ndarray], observation: Observation, instruction: str = ""
) -> np.ndarray:
    """Return the next actions, (K, 8) float64: joint targets in radians, gripper open in [0, 1].

    Args:
        model: a controller, ready to use.
        views: by camera, (H, W, 3) uint8, with targets drawn on them if the controller wants any.
        observation: where the arm is.
        instruction: for a controller with language.

    Raises:
        UserError: a view is missing or has another size.
    """
    config, device = model.config, next(model.parameters()).device
    joints = np.asarray(observation.joint_positions)
    state = normalise_state(joints, float(observation.gripper_open or 0.0))
    length = config.text_features
    out = model(
        to_input(stack_views(config, views))[None].to(device),
        torch.from_numpy(state)[None].to(device),
        encode([instruction], length).to(device) if length else None,
    )
    return denormalise_actions(out.joints[0].cpu().numpy(), out.gripper[0].cpu().numpy(), joints)


class _ControllerPolicy:
    """What all share: look, let a controller decide, execute some of the K actions.

    Raises:
        UserError: no controller in the checkpoint's folder, one of the other kind, or an
            environment with other pictures than it takes.
    """

    wants_spheres = True
    shipped = "genima/controller"

    def __init__(self, env: BenchEnv, settings: PolicySettings):
        self._env, self._instruction = env, ""
        folder = self.controller_folder(settings)
        self.model = load_controller(folder)
        config = self.model.config
        if config.spheres != self.wants_spheres:
            right = "oracle or genima" if config.spheres else "act"
            raise UserError(f"{folder}: a controller for policy {right}")
        asked = config.horizon if settings.n_action_steps is None else settings.n_action_steps
        self._n_action_steps = 1 if settings.ensemble else asked
        if not 1 <= self._n_action_steps <= config.horizon:
            raise UserError(
                f"--n-action-steps is {self._n_action_steps}; give 1 to {config.horizon}"
            )
        self._ensemble = TemporalEnsemble() if settings.ensemble else None
        self.last: Decision | None = None
        _check_views(env, config)

    @classmethod
    def controller_folder(cls, settings: PolicySettings) -> Path:
        """Return where the controller is."""
        return settings.checkpoint or shipped(cls.shipped)

    @classmethod
    def views(cls, settings: PolicySettings) -> Views:
        """Return what the controller wants to see."""
        config = load_config(cls.controller_folder(settings))
        return Views(config.cameras, config.image_size)

    def reset(self, instruction: str, seed: int) -> None:
        """Start an episode."""
        self._instruction = instruction
        if self._ensemble:
            self._ensemble.reset()

    def act(self, observation: Observation) -> np.ndarray:
        """Return the next actions to execute, (n, 8) with n from 1 to K."""
        start = time.perf_counter()
        views = self._views(observation)
        drawn = time.perf_counter()
        actions = predict_actions(self.model, views, observation, self._instruction)
        seconds = {"draw": drawn - start, "control": time.perf_counter() - drawn}
        self.last = Decision(views if self.wants_spheres else None, seconds)
        if self._ensemble is None:
            return actions[: self._n_action_steps]
        self._ensemble.add(actions)
        return self._ensemble.next()[None]

    def _views(self, observation: Observation) -> dict[str, np.ndarray]:
        return {name: observation.image(name) for name in self.model.config.cameras}


class ActPolicy(_ControllerPolicy):
    """The baseline: an ACT that sees the pictures as they are, and the instruction."""

    wants_spheres = False
    shipped = "act"


class GenimaPolicy(_ControllerPolicy):
    """Genima (paper, figure 2): a diffusion model draws the targets, the controller follows them.

    The checkpoint's folder has `diffusion/` and `controller/`.

    Raises:
        UserError: one of the two is missing, they do not fit each other, or the model was not
            trained on the environment's task.
    """

    shipped = "genima"

    def __init__(self, env: BenchEnv, settings: PolicySettings):
        super().__init__(env, settings)
        folder = (settings.checkpoint or shipped(self.shipped)) / "diffusion"
        _check_pair(folder, load_metadata(folder), self.model.config, env.task_name)
        self.agent = DiffusionAgent.load(folder)
        self._seed = 0

    @classmethod
    def controller_folder(cls, settings: PolicySettings) -> Path:
        """Return where the controller is."""
        return (settings.checkpoint or shipped(cls.shipped)) / "controller"

    def reset(self, instruction: str, seed: int) -> None:
        """Start an episode; its seed decides the noise from which pictures are drawn."""
        super().reset(instruction, seed)
        self._seed = 1000 * seed

    def _views(self, observation: Observation) -> dict[str, np.ndarray]:
        """Return the views with the targets that the diffusion model draws on them."""
        self._seed += 1
        return self.agent.draw(super()._views(observation), self._instruction, self._seed)


def _check_pair(
    folder: Path, metadata: dict[str, Any], config: ControllerConfig, task: str
) -> None:
    """Refuse a diffusion model that was trained for other targets, views or tasks."""
    for name, ours in (
        ("view_size", config.image_size),
        ("horizon", config.horizon),
        ("keyframes", config.keyframes),
    ):
        if metadata[name] != ours:
            raise UserError(
                f"{folder}: draws with {name} {metadata[name]}, the controller follows {name} {ours}; "
                "take a pair that was trained alike"
            )
    if task not in metadata["tasks"]:
        raise UserError(
            f"{folder}: never saw the task '{task}' (trained on {', '.join(metadata['tasks'])}); "
            "collect demonstrations of it and run train-diffusion with them"
        )


class OraclePolicy(_ControllerPolicy):
    """The controller with true targets: those of the expert's plan, drawn on the pictures. It
    measures the controller alone, as if the diffusion model were perfect.

    Where a target is a stop, the arm waits there, and the plan goes on from it.
    """

    def reset(self, instruction: str, seed: int) -> None:
        """Plan the whole episode.

        Raises:
            Unreachable: the expert has no plan for it.
        """
        super().reset(instruction, seed)
        self._frame = 0
        scene = self._env.scene
        start = np.asarray(self._env.observation.joint_positions)
        steps = plan(scene.task.waypoints(scene), start)
        self._plan = np.vstack([np.append(start, 1.0), steps])
        config = self.model.config
        rows = (self._plan[:, :7], self._plan[:, 7])
        self._targets = target_frames(*rows, config.horizon, config.keyframes)

    def _views(self, observation: Observation) -> dict[str, np.ndarray]:
        """Return the pictures with the targets of this step drawn on them."""
        config = self.model.config
        target = int(self._targets[self._frame])
        row = self._plan[target]
        self._frame = min(self._frame + self._n_action_steps, target)
        below = stack_views(config, super()._views(observation))[None]
        cameras = [[Camera.from_observation(observation, name) for name in config.cameras]]
        drawn = draw_views(below, cameras, config.cameras, [targets_of(row[:7], row[7])])
        return dict(zip(config.cameras, drawn.views[0], strict=True))


def _check_views(env: BenchEnv, config: ControllerConfig) -> None:
    """Refuse an environment whose pictures the controller cannot take."""
    missing = [name for name in config.cameras if name not in env.views.cameras]
    if missing or env.views.size != config.image_size:
        raise UserError(
            f"the controller looks through {', '.join(config.cameras)} at {config.image_size} "
            f"pixels, the environment has {', '.join(env.views.cameras) or 'no camera'} at "
            f"{env.views.size}"
        )
