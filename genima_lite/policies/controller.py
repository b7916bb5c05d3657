"""What the policies with a trained controller share: look, predict K actions, execute some."""

from __future__ import annotations

import time
import warnings
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from genima_lite.controller.checkpoint import load_config, load_controller, load_metadata
from genima_lite.controller.config import ControllerConfig
from genima_lite.controller.ensemble import TemporalEnsemble
from genima_lite.controller.follow import predict_actions
from genima_lite.envs.api import EnvSpec, RobotEnv
from genima_lite.errors import UserError
from genima_lite.hub import download_policy, is_hub_id
from genima_lite.observation import Observation
from genima_lite.policies.api import Decision, Policy, PolicySettings
from genima_lite.shipped import shipped
from genima_lite.targets.horizon import FUTURE, SPHERES
from genima_lite.training.devices import check_device

_FOLLOWS = {SPHERES: "oracle or genima", FUTURE: "susie", None: "act"}
"""Policies by what their controller follows."""


class ControllerPolicy(Policy):
    """Looks, lets a controller decide, and says which of the K actions to execute.

    A controller that reads the instruction warns where it was not trained on the environment's
    task. One that follows spheres is of no task.

    Attributes:
        model: the controller.
        target: what its controller follows (`ControllerConfig.target`).
        shipped: the folder in `data/` that is used without a checkpoint.

    Raises:
        UserError: no controller in the checkpoint's folder, one of the other kind, or an
            environment with other pictures than it takes.
    """

    target: str | None = SPHERES
    shipped = "genima/controller"

    def __init__(self, env: RobotEnv, settings: PolicySettings = PolicySettings()):  # noqa: B008
        super().__init__(env, settings)
        self._instruction = ""
        folder = self.controller_folder(settings)
        check_device(settings.device)
        self.model = load_controller(folder, settings.device)
        config = self.model.config
        if config.target != self.target:
            raise UserError(f"{folder}: a controller for policy {_FOLLOWS[config.target]}")
        if settings.fit and not config.spheres:
            raise UserError(f"{folder}: a controller without spheres has nothing to fit")
        if settings.fit and config.moved_cameras:
            raise UserError(f"{folder}: a controller that is not told of cameras cannot be fitted")
        if not config.spheres:
            warn_if_unseen(folder, load_metadata(folder).tasks, env.task_name)
        self._n_action_steps = _action_steps(settings, config.horizon)
        self._ensemble = TemporalEnsemble() if settings.ensemble else None
        _check_views(env, config)

    @classmethod
    def weights(cls, settings: PolicySettings) -> Path:
        """Return the folder with all weights; a model of the hub is downloaded."""
        if settings.checkpoint is None:
            return shipped(cls.shipped)
        name = settings.checkpoint.as_posix()
        return download_policy(name) if is_hub_id(name) else settings.checkpoint

    @classmethod
    def controller_folder(cls, settings: PolicySettings) -> Path:
        """Return where the controller is."""
        return cls.weights(settings)

    @classmethod
    def env_spec(cls, task: str, settings: PolicySettings) -> EnvSpec:
        """Return the environment with the views that the controller takes."""
        check_device(settings.device)
        config = load_config(cls.controller_folder(settings))
        return EnvSpec(task, config.cameras, config.image_size)

    def reset(self, instruction: str, seed: int) -> None:
        """Start an episode."""
        self._instruction = instruction
        if self._ensemble:
            self._ensemble.reset()

    def act(self, observation: Observation) -> Decision:
        """Return the next actions, n from 1 to K, and the views that the controller saw."""
        start = time.perf_counter()
        views = self._views(observation)
        drawn = time.perf_counter()
        actions = predict_actions(
            self.model, views, observation, self._instruction, self.settings.fit
        )
        seconds = {"draw": drawn - start, "control": time.perf_counter() - drawn}
        shown = views if self.target else None
        if self._ensemble is None:
            return Decision(actions[: self._n_action_steps], shown, seconds)
        self._ensemble.add(actions)
        return Decision(self._ensemble.next()[None], shown, seconds)

    def _views(self, observation: Observation) -> dict[str, np.ndarray]:
        """Return what the controller sees, by camera."""
        return {name: observation.image(name) for name in self.model.config.cameras}


def warn_if_unseen(folder: Path, tasks: Sequence[str], task: str) -> None:
    """Warn where a model was not trained on a task."""
    if task not in tasks:
        known = ", ".join(tasks) or "no task"
        warnings.warn(
            f"{folder}: never saw the task '{task}' (trained on {known}), so this "
            "tests whether it generalises",
            stacklevel=3,
        )


def _action_steps(settings: PolicySettings, horizon: int) -> int:
    """Return how many of K actions are executed a decision."""
    asked = horizon if settings.n_action_steps is None else settings.n_action_steps
    if not 1 <= asked <= horizon:
        raise UserError(f"--n-action-steps is {asked}; give 1 to {horizon}")
    return 1 if settings.ensemble else asked


def _check_views(env: RobotEnv, config: ControllerConfig) -> None:
    """Refuse an environment whose pictures the controller cannot take."""
    missing = [name for name in config.cameras if name not in env.cameras]
    if missing or env.image_size != config.image_size:
        raise UserError(
            f"the controller looks through {', '.join(config.cameras)} at {config.image_size} "
            f"pixels, the environment has {', '.join(env.cameras) or 'no camera'} at "
            f"{env.image_size}"
        )
