"""What a task file says: its scene pieces, what varies, success, language, the expert's way."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from genima_lite.planner import Waypoint, along, forward, top_down
from genima_lite.rlbench import COLORS, TABLE

if TYPE_CHECKING:
    from genima_lite.envs.bench.scene import Scene

__all__ = ["COLORS", "TABLE", "Task", "Waypoint", "along", "forward", "top_down"]


class Task(ABC):
    """One task. Subclasses set the class attributes and fill in the five methods.

    Attributes:
        mjcf: scene pieces as an MJCF document without the outer `<mujoco>` element. A body
            that `place` moves is a child of the world with `mocap="true"` (furniture) or a
            `<freejoint/>` (loose objects). Class `zone` marks invisible sensor volumes, class
            `visual` geoms without contact, class `collision` geoms that are not drawn.
        graspable: names of the free bodies that the closing gripper may take.
        variations: how many variations there are.
        time_limit: steps of 50 ms before an episode is truncated.
    """

    mjcf: ClassVar[str]
    graspable: ClassVar[tuple[str, ...]] = ()
    variations: ClassVar[int] = 1
    time_limit: ClassVar[int] = 200

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
        """Return the expert's stops for the scene as it stands after the reset."""
