"""A camera's intrinsics and distortion, from pictures of the board."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from genima_lite.envs.arm.calibration.board import Board, Corners, opencv
from genima_lite.errors import UserError

VIEWS = 12
"""Pictures that are needed at least; four times as many bring the focal length to 0.05 %."""

FLATTEST = 10.0
"""Degrees to which boards must be tilted at most for the focal length to be known."""


@dataclass(frozen=True, eq=False)
class Lens:
    """What a camera does to a point in front of it.

    Attributes:
        intrinsics: (3, 3) pixels, continuous as in `genima_lite.cameras`.
        distortion: (5,) OpenCV's k1, k2, p1, p2, k3.
        pixels: root mean square of what the fit leaves.
        deviations: (4,) pixels, of focal lengths in x and y and of the middle in x and y.
    """

    intrinsics: np.ndarray
    distortion: np.ndarray
    pixels: float
    deviations: np.ndarray

    def project(self, points: np.ndarray) -> np.ndarray:
        """Return pixels (..., 2) of points (..., 3) in the camera's frame, metres."""
        x, y = np.moveaxis(points[..., :2] / points[..., 2:], -1, 0)
        k1, k2, p1, p2, k3 = self.distortion
        square = x * x + y * y
        radial = 1 + square * (k1 + square * (k2 + square * k3))
        bent = [
            x * radial + 2 * p1 * x * y + p2 * (square + 2 * x * x),
            y * radial + p1 * (square + 2 * y * y) + 2 * p2 * x * y,
        ]
        return np.stack(bent, axis=-1) * np.diag(self.intrinsics)[:2] + self.intrinsics[:2, 2]

    def board(self, board: Board, corners: Corners) -> np.ndarray:
        """Return the pose (4, 4) of a board in the camera's frame, from its corners."""
        cv2 = opencv()
        points, pixels = board.corners[corners.ids], corners.pixels - 0.5
        _, turn, place = cv2.solvePnP(points, pixels, for_opencv(self.intrinsics), self.distortion)
        pose = np.eye(4)
        pose[:3, :3], pose[:3, 3] = cv2.Rodrigues(turn)[0], place.ravel()
        return pose


def for_opencv(intrinsics: np.ndarray) -> np.ndarray:
    """Return intrinsics (3, 3) as OpenCV counts pixels: from the middle of the first one."""
    shifted = np.array(intrinsics, dtype=np.float64)
    shifted[:2, 2] -= 0.5
    return shifted


def solve_lens(board: Board, views: Sequence[Corners], size: tuple[int, int]) -> Lens:
    """Return intrinsics and distortion (k1 and k2) that explain pictures of the board best.

    Args:
        board: the board.
        views: its corners in pictures; it stands differently in each.
        size: width and height of the pictures.

    Raises:
        UserError: too few pictures, or boards that all face the camera.
    """
    if len(views) < VIEWS:
        raise UserError(f"{len(views)} pictures of the board; {VIEWS} are needed")
    cv2 = opencv()
    points = [board.corners[each.ids].astype(np.float32) for each in views]
    pixels = [(each.pixels - 0.5).astype(np.float32) for each in views]
    flags = cv2.CALIB_FIX_K3 | cv2.CALIB_ZERO_TANGENT_DIST
    left, found, distortion, turns, _, deviations, _, _ = cv2.calibrateCameraExtended(
        points, pixels, size, None, None, flags=flags
    )
    facing = [abs(cv2.Rodrigues(turn)[0][2, 2]) for turn in turns]
    tilt = float(np.rad2deg(np.arccos(min(1.0, min(facing)))))
    if tilt < FLATTEST:
        raise UserError(
            f"the board is tilted by at most {tilt:.0f} degrees: tilt it by 30, to all sides"
        )
    found[:2, 2] += 0.5
    return Lens(found, distortion.ravel()[:5], float(left), deviations.ravel()[:4])
