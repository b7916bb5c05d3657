"""Our renderer against reference pictures, as in `tests/data/reference_spheres`."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from scipy.ndimage import binary_erosion

from genima_lite.arrays import read_npz
from genima_lite.cameras import Camera
from genima_lite.errors import UserError
from genima_lite.targets.draw import draw_spheres
from genima_lite.targets.joints import COLORS, Spheres

LEAST_IOU = 0.98
MOST_COLOR_ERROR = 12.0
"""What every picture must reach: overlap of the masks, and levels of 0 to 255."""

_WHITE = 255
_JOINTS = {"red": "base", "green": "elbow", "purple": "wrist"}


@dataclass(frozen=True, eq=False)
class Reference:
    """One reference picture.

    Attributes:
        image: (H, W, 3) uint8, spheres on white.
        camera: that sees them.
        spheres: in it, without batch dimensions.
    """

    image: np.ndarray
    camera: Camera
    spheres: Spheres

    def draw(self) -> np.ndarray:
        """Return the same picture by our renderer, (H, W, 3) uint8."""
        each = (self.spheres.poses, self.spheres.colors, self.spheres.radii)
        batch = Spheres(*(values[None] for values in each))
        return draw_spheres(np.full_like(self.image, _WHITE)[None], [self.camera], batch).pictures[
            0
        ]


def read_reference(path: Path | str) -> Reference:
    """Read one `.npz` file; its fields are described beside the pictures.

    Raises:
        UserError: not such a file.
    """
    try:
        data = read_npz(path)
        camera = Camera.from_rlbench(data["extrinsics"], data["intrinsics"], 1e-5, 3.0)
        gripper = "gripper_open" if data["gripper_open"] > 0.5 else "gripper_closed"
        names = [_JOINTS.get(str(color), gripper) for color in data["colors"]]
        colors = np.array([COLORS[name] for name in names], np.uint8)
        radii = np.full(len(colors), float(data["radius"]))
        return Reference(data["image"], camera, Spheres(data["joint_matrices"], colors, radii))
    except (ValueError, KeyError) as error:
        raise UserError(f"{path}: not a reference picture ({error})") from error


def compare(drawn: np.ndarray, reference: np.ndarray) -> tuple[float, float]:
    """Return how alike two pictures (H, W, 3) uint8 of spheres on white are.

    Returns:
        Intersection over union of the pixels that are not white; and the mean absolute
        difference of colours in levels, over pixels at least three within both masks.
    """
    masks = (drawn != _WHITE).any(-1), (reference != _WHITE).any(-1)
    both, either = masks[0] & masks[1], masks[0] | masks[1]
    core = binary_erosion(both, iterations=2)
    difference = np.abs(drawn.astype(int) - reference)[core]
    overlap = both.sum() / either.sum() if either.any() else 1.0
    return float(overlap), float(difference.mean()) if core.any() else 0.0
