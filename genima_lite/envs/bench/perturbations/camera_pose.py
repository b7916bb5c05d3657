"""Cameras that stand elsewhere and look elsewhere."""

from __future__ import annotations

import numpy as np
from scipy.spatial.transform import Rotation

from genima_lite.cameras import RLBENCH_MOUNTS
from genima_lite.envs.bench.perturbation import Perturbation
from genima_lite.envs.bench.scene import Scene

_ANGLE, _SHIFT = 0.05, 0.1
"""Radians about each axis, metres along each: The Colosseum's ranges."""


class CameraPose(Perturbation):
    """The cameras that stand in the room are turned, then moved; the one on the wrist is not.

    The observation's camera matrices tell where they are.
    """

    def apply(self, scene: Scene, strength: float, rng: np.random.Generator) -> None:
        for name, mount in RLBENCH_MOUNTS.items():
            if mount.on_wrist:
                continue
            camera = scene.model.camera(name).id
            turn = Rotation.from_euler("xyz", strength * rng.uniform(-_ANGLE, _ANGLE, 3))
            before = Rotation.from_quat(scene.model.cam_quat[camera], scalar_first=True)
            scene.model.cam_quat[camera] = (turn * before).as_quat(scalar_first=True)
            scene.model.cam_pos[camera] += strength * rng.uniform(-_SHIFT, _SHIFT, 3)
