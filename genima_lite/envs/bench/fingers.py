"""Tip poses for things between the fingers: where they take them, and how they hold them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy.spatial.transform import Rotation

from genima_lite.envs.bench.scene import Scene
from genima_lite.envs.bench.world import TIP_IN_HAND
from genima_lite.panda import BASE
from genima_lite.transforms import from_axes, inverse

_UP = (0.0, 0.0, 1.0)


def downwards(
    position: Sequence[float] | np.ndarray,
    across: np.ndarray,
    up: Sequence[float] | np.ndarray = _UP,
) -> np.ndarray:
    """Return the (4, 4) tip pose at a position (3,) that points against `up` (3,), and whose
    fingers open along `across` (3,). Both are directions of length 1 at a right angle.
    """
    ahead = -np.asarray(up, dtype=np.float64)
    return from_axes(position, np.cross(across, ahead), across, ahead)


def leftwards(position: np.ndarray, direction: np.ndarray) -> np.ndarray:
    """Return a direction (3,) or its opposite, whichever points to the left as the robot sees a
    position (3,): fingers that open so turn the wrist by at most a quarter.
    """
    x, y = (position - BASE[:3, 3])[:2]
    return direction if direction[:2] @ [-y, x] > 0 else -direction


def edge(thing: np.ndarray, half: Sequence[float], depth: float) -> np.ndarray:
    """Return the (4, 4) tip pose that takes a flat thing from above, however it lies.

    Where it stands, its top edge, with a finger on either side. Where it lies, its edge on the
    side towards the table's middle line, with one finger outside and one above.

    Args:
        thing: (4, 4) pose of its middle; its thin side along x.
        half: (3,) metres, half its size along its own axes.
        depth: metres from the top edge down to the tip.
    """
    middle, axes = thing[:3, 3], thing[:3, :3]
    top = int(np.argmax(np.abs(axes[2])))
    up = axes[:, top] * np.sign(axes[2, top])
    if top != 0:
        thin = axes[:, 0]
        return downwards(middle + (half[top] - depth) * up, leftwards(middle, thin), up)
    out = axes[:, 1] * (-1 if axes[1, 1] * middle[1] > 0 else 1)
    place = middle + (half[1] - 0.008) * out + (half[0] + 0.005) * up
    return downwards(place, leftwards(middle, out), up)


def held_at(scene: Scene, body: str) -> np.ndarray:
    """Return the (4, 4) pose of the tip in the frame of a body that the hand holds."""
    return inverse(scene.pose(body)) @ scene.pose("hand") @ TIP_IN_HAND


def angle(one: np.ndarray, other: np.ndarray) -> float:
    """Return the radians between two poses (4, 4)."""
    return float(Rotation.from_matrix(one[:3, :3].T @ other[:3, :3]).magnitude())
