"""What a task file says: its scene pieces, what varies, success, language, the expert's way."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from genima_lite.envs.bench.recovery import waypoints_ahead
from genima_lite.envs.bench.waypoint import NOTHING, Waypoint
from genima_lite.planner import along, forward, top_down
from genima_lite.rlbench import COLORS, TABLE

if TYPE_CHECKING:
    from genima_lite.envs.bench.scene import Scene

__all__ = ["COLORS", "NOTHING", "TABLE", "Task", "Waypoint", "along", "forward", "top_down"]


class Task(ABC):
    """One task. Subclasses set the class attributes and fill in the five abstract methods.

    The expert goes through `waypoints` in order, and from anywhere else through what `recover`
    returns. For the default `recover` to work:

    - `waypoints` returns equally many waypoints in every state, computed from the scene alone. It
      is called at any moment, so a grasp lies where the thing is now, not where it began.
    - Each thing that a task takes is named: `Waypoint(grasps="blue_cube")`. With one thing in
      `graspable`, or one handle and nothing graspable, the default is right. Where the hand closes
      in order to press after something was grasped, say `grasps=NOTHING`.
    - Back off with a waypoint of its own after letting a thing go.
    - A phase ends where a thing is let go and at a waypoint with `done`. By default a thing counts
      as put when the expert would grasp it within 3 cm of where it lets it go, and nearer to there
      than to where it took it. Say `done=` where that is wrong: for what falls (a ball through a
      hoop), turns in place (a tap), is grasped on another side afterwards, or may be moved on.
      Say it too for a press, a turn in place or a sweep that something else follows.
    - With a thing in the hand the way is the one of the episode's start, and the arm goes on to the
      end of the nearest stretch. Say `live=True` for waypoints that follow other pieces, as a tool
      follows what it pushes and a block the stack, or that need a funnel, as a plug does.
    - Where phases undo each other, or the pieces do not show how far the task has come, override
      `recover`.

    Attributes:
        mjcf: scene pieces as an MJCF document without the outer `<mujoco>` element. A body
            that `place` moves is a child of the world with `mocap="true"` (furniture) or a
            `<freejoint/>` (loose objects). Class `zone` marks invisible sensor volumes, class
            `visual` geoms without contact, class `collision` geoms that are not drawn.
        graspable: names of the free bodies that the closing gripper may take.
        variations: how many variations there are.
        time_limit: steps of 50 ms before an episode is truncated.
        named: materials whose colour a sentence says; perturbations leave them, as they leave
            what `place` paints.
    """

    mjcf: ClassVar[str]
    graspable: ClassVar[tuple[str, ...]] = ()
    variations: ClassVar[int] = 1
    time_limit: ClassVar[int] = 200
    named: ClassVar[tuple[str, ...]] = ()

    @abstractmethod
    def place(self, scene: Scene, variation: int, rng: np.random.RandomState) -> None:
        """Put the pieces where this episode wants them and give them their colours."""

    @abstractmethod
    def instructions(self, variation: int) -> list[str]:
        """Return several sentences that ask for this variation; the first is the standard one."""

    @abstractmethod
    def success(self, scene: Scene) -> bool:
        """Return whether the task is done at this instant (RLBench's thresholds)."""

    def after_step(self, scene: Scene) -> None:  # noqa: B027
        """Change the scene's looks after a step, for example light a bulb; by default nothing."""

    def low_dim_state(self, scene: Scene) -> np.ndarray:
        """Return RLBench's `task_low_dim_state` (n,) float64 for tasks that define their own."""
        return scene.low_dim_state()

    @abstractmethod
    def waypoints(self, scene: Scene) -> list[Waypoint]:
        """Return the expert's waypoints for the scene as it stands, always equally many."""

    def recover(self, scene: Scene, first: Sequence[Waypoint]) -> list[Waypoint]:
        """Return the expert's waypoints from where the arm is now, at any moment of an episode.

        The default is `genima_lite.envs.bench.recovery.waypoints_ahead`.

        Args:
            scene: as it stands now; the answer depends on nothing else of the past than `first`.
            first: what `waypoints` returned at the episode's start.
        """
        return waypoints_ahead(scene, first)
