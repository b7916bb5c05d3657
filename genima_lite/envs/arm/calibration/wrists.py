"""Does a board that lies still seem to? The check for cameras on the wrist.

The arm never moves in their pictures, so the overlay says nothing of them. But the board's place in
the world, by where the hand is, how the camera is mounted on it and how it sees the board, must be
the same from everywhere. With the mount of another camera it is not.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from genima_lite.envs.arm.calibration.board import Board, Corners
from genima_lite.envs.arm.calibration.lens import Lens
from genima_lite.envs.arm.calibration.store import CameraCalibration
from genima_lite.errors import UserError

POSTURES, LEAST = 4, 3
"""From how many postures the board is looked at, and seen at least."""

STILL = 15.0
"""Millimetres by which the board may seem to move; with another camera's mount it is more than
100."""

_APART = 0.05
"""Metres by which the hand must have moved."""

Seen = Sequence[tuple[np.ndarray, Corners]]
"""The tip's pose (4, 4) in the world and the board's corners, one a picture."""


def check_wrists(
    board: Board, seen: Mapping[str, Seen], cameras: Mapping[str, CameraCalibration]
) -> dict[str, float]:
    """Return by how many millimetres the board seems to move, by camera.

    Args:
        board: which lies still in the room.
        seen: what the cameras on the wrist saw of it, by name.
        cameras: their calibrations.

    Raises:
        UserError: seen too rarely; or two cameras are swapped, or one has moved on the hand.
    """
    for name, views in seen.items():
        _check_seen(name, views)
    own = {name: _moves(board, views, cameras[name]) for name, views in seen.items()}
    for name in sorted(own, key=own.__getitem__, reverse=True):
        if own[name] <= STILL:
            continue
        as_others = {o: _moves(board, seen[name], cameras[o]) for o in seen if o != name}
        other = min(as_others, key=as_others.__getitem__, default=None)
        if other is not None and as_others[other] <= STILL:
            raise UserError(
                f"cameras '{name}' and '{other}' are swapped: what '{name}' sees fits the "
                f"calibration of '{other}' (a board that lies still moves by "
                f"{as_others[other]:.0f} mm; by its own, {own[name]:.0f})"
            )
        raise UserError(
            f"camera '{name}': a board that lies still seems to move by {own[name]:.0f} mm, "
            f"{STILL:.0f} are allowed: did the camera move on the hand? calibrate it again"
        )
    return own


def _check_seen(name: str, views: Seen) -> None:
    if len(views) < LEAST:
        raise UserError(
            f"camera '{name}': saw the board from {len(views)} postures, {LEAST} are needed: lay "
            "it on the table before the arm"
        )
    places = np.array([tip[:3, 3] for tip, _ in views])
    if np.ptp(places, axis=0).max() < _APART:
        raise UserError(f"camera '{name}': the hand hardly moved while it looked at the board")


def _moves(board: Board, views: Seen, camera: CameraCalibration) -> float:
    """Return by how many millimetres the board's middle is from its mean place at most."""
    lens = Lens(np.array(camera.intrinsics), np.array(camera.distortion), 0.0, np.ones(4))
    middle = np.append(board.middle, 1.0)
    mount = np.array(camera.pose)
    places = np.array([(tip @ mount @ lens.board(board, each) @ middle)[:3] for tip, each in views])
    return 1e3 * float(np.linalg.norm(places - places.mean(axis=0), axis=1).max())
