"""A real arm, or its twin: protocols, the safety filter before every backend, drivers.

Below the environment all joint angles are Franka's; `panda.to_franka` converts once, on the way in.
Nothing here has run on hardware: see docs/real_arm.md.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from genima_lite.envs.api import EnvSpec
    from genima_lite.envs.arm.env import ArmEnv

__all__ = ["make", "task_names"]


def make(spec: EnvSpec) -> ArmEnv:
    """Return an arm with one task in front of it; `spec.arm` says which.

    Raises:
        UserError: see `genima_lite.envs.arm.settings.ArmSettings`.
    """
    from genima_lite.envs.arm.env import ArmEnv

    return ArmEnv(spec)


def task_names() -> list[str]:
    """Return the bench's tasks, which the twin has, and a few of the twin's own."""
    from genima_lite.envs.arm.twin import tasks

    return tasks.task_names()
