"""Where a camera is: hand-eye calibration of fixed cameras and of those on the wrist.

With X the camera (fixed: in the world; on the wrist: in the tip), Z the board (fixed camera: in the
tip; wrist: in the world) and A the tip's pose or its inverse, the board's pose in the camera of
picture i is inv(X) A_i Z. PARK solves for X in closed form and SHAH for X and Z; where the two
disagree, something moved that must not. From there X, Z and the lens are fitted to all corners at
once, each weighed with the pixels and the millimetres by which camera and arm err: on simulated
boards this is three times closer than PARK (`benchmarks/bench_calibration.py`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from scipy.optimize import least_squares
from scipy.spatial.transform import Rotation

from genima_lite.envs.arm.calibration.board import Board, Corners, opencv
from genima_lite.envs.arm.calibration.lens import Lens
from genima_lite.errors import UserError
from genima_lite.transforms import inverse

VIEWS = 10
"""Postures that are needed at least."""

APART_MILLIMETRES, APART_DEGREES = 15.0, 1.0
"""Between PARK and SHAH, and between PARK and the fit, from which on a calibration is refused."""

PIXELS, METRES = 0.3, 6e-4
"""By which corners and the arm err, one standard deviation along each axis: weights of the fit. An
arm that is off by 1 mm in any direction is off by 0.6 mm along each axis."""


@dataclass(frozen=True, eq=False)
class HandEye:
    """A camera's pose.

    Attributes:
        pose: (4, 4), camera to world, or to the tip.
        board: (4, 4), board to tip, or to the world.
        lens: its intrinsics brought into line with the arm's metres.
        covariance: (6, 6) of a motion of the camera in its own frame: metres, then radians.
        pixels: root mean square of the corners, the board moved to where it is seen.
        millimetres: root mean square by which it had to be moved.
        apart: millimetres and degrees between PARK and SHAH.
    """

    pose: np.ndarray
    board: np.ndarray
    lens: Lens
    covariance: np.ndarray
    pixels: float
    millimetres: float
    apart: tuple[float, float]


def solve_hand_eye(
    board: Board, lens: Lens, tips: Sequence[np.ndarray], views: Sequence[Corners], on_wrist: bool
) -> HandEye:
    """Return where a camera is.

    Args:
        board: on the hand, or on the table for a camera on the wrist.
        lens: the camera's.
        tips: (4, 4) tip's pose in the world, one a picture.
        views: the board's corners in these pictures.
        on_wrist: whether the camera moves with the hand.

    Raises:
        UserError: too few pictures, too few turns of the hand, or methods that disagree.
    """
    if len(tips) != len(views) or len(views) < VIEWS:
        raise UserError(f"{len(views)} postures with the board in view; {VIEWS} are needed")
    ways = [inverse(tip) if on_wrist else np.asarray(tip) for tip in tips]
    _check_turns(ways)
    seen = [lens.board(board, each) for each in views]
    start, other = park(ways, seen), shah(ways, seen)
    gap = apart(start, other)
    _check_apart("PARK and SHAH", gap)
    fit = _Fit(board, lens, ways, views, start, inverse(ways[0]) @ start @ seen[0])
    found = fit.solve()
    _check_apart("PARK and the fit", apart(start, found.pose))
    return replace(found, apart=gap)


def park(ways: Sequence[np.ndarray], seen: Sequence[np.ndarray]) -> np.ndarray:
    """Return X (4, 4) by Park and Martin (1994): A_i X = X B_i for motions between pictures.

    Args:
        ways: A_i (4, 4), see the module.
        seen: the board's poses (4, 4) in the camera.
    """
    cv2 = opencv()
    back = [inverse(each) for each in ways]
    turn, place = cv2.calibrateHandEye(*_split(back), *_split(seen), method=cv2.CALIB_HAND_EYE_PARK)
    return _joined(turn, place)


def shah(ways: Sequence[np.ndarray], seen: Sequence[np.ndarray]) -> np.ndarray:
    """Return X (4, 4) by Shah (2013), who solves for X and Z at once; see `park`."""
    cv2 = opencv()
    _, _, turn, place = cv2.calibrateRobotWorldHandEye(
        *_split(seen), *_split(ways), method=cv2.CALIB_ROBOT_WORLD_HAND_EYE_SHAH
    )
    return inverse(_joined(turn, place))


def apart(one: np.ndarray, other: np.ndarray) -> tuple[float, float]:
    """Return millimetres and degrees between two poses (4, 4)."""
    turn = Rotation.from_matrix(one[:3, :3].T @ other[:3, :3]).magnitude()
    return 1e3 * float(np.linalg.norm(one[:3, 3] - other[:3, 3])), float(np.rad2deg(turn))


def _split(poses: Sequence[np.ndarray]) -> tuple[list[np.ndarray], list[np.ndarray]]:
    return [each[:3, :3] for each in poses], [each[:3, 3] for each in poses]


def _joined(turn: np.ndarray, place: np.ndarray) -> np.ndarray:
    pose = np.eye(4)
    pose[:3, :3], pose[:3, 3] = turn, place.ravel()
    return pose


def _check_turns(ways: Sequence[np.ndarray]) -> None:
    """Refuse postures whose turns lie about one axis: they leave the camera's place open."""
    turns = [Rotation.from_matrix(ways[0][:3, :3].T @ each[:3, :3]).as_rotvec() for each in ways]
    spread = np.linalg.svd(np.array(turns), compute_uv=False) / np.sqrt(len(turns))
    if spread[1] < 0.1:
        raise UserError(
            f"the hand turns by {spread[1]:.2f} rad about its second axis; turn it about two axes "
            "by 0.3 and more"
        )


def _check_apart(what: str, gap: tuple[float, float]) -> None:
    if not (gap[0] <= APART_MILLIMETRES and gap[1] <= APART_DEGREES):
        raise UserError(
            f"{what} are {gap[0]:.1f} mm and {gap[1]:.2f} degrees apart; {APART_MILLIMETRES} mm "
            f"and {APART_DEGREES} degrees are allowed: did the board slip, or is it another board?"
        )


_Rig = tuple[np.ndarray, np.ndarray, Lens]
"""Camera (4, 4), board (4, 4) and lens."""


class _Fit:
    """X, Z and the lens's four numbers, from all corners of all pictures."""

    def __init__(
        self,
        board: Board,
        lens: Lens,
        ways: Sequence[np.ndarray],
        views: Sequence[Corners],
        camera: np.ndarray,
        placed: np.ndarray,
    ):
        self._lens, self._ways, self._views = lens, ways, views
        self._points = [board.corners[each.ids] for each in views]
        self._start = camera, placed
        self._doubt = np.maximum(lens.deviations, 1e-3)

    def solve(self) -> HandEye:
        """Return the best fit, and how good it is."""
        numbers = np.zeros(16)
        for _ in range(2):  # the weights are those of the best fit so far
            rig = self._of(numbers)
            self._weights = [self._weight(rig, i) for i in range(len(self._ways))]
            numbers = least_squares(self._residuals, numbers, x_scale="jac").x
        fitted = least_squares(self._residuals, numbers, x_scale="jac", max_nfev=1)
        excess = max(1.0, float(fitted.fun @ fitted.fun) / (len(fitted.fun) - 16))
        covariance = excess * np.linalg.inv(fitted.jac.T @ fitted.jac)[:6, :6]
        camera, placed, lens = rig = self._of(numbers)
        pixels, millimetres = self._left(rig)
        return HandEye(camera, placed, lens, covariance, pixels, millimetres, (0.0, 0.0))

    def _of(self, numbers: np.ndarray) -> _Rig:
        """Return camera, board and lens that 16 numbers stand for."""
        camera, placed = self._start
        intrinsics = self._lens.intrinsics.copy()
        change = numbers[12:] * self._doubt
        intrinsics[[0, 1], [0, 1]] += change[:2]
        intrinsics[:2, 2] += change[2:]
        lens = replace(self._lens, intrinsics=intrinsics)
        return camera @ _motion(numbers[:6]), placed @ _motion(numbers[6:12]), lens

    def _residuals(self, numbers: np.ndarray) -> np.ndarray:
        rig = self._of(numbers)
        off = [weight @ self._off(rig, i) for i, weight in enumerate(self._weights)]
        return np.concatenate([*off, numbers[12:]])

    def _off(self, rig: _Rig, i: int, moved: Sequence[float] = (0.0, 0.0, 0.0)) -> np.ndarray:
        """Return by how many pixels (2n,) picture i's corners are off, the arm moved a little."""
        camera, placed, lens = rig
        way = self._ways[i].copy()
        way[:3, 3] += moved
        pose = inverse(camera) @ way @ placed
        points = self._points[i] @ pose[:3, :3].T + pose[:3, 3]
        return (lens.project(points) - self._views[i].pixels).ravel()

    def _slopes(self, rig: _Rig, i: int) -> np.ndarray:
        """Return pixels a metre (2n, 3) by which corners move with the arm."""
        step, still = 1e-4, self._off(rig, i)
        moved = [self._off(rig, i, each) - still for each in step * np.eye(3)]
        return np.stack(moved, axis=1) / step

    def _weight(self, rig: _Rig, i: int) -> np.ndarray:
        """Return what makes picture i's errors (2n,) independent and of size one."""
        slopes = self._slopes(rig, i)
        errors = PIXELS**2 * np.eye(len(slopes)) + METRES**2 * slopes @ slopes.T
        return np.linalg.inv(np.linalg.cholesky(errors))

    def _left(self, rig: _Rig) -> tuple[float, float]:
        """Return the root mean squares of pixels and millimetres, see `HandEye`."""
        pixels, moves = [], []
        for i in range(len(self._ways)):
            off, slopes = self._off(rig, i), self._slopes(rig, i)
            move = np.linalg.lstsq(slopes, -off, rcond=None)[0]
            moves.append(move)
            pixels.append((off + slopes @ move).reshape(-1, 2))
        along = np.linalg.norm(np.vstack(pixels), axis=1)
        return _rms(along), 1e3 * _rms(np.linalg.norm(moves, axis=1))


def _motion(numbers: np.ndarray) -> np.ndarray:
    """Return the small motion (4, 4) of metres and rotation vector (6,)."""
    motion = np.eye(4)
    motion[:3, :3], motion[:3, 3] = Rotation.from_rotvec(numbers[3:]).as_matrix(), numbers[:3]
    return motion


def _rms(values: np.ndarray) -> float:
    return float(np.sqrt(np.mean(np.square(values))))
