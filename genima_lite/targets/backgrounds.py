"""Random backgrounds for the controller's pictures.

The controller must follow the spheres whatever lies behind them, so it is trained with the
scene mostly painted over (paper, section 3.2): 0.7 of a random texture and 0.3 of the view,
then the spheres, opaque, on top. The paper takes photographs of textures; ours are made by a
program, or come from a folder of your own.
"""

from __future__ import annotations

from collections.abc import Callable
from io import BytesIO
from pathlib import Path

import numpy as np
from PIL import Image

from genima_lite.errors import UserError
from genima_lite.files import MEBIBYTE, read_bytes
from genima_lite.textures import random_texture

BLEND = 0.7
"""Share of the random texture, as in the paper's settings; the rest is the view."""

_SUFFIXES = (".png", ".jpg", ".jpeg", ".webp", ".bmp")
_FORMATS = ("PNG", "JPEG", "WEBP", "BMP")
"""Whatever a name says, Pillow would take any format; for some it runs other programs."""

_LARGEST_FILE, _LARGEST = 64 * MEBIBYTE, 8192
"""Bytes of a picture's file, and pixels along its sides."""

Source = Callable[[np.random.Generator, int, int], np.ndarray]
"""Makes a background (H, W, 3) uint8 of a generator, a height and a width."""


def blend_background(view: np.ndarray, background: np.ndarray, blend: float = BLEND) -> np.ndarray:
    """Return `blend` of the background and the rest of the view, (H, W, 3) uint8.

    Args:
        view: (H, W, 3) uint8.
        background: the same shape and dtype.
        blend: from 0, only the view, to 1, only the background.

    Raises:
        ValueError: shapes or dtypes differ, or a blend outside [0, 1].
    """
    if view.shape != background.shape or view.dtype != np.uint8 or background.dtype != np.uint8:
        raise ValueError(
            f"view and background must be alike and uint8, not {view.shape} {view.dtype} and "
            f"{background.shape} {background.dtype}"
        )
    if not 0.0 <= blend <= 1.0:
        raise ValueError(f"a blend lies between 0 and 1, not at {blend}")
    weight = np.float32(blend)
    return np.rint(weight * background + (1 - weight) * view).astype(np.uint8)


class RandomBackdrop:
    """Puts a new random background behind every view; the `backdrop` of `draw_targets`."""

    def __init__(
        self, rng: np.random.Generator, blend: float = BLEND, source: Source = random_texture
    ) -> None:
        """Take a generator, which every call consumes, a blend in [0, 1] and a source."""
        self.rng = rng
        self.blend = blend
        self.source = source

    def __call__(self, view: np.ndarray) -> np.ndarray:
        """Return the view (H, W, 3) uint8 mostly hidden by a background, same shape."""
        return blend_background(view, self.source(self.rng, *view.shape[:2]), self.blend)


class PictureFolder:
    """A `Source` that cuts backgrounds out of the pictures in a folder and its subfolders."""

    def __init__(self, folder: Path | str) -> None:
        """List the PNG, JPEG, WebP and BMP files of a folder.

        Raises:
            UserError: no such folder, or no such files in it.
        """
        if not Path(folder).is_dir():
            raise UserError(f"{folder}: no such folder; give one that holds background pictures")
        found = (path for path in Path(folder).rglob("*") if path.suffix.lower() in _SUFFIXES)
        self.paths = sorted(found)
        if not self.paths:
            raise UserError(f"{folder}: no pictures in it; put {', '.join(_SUFFIXES)} files there")

    def __call__(self, rng: np.random.Generator, height: int, width: int) -> np.ndarray:
        """Return a random cut of a random picture, (H, W, 3) uint8.

        Raises:
            UserError: the picture cannot be read; the message names it.
        """
        picture = _read(self.paths[int(rng.integers(len(self.paths)))])
        scale = min(picture.width / width, picture.height / height) * rng.uniform(0.5, 1.0)
        cut = (scale * width, scale * height)
        left = rng.uniform(0, picture.width - cut[0])
        top = rng.uniform(0, picture.height - cut[1])
        box = (left, top, left + cut[0], top + cut[1])
        return np.asarray(picture.resize((width, height), Image.Resampling.BILINEAR, box))


def _read(path: Path) -> Image.Image:
    content = read_bytes(path, _LARGEST_FILE)
    try:
        with Image.open(BytesIO(content), formats=_FORMATS) as image:
            if max(image.size) > _LARGEST:
                raise ValueError(f"{image.width}x{image.height} pixels")
            return image.convert("RGB")
    except Exception as error:  # Pillow raises many types for broken files
        raise UserError(
            f"{path}: not a readable picture ({error}); remove or replace it"
        ) from error
