"""Pictures of many episodes in one video a camera."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np

from genima_lite.demos.images import LARGEST
from genima_lite.demos.layout import DatasetError
from genima_lite.errors import UserError
from genima_lite.files import MEBIBYTE, check_file

_OPTIONS = {"crf": "12", "preset": "medium", "g": "2", "bf": "0"}
"""Every other picture stands for itself, as in LeRobot's videos: any one is found fast."""

CODEC = "h264"

_CONTAINERS = {".mp4": "mp4", ".mkv": "matroska"}

_FREE, _RATIO = 512 * MEBIBYTE, 1000
"""Bytes that an episode's pictures may always take, and those for each byte of their video."""


class Film:
    """A video that grows picture by picture.

    Args:
        path: the file.
        fps: pictures a second.

    Attributes:
        count: pictures so far.
    """

    def __init__(self, path: Path, fps: int):
        path.parent.mkdir(parents=True, exist_ok=True)
        self._container, self._fps = av.open(str(path), "w"), fps
        self._stream: Any = None
        self.path, self.count = path, 0

    def add(self, pictures: Sequence[np.ndarray]) -> None:
        """Append pictures (H, W, 3) uint8 of one size.

        Raises:
            UserError: an odd height or width.
        """
        if self._stream is None:
            self._stream = self._begun(*pictures[0].shape[:2])
        for picture in pictures:
            frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(picture), "rgb24")
            frame.pts, frame.time_base = self.count, Fraction(1, self._fps)
            self._container.mux(self._stream.encode(frame))
            self.count += 1

    def close(self) -> None:
        """End the file."""
        if self._stream is not None:
            self._container.mux(self._stream.encode())
        self._container.close()

    def _begun(self, height: int, width: int) -> Any:
        if height % 2 or width % 2:
            raise UserError(f"pictures of {width}x{height} pixels: videos need even sizes, use PNG")
        stream: Any = self._container.add_stream("libx264", rate=self._fps, options=_OPTIONS)
        stream.height, stream.width, stream.pix_fmt = height, width, "yuv420p"
        stream.time_base = Fraction(1, self._fps)
        stream.thread_count = 1
        return stream


def film_info(height: int, width: int, fps: int) -> dict[str, Any]:
    """Return what LeRobot says about a video in `meta/info.json`."""
    return {
        "video.height": height,
        "video.width": width,
        "video.codec": CODEC,
        "video.pix_fmt": "yuv420p",
        "video.is_depth_map": False,
        "video.fps": fps,
        "video.channels": 3,
        "has_audio": False,
    }


class Projector:
    """Reads videos forwards; episodes lie in them one after another."""

    def __init__(self) -> None:
        self._path: Path | None = None
        self._frames: Iterator[tuple[float, np.ndarray]] = iter(())

    def show(
        self, path: Path, start: float, count: int, fps: float, size: tuple[int, ...]
    ) -> list[np.ndarray]:
        """Return pictures (H, W, 3) uint8.

        Args:
            path: the video.
            start: seconds of the first picture, not before where the last call for the same
                video ended.
            count: how many.
            fps: of the video.
            size: height and width that its pictures must have.

        Raises:
            DatasetError: no such video, one that ends before, or has gaps, or whose pictures are
                of another size, or far too many for its bytes.
        """
        check_size(path, count, size)
        if path != self._path or not count:
            self._path, self._frames = path, frames_of(path, size)
        found = list[np.ndarray]()
        for seconds, picture in self._frames:
            wanted = start + len(found) / fps
            if seconds < wanted - 0.5 / fps:
                continue
            if seconds > wanted + 0.5 / fps:
                raise DatasetError(f"{path}: no picture at {wanted:.2f} s; copy the dataset again")
            found.append(picture)
            if len(found) == count:
                return found
        raise DatasetError(
            f"{path}: ends {count - len(found)} pictures before its episode does; copy the "
            "dataset again"
        )


def check_size(path: Path, count: int, size: tuple[int, ...]) -> None:
    """Refuse pictures that would take far more memory than a video's bytes can hold.

    Raises:
        DatasetError: they would, or there is no such file.
    """
    try:
        most = max(_FREE, _RATIO * check_file(path))
    except UserError as error:
        raise DatasetError(str(error)) from None
    height, width = size
    if height * width * 3 * count > most or max(size) > LARGEST:
        raise DatasetError(f"{path}: {count} pictures of {width}x{height} do not fit into it")


def opened(path: Path) -> Any:
    """Open a video, as what its name says that it is.

    Left to itself FFmpeg also takes lists of further files (`ffconcat`, HLS) under any name, and
    opens those: pipes, and what lies elsewhere.

    Raises:
        av.FFmpegError: no readable video of that kind.
        UserError: no regular file.
    """
    check_file(path)
    return av.open(str(path), format=_CONTAINERS[path.suffix])


def frames_of(path: Path, size: tuple[int, ...]) -> Iterator[tuple[float, np.ndarray]]:
    """Yield seconds and pictures of a whole video, all of one size: height and width.

    Raises:
        DatasetError: no readable video, or a picture of another size.
    """
    try:
        with opened(path) as container:
            if not container.streams.video:
                raise DatasetError(f"{path}: has no pictures")
            stream = container.streams.video[0]
            if stream.codec_context is None:
                raise DatasetError(f"{path}: no readable video (unknown codec); copy it again")
            _check_alike(path, stream.codec_context, size)
            for frame in container.decode(stream):
                _check_alike(path, frame, size)
                yield float(frame.time or 0.0), frame.to_ndarray(format="rgb24")
    except av.FFmpegError as error:
        raise DatasetError(f"{path}: no readable video ({error}); copy it again") from None


def _check_alike(path: Path, shown: Any, size: tuple[int, ...]) -> None:
    if (shown.height, shown.width) != size:
        raise DatasetError(
            f"{path}: pictures of {shown.width}x{shown.height}, not {size[1]}x{size[0]} as said; "
            "copy the dataset again"
        )
