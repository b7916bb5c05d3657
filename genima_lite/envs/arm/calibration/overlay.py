"""Does the projected arm lie on the arm in the pictures? The check that finds swapped cameras.

The arm moves a little between two pictures. Where a camera's pictures differ, the arm was or is;
and a calibration says where that should be. Which calibration explains which camera's pictures best
is a question that needs neither markers nor a trained eye.
"""

from __future__ import annotations

from collections.abc import Mapping
from itertools import pairwise

import numpy as np

from genima_lite import panda
from genima_lite.cameras import Camera
from genima_lite.errors import UserError

SIDE = 64
"""Pixels along each side of the masks that are compared."""

MATCH = 0.5
"""Agreement of seen and expected motion from which on a calibration fits: on the twin it is 0.69
and more as it should be, 0.35 and less with another camera's."""

_RADIUS, _SPACING, _CHANGE = 0.075, 0.04, 18.0
"""Metres around the arm's middle line and between its points; of 255, what counts as a change."""


def silhouette(camera: Camera, joints: np.ndarray, size: int) -> np.ndarray:
    """Return where the arm is expected in a square picture, (size, size) bool.

    Args:
        camera: with intrinsics for that size.
        joints: (7,) radians, RLBench's.
        size: pixels along each side.
    """
    pixels, depth = camera.project(_along_the_arm(joints))
    rows, columns = np.indices((size, size)) + 0.5
    mask = np.zeros((size, size), bool)
    for (column, row), metres in zip(pixels, depth, strict=True):
        if metres > 0.05:
            radius = camera.intrinsics[0, 0] * _RADIUS / metres
            mask |= (columns - column) ** 2 + (rows - row) ** 2 <= radius**2
    return mask


def _along_the_arm(joints: np.ndarray) -> np.ndarray:
    """Return points (n, 3) in metres on the line from joint to joint, base to tip."""
    poses, tip = panda.forward_kinematics(joints)
    line = np.vstack([panda.BASE[:3, 3], poses[:, :3, 3], tip[:3, 3]])
    pieces = []
    for start, end in pairwise(line):
        count = int(np.ceil(np.linalg.norm(end - start) / _SPACING)) + 1
        pieces.append(np.linspace(start, end, count))
    return np.vstack(pieces)


def changed(before: np.ndarray, after: np.ndarray) -> np.ndarray:
    """Return where two square pictures (H, H, 3) uint8 differ, (SIDE, SIDE) bool."""
    return np.abs(_small(before) - _small(after)).max(axis=-1) > _CHANGE


def _small(picture: np.ndarray) -> np.ndarray:
    """Return a picture (H, H, 3) as means over the pixels of (SIDE, SIDE, 3), float64."""
    size = len(picture)
    if size % SIDE:
        picture = picture[
            np.arange(SIDE * (size // SIDE + 1)) * size // (SIDE * (size // SIDE + 1))
        ]
        picture = picture[:, np.arange(len(picture)) * size // len(picture)]
        size = len(picture)
    each = size // SIDE
    return picture.reshape(SIDE, each, SIDE, each, 3).astype(np.float64).mean(axis=(1, 3))


def expected(camera: Camera, joints: tuple[np.ndarray, np.ndarray]) -> np.ndarray:
    """Return where a fixed camera's two pictures should differ, (SIDE, SIDE) bool.

    Args:
        camera: with intrinsics for SIDE pixels.
        joints: (7,) radians, RLBench's, at both pictures.
    """
    one, two = (silhouette(camera, each, SIDE) for each in joints)
    return one ^ two


def agreement(seen: np.ndarray, wanted: np.ndarray) -> float:
    """Return from 0 to 1 how well two masks agree: twice what both hold by what each holds."""
    both = float((seen & wanted).sum())
    return 2 * both / max(float(seen.sum() + wanted.sum()), 1.0)


def check_views(
    seen: Mapping[str, np.ndarray], wanted: Mapping[str, np.ndarray]
) -> dict[str, float]:
    """Return each fixed camera's agreement.

    Args:
        seen: where its pictures differ, by camera; those on the wrist, too.
        wanted: where its calibration says that they should, by fixed camera.

    Raises:
        UserError: two cameras are swapped, or one has moved, or its calibration is another's. Of
            cameras on the wrist, see `genima_lite.envs.arm.calibration.wrists`.
    """
    own = {name: agreement(seen[name], wanted[name]) for name in wanted}
    for name in sorted(own, key=own.__getitem__):
        if own[name] >= MATCH:
            continue
        other = _in_place_of(name, seen, wanted)
        if other is not None:
            raise UserError(
                f"cameras '{name}' and '{other}' are swapped: '{other}' shows the arm move as "
                f"'{name}' should (agreement {agreement(seen[other], wanted[name]):.2f}; of "
                f"'{name}' itself {own[name]:.2f})"
            )
        raise UserError(
            f"camera '{name}': the arm is not where its calibration says (agreement "
            f"{own[name]:.2f}, {MATCH} is needed): did it move? calibrate it again"
        )
    return own


def _in_place_of(
    name: str, seen: Mapping[str, np.ndarray], wanted: Mapping[str, np.ndarray]
) -> str | None:
    """Return which camera shows what another should, and does not show what it should itself."""
    shows = {other: agreement(seen[other], wanted[name]) for other in seen if other != name}
    other = max(shows, key=shows.__getitem__, default=None)
    if other is None or shows[other] < MATCH:
        return None
    fits_itself = other in wanted and agreement(seen[other], wanted[other]) > shows[other]
    return None if fits_itself else other
