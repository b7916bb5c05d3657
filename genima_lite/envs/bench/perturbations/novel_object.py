"""Another shape of the thing that the task is about: another mug, saucepan or drawer handle."""

from __future__ import annotations

import numpy as np

from genima_lite.envs.bench.novel import shapes_of, tasks_with_shapes
from genima_lite.envs.bench.perturbation import Perturbation
from genima_lite.envs.bench.scene import Scene
from genima_lite.envs.bench.task import Task


class NovelObject(Perturbation):
    """With the strength as its probability, an episode has a shape of `envs/bench/novel`."""

    def apply(self, scene: Scene, strength: float, rng: np.random.Generator) -> None:
        """Change nothing: the scene has the other shape already."""

    def shapes(self, task: Task) -> list[Task]:
        return shapes_of(task)

    def fits(self, task: str) -> bool:
        return task in tasks_with_shapes()
