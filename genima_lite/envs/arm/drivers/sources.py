"""Where frames come from: OpenCV and V4L2, RealSense, files. Each opens one device and reads on.

What a frame's time means: a RealSense tells when it exposed a frame; the kernel stamps a V4L2 frame
when the first of it arrives (uvcvideo; other drivers when the last does), after exposure and the
camera's own work; a file's frame counts as new when it is played.
"""

from __future__ import annotations

import os
import re
import time
from collections.abc import Iterator
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from PIL import Image

from genima_lite.envs.arm.drivers.base import package
from genima_lite.errors import UserError
from genima_lite.extras import missing_extra
from genima_lite.files import MEBIBYTE, check_file, read_bytes

REALSENSE = "realsense:"
"""Begins the device of a RealSense camera; its serial number follows."""

FPS = 30
"""Frames a second that are asked for, and at which files are played."""

_VIDEO = re.compile(r"/dev/video[0-9]+")
_PICTURE_LIMIT, _LARGEST = 64 * MEBIBYTE, 8192
"""Bytes of a picture's file, and pixels along its sides."""

_PICTURES, _FILMS = (".png", ".jpg", ".jpeg"), (".mp4", ".avi", ".mkv", ".mov")


_MOVIE_ATOMS = (b"ftyp", b"moov", b"mdat", b"wide", b"free", b"skip")
"""With which MP4 and MOV may begin, after a length."""

_STAMP, _WIDTH, _HEIGHT = 0, 3, 4
"""OpenCV's numbers of a frame's stamp in milliseconds, and of the size of a film's pictures."""

_FRESH = 2.0
"""Seconds within which a stamp on the first frame is one of the clock that it is compared with."""

ARRIVAL, DRIVER, DEVICE = "arrival", "driver", "device"
"""Who stamps frames: we when they arrive, the kernel's driver, or the camera."""


@dataclass(frozen=True, eq=False)
class Frame:
    """One frame.

    Attributes:
        rgb: (H, W, 3) uint8.
        age: seconds since its stamp, see `Source.stamps`; 0 where we stamp it.
        number: counts frames on the device, lost ones too; `None` where it does not count.
    """

    rgb: np.ndarray
    age: float = 0.0
    number: int | None = None


class Source(Protocol):
    """One device.

    Attributes:
        period: seconds between two frames.
        stamps: who stamps frames; known once one was read.
    """

    period: float
    stamps: str

    def open(self, size: tuple[int, int]) -> None:
        """Open the device for pictures of a width and height, with its exposure locked.

        Raises:
            UserError: it is not there, or its package.
        """

    def read(self) -> Frame | None:
        """Return the next frame, waiting for it; `None`: there are no more."""

    def close(self) -> None:
        """Let go of the device."""


def source_of(device: int | str, exposure: float | None = None) -> Source:
    """Return what reads a device: a number or /dev/videoN, `realsense:SERIAL`, a film, a folder.

    Args:
        device: see above.
        exposure: in the device's own unit; `None`: the one it has when it is opened.
    """
    if isinstance(device, str) and device.startswith(REALSENSE):
        return RealSense(device.removeprefix(REALSENSE), exposure)
    if isinstance(device, str) and (Path(device).is_dir() or device.lower().endswith(_FILMS)):
        return Files(Path(device))
    return V4L2(device, exposure)


class V4L2:
    """A camera through OpenCV, by its number or path; frames have no numbers.

    OpenCV passes on the driver's stamps, which are of the kernel's monotonic clock as a rule
    (`V4L2_BUF_FLAG_TIMESTAMP_MONOTONIC`). The first frame decides: a stamp that is not of the last
    seconds is of another clock, and then frames are stamped when they arrive.
    """

    period = 1 / FPS

    def __init__(self, device: int | str, exposure: float | None):
        self._device, self._exposure = device, exposure
        self._capture: Any = None
        self.stamps = ""

    def open(self, size: tuple[int, int]) -> None:
        """Open the device; exposure is manual from then on.

        Raises:
            UserError: OpenCV is not installed, or there is no such device. Addresses and pipelines,
                which OpenCV would open too, are none.
        """
        if isinstance(self._device, str) and not _VIDEO.fullmatch(os.path.realpath(self._device)):
            raise UserError(
                f"device {self._device!r} is no camera: give a number, /dev/videoN, "
                f"{REALSENSE}SERIAL, a film or a folder"
            )
        cv2 = _opencv()
        self._capture = capture = cv2.VideoCapture(self._device)
        if not capture.isOpened():
            raise UserError(f"device {self._device!r} cannot be opened: is it plugged in?")
        wanted: dict[int, float] = {cv2.CAP_PROP_FRAME_WIDTH: size[0]}
        wanted |= {cv2.CAP_PROP_FRAME_HEIGHT: size[1]}
        wanted |= {cv2.CAP_PROP_FPS: FPS, cv2.CAP_PROP_BUFFERSIZE: 1}
        wanted |= {cv2.CAP_PROP_AUTO_EXPOSURE: 1}  # manual, for V4L2
        if self._exposure is not None:
            wanted[cv2.CAP_PROP_EXPOSURE] = self._exposure
        for key, value in wanted.items():
            capture.set(key, value)

    def read(self) -> Frame | None:
        """Return the next frame."""
        whole, frame = self._capture.read()
        return Frame(np.ascontiguousarray(frame[..., ::-1]), self._age()) if whole else None

    def close(self) -> None:
        """Let go of the device."""
        if self._capture is not None:
            self._capture.release()

    def _age(self) -> float:
        age = time.monotonic() - self._capture.get(_STAMP) / 1000
        self.stamps = self.stamps or (DRIVER if 0 <= age < _FRESH else ARRIVAL)
        return max(0.0, age) if self.stamps == DRIVER else 0.0


class RealSense:
    """An Intel RealSense through `pyrealsense2`: it tells when frames were exposed, and counts."""

    period = 1 / FPS

    def __init__(self, serial: str, exposure: float | None):
        self._serial, self._exposure = serial, exposure
        self._rs: Any = None
        self._pipeline: Any = None
        self.stamps = ""

    def open(self, size: tuple[int, int]) -> None:
        """Start the colour stream, exposure and white balance locked.

        Raises:
            UserError: pyrealsense2 is not installed, or no such camera is plugged in.
        """
        self._rs = rs = package("pyrealsense2", "pyrealsense2")
        config, pipeline = rs.config(), rs.pipeline()
        config.enable_device(self._serial)
        config.enable_stream(rs.stream.color, *size, rs.format.rgb8, FPS)
        try:
            profile = pipeline.start(config)
        except RuntimeError as error:
            raise UserError(
                f"no RealSense {self._serial} with colour of {size[0]} x {size[1]} ({error})"
            ) from error
        self._pipeline = pipeline
        self._lock(profile.get_device().first_color_sensor())

    def _lock(self, sensor: Any) -> None:
        option = self._rs.option
        sensor.set_option(option.enable_auto_exposure, 0)
        sensor.set_option(option.enable_auto_white_balance, 0)
        if self._exposure is not None:
            sensor.set_option(option.exposure, self._exposure)

    def read(self) -> Frame | None:
        """Return the next frame; `None` where none comes for a second."""
        try:
            color = self._pipeline.wait_for_frames(1000).get_color_frame()
        except RuntimeError:
            return None
        rgb = np.array(color.get_data(), dtype=np.uint8)
        return Frame(rgb, self._age(color), int(color.get_frame_number()))

    def close(self) -> None:
        """Stop the stream."""
        if self._pipeline is not None:
            self._pipeline.stop()

    def _age(self, frame: Any) -> float:
        """Return seconds since a frame's stamp, milliseconds of this machine's clock; only where
        the device's own clock could not be brought to it, the frame is stamped on arrival.
        """
        own = frame.get_frame_timestamp_domain() == self._rs.timestamp_domain.hardware_clock
        self.stamps = ARRIVAL if own else DEVICE
        return 0.0 if own else max(0.0, time.time() - frame.get_timestamp() / 1000)


class Files:
    """A film, or a folder of pictures in the order of their names, played once."""

    period, stamps = 1 / FPS, ARRIVAL

    def __init__(self, path: Path):
        self._path = path
        self._frames: Iterator[np.ndarray] = iter(())
        self._next = 0.0

    def open(self, size: tuple[int, int]) -> None:
        """Open the film, or list the folder.

        Raises:
            UserError: there is nothing to play.
        """
        if not self._path.exists():
            raise UserError(f"{self._path}: no such film or folder")
        if not self._path.is_dir():
            _check_film(self._path)
        self._frames = self._pictures() if self._path.is_dir() else self._film()
        self._next = time.monotonic()

    def read(self) -> Frame | None:
        """Return the next frame when it is due."""
        time.sleep(max(0.0, self._next - time.monotonic()))
        self._next += self.period
        frame = next(self._frames, None)
        return None if frame is None else Frame(frame)

    def close(self) -> None:
        """Forget what is left."""
        self._frames = iter(())

    def _pictures(self) -> Iterator[np.ndarray]:
        paths = sorted(p for p in self._path.iterdir() if p.suffix.lower() in _PICTURES)
        if not paths:
            raise UserError(f"{self._path}: no pictures (PNG or JPEG) in this folder")
        return (_read(path) for path in paths)

    def _film(self) -> Iterator[np.ndarray]:
        cv2 = _opencv()
        capture = cv2.VideoCapture(str(self._path))
        sides = [capture.get(each) for each in (_WIDTH, _HEIGHT)]
        if max(sides) > _LARGEST:
            raise UserError(f"{self._path}: {sides[0]:.0f}x{sides[1]:.0f} pixels")
        while capture.isOpened():
            whole, frame = capture.read()
            if not whole:
                break
            yield np.ascontiguousarray(frame[..., ::-1])
        capture.release()


def _check_film(path: Path) -> None:
    """Refuse what is none: libraries also take lists of further files, and open those.

    Raises:
        UserError: it does not begin as a film does.
    """
    check_file(path)
    with path.open("rb") as file:
        head = file.read(12)
    if not (head[4:8] in _MOVIE_ATOMS or head.startswith((b"RIFF", b"\x1aE\xdf\xa3"))):
        raise UserError(f"{path}: no film (MP4, MOV, AVI or MKV)")


def _read(path: Path) -> np.ndarray:
    content = read_bytes(path, _PICTURE_LIMIT)
    try:
        with Image.open(BytesIO(content), formats=("PNG", "JPEG")) as image:
            if max(image.size) > _LARGEST:
                raise ValueError(f"{image.width}x{image.height} pixels")
            return np.asarray(image.convert("RGB"))
    except Exception as error:  # Pillow raises many types for broken files
        raise UserError(f"{path}: no picture ({error})") from error


def _opencv() -> Any:
    try:
        import cv2
    except ModuleNotFoundError as error:
        raise (missing_extra("a camera", error) or error) from error
    return cv2
