"""Cameras that stand elsewhere and look elsewhere."""

from __future__ import annotations

import numpy as np
from scipy.spatial.transform import Rotation

from genima_lite.cameras import RLBENCH_MOUNTS, random_move
from genima_lite.envs.bench.perturbation import Perturbation
from genima_lite.envs.bench.scene import Scene


class CameraPose(Perturbation):
    """The cameras that stand in the room are turned, then moved; the one on the wrist is not.

    The observation's camera matrices tell where they are.
    """

    def apply(self, scene: Scene, strength: float, rng: np.random.Generator) -> None:
        for name, mount in RLBENCH_MOUNTS.items():
            if mount.on_wrist:
                continue
            camera = scene.model.camera(name).id
            turn, shift = random_move(strength, rng)
            before = Rotation.from_quat(scene.model.cam_quat[camera], scalar_first=True)
            scene.model.cam_quat[camera] = (Rotation.from_matrix(turn) * before).as_quat(
                scalar_first=True
            )
            scene.model.cam_pos[camera] += shift
