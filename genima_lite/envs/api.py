"""What anybody may ask of a robot: `RobotEnv`, its capabilities, and the one door, `make_env`.

A backend is a sub-package of `genima_lite.envs`, or any other module that can be imported, with
two functions: `make(spec) -> RobotEnv` and `task_names() -> list[str]`. Others are optional:
`register()` makes gymnasium ids; `make_random_scenes(task, view_size)` and `vocabulary()` help to
train a base model; `perturbation_names()` says what `EnvSpec.perturbations` may name;
`stored_spec(spec, state)` says which environment can restore a state.
Units everywhere: metres, radians, steps of 50 ms; joint angles are RLBench's.
"""

from __future__ import annotations

import difflib
import pkgutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib import import_module
from typing import TYPE_CHECKING, Any, Protocol, TypeVar, runtime_checkable

import numpy as np

from genima_lite import envs
from genima_lite.errors import UserError
from genima_lite.observation import CAMERAS, Demo, Observation
from genima_lite.schema import named_once

if TYPE_CHECKING:
    from genima_lite.envs.arm.settings import ArmSettings

BENCH, RLBENCH = "bench", "rlbench"
"""The backend that comes with the package; and whose speed or tracking it may have instead."""


@dataclass(frozen=True)
class EnvSpec:
    """Which environment to make; picklable.

    Attributes:
        task: RLBench task name, for example "open_drawer".
        cameras: which of RLBench's cameras take pictures; fewer is faster.
        image_size: pixels along each side.
        depth, mask: also take depth pictures or masks.
        backend: a sub-package of `genima_lite.envs`, or the dotted name of another module.
        perturbations: names of what changes the scene's looks, such as "light"; the backend says
            which it knows.
        strength: of the perturbations, from 0 to 1.
        speed: of the expert, "bench" or "rlbench": our own, or that of Genima's demonstrations.
        tracking: of the arm, "bench" or "rlbench": commands are reached within a step, or by 30 to
            65 %, as in RLBench.
        sentences: a JSON file with further sentences (`genima_lite.envs.sentences.read_sentences`).
        arm: for backend "arm": which driver, and how it may move; `None`: a rehearsal on the twin.
    """

    task: str
    cameras: tuple[str, ...] = CAMERAS
    image_size: int = 128
    depth: bool = False
    mask: bool = False
    backend: str = BENCH
    perturbations: tuple[str, ...] = ()
    strength: float = 1.0
    speed: str = BENCH
    tracking: str = BENCH
    sentences: str | None = None
    arm: ArmSettings | None = None


@dataclass(frozen=True)
class Outcome:
    """What a chunk of actions came to.

    Attributes:
        steps: actions executed, at least 1.
        success: whether the task is done.
        done: whether the episode is over, by success or by the time limit.
    """

    steps: int
    success: bool
    done: bool


class RobotEnv(Protocol):
    """A robot with one task in front of it.

    Attributes:
        task_name: RLBench's.
        cameras: which cameras take pictures.
        image_size: pixels along each side of a picture.
        variations: how many variations the task has.
        time_limit: steps of 50 ms until an episode ends without success.
        random_state: MT19937 state tuple from which the present scene was drawn; `None` where it
            cannot be drawn again, as on a real table.
    """

    task_name: str
    cameras: tuple[str, ...]
    image_size: int
    random_state: tuple | None

    @property
    def variations(self) -> int:
        """Number of variations, at least 1."""

    @property
    def time_limit(self) -> int:
        """Steps of 50 ms."""

    @property
    def observation(self) -> Observation:
        """The present observation; pictures are taken when it is first read after a change."""

    @property
    def success(self) -> bool:
        """Whether the task is done now."""

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[Any, dict[str, Any]]:
        """Start an episode, as gymnasium does.

        Args:
            seed: the same seed gives the same episode, where the robot can do that.
            options: `variation`, int from 0 to `variations` - 1, default 0.

        Returns:
            Anything, and what is known: `instruction`, the variation's standard sentence,
            `instructions`, all its sentences, `variation` and `success`.

        Raises:
            UserError: unknown option or variation.
        """

    def execute(
        self, actions: np.ndarray, on_step: Callable[[RobotEnv], None] | None = None
    ) -> Outcome:
        """Execute actions one after another, 50 ms each, until they or the episode end.

        Args:
            actions: (n, 8) float64, n at least 1: seven absolute joint targets in radians, then
                gripper open in [0, 1].
            on_step: called with the environment after every action.

        Raises:
            ValueError: wrong shape, not finite, or out of limits where those are refused.
        """

    def instructions(self, variation: int) -> list[str]:
        """Return several sentences that ask for a variation; the first is the standard one."""

    def close(self) -> None:
        """Free what the environment holds."""


@runtime_checkable
class HasExpert(Protocol):
    """Knows how to solve its task from anywhere."""

    def expert_stretches(self) -> Iterator[np.ndarray]:
        """Yield the expert's commands from here to the end, stretch by stretch.

        Each is (n, 8) float64, n at least 1: joint targets in radians, gripper open. A stretch
        leads to one waypoint, from rest to rest; where the gripper changes there, its last row
        says so. Stretches are planned only as they are taken.

        Raises:
            panda.Unreachable: the next waypoint lies outside the arm's reach.
        """


@runtime_checkable
class HasDemonstrations(Protocol):
    """Can show how its task is solved, from an episode's start, as RLBench can."""

    def demonstration(self, pictures: bool = False) -> Demo:
        """Return a demonstration of the present episode's scene, and start the episode anew.

        Args:
            pictures: with those of the environment's cameras; without, the states alone.

        Raises:
            UserError: the episode is past its start.
            panda.Unreachable: the expert does not solve this scene.
        """


@runtime_checkable
class HasReplay(Protocol):
    """Executes demonstrations again from their scene, which may need a person."""

    def reset_to(self, demo: Demo) -> None:
        """Start an episode in a demonstration's scene.

        Raises:
            UserError: another robot's, or a scene that cannot be set up.
        """


@runtime_checkable
class HasSnapshot(Protocol):
    """Can be brought into a state it was in, and its arm anywhere."""

    def state(self) -> dict[str, Any]:
        """Return all that defines the present state of the episode, JSON-able."""

    def restore(self, state: Mapping[str, Any]) -> None:
        """Go on from what `state` returned, with the time limit counted anew.

        Raises:
            UserError: broken, another task's, or another version's.
        """

    def place_arm(self, joints: np.ndarray, gripper_open: float) -> bool:
        """Put the arm, at rest, into a posture without moving there; what it touches gives way.

        Args:
            joints: (7,) radians.
            gripper_open: open above 0.5.

        Returns:
            Whether it stands there; `False` where it would reach deep into something.
        """


@runtime_checkable
class HasObjects(Protocol):
    """Can say where things are; only reports ask."""

    def objects(self) -> dict[str, np.ndarray]:
        """Return x, y, z (3,) in metres in the world, by the name of a movable piece."""


@runtime_checkable
class HasFilm(Protocol):
    """Takes pictures for people, beside those of the observation."""

    def film_frame(self, size: int) -> np.ndarray:
        """Return a picture (size, size, 3) uint8 RGB of the present state, from the front."""


class RandomScenes(Protocol):
    """Draws random scenes of one task; `rng` is the only source of chance."""

    def draw(self, rng: np.random.RandomState) -> tuple[np.ndarray, np.ndarray, list[str]]:
        """Return a tiled picture (2H, 2W, 3) uint8, the same without some things, and the words
        that name these things, such as `red cup`.
        """

    def point(self, rng: np.random.RandomState) -> tuple[np.ndarray, np.ndarray, str]:
        """Return a tiled picture, the same with one thing painted magenta, and its words."""

    def close(self) -> None:
        """Free what it holds."""


def make_env(spec: EnvSpec) -> RobotEnv:
    """Return the environment that a spec describes.

    Raises:
        UserError: unknown backend, task, camera or perturbation, or an impossible size or strength.
    """
    check_task(spec.task, spec.backend)
    check_perturbations(spec.perturbations, spec.strength, spec.backend, [spec.task])
    return _backend(spec.backend).make(spec)


def backend_names() -> list[str]:
    """Return the names of all backends that come with the package, sorted."""
    return sorted(found.name for found in pkgutil.iter_modules(envs.__path__) if found.ispkg)


def task_names(backend: str = BENCH) -> list[str]:
    """Return the names of a backend's tasks, sorted.

    Raises:
        UserError: unknown backend.
    """
    return sorted(_backend(backend).task_names())


def perturbation_names(backend: str = BENCH, task: str | None = None) -> list[str]:
    """Return the names of a backend's perturbations, sorted; none if it has none. With a task
    those that it can have.

    Raises:
        UserError: unknown backend.
    """
    tell = getattr(_backend(backend), "perturbation_names", None)
    return sorted(tell(task)) if tell else []


def check_task(name: str, backend: str = BENCH) -> str:
    """Return the name of a task that exists.

    Raises:
        UserError: no such task or backend; the message names the nearest task and all known ones.
    """
    known = task_names(backend)
    if name not in known:
        near = difflib.get_close_matches(name, known, n=1)
        hint = f"did you mean '{near[0]}'? " if near else ""
        raise UserError(f"unknown task '{name}': {hint}known tasks: {', '.join(known)}")
    return name


def check_tasks(names: Sequence[str], backend: str = BENCH) -> None:
    """Refuse tasks that do not exist, and such that are named twice: they would count twice.

    Raises:
        UserError: see above.
    """
    for name in names:
        check_task(name, backend)
    named_once("tasks", names)


def check_perturbations(
    names: Sequence[str], strength: float, backend: str = BENCH, tasks: Sequence[str] = ()
) -> None:
    """Refuse perturbations that a backend does not know or a task cannot have, and a strength out
    of range.

    Raises:
        UserError: the message names the nearest perturbation and all known ones.
    """
    known = perturbation_names(backend)
    for name in names:
        if name not in known:
            near = difflib.get_close_matches(name, known, n=1)
            hint = f"did you mean '{near[0]}'? " if near else ""
            raise UserError(f"unknown perturbation '{name}': {hint}known: {', '.join(known)}")
    named_once("perturbations", names)
    if not 0 <= strength <= 1:  # also refuses NaN
        raise UserError(f"perturbation strength is {strength}; give 0 to 1")
    for task in tasks if names else ():
        possible = perturbation_names(backend, task)
        if lacking := [name for name in names if name not in possible]:
            raise UserError(
                f"task '{task}' cannot have the perturbation '{lacking[0]}': it can have "
                f"{', '.join(possible)}"
            )


def stored_spec(spec: EnvSpec, state: Mapping[str, Any]) -> EnvSpec:
    """Return a spec whose environments can restore a stored state: with the perturbations and the
    tracking that the state was stored with, where the backend tells them.

    Raises:
        UserError: what the state says of them is damaged.
    """
    tell = getattr(_backend(spec.backend), "stored_spec", None)
    return tell(spec, state) if tell else spec


def check_like(name: str, value: str) -> None:
    """Refuse a speed or tracking that is neither the bench's nor RLBench's.

    Raises:
        UserError: the message says what to choose from.
    """
    if value not in (BENCH, RLBENCH):
        raise UserError(f"{name} is {value!r}: choose '{BENCH}' or '{RLBENCH}'")


def make_random_scenes(task: str, view_size: int, backend: str = BENCH) -> RandomScenes:
    """Return what draws random scenes with a task's pieces.

    Args:
        task: its name.
        view_size: pixels along each side of a view; a tiled picture is twice as large.
        backend: see `EnvSpec`.

    Raises:
        UserError: unknown backend or task, or a backend that cannot draw random scenes.
    """
    check_task(task, backend)
    make = getattr(_backend(backend), "make_random_scenes", None)
    if make is None:
        raise UserError(f"backend '{backend}' cannot draw random scenes; take '{BENCH}'")
    return make(task, view_size)


def vocabulary(backend: str = BENCH) -> tuple[list[str], list[str]]:
    """Return all sentences that ask for a backend's tasks, and the names of all its pieces.

    Raises:
        UserError: unknown backend, or one that cannot tell.
    """
    tell = getattr(_backend(backend), "vocabulary", None)
    if tell is None:
        raise UserError(f"backend '{backend}' cannot say its words; take '{BENCH}'")
    return tell()


def register_environments() -> None:
    """Make gymnasium's ids of all backends known, such as `genima_lite/OpenDrawer-v0`."""
    for name in backend_names():
        if register := getattr(_backend(name), "register", None):
            register()


C = TypeVar("C")


def require(env: object, capability: type[C], purpose: str) -> C:
    """Return an environment as something that has a capability.

    Args:
        env: the environment.
        capability: `HasExpert`, `HasDemonstrations`, `HasSnapshot`, `HasObjects` or `HasFilm`.
        purpose: who needs it, for the message, for example "DAgger rollouts".

    Raises:
        UserError: it lacks the capability.
    """
    if not isinstance(env, capability):
        wanted = [name for name in vars(capability) if not name.startswith("_")]
        raise UserError(
            f"{purpose}: need an environment with {capability.__name__} "
            f"({', '.join(wanted)}); {type(env).__name__} has none of it: take another backend"
        )
    return env


def _backend(name: str) -> Any:
    """Import a backend by its name."""
    module = name if "." in name else f"{envs.__name__}.{name}"
    unknown = UserError(
        f"unknown backend '{name}': choose from {', '.join(backend_names())}, or give the "
        "dotted name of a module with make and task_names"
    )
    if not all(part.isidentifier() for part in module.split(".")):
        raise unknown
    try:
        found = import_module(module)
    except ModuleNotFoundError as error:
        if error.name is None or not module.startswith(error.name):
            raise UserError(
                f"backend '{name}' needs {error.name}, which is not installed"
            ) from error
        raise unknown from error
    if not all(hasattr(found, each) for each in ("make", "task_names")):
        raise unknown
    return found
