"""The task's pieces in other colours."""

from __future__ import annotations

import numpy as np

from genima_lite.envs.bench.perturbation import Perturbation
from genima_lite.envs.bench.scene import Scene
from genima_lite.rlbench import COLORS


class ObjectColor(Perturbation):
    """Each part of each piece gets a random one of RLBench's twenty colours.

    What the task has painted, and what a sentence calls by its colour, stays as it is.
    """

    def apply(self, scene: Scene, strength: float, rng: np.random.Generator) -> None:
        for geoms in scene.plain_parts():
            color = np.array(list(COLORS.values())[rng.integers(len(COLORS))])
            for geom in geoms:
                before = scene.color_of(geom)
                scene.model.geom_rgba[geom, :3] = before + strength * (color - before)
                scene.model.geom_rgba[geom, 3] = 1.0
