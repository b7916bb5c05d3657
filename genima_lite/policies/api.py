"""What a policy is, and how it is found: one file a policy, its name is the file's.

A file `genima.py` holds a class `GenimaPolicy(Policy)`. It is imported only when it is asked for,
since some need torch. `api.py` and `controller.py`, which some share, are no policies.
"""

from __future__ import annotations

import pkgutil
from abc import ABC, abstractmethod
from dataclasses import dataclass, field, replace
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from genima_lite import policies
from genima_lite.diffusion.speed import USUAL, DrawingSpeed
from genima_lite.envs.api import BENCH, EnvSpec, RobotEnv, make_env
from genima_lite.errors import UserError
from genima_lite.extras import missing_extra
from genima_lite.observation import Observation
from genima_lite.provenance import model_fingerprint

if TYPE_CHECKING:
    from genima_lite.envs.arm.settings import ArmSettings


@dataclass(frozen=True, eq=False)
class Decision:
    """What a policy decided.

    Attributes:
        actions: (n, 8) float64, finite, n from 1 to K: what to execute before the policy is asked
            again, joint targets in radians and gripper open.
        drawn: by camera, (H, W, 3) uint8, the views with targets that the controller saw; `None`
            for a policy that draws none.
        seconds: wall-clock seconds by stage, for example "draw" and "control".

    Raises:
        ValueError: actions of another shape, or not finite.
    """

    actions: np.ndarray
    drawn: dict[str, np.ndarray] | None = None
    seconds: dict[str, float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        actions = np.asarray(self.actions)
        if actions.ndim != 2 or actions.shape[1] != 8 or not len(actions):
            raise ValueError(f"a decision of shape {actions.shape}; give (n, 8), n at least 1")
        if not np.isfinite(np.asarray(actions, float)).all():
            raise ValueError("a decision with actions that are not finite (NaN or infinity)")


@dataclass(frozen=True)
class PolicySettings:
    """What trained policies are told beside their name.

    Attributes:
        checkpoint: folder of the trained policy, or its id on the hub; `None` for the one in
            `data/`.
        n_action_steps: how many of a decision's K actions are executed before the next; `None`
            for all.
        ensemble: temporal ensembling: decide at every step and average what was said about it.
        fit: a controller with spheres leads to the posture that fits those it sees
            (`genima_lite.controller.posture`), instead of where the network alone would.
        device: of the networks: cpu, cuda or mps.
        drawing: what makes a policy that draws faster.

    Raises:
        UserError: n_action_steps below 1, or together with the ensemble, which executes one.
    """

    checkpoint: Path | None = None
    n_action_steps: int | None = None
    ensemble: bool = False
    fit: bool = False
    device: str = "cpu"
    drawing: DrawingSpeed = USUAL

    def __post_init__(self) -> None:
        if self.n_action_steps is not None and self.n_action_steps < 1:
            raise UserError(f"n_action_steps is {self.n_action_steps}; give at least 1")
        if self.ensemble and self.n_action_steps not in (None, 1):
            raise UserError(
                f"an ensemble decides at every step, and cannot execute {self.n_action_steps}; "
                "leave n_action_steps away"
            )


class Policy(ABC):
    """Decides what to do next in one environment.

    Args:
        env: the environment, made from `env_spec`; only privileged policies look into it.
        settings: see `PolicySettings`.

    Attributes:
        draws: whether a diffusion model draws what it does.

    Raises:
        UserError: no checkpoint where one is needed, or an environment that does not fit.
    """

    draws: ClassVar[bool] = False

    def __init__(self, env: RobotEnv, settings: PolicySettings = PolicySettings()):
        self.env, self.settings = env, settings

    @classmethod
    def env_spec(cls, task: str, settings: PolicySettings) -> EnvSpec:
        """Return the environment with what the policy wants to see; by default no pictures."""
        return EnvSpec(task, cameras=())

    @classmethod
    def weights(cls, settings: PolicySettings) -> Path | None:
        """Return the folder with all its weights; `None` for a policy that has none."""
        return None

    @abstractmethod
    def reset(self, instruction: str, seed: int) -> None:
        """Start an episode; called after the environment's reset.

        Args:
            instruction: what is asked for.
            seed: of the policy's own chance.

        Raises:
            Refusal: the policy cannot do this episode (the expert cannot reach a waypoint).
        """

    @abstractmethod
    def act(self, observation: Observation) -> Decision:
        """Return what to do next.

        Raises:
            Refusal: the policy cannot go on.
        """


@dataclass(frozen=True)
class PolicyFactory:
    """Makes a policy with its environment, one a task; picklable.

    Attributes:
        name: of the policy.
        settings: for it.
        backend: of the environments; see `genima_lite.envs.api.EnvSpec`.
        perturbations, strength, tracking, arm: of the environments.

    Raises:
        UserError: no such policy, or it does not draw and is told how to draw faster.
    """

    name: str
    settings: PolicySettings = PolicySettings()
    backend: str = BENCH
    perturbations: tuple[str, ...] = ()
    strength: float = 1.0
    tracking: str = BENCH
    arm: ArmSettings | None = None

    def __post_init__(self) -> None:
        _check_name(self.name)
        faster = self.settings.drawing != USUAL
        if faster and not _policy_class(self.name).draws:
            raise UserError(f"policy '{self.name}' draws nothing: leave drawing away")

    def __call__(self, task: str) -> tuple[RobotEnv, Policy]:
        """Return a task's environment and the policy in it.

        Raises:
            UserError: no such task, or no checkpoint where one is needed.
        """
        env = make_env(self.spec(task))
        return env, make_policy(self.name, env, self.settings)

    def spec(self, task: str) -> EnvSpec:
        """Return which environment the policy wants for a task."""
        spec = env_spec(self.name, task, self.settings, self.backend)
        names = ("perturbations", "strength", "tracking", "arm")
        return replace(spec, **{name: getattr(self, name) for name in names})

    def fingerprint(self) -> str | None:
        """Return digits that change with the policy's weights; `None` if it has none.

        Raises:
            UserError: no checkpoint where one is needed.
        """
        folder = _policy_class(self.name).weights(self.settings)
        return None if folder is None else model_fingerprint(folder)


def policy_names() -> list[str]:
    """Return the names of all policies, from the files in this folder."""
    names = (found.name for found in pkgutil.iter_modules(policies.__path__))
    return sorted(name for name in names if name not in ("api", "controller"))


def env_spec(
    name: str,
    task: str,
    settings: PolicySettings = PolicySettings(),
    backend: str = BENCH,
) -> EnvSpec:
    """Return a task's environment with the pictures that a policy wants.

    Raises:
        UserError: no such policy, or no checkpoint where one is needed.
    """
    return replace(_policy_class(name).env_spec(task, settings), backend=backend)


def make_policy(
    name: str,
    env: RobotEnv,
    settings: PolicySettings = PolicySettings(),
) -> Policy:
    """Return a policy by name.

    Raises:
        UserError: no such policy, or no checkpoint where one is needed.
    """
    return _policy_class(name)(env, settings)


def _check_name(name: str) -> None:
    if name not in policy_names():
        raise UserError(f"unknown policy '{name}': choose from {', '.join(policy_names())}")


def _policy_class(name: str) -> Any:
    """Import a policy's file and return its class."""
    _check_name(name)
    try:
        module = import_module(f"{policies.__name__}.{name}")
    except ModuleNotFoundError as error:
        raise (missing_extra(f"policy '{name}'", error) or error) from error
    words = name.split("_")
    return getattr(module, "".join(map(str.capitalize, words)) + "Policy")
