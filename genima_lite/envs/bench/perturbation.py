"""What a perturbation file says: what it adds to the scene, and how it changes its looks."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, ClassVar

import numpy as np

if TYPE_CHECKING:
    from genima_lite.envs.bench.scene import Scene
    from genima_lite.envs.bench.task import Task


class Perturbation(ABC):
    """One change of a scene that leaves task and placement as they are.

    Subclasses change `scene.model`, and only the fields in `genima_lite.envs.bench.looks.FIELDS`,
    which are as they were before the next episode begins; or pieces of their own; or they offer
    other shapes of the task's pieces.

    Attributes:
        mjcf: textures, materials and pieces that the changes need, as in `Task.mjcf`. Names of
            pieces begin with `distractor_`, so that they count as no part of the task.
    """

    mjcf: ClassVar[str] = ""

    @abstractmethod
    def apply(self, scene: Scene, strength: float, rng: np.random.Generator) -> None:
        """Change the scene, whose task has placed its pieces.

        Args:
            scene: its derived quantities (`mj_kinematics`) are up to date.
            strength: above 0 and up to 1. Half of it changes about half as much.
            rng: the only source of chance, this perturbation's own.
        """

    def shapes(self, task: Task) -> list[Task]:
        """Return the task with pieces of other shapes, of which an episode may have one."""
        return []

    def fits(self, task: str) -> bool:
        """Return whether a task, given by its name, can have this perturbation."""
        return True
