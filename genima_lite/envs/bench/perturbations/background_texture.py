"""Walls and a floor of other materials."""

from __future__ import annotations

import numpy as np

from genima_lite.envs.bench.perturbation import Perturbation
from genima_lite.envs.bench.scene import Scene
from genima_lite.textures import random_texture

_REPEAT = 4.0
"""How often the texture is repeated along a wall, as in The Colosseum."""


class BackgroundTexture(Perturbation):
    """All walls share one random texture, the floor has another."""

    mjcf = """
    <asset>
      <texture name="wall_texture" type="cube" builtin="flat" width="256" height="256"/>
      <texture name="floor_texture" type="2d" builtin="flat" width="256" height="256"/>
    </asset>
    """

    def apply(self, scene: Scene, strength: float, rng: np.random.Generator) -> None:
        for material in ("wall", "floor"):
            texture = f"{material}_texture"
            pixels, number = scene.looks.pixels(texture), scene.model.material(material).id
            plain, side = 255 * scene.model.mat_rgba[number, :3], pixels.shape[1]
            random = np.rint(plain + strength * (random_texture(rng, side, side) - plain))
            pixels[:] = np.tile(random, (len(pixels) // side, 1, 1))  # a cube has six sides
            scene.looks.drawn(texture)
            scene.looks.cover(material, texture)
            scene.model.mat_rgba[number, :3] = 1.0
            scene.model.mat_texrepeat[number] = _REPEAT
