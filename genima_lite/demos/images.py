"""How RLBench stores images as PNG: colours as they are, depth and object handles in 24 bits.

- rgb: (H, W, 3) uint8.
- depth: (H, W) float32 in [0, 1], stored as the integer n = round(d * (2^24 - 1)) with the high
  byte in R.
- mask: (H, W) int32 object handles, stored with the *low* byte in R (the other way round).
"""

from __future__ import annotations

import struct
import threading
import zlib
from fractions import Fraction
from io import BytesIO
from pathlib import Path
from typing import Any

import av
import numpy as np
from PIL import Image

from genima_lite.demos.layout import DatasetError
from genima_lite.errors import UserError
from genima_lite.files import MEBIBYTE, read_bytes

DEPTH_MAX = 2**24 - 1

_FILTERS = {"rgb": "up", "depth": "sub", "mask": "up"}
_local = threading.local()

_MODES = {"rgb": ("RGB",), "depth": ("RGB",), "mask": ("RGB", "L", "I;16")}
_FORMATS = {(8, 0): "L", (8, 2): "RGB", (8, 3): "P", (8, 4): "LA", (8, 6): "RGBA", (16, 0): "I;16"}
"""Names of pixel formats by PNG's bits and kind of colour."""

LARGEST = 4096
"""Pixels along a side."""

_FREE, _RATIO = 262_144, 200
"""Bytes that any picture may take, and those that it may take for each byte in its file."""

_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_LEAST_FILE = len(_SIGNATURE) + 12 + 13


def encode_image(image: np.ndarray, kind: str) -> np.ndarray:
    """Return the (H, W, 3) uint8 pixels that store `image`, whose `kind` is rgb, depth or mask.

    Raises:
        ValueError: a shape, dtype or range other than the one that the kind has.
    """
    return {"rgb": _encode_rgb, "depth": _encode_depth, "mask": _encode_mask}[kind](image)


def decode_image(pixels: np.ndarray, kind: str) -> np.ndarray:
    """Return the image that `pixels` store: the inverse of `encode_image`.

    `pixels` is (H, W, 3) uint8; a mask may also have a single channel, (H, W), holding handles.
    """
    if kind == "rgb":
        return pixels
    if kind == "mask" and pixels.ndim == 2:
        return pixels.astype(np.int32)
    first, second, third = np.moveaxis(pixels.astype(np.int32), -1, 0)
    if kind == "mask":
        return first + 256 * second + 65536 * third
    return (first * 65536 + second * 256 + third).astype(np.float32) / np.float32(DEPTH_MAX)


def write_image(path: Path, image: np.ndarray, kind: str) -> None:
    """Write one image as PNG; the same image gives the same bytes.

    Raises:
        ValueError: the image does not fit its kind; the message names the file.
    """
    try:
        pixels = encode_image(image, kind)
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from None
    path.write_bytes(png_bytes(pixels, kind))


def png_bytes(pixels: np.ndarray, kind: str) -> bytes:
    """Return an RGB picture (H, W, 3) uint8 as a PNG file.

    FFmpeg's encoder with one row filter a kind takes half of Pillow's time, which tries all five
    (128-pixel views of five cameras with depth and mask: 3.5 instead of 7 ms).
    """
    frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(pixels), "rgb24")
    return bytes(_encoder(frame.height, frame.width, kind).encode(frame)[0])


def _encoder(height: int, width: int, kind: str) -> Any:
    """Return this thread's encoder for pictures of one size and kind."""
    encoders = _local.__dict__.setdefault("encoders", {})
    if (height, width, kind) not in encoders:
        encoder: Any = av.CodecContext.create("png", "w")
        encoder.height, encoder.width, encoder.pix_fmt = height, width, "rgb24"
        encoder.time_base = Fraction(1, 20)
        encoder.thread_count = 1
        encoder.options = {"pred": _FILTERS[kind], "compression_level": "1"}
        encoders[height, width, kind] = encoder
    return encoders[height, width, kind]


def read_image(path: Path, kind: str) -> np.ndarray:
    """Read one PNG at its own size: rgb (H, W, 3) uint8, depth (H, W) float32, mask (H, W) int32.

    Raises:
        DatasetError: the file is missing, broken, or has another pixel format than `kind`.
    """
    return decode_image(np.asarray(open_png(path, kind)), kind)


def open_png(path: Path, kind: str) -> Image.Image:
    """Decode one PNG without unpacking depth or handles; see `read_image`."""
    if not path.exists():
        raise DatasetError(f"{path}: missing image; copy or record this episode again")
    try:
        content = read_bytes(path, 64 * MEBIBYTE)
    except UserError as error:
        raise DatasetError(str(error)) from None
    return decode_png(content, path, kind)


def decode_png(content: bytes, what: Path | str, kind: str) -> Image.Image:
    """Decode a PNG's bytes without unpacking depth or handles; `what` they are is for messages.

    Raises:
        DatasetError: broken, or another pixel format than `kind` has.
    """
    try:
        mode, pixels = _checked(content)
        if mode in _MODES[kind]:
            with Image.open(BytesIO(pixels), formats=("PNG",)) as image:
                image.load()
            return image
    except Exception as error:  # Pillow raises many types for broken files
        raise DatasetError(
            f"{what}: not a readable PNG ({error}); copy or record this episode again"
        ) from error
    raise DatasetError(
        f"{what}: a {kind} image must be {' or '.join(_MODES[kind])}, this one is {mode}; convert "
        "it or record this episode again"
    )


def _checked(content: bytes) -> tuple[str, bytes]:
    """Return a PNG's pixel format, and the file without what no picture needs.

    Raises:
        ValueError: no PNG, damaged, or a picture too large for its bytes.
    """
    if not content.startswith(_SIGNATURE) or len(content) < _LEAST_FILE:
        raise ValueError("it does not begin as one")
    needed, at, name = [_SIGNATURE], len(_SIGNATURE), b""
    while name != b"IEND":
        name, end = _chunk(content, at)
        if (name == b"IHDR") != (at == len(_SIGNATURE)):
            raise ValueError("its header is not where it should be")
        if name[:1].isupper():
            needed.append(content[at:end])
        at = end
    if at != len(content):
        raise ValueError("something follows after its end")
    return _format(content), b"".join(needed)


def _chunk(content: bytes, at: int) -> tuple[bytes, int]:
    """Return name and end of a PNG's chunk, whose checksum is right."""
    length, name = struct.unpack_from(">I4s", content, at) if at + 12 <= len(content) else (0, b"")
    end = at + 12 + length
    if not name or end > len(content):
        raise ValueError("cut off")
    if zlib.crc32(memoryview(content)[at + 4 : end - 4]) != int.from_bytes(
        content[end - 4 : end], "big"
    ):
        raise ValueError(f"a checksum is wrong at byte {at}: damaged")
    return name, end


def _format(content: bytes) -> str:
    """Return the pixel format in a PNG's header, if its size is sensible."""
    width, height, bits, color = struct.unpack_from(">IIBB", content, len(_SIGNATURE) + 8)
    if not (0 < width <= LARGEST and 0 < height <= LARGEST):
        raise ValueError(f"{width}x{height} pixels; sides have 1 to {LARGEST}")
    if not sensible_size(height, width, len(content)):
        raise ValueError(f"{width}x{height} pixels in {len(content)} bytes")
    return _FORMATS.get((bits, color), f"of {bits} bits and colour type {color}")


def sensible_size(height: int, width: int, count: int) -> bool:
    """Return whether a picture of so many pixels may lie in a file of `count` bytes."""
    return max(height, width) <= LARGEST and height * width * 3 <= _FREE + _RATIO * count


def _encode_rgb(image: np.ndarray) -> np.ndarray:
    if image.dtype != np.uint8 or image.ndim != 3 or image.shape[2] != 3:
        raise ValueError(f"rgb must be (H, W, 3) uint8, not {image.shape} {image.dtype}")
    return np.ascontiguousarray(image)


def _encode_depth(image: np.ndarray) -> np.ndarray:
    if image.ndim != 2 or image.dtype.kind != "f":
        raise ValueError(f"depth must be (H, W) float, not {image.shape} {image.dtype}")
    if not (image.min() >= 0.0 and image.max() <= 1.0):  # also false for NaN
        raise ValueError("depth must lie in [0, 1], from near to far plane; is this in metres?")
    codes = np.floor(image.astype(np.float64) * DEPTH_MAX + 0.5)
    return np.ascontiguousarray(_bytes_of(codes, ">u4")[..., 1:])


def _encode_mask(image: np.ndarray) -> np.ndarray:
    if image.ndim != 2 or image.dtype.kind not in "iu":
        raise ValueError(f"mask must be (H, W) integer, not {image.shape} {image.dtype}")
    if image.min() < 0 or image.max() > DEPTH_MAX:
        raise ValueError("mask handles must lie in [0, 2^24 - 1]")
    return np.ascontiguousarray(_bytes_of(image, "<u4")[..., :3])


def _bytes_of(values: np.ndarray, dtype: str) -> np.ndarray:
    """Return the four bytes of each value, (H, W, 4) uint8."""
    integers = np.ascontiguousarray(values, dtype=dtype)
    return integers.view(np.uint8).reshape(*values.shape, 4)
