"""Real cameras: a thread reads one, stamps its frames, counts what is lost and keeps the newest."""

from __future__ import annotations

import threading
from typing import Any

import numpy as np

from genima_lite.envs.arm.api import ArmError, Clock, Picture
from genima_lite.envs.arm.calibration.store import CameraCalibration
from genima_lite.envs.arm.calibration.straight import straightened
from genima_lite.envs.arm.drivers.sources import Frame, Source, source_of
from genima_lite.errors import UserError

_PATIENCE = 2.0
"""Seconds after which a camera without pictures has failed."""


class Capture:
    """The newest frame of a device, as the lens makes it.

    Args:
        name: which of RLBench's views it stands for.
        source: the device.
        size: width and height of its pictures; `None`: whatever comes.
        clock: gives times of exposure: those of arrival, less a frame's age and the latency.
        latency: seconds from the exposure to a frame's stamp, see `Source.stamps`.

    Attributes:
        dropped: frames that were lost so far: by the device's own numbers, or, where it has none,
            by gaps between frames longer than one and a half periods.
    """

    def __init__(
        self,
        name: str,
        source: Source,
        size: tuple[int, int] | None,
        clock: Clock,
        latency: float = 0.0,
    ):
        self.name, self._source, self._wanted, self._clock = name, source, size, clock
        self._latency = latency
        self._newest: Picture | None = None
        self._number: int | None = None
        self.dropped, self._over = 0, False
        self._wrong = ""
        self._thread: threading.Thread | None = None

    def connect(self) -> None:
        """Open the device, and start to take pictures.

        Raises:
            UserError: there is no such device, it gives no picture, or one of another size.
        """
        try:
            self._source.open(self._wanted or (640, 480))
            frame = self._source.read()
        except UserError as error:
            raise UserError(f"camera '{self.name}': {error}") from error
        if frame is None:
            raise UserError(f"camera '{self.name}': the device gives no picture")
        found = frame.rgb.shape[1], frame.rgb.shape[0]
        if self._wanted is not None and found != self._wanted:
            raise UserError(
                f"camera '{self.name}': pictures of {found[0]} x {found[1]}, calibrated with "
                f"{self._wanted[0]} x {self._wanted[1]}"
            )
        self._keep(frame)
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def raw(self) -> Picture:
        """Return the newest frame.

        Raises:
            ArmError: none came for two seconds.
        """
        newest = self._newest
        if newest is None or self._clock.now() - newest.seconds > _PATIENCE:
            why = f" ({self._wrong})" if self._wrong else ""
            raise ArmError(f"camera '{self.name}': no pictures any more{why}; is it plugged in?")
        return newest

    def told(self) -> dict[str, Any]:
        """Return who stamps frames, and how many were lost, JSON-able."""
        return {"stamps": self._source.stamps, "latency": self._latency, "dropped": self.dropped}

    def close(self) -> None:
        """Stop to take pictures."""
        self._over = True
        if self._thread is not None:
            self._thread.join(timeout=1.0)

    def _run(self) -> None:
        try:
            while not self._over and (frame := self._source.read()) is not None:
                self._keep(frame)
        except Exception as error:  # told by who asks for the next picture
            self._wrong = str(error)
        finally:
            self._source.close()

    def _keep(self, frame: Frame) -> None:
        seconds = self._clock.now() - frame.age - self._latency
        self.dropped += self._lost(frame, seconds)
        self._newest, self._number = Picture(seconds, frame.rgb, self.dropped), frame.number

    def _lost(self, frame: Frame, seconds: float) -> int:
        """Return how many frames were lost since the newest."""
        if self._newest is None:
            return 0
        if frame.number is not None and self._number is not None:
            return max(0, frame.number - self._number - 1)
        gap = (seconds - self._newest.seconds) / self._source.period
        return max(0, round(gap) - 1) if gap > 1.5 else 0


class CalibratedCamera(Capture):
    """A camera whose pictures are without distortion, square, and scaled.

    Args:
        name: which of RLBench's views it stands for.
        calibrated: its device and intrinsics.
        image_size: pixels along each side.
        clock: see `Capture`.
        exposure: in the device's own unit; `None`: the one it has when it is opened.
    """

    def __init__(
        self,
        name: str,
        calibrated: CameraCalibration,
        image_size: int,
        clock: Clock,
        exposure: float | None = None,
    ):
        source = source_of(calibrated.device, exposure)
        super().__init__(name, source, calibrated.size, clock, calibrated.latency)
        self._calibrated, self._size = calibrated, image_size
        self._made: tuple[Picture, Picture] | None = None

    def picture(self) -> Picture:
        """Return the newest picture.

        Raises:
            ArmError: none came for two seconds.
        """
        raw = self.raw()
        if self._made is None or self._made[0] is not raw:
            rgb = straightened(raw.rgb, self._calibrated, self._size)
            self._made = raw, Picture(raw.seconds, np.ascontiguousarray(rgb), raw.dropped)
        return self._made[1]
