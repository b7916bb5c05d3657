"""Other light: the colour and brightness of every lamp."""

from __future__ import annotations

import numpy as np

from genima_lite.envs.bench.perturbation import Perturbation
from genima_lite.envs.bench.scene import Scene

_BRIGHTEST = 0.5
"""The Colosseum draws each channel from 0 to 0.5."""


class Light(Perturbation):
    """Diffuse and specular light of each lamp get one random colour, as The Colosseum does it.

    What comes from everywhere stays, so it is never dark.
    """

    def apply(self, scene: Scene, strength: float, rng: np.random.Generator) -> None:
        model, headlight = scene.model, scene.model.vis.headlight
        diffuse = [*model.light_diffuse, headlight.diffuse]
        specular = [*model.light_specular, headlight.specular]
        for kinds in zip(diffuse, specular, strict=True):
            color = rng.uniform(0, _BRIGHTEST, 3)
            for light in kinds:
                light += strength * (color - light)
