"""RLBench's objects; the only file that imports PyRep and RLBench, in the worker process alone.

Names and order of calls are those of RLBench 02720bb (January 2025) and PyRep 8f420be; only their
public interface is used. Read on the source: `step()` takes all pictures that its configuration
asks for, so they are switched off while the arm moves; the first reset of a task differs from
later ones, so one is done at the start; a live demonstration draws its scene from NumPy's global
random numbers, so that the same state gives the same scene.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from contextlib import suppress
from types import SimpleNamespace
from typing import Any

import numpy as np

from genima_lite.cameras import RLBENCH_MOUNTS, Camera, intrinsics_of
from genima_lite.envs.rlbench.colosseum import CLEAN, Colosseum
from genima_lite.envs.rlbench.messages import Pictures
from genima_lite.envs.rlbench.perturbed import Parts, Perturbed
from genima_lite.observation import CAMERAS

ARM_VELOCITY, ARM_ACCELERATION = 2.0, 8.0
"""rad/s and rad/s^2 of demonstrations: Genima's; RLBench's defaults are 1.0 and 4.0."""

FILM_CAMERA = "front"

MASK = "_mask"
"""At the end of the name of the camera that sees the masks, beside the one of colours."""

SENSORS = {
    "left_shoulder": "cam_over_shoulder_left",
    "right_shoulder": "cam_over_shoulder_right",
    "overhead": "cam_overhead",
    "front": "cam_front",
}
"""The cameras that stand in the room, by their names in RLBench's scene."""
LIGHTS = tuple(f"DefaultLight{letter}" for letter in "ABCD")
TABLE, WALLS = ("diningTable_visible",), ("Wall1", "Wall2", "Wall3", "Wall4")
"""Names in RLBench's scene."""


_NO_DEMO = "Could not collect demos"
"""What RLBench says when its expert has used up its attempts."""

_SCENE = 0.01
"""Metres or radians within which pieces are where they were recorded: they settle meanwhile."""


class NoDemonstration(RuntimeError):
    """RLBench's expert does not solve this scene; the message has RLBench's reason."""


class NotFinite(RuntimeError):
    """The simulator has lost its numbers: joints are NaN until the next reset."""


class Simulator:
    """CoppeliaSim with one task of RLBench, and Genima's action mode.

    Args:
        task: its name.
        pictures: which ones `look` takes.
        perturbations: what of the scene's looks changes for each episode
            (`genima_lite.envs.rlbench.perturbed`).
        strength: of these, 0 to 1.
    """

    def __init__(
        self,
        task: str,
        pictures: Pictures,
        perturbations: Sequence[str] = (),
        strength: float = 1.0,
    ):
        from rlbench.action_modes.action_mode import MoveArmThenGripper
        from rlbench.action_modes.arm_action_modes import JointPosition
        from rlbench.action_modes.gripper_action_modes import Discrete
        from rlbench.backend.exceptions import TaskEnvironmentError
        from rlbench.environment import Environment
        from rlbench.utils import name_to_task_class

        self._pictures = pictures
        self._config = _observation_config(pictures)
        mode = MoveArmThenGripper(JointPosition(True), Discrete())
        self._perturbed = self._colosseum = None
        if any(name.startswith(CLEAN) for name in perturbations):
            speeds = (ARM_VELOCITY, ARM_ACCELERATION)
            self._colosseum = Colosseum(task, perturbations, mode, self._config, speeds)
            self._environment = self._colosseum.environment
            task_class = self._colosseum.task_class
        else:
            self._environment = Environment(
                mode,
                obs_config=self._config,
                headless=True,
                arm_max_velocity=ARM_VELOCITY,
                arm_max_acceleration=ARM_ACCELERATION,
            )
            task_class = name_to_task_class(task)
        self._environment.launch()
        self._task = self._environment.get_task(task_class)
        if perturbations and self._colosseum is None:
            self._perturbed = Perturbed(_parts(task, pictures), perturbations, strength)
        self._film: dict[int, Any] = {}
        self._variation = 0
        self._task.set_variation(0)
        self._show(False)
        with suppress(TaskEnvironmentError):  # no room in this scene, which nobody asked for
            self._task.reset()

    @property
    def variations(self) -> int:
        """How many variations the task has."""
        return int(self._task.variation_count())

    def reset(self, variation: int, state: tuple[Any, ...]) -> tuple[list[str], Any]:
        """Draw the scene of a state of NumPy's generator.

        Returns:
            RLBench's sentences, and the observation without pictures.

        Raises:
            rlbench.backend.exceptions.TaskEnvironmentError: no such variation, or no room.
        """
        self._begin(variation)
        self._draw_from(state, variation)
        sentences, observation = self._task.reset()
        return self._begun(sentences, observation, state)

    def reset_to_demo(
        self,
        variation: int,
        state: tuple[Any, ...],
        attempts: int | None,
        first: Sequence[float] | None = None,
    ) -> tuple[list[str], Any]:
        """Draw the scene of a demonstration again; see `reset`.

        RLBench puts the task's pieces back after each refused attempt when it makes a
        demonstration, but not when it draws the scene again, where pieces that are moved from
        where they are end up elsewhere. So after refused attempts a plain reset of the same state
        is tried first; if it does not give the recorded scene, RLBench's own way does.

        Args:
            variation: its variation.
            state: its `random_seed`.
            attempts: its `num_reset_attempts`; `None` in old data.
            first: `task_low_dim_state` of its first frame, if that was recorded.
        """
        from rlbench.backend.exceptions import TaskEnvironmentError
        from rlbench.demo import Demo

        if first is not None and (attempts or 1) > 1:
            with suppress(TaskEnvironmentError):
                sentences, observation = self.reset(variation, state)
                if _is_scene(observation.task_low_dim_state, first):
                    return sentences, observation
        self._begin(variation)
        self._draw_from(state, variation)  # The Colosseum's restores no variation
        frame = SimpleNamespace(misc={"variation_index": variation})
        sentences, observation = self._task.reset_to_demo(Demo([frame], state, attempts))
        return self._begun(sentences, observation, state)

    def _begin(self, variation: int) -> None:
        """Get ready for another episode."""
        self._show(False)
        self._variation = variation
        if self._perturbed is not None:
            self._perturbed.restore()

    def _draw_from(self, state: tuple[Any, ...], variation: int) -> None:
        """Let the next reset draw a variation's scene from a state of NumPy's generator."""
        self._task.set_variation(variation)
        if self._colosseum is not None:
            self._colosseum.seed(state)
        np.random.set_state(state)  # noqa: NPY002  RLBench draws from it

    def _begun(
        self, sentences: Sequence[str], observation: Any, state: tuple[Any, ...]
    ) -> tuple[list[str], Any]:
        """Change the looks of a scene that was drawn, and return how it is then."""
        if self._perturbed is not None:
            self._perturbed.apply(state, sentences)
            observation = self._task.get_observation()
        return list(sentences), observation

    def step(self, action: Sequence[float]) -> tuple[Any, bool, bool]:
        """Execute one action (8,) without taking pictures.

        Returns:
            The observation, whether the task is solved, and whether RLBench ends the episode.

        Raises:
            NotFinite: the joints are no numbers any more.
        """
        observation, reward, terminate = self._task.step(np.asarray(action, float))
        if not np.isfinite(observation.joint_positions).all():
            raise NotFinite("the simulator's joints are no numbers any more")
        return observation, bool(reward >= 1.0), bool(terminate)

    def look(self) -> Any:
        """Return the present observation with its pictures."""
        self._show(True)
        observation = self._task.get_observation()
        self._show(False)
        return observation

    def demonstration(
        self, variation: int, state: tuple[Any, ...], attempts: int, pictures: bool
    ) -> Any:
        """Let RLBench's expert solve the scene of a state, and return its demonstration.

        The scene is left as the expert leaves it: reset afterwards.

        Args:
            variation, state: as for `reset`.
            attempts: how often its planner, which has chance of its own, may try.
            pictures: take them at every frame.

        Raises:
            NoDemonstration: it failed as often.
        """
        self._show(pictures)
        with _BadDemos() as said:
            for _ in range(attempts):
                self._draw_from(state, variation)
                try:
                    (demo,) = self._task.get_demos(1, live_demos=True, max_attempts=1)
                except RuntimeError as error:
                    if _NO_DEMO not in str(error):  # CoppeliaSim's refusal of a call
                        raise
                    said.last = said.last or str(error)
                else:
                    self._show(False)
                    return demo
        self._show(False)
        raise NoDemonstration(f"{said.last} ({attempts} attempts)")

    def film_frame(self, size: int) -> np.ndarray:
        """Return a picture (size, size, 3) uint8 of the present state, from the front."""
        from pyrep.const import RenderMode
        from pyrep.objects.vision_sensor import VisionSensor

        if size not in self._film:
            mount = RLBENCH_MOUNTS[FILM_CAMERA]
            sensor = VisionSensor.create(
                [size, size],
                explicit_handling=True,
                show_volume_not_detecting=False,
                show_volume_detecting=False,
                near_clipping_plane=mount.near,
                far_clipping_plane=mount.far,
                view_angle=float(np.rad2deg(mount.opening_angle)),
                render_mode=RenderMode.OPENGL,
            )
            camera = Camera(intrinsics_of(mount.opening_angle, size), mount.pose)
            sensor.set_matrix(camera.to_rlbench()[0])
            self._film[size] = sensor
        sensor = self._film[size]
        sensor.handle_explicitly()
        return np.clip(sensor.capture_rgb() * 255.0, 0, 255).astype(np.uint8)

    def close(self) -> None:
        """Shut CoppeliaSim down."""
        self._environment.shutdown()

    def _show(self, on: bool) -> None:
        """Let observations have pictures or not; the cameras stay in the scene."""
        for name in self._pictures.cameras:
            camera = getattr(self._config, f"{name}_camera")
            camera.rgb = on
            camera.depth, camera.mask = on and self._pictures.depth, on and self._pictures.mask


def _is_scene(found: Any, wanted: Sequence[float]) -> bool:
    """Return whether the state of a task's pieces is the wanted one."""
    return np.shape(found) == np.shape(wanted) and bool(np.allclose(found, wanted, 0.0, _SCENE))


def _parts(task: str, pictures: Pictures) -> Parts:
    """Return what of the loaded scene and task can be changed."""
    from pyrep.const import ObjectType
    from pyrep.objects.dummy import Dummy
    from pyrep.objects.light import Light
    from pyrep.objects.shape import Shape
    from pyrep.objects.vision_sensor import VisionSensor

    def eyes(name: str) -> list[Any]:
        kinds = ("", MASK) if pictures.mask else ("",)
        there = name in pictures.cameras  # RLBench removes the others from its scene
        return [VisionSensor(f"{SENSORS[name]}{kind}") for kind in kinds if there]

    def shapes(names: Sequence[str]) -> list[Any]:
        return [Shape(name) for name in names if Shape.exists(name)]

    pieces = Dummy(task).get_objects_in_tree(object_type=ObjectType.SHAPE)
    return Parts(
        [Light(name) for name in LIGHTS if Light.exists(name)],
        pieces,
        shapes(TABLE),
        shapes(WALLS),
        {name: eyes(name) for name in SENSORS},
    )


def _observation_config(pictures: Pictures) -> Any:
    """Return RLBench's configuration: all states, and the cameras that are wanted."""
    from pyrep.const import RenderMode
    from rlbench.observation_config import CameraConfig, ObservationConfig

    def camera(name: str) -> Any:
        on = name in pictures.cameras
        return CameraConfig(
            rgb=on,
            depth=on and pictures.depth,
            point_cloud=False,
            mask=on and pictures.mask,
            image_size=(pictures.size, pictures.size),
            render_mode=RenderMode.OPENGL,
        )

    config = ObservationConfig(**{f"{name}_camera": camera(name) for name in CAMERAS})
    config.set_all_low_dim(True)
    return config


class _BadDemos(logging.Handler):
    """Hears why demonstrations fail: RLBench says so in its log alone.

    Attributes:
        last: the last reason.
    """

    def __init__(self) -> None:
        super().__init__(logging.INFO)
        self.last = ""

    def emit(self, record: logging.LogRecord) -> None:
        """Keep what is said about a demonstration."""
        text = record.getMessage()
        if text.startswith("Bad demo."):
            self.last = text.removeprefix("Bad demo.").strip()

    def __enter__(self) -> _BadDemos:
        root = logging.getLogger()
        self._level = root.level
        root.setLevel(logging.INFO)
        root.addHandler(self)
        return self

    def __exit__(self, *_: object) -> None:
        root = logging.getLogger()
        root.removeHandler(self)
        root.setLevel(self._level)
