"""The bench as a gymnasium environment with RLBench's observations and actions."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Literal

import gymnasium
import numpy as np
from gymnasium import spaces

from genima_lite import panda
from genima_lite.envs.actions import checked_action, checked_actions
from genima_lite.envs.api import (
    BENCH,
    RLBENCH,
    Outcome,
    RobotEnv,
    check_like,
    check_perturbations,
)
from genima_lite.envs.bench.gl import mujoco
from genima_lite.envs.bench.observe import Views, as_dict, observation_space, observe
from genima_lite.envs.bench.perturbed import Perturbed, perturbation_seed
from genima_lite.envs.bench.render import Renderer
from genima_lite.envs.bench.scene import Scene
from genima_lite.envs.bench.task import Task
from genima_lite.envs.bench.tasks import load_task
from genima_lite.envs.options import check_names, check_variation
from genima_lite.envs.sentences import read_sentences
from genima_lite.errors import UserError
from genima_lite.observation import CAMERAS, Observation
from genima_lite.planner import stretches, timed, timed_as_rlbench

_RENDER_SIZE = 512

_WAIT = 5
"""Steps after which an arm that lags has reached a waypoint to a milliradian."""


class BenchEnv(gymnasium.Env):
    """One task on the bench: gymnasium's interface, and `RobotEnv` with all its capabilities.

    Action: (8,) float64, seven absolute joint targets in radians (RLBench's angles), then
    gripper open in [0, 1]; one action lasts 50 ms, a change of the gripper takes its own time.
    The observation is a dict with RLBench's state fields, `joint_poses` (7, 7) and the chosen
    pictures; `env.unwrapped.observation` holds the same as an `Observation` with its `misc`.
    The reward is 1.0 at success, else 0.0; success terminates, the step limit truncates.

    It may be made in one thread and used in another, by one at a time. Vector environments with
    processes: pass `vector_kwargs={"context": "spawn"}`; a fork of a process that has taken
    pictures cannot take any and says so.

    Args:
        task: RLBench task name, for example "open_drawer".
        cameras: which of RLBench's five cameras take pictures; fewer is faster.
        image_size: pixels along each side.
        depth, mask: also take depth pictures or masks.
        out_of_limits: "clip" joint targets to the limits with one warning an episode and joint,
            or "raise".
        render_mode: "rgb_array" for `render()`, or `None`.
        perturbations, strength: what changes the scene, and how much (`Perturbed`).
        speed, tracking, sentences: see `genima_lite.envs.api.EnvSpec`.

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
        perturbations: Sequence[str] = (),
        strength: float = 1.0,
        speed: str = BENCH,
        tracking: str = BENCH,
        sentences: str | None = None,
    ):
        if out_of_limits not in ("clip", "raise"):
            raise UserError(f"out_of_limits is '{out_of_limits}'; choose 'clip' or 'raise'")
        if render_mode not in (None, "rgb_array"):
            raise UserError(f"render_mode is '{render_mode}'; choose 'rgb_array' or None")
        self.task_name = task
        if isinstance(cameras, str):
            raise UserError(f"cameras is the text '{cameras}'; give a list of names")
        self.cameras, self.image_size = tuple(cameras), image_size
        self._views = Views(self.cameras, image_size, depth, mask)
        loaded = self._loaded(task)
        check_perturbations(perturbations, strength, tasks=[task])
        perturbed = Perturbed(tuple(perturbations), strength)
        self._scenes = [Scene(shape, perturbed) for shape in perturbed.shapes(loaded)]
        self.scene = self._scenes[0]
        check_like("speed", speed)
        check_like("tracking", tracking)
        self._timing = timed_as_rlbench if speed == RLBENCH else timed
        for scene in self._scenes:
            scene.robot.lags = tracking == RLBENCH
        self._sentences = read_sentences(sentences, task, self.variations)
        self.render_mode = render_mode
        self._out_of_limits = out_of_limits
        self._renderers: dict[tuple[Scene, int], Renderer] = {}
        self._seen: Observation | None = None
        self._command: np.ndarray | None = None
        self._steps = 0
        self._warned: set[int] = set()
        self._low, self._high = np.append(panda.LOWER, 0.0), np.append(panda.UPPER, 1.0)
        self.action_space = spaces.Box(self._low, self._high, dtype=np.float64)
        self.random_state: tuple | None = None
        self._changed(None)
        states = observe(self.scene, self._views, None, None)
        self.observation_space = observation_space(states, self._views)

    def _loaded(self, task: str) -> Task:
        """Return a task's rules."""
        return load_task(task)

    @property
    def task(self) -> Task:
        """The rules of the task."""
        return self.scene.task

    @property
    def variations(self) -> int:
        """How many variations the task has."""
        return self.task.variations

    @property
    def time_limit(self) -> int:
        """Steps of 50 ms until an episode is truncated."""
        return self.task.time_limit

    @property
    def observation(self) -> Observation:
        """The present observation; pictures are taken when it is first read after a change."""
        if self._seen is None:
            renderer = self._renderer(self.image_size) if self.cameras else None
            self._seen = observe(self.scene, self._views, renderer, self._command)
        return self._seen

    @property
    def success(self) -> bool:
        """Whether the task is done now."""
        return bool(self.task.success(self.scene))

    def instructions(self, variation: int) -> list[str]:
        """Return several sentences that ask for a variation; the first is the standard one."""
        return self.task.instructions(variation) + self._sentences.get(variation, [])

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
        chosen = options or {}
        check_names(chosen, _OPTIONS)
        check_variation(chosen.get("variation", 0), self.task.variations)
        try:
            super().reset(seed=chosen.get("seed", seed))
        except gymnasium.error.Error as error:
            raise UserError(f"seed is {chosen.get('seed', seed)!r}: {error}") from error
        rng = np.random.RandomState(self.np_random.integers(2**32))
        if "random_state" in chosen:
            _set_random_state(rng, chosen["random_state"])
        self.random_state = tuple(rng.get_state())
        if "scene_state" in chosen:
            self.restore(chosen["scene_state"])
        else:
            self.scene = self._shaped(perturbation_seed(rng))
            self.scene.reset(chosen.get("variation", 0), rng)
            self._begin()
        return as_dict(self.observation), self._info(self.success)

    def step(
        self, action: np.ndarray
    ) -> tuple[dict[str, np.ndarray], float, bool, bool, dict[str, Any]]:
        """Move the arm for 50 ms, then the gripper if its command changed.

        Raises:
            UserError: wrong shape or type, not finite, or out of limits where those are refused.
        """
        self._move(checked_action(action))
        success, truncated = self.success, self._steps >= self.time_limit
        return as_dict(self.observation), float(success), success, truncated, self._info(success)

    def execute(
        self, actions: np.ndarray, on_step: Callable[[RobotEnv], None] | None = None
    ) -> Outcome:
        """Execute actions (n, 8), n at least 1, until they or the episode end; no pictures.

        Raises:
            UserError: no actions, or as `step`; nothing is executed if one holds no number.
        """
        before = self._steps
        for action in checked_actions(actions):
            self._move(action)
            if on_step:
                on_step(self)
            success = self.success
            done = success or self._steps >= self.time_limit
            if done:
                break
        return Outcome(self._steps - before, success, done)

    def expert_stretches(self) -> Iterator[np.ndarray]:
        """Yield the expert's commands (n, 8) to each next waypoint, from where the arm is now.

        Raises:
            panda.Unreachable: the next waypoint lies outside the arm's reach.
        """
        scene = self.scene
        ahead = scene.first if scene.at_start else self.task.recover(scene, scene.first)
        start, opening = scene.robot.joints, float(scene.robot.commanded_open)
        wait = _WAIT if scene.robot.lags else 0
        yield from stretches(ahead, start, opening, self._timing, wait)

    def state(self) -> dict[str, Any]:
        """Return all that defines the present state, JSON-able; see `Scene.state`."""
        return {"task": self.task_name, **self.scene.state()}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Go on from what `state` returned, with the time limit counted anew.

        Raises:
            UserError: incomplete, another task's, or another version's.
        """
        if state.get("task", self.task_name) != self.task_name:
            raise UserError(f"scene state is of task '{state['task']}', not '{self.task_name}'")
        scene = self._shaped(self.scene.perturbed.check(state.get("perturbed")))
        scene.restore(state)
        self.scene = scene
        self._begin()

    def place_arm(self, joints: np.ndarray, gripper_open: float) -> bool:
        """Put the arm, at rest, into a posture (7,) in radians without moving there. Where it
        touches something, half a second passes until both rest.

        Returns:
            Whether it stands there; `False` where it reaches more than 1 cm into something.
        """
        chosen = checked_action(np.append(joints, gripper_open))
        stands = self.scene.place_arm(chosen[:7], chosen[7])
        self._changed(None)
        return stands

    def objects(self) -> dict[str, np.ndarray]:
        """Return x, y, z (3,) in metres of each piece that can be put somewhere, by body name."""
        return self.scene.pieces()

    def film_frame(self, size: int) -> np.ndarray:
        """Return a (size, size, 3) uint8 picture from the front camera."""
        film = self._renderer(size)
        with film.showing(self.scene.data):
            return film.rgb(self.scene.data, "front")

    def _renderer(self, size: int) -> Renderer:
        """Return what takes pictures of the present scene, made when it is first needed."""
        key = self.scene, size
        if key not in self._renderers:
            self._renderers[key] = Renderer(self.scene.model, size, self.scene.looks)
        return self._renderers[key]

    def _shaped(self, seed: int) -> Scene:
        """Return the scene whose pieces have the shapes that the perturbations of a seed want."""
        return self._scenes[self.scene.perturbed.shape(seed, len(self._scenes))]

    def _begin(self) -> None:
        """Start counting: the scene was just set up."""
        self._steps = 0
        self._warned.clear()
        self._changed(None)

    def _changed(self, command: np.ndarray | None) -> None:
        """Bring derived quantities up to date after a command (8,), and forget what was seen."""
        mujoco.mj_forward(self.scene.model, self.scene.data)
        self._command, self._seen = command, None

    def _move(self, action: np.ndarray) -> None:
        """Execute a checked action (8,)."""
        command = self._within_limits(action)
        self.scene.robot.move(command[:7])
        self.scene.robot.set_gripper(command[7])
        self.task.after_step(self.scene)
        self._steps += 1
        self._changed(command)

    def render(self) -> np.ndarray | None:
        """Return a (512, 512, 3) uint8 picture from the front camera, `None` without a mode."""
        return None if self.render_mode is None else self.film_frame(_RENDER_SIZE)

    def close(self) -> None:
        """Free the GL contexts."""
        for renderer in self._renderers.values():
            renderer.close()
        self._renderers.clear()

    def _within_limits(self, action: np.ndarray) -> np.ndarray:
        """Return an action (8,) within the limits."""
        inside = np.clip(action, self._low, self._high)
        if (inside != action).any():
            self._report_out_of_limits(action, inside)
        return inside

    def _report_out_of_limits(self, command: np.ndarray, inside: np.ndarray) -> None:
        worst = int(np.argmax(np.abs(command - inside)))
        what = f"joint {worst + 1}" if worst < 7 else "gripper"
        asked = f"{command[worst]:.4f}" if abs(command[worst]) < 1e4 else f"{command[worst]:.3g}"
        message = f"{what} target {asked} is outside its limit {inside[worst]:.4f}"
        if self._out_of_limits == "raise":
            raise UserError(f"{message}; clip it, or make the environment with 'clip'")
        if worst not in self._warned:
            self._warned.add(worst)
            warnings.warn(f"{message}: clipped, from now on silently", stacklevel=5)

    def _info(self, success: bool) -> dict[str, Any]:
        """Return what gymnasium calls info; `instruction` is the goal's standard sentence."""
        sentences = self.instructions(self.scene.variation)
        return {
            "instruction": sentences[0],
            "instructions": sentences,
            "variation": self.scene.variation,
            "success": success,
            "perturbations": self.scene.perturbed.names,
            "strength": self.scene.perturbed.strength,
        }


_OPTIONS = ("variation", "seed", "scene_state", "random_state")


def _set_random_state(rng: np.random.RandomState, state: Any) -> None:
    """Set a generator to a stored state, a demonstration's `random_seed`.

    Raises:
        UserError: it is no such state.
    """
    try:
        rng.set_state(state)
    except (TypeError, ValueError, KeyError, IndexError, OverflowError) as error:
        raise UserError(
            f"reset option 'random_state' is no state of NumPy's MT19937 ({error}): give a "
            "demonstration's `random_seed`"
        ) from error
