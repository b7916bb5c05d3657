"""How a scene looks: the model's fields that perturbations may change, and textures.

MuJoCo reads colours, lights and cameras anew for every picture; textures lie in GL contexts, so a
renderer is told when one has changed.
"""

from __future__ import annotations

import numpy as np

from genima_lite.envs.bench.gl import mujoco

FIELDS = (
    *("geom_rgba", "geom_matid", "mat_rgba", "mat_texid", "mat_texrepeat", "mat_specular"),
    *("light_diffuse", "light_ambient", "light_specular", "light_dir", "light_pos"),
    *("cam_pos", "cam_quat"),
)
"""The fields of a model that perturbations may change."""

_HEADLIGHT = ("ambient", "diffuse", "specular")


class Looks:
    """Remembers how a new model looks.

    Attributes:
        changed: numbers of the textures that were drawn anew, in the order of drawing; renderers
            remember how far they have read.
    """

    def __init__(self, model: mujoco.MjModel):
        self._model = model
        self._fields = {name: getattr(model, name).copy() for name in FIELDS}
        headlight = model.vis.headlight
        self._headlight = {name: getattr(headlight, name).copy() for name in _HEADLIGHT}
        self.changed: list[int] = []

    def restore(self) -> None:
        """Make everything look as in the beginning. A texture that was drawn stays, unused."""
        for name, value in self._fields.items():
            getattr(self._model, name)[:] = value
        for name, value in self._headlight.items():
            getattr(self._model.vis.headlight, name)[:] = value

    def painted(self) -> np.ndarray:
        """Return the numbers of the geoms whose colour is not the model's own, (n,) int."""
        return np.flatnonzero((self._model.geom_rgba != self._fields["geom_rgba"]).any(axis=1))

    def pixels(self, texture: str) -> np.ndarray:
        """Return a texture's pixels, (H, W, 3) uint8; changes must be told to `drawn`.

        The six sides of a cube lie one below another.
        """
        return self._model.texture(texture).data

    def drawn(self, texture: str) -> None:
        """Tell renderers that a texture has new pixels."""
        self.changed.append(int(self._model.texture(texture).id))

    def cover(self, material: str, texture: str) -> None:
        """Let a material show a texture, in its own colours."""
        role = int(mujoco.mjtTextureRole.mjTEXROLE_RGB)
        self._model.mat_texid[self._model.material(material).id, role] = self._model.texture(
            texture
        ).id
