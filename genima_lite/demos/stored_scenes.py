"""Sets up the scenes that a dataset's demonstrations began in."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from genima_lite.envs.api import (
    BENCH,
    EnvSpec,
    HasSnapshot,
    RobotEnv,
    make_env,
    require,
    stored_spec,
)


class StoredScenes:
    """Environments for stored scenes, without pictures: made when a scene first needs one, with
    the perturbations and the tracking that it was stored with, and kept.

    Args:
        backend: where the scenes were recorded; see `genima_lite.envs.api.EnvSpec`.
        purpose: who needs them, for the message of a backend without `HasSnapshot`.
    """

    def __init__(self, purpose: str, backend: str = BENCH):
        self._purpose, self._backend = purpose, backend
        self._envs: dict[EnvSpec, RobotEnv] = {}

    def env(self, task: str, state: Mapping[str, Any] | None) -> RobotEnv:
        """Return a task's environment that could restore a state; `None`: any of the task.

        Raises:
            UserError: unknown task or backend, or a state that is damaged.
        """
        spec = EnvSpec(task, cameras=(), backend=self._backend)
        spec = stored_spec(spec, state) if state else spec
        if spec not in self._envs:
            self._envs[spec] = make_env(spec)
        return self._envs[spec]

    def restored(self, task: str, state: Mapping[str, Any]) -> RobotEnv:
        """Return a task's environment in a stored state.

        Raises:
            UserError: see `env`; also a state of another task or version.
        """
        env = self.env(task, state)
        require(env, HasSnapshot, self._purpose).restore(state)
        return env

    def close(self) -> None:
        """Close the environments."""
        for env in self._envs.values():
            env.close()
        self._envs.clear()
