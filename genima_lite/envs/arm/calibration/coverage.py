"""The live picture beside which one calibrates: what was seen where, and what is still missing."""

from __future__ import annotations

import numpy as np
from PIL import Image, ImageDraw

from genima_lite.envs.arm.calibration.board import Corners

CELLS = 8
"""Cells along each side of a picture in which corners are counted."""

ENOUGH = 0.7
"""Share of cells in which corners were seen when a lens is well covered."""

_SEEN, _NOW = np.array([60, 200, 90]), (255, 40, 40)


class Coverage:
    """Counts in which parts of a camera's pictures the board was seen.

    Args:
        size: width and height of the pictures.
        wanted: how many pictures are taken.
    """

    def __init__(self, size: tuple[int, int], wanted: int):
        self.size, self.wanted, self.views = size, wanted, 0
        self._counts = np.zeros((CELLS, CELLS), int)

    @property
    def share(self) -> float:
        """Return the share of cells in which corners were seen."""
        return float((self._counts > 0).mean())

    def add(self, corners: Corners) -> None:
        """Count a picture's corners."""
        cells = (corners.pixels / self.size * CELLS).astype(int).clip(0, CELLS - 1)
        np.add.at(self._counts, (cells[:, 1], cells[:, 0]), 1)
        self.views += 1

    def draw(self, picture: np.ndarray, corners: Corners | None, words: str) -> Image.Image:
        """Return a picture (H, W, 3) uint8 with covered cells green, corners red, and words."""
        width, height = self.size
        rows = np.arange(height) * CELLS // height
        columns = np.arange(width) * CELLS // width
        covered = (self._counts > 0)[rows][:, columns]
        shown = picture.astype(np.float64)
        shown[covered] = 0.65 * shown[covered] + 0.35 * _SEEN
        image = Image.fromarray(shown.astype(np.uint8))
        brush = ImageDraw.Draw(image)
        for x, y in [] if corners is None else corners.pixels:
            brush.ellipse((x - 4, y - 4, x + 4, y + 4), outline=_NOW, width=3)
        text = f"{words}: {self.views} of {self.wanted} pictures, {self.share:.0%} covered"
        brush.rectangle((0, 0, width, 38), fill=(0, 0, 0))
        brush.text((8, 6), text, fill=(255, 255, 255), font_size=24)
        return image
