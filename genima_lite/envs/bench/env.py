"""The bench as a gymnasium environment with RLBench's observations and actions."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import Any, Literal

import gymnasium
import numpy as np
from gymnasium import spaces

from genima_lite import panda
from genima_lite.envs.bench.observe import Views, as_dict, observation_space, observe
from genima_lite.envs.bench.render import Renderer
from genima_lite.envs.bench.scene import Scene
from genima_lite.envs.bench.task import Task
from genima_lite.envs.bench.tasks import load_task
from genima_lite.errors import UserError
from genima_lite.observation import CAMERAS, Observation

_RENDER_SIZE = 512


class BenchEnv(gymnasium.Env):
    """One task on the bench.

    Action: (8,) float64, seven absolute joint targets in radians (RLBench's angles), then
    gripper open in [0, 1]; one action lasts 50 ms, a change of the gripper takes its own time.
    The observation is a dict with RLBench's state fields, `joint_poses` (7, 7) and the chosen
    pictures; `env.unwrapped.observation` holds the same as an `Observation` with its `misc`.
    The reward is 1.0 at success, else 0.0; success terminates, the step limit truncates.

    Vector environments with processes: pass `vector_kwargs={"context": "spawn"}`, since a fork of a
    process that has rendered hangs in its GL driver.

    Args:
        task: RLBench task name, for example "open_drawer".
        cameras: which of RLBench's five cameras take pictures; fewer is faster.
        image_size: pixels along each side.
        depth, mask: also take depth pictures or masks.
        out_of_limits: "clip" joint targets to the limits with one warning an episode and joint,
            or "raise".
        render_mode: "rgb_array" for `render()`, or `None`.

    Raises:
        ValueError: unknown task, camera or setting.
    """

    metadata = {"render_modes": ["rgb_array"], "render_fps": 20}  # noqa: RUF012

    def __init__(
        self,
        task: str,
        cameras: Sequence[str] = CAMERAS,
        image_size: int = 128,
        depth: bool = False,
        mask: bool = False,
        out_of_limits: Literal["clip", "raise"] = "clip",
        render_mode: str | None = None,
    ):
        if out_of_limits not in ("clip", "raise"):
            raise UserError(f"out_of_limits is '{out_of_limits}'; choose 'clip' or 'raise'")
        if render_mode not in (None, "rgb_array"):
            raise UserError(f"render_mode is '{render_mode}'; choose 'rgb_array' or None")
        self.task_name = task
        self.views = Views(tuple(cameras), image_size, depth, mask)
        self.scene = Scene(load_task(task))
        self.render_mode = render_mode
        self._out_of_limits = out_of_limits
        self._renderer: Renderer | None = None
        self._viewer: Renderer | None = None
        self._steps = 0
        self._warned: set[int] = set()
        self._low, self._high = np.append(panda.LOWER, 0.0), np.append(panda.UPPER, 1.0)
        self.action_space = spaces.Box(self._low, self._high, dtype=np.float64)
        self.observation = observe(self.scene, self.views, None, None)
        self.observation_space = observation_space(self.observation, self.views)

    @property
    def task(self) -> Task:
        """The rules of the task."""
        return self.scene.task

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
        """Start an episode.

        Args:
            seed: the same seed gives the same episode, bit for bit.
            options: `variation` (int, default 0), `seed` (as the argument), `scene_state`
                (start from a stored scene), `random_state` (a demo's `random_seed` tuple).

        Raises:
            ValueError: unknown option or variation.
        """
        chosen = _checked_options(options or {}, self.task.variations)
        super().reset(seed=chosen.get("seed", seed))
        rng = np.random.RandomState(self.np_random.integers(2**32))
        if "random_state" in chosen:
            rng.set_state(chosen["random_state"])
        self.random_state: tuple = tuple(rng.get_state())
        if "scene_state" in chosen:
            self._restore(chosen["scene_state"])
        else:
            self.scene.reset(chosen.get("variation", 0), rng)
        self._steps = 0
        self._warned.clear()
        self.observation = self._observe(None)
        return as_dict(self.observation), self._info(False)

    def step(
        self, action: np.ndarray
    ) -> tuple[dict[str, np.ndarray], float, bool, bool, dict[str, Any]]:
        """Move the arm for 50 ms, then the gripper if its command changed.

        Raises:
            ValueError: wrong shape, not finite, or out of limits where those are refused.
        """
        command = self._move(action)
        self.observation = self._observe(command)
        success = self.task.success(self.scene)
        truncated = self._steps >= self.task.time_limit
        return as_dict(self.observation), float(success), success, truncated, self._info(success)

    def step_blindly(self, action: np.ndarray) -> tuple[bool, bool, dict[str, Any]]:
        """Do as `step` without taking pictures, for the steps between two decisions.

        `observation` has the new state, and no pictures.

        Returns:
            terminated, truncated, info.

        Raises:
            ValueError: as `step`.
        """
        command = self._move(action)
        self.observation = observe(self.scene, Views((), self.views.size), None, command)
        success = self.task.success(self.scene)
        return success, self._steps >= self.task.time_limit, self._info(success)

    def _move(self, action: np.ndarray) -> np.ndarray:
        """Execute an action; return it as it was executed."""
        command = self._checked(action)
        self.scene.robot.move(command[:7])
        self.scene.robot.set_gripper(command[7])
        self.task.after_step(self.scene)
        self._steps += 1
        return command

    def render(self) -> np.ndarray | None:
        """Return a (512, 512, 3) uint8 picture from the front camera, `None` without a mode."""
        if self.render_mode is None:
            return None
        if self._viewer is None:
            self._viewer = Renderer(self.scene.model, _RENDER_SIZE)
        self._viewer.update(self.scene.data)
        return self._viewer.rgb(self.scene.data, "front")

    def close(self) -> None:
        """Free the GL contexts."""
        for renderer in (self._renderer, self._viewer):
            if renderer is not None:
                renderer.close()
        self._renderer = self._viewer = None

    def _restore(self, state: dict[str, Any]) -> None:
        """Start from a stored scene, after a look at what it was stored for."""
        if state.get("task", self.task_name) != self.task_name:
            raise UserError(f"scene state is of task '{state['task']}', not '{self.task_name}'")
        self.scene.restore(state)

    def _checked(self, action: np.ndarray) -> np.ndarray:
        """Return the action as float64 within the limits."""
        command = np.asarray(action, dtype=np.float64)
        if command.shape != (8,):
            raise ValueError(
                f"action has shape {command.shape}, expected (8,): seven joint targets in "
                "radians, then gripper open in [0, 1]"
            )
        if not np.isfinite(command).all():
            raise ValueError(f"action holds NaN or infinity: {command.tolist()}")
        inside = np.clip(command, self._low, self._high)
        if (inside != command).any():
            self._report_out_of_limits(command, inside)
        return inside

    def _report_out_of_limits(self, command: np.ndarray, inside: np.ndarray) -> None:
        worst = int(np.argmax(np.abs(command - inside)))
        what = f"joint {worst + 1}" if worst < 7 else "gripper"
        message = f"{what} target {command[worst]:.4f} is outside its limit {inside[worst]:.4f}"
        if self._out_of_limits == "raise":
            raise ValueError(f"{message}; clip it, or make the environment with 'clip'")
        if worst not in self._warned:
            self._warned.add(worst)
            warnings.warn(f"{message}: clipped, from now on silently", stacklevel=5)

    def _observe(self, command: np.ndarray | None) -> Observation:
        if self.views.cameras and self._renderer is None:
            self._renderer = Renderer(self.scene.model, self.views.size)
        return observe(self.scene, self.views, self._renderer, command)

    def _info(self, success: bool) -> dict[str, Any]:
        """Return what gymnasium calls info; `instruction` is the goal's standard sentence."""
        sentences = self.task.instructions(self.scene.variation)
        return {
            "instruction": sentences[0],
            "instructions": sentences,
            "variation": self.scene.variation,
            "success": success,
        }


_OPTIONS = ("variation", "seed", "scene_state", "random_state")


def _checked_options(options: dict[str, Any], variations: int) -> dict[str, Any]:
    """Return reset options after naming what is wrong with them."""
    unknown = set(options) - set(_OPTIONS)
    if unknown:
        raise UserError(f"unknown reset option '{unknown.pop()}': known are {', '.join(_OPTIONS)}")
    variation = options.get("variation", 0)
    if not isinstance(variation, int | np.integer) or not 0 <= variation < variations:
        raise UserError(f"no variation {variation!r}: choose from 0 to {variations - 1}")
    return options
