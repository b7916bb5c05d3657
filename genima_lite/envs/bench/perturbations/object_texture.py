"""The task's pieces with patterns on them."""

from __future__ import annotations

import numpy as np

from genima_lite.envs.bench.perturbation import Perturbation
from genima_lite.envs.bench.scene import Scene
from genima_lite.textures import random_texture

_COUNT, _SIDE = 6, 64


class ObjectTexture(Perturbation):
    """Each part of each piece shows one of six random textures.

    What the task has painted, and what a sentence calls by its colour, stays as it is. Textures are
    cubes' sides: they fit a piece of any shape.
    """

    mjcf = "<asset>{}</asset>".format(
        "".join(
            f'<texture name="object_texture_{i}" type="cube" builtin="flat" width="{_SIDE}" '
            f'height="{_SIDE}"/><material name="object_texture_{i}" specular="0.3" '
            f'texture="object_texture_{i}"/>'
            for i in range(_COUNT)
        )
    )

    def apply(self, scene: Scene, strength: float, rng: np.random.Generator) -> None:
        for i in range(_COUNT):
            pixels = scene.looks.pixels(f"object_texture_{i}")
            side = random_texture(rng, _SIDE, _SIDE)
            pixels[:] = np.tile(np.rint(255 + strength * (side - 255.0)), (6, 1, 1))
            scene.looks.drawn(f"object_texture_{i}")
        for geoms in scene.plain_parts():
            material = scene.model.material(f"object_texture_{rng.integers(_COUNT)}").id
            for geom in geoms:
                scene.model.geom_rgba[geom, :3] = 1 + (1 - strength) * (scene.color_of(geom) - 1)
                scene.model.geom_rgba[geom, 3] = 1.0
                scene.model.geom_matid[geom] = material
