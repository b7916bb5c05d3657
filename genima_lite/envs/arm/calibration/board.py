"""The ChArUco board: what is printed, and its corners found again in pictures."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from genima_lite.errors import UserError
from genima_lite.extras import missing_extra

LEAST = 8
"""Corners from which on a picture of the board counts."""


def opencv() -> Any:
    """Import OpenCV.

    Raises:
        UserError: it is not installed, or it is one without hand-eye calibration.
    """
    try:
        import cv2
    except ModuleNotFoundError as error:
        raise (missing_extra("calibration", error) or error) from error
    if not hasattr(cv2, "calibrateHandEye"):
        raise UserError(
            f"OpenCV {cv2.__version__} lacks hand-eye calibration: pip install 'genima-lite[arm]'"
        )
    return cv2


@dataclass(frozen=True, eq=False)
class Corners:
    """Corners of the board in one picture.

    Attributes:
        ids: (n,) int, which corner of the board each is.
        pixels: (n, 2) float64, column and row, continuous as in `genima_lite.cameras`.
    """

    ids: np.ndarray
    pixels: np.ndarray


@dataclass(frozen=True)
class Board:
    """A board of squares, every other one with a marker of the dictionary 4x4_50.

    Its frame: x along a row, y down the columns, z away from who looks at it; the origin is its
    outer corner at the top left.

    Attributes:
        columns, rows: of squares.
        square, marker: metres along a side; measure them on the print.

    Raises:
        UserError: no board can have these.
    """

    columns: int = 8
    rows: int = 6
    square: float = 0.04
    marker: float = 0.03

    def __post_init__(self) -> None:
        if min(self.columns, self.rows) < 4 or self.columns * self.rows > 100:
            raise UserError(f"a board of {self.columns} x {self.rows}: give 4 x 4 to 10 x 10")
        if not 0.4 * self.square <= self.marker <= 0.9 * self.square <= 0.5:
            raise UserError(
                f"squares of {self.square} m with markers of {self.marker} m: markers take 0.4 to "
                "0.9 of a square, in metres"
            )

    @property
    def size(self) -> tuple[float, float]:
        """Width and height in metres."""
        return self.columns * self.square, self.rows * self.square

    @property
    def middle(self) -> np.ndarray:
        """Return its middle (3,) in metres."""
        return np.array([*self.size, 0.0]) / 2

    @property
    def outline(self) -> np.ndarray:
        """Return its four outer corners (4, 3) in metres."""
        width, height = self.size
        return np.array([[0, 0, 0], [width, 0, 0], [width, height, 0], [0, height, 0]])

    @cached_property
    def corners(self) -> np.ndarray:
        """Inner corners (n, 3) in metres, by their ids."""
        return np.asarray(self._made.getChessboardCorners(), dtype=np.float64)

    @cached_property
    def _made(self) -> Any:
        aruco = opencv().aruco
        markers = aruco.getPredefinedDictionary(aruco.DICT_4X4_50)
        return aruco.CharucoBoard((self.columns, self.rows), self.square, self.marker, markers)

    @cached_property
    def _detector(self) -> Any:
        return opencv().aruco.CharucoDetector(self._made)

    def picture(self, square: int = 100) -> np.ndarray:
        """Return the board to be printed, (H, W) uint8, `square` pixels a side of a square."""
        size = self.columns * square, self.rows * square
        return np.asarray(self._made.generateImage(size))

    def find(self, picture: np.ndarray) -> Corners | None:
        """Return the corners in a picture (H, W, 3) uint8 RGB; `None` where they are too few."""
        grey = opencv().cvtColor(np.ascontiguousarray(picture), opencv().COLOR_RGB2GRAY)
        pixels, ids, _, _ = self._detector.detectBoard(grey)
        if ids is None or len(ids) < LEAST:
            return None
        return Corners(ids.ravel(), pixels.reshape(-1, 2).astype(np.float64) + 0.5)
