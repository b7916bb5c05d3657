"""Does the arm touch itself? The twin's arm alone, its links as the hulls of their meshes."""

from __future__ import annotations

import numpy as np

from genima_lite import panda
from genima_lite.envs.bench.gl import mujoco
from genima_lite.envs.bench.world import arm_alone

REACH = 0.03
"""Metres from which on two links are looked at."""

_NEIGHBOURS = 2
"""Links that follow each other within so many are joined, and cannot reach each other otherwise."""


class Itself:
    """The arm's links, and how near those come to each other that are not neighbours.

    The fingers are closed, and go with the hand.
    """

    def __init__(self) -> None:
        self._model = arm_alone()
        self._data = mujoco.MjData(self._model)
        model, links = self._model, self._links()
        drawn = model.geom_group < 3
        far = np.abs(links[:, None] - np.arange(9)) > _NEIGHBOURS
        model.geom_contype[:] = np.where(drawn, 1 << links, 0)
        model.geom_conaffinity[:] = np.where(drawn, far @ (1 << np.arange(9)), 0)
        model.geom_margin[:] = REACH / 2  # two links' margins add up

    def clearance(self, joints: np.ndarray) -> float:
        """Return metres between the nearest two links on a path, negative where they overlap; at
        most `REACH`.

        Args:
            joints: (n, 7) radians, Franka's.
        """
        return min(map(self._nearest, panda.from_franka(joints)), default=REACH)

    def _nearest(self, joints: np.ndarray) -> float:
        data = self._data
        data.qpos[:7] = joints
        mujoco.mj_kinematics(self._model, data)
        mujoco.mj_collision(self._model, data)
        return float(data.contact.dist.min(initial=REACH)) if data.ncon else REACH

    def _links(self) -> np.ndarray:
        """Return how far down the arm each geom is, (geoms,) int; the fingers as the hand."""
        names = [self._model.body(body).name for body in self._model.geom_bodyid]
        order = {**{f"link{k}": k for k in range(8)}, "hand": 8}
        return np.array([order.get(name, 8) for name in names])
