"""A table of another material."""

from __future__ import annotations

import numpy as np

from genima_lite.envs.bench.perturbation import Perturbation
from genima_lite.envs.bench.scene import Scene
from genima_lite.textures import random_texture


class TableTexture(Perturbation):
    """A random texture covers the table top; at less strength it shines through the wood."""

    mjcf = """
    <asset>
      <texture name="table_texture" type="2d" builtin="flat" width="256" height="256"/>
    </asset>
    """

    def apply(self, scene: Scene, strength: float, rng: np.random.Generator) -> None:
        pixels, wood = scene.looks.pixels("table_texture"), scene.looks.pixels("wood")
        height, width = pixels.shape[:2]
        rows = np.linspace(0, wood.shape[0] - 1, height).round().astype(int)
        columns = np.linspace(0, wood.shape[1] - 1, width).round().astype(int)
        random = random_texture(rng, height, width)
        pixels[:] = np.rint((1 - strength) * wood[rows][:, columns] + strength * random)
        scene.looks.drawn("table_texture")
        scene.looks.cover("wood", "table_texture")
