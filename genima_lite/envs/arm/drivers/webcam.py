"""Cameras through OpenCV: a thread takes pictures and keeps the newest."""

from __future__ import annotations

import threading
from typing import Any

import numpy as np

from genima_lite.envs.arm.api import ArmError, Clock, Picture
from genima_lite.envs.arm.calibration.store import CameraCalibration
from genima_lite.errors import UserError
from genima_lite.extras import missing_extra

_PATIENCE = 2.0
"""Seconds after which a camera without pictures has failed."""


class Webcam:
    """One camera, its distortion undone, its pictures cut square and scaled.

    Args:
        name: which of RLBench's views it stands for.
        calibrated: its device and intrinsics.
        image_size: pixels along each side.
        clock: gives times of exposure; those of arrival, since OpenCV tells no others.
    """

    def __init__(self, name: str, calibrated: CameraCalibration, image_size: int, clock: Clock):
        self.name, self._calibrated = name, calibrated
        self._size, self._clock = image_size, clock
        self._newest: Picture | None = None
        self._changed, self._over = threading.Condition(), False
        self._thread: threading.Thread | None = None

    def connect(self) -> None:
        """Open the device, lock its exposure, start to take pictures.

        Raises:
            UserError: OpenCV is not installed, there is no such device, or its pictures have
                another size than calibrated.
        """
        try:
            import cv2
        except ModuleNotFoundError as error:
            raise (missing_extra("a camera", error) or error) from error
        device, (width, height) = self._calibrated.device, self._calibrated.size
        capture = cv2.VideoCapture(device)
        for key, value in (
            (cv2.CAP_PROP_FRAME_WIDTH, width),
            (cv2.CAP_PROP_FRAME_HEIGHT, height),
            (cv2.CAP_PROP_AUTO_EXPOSURE, 1),  # manual, for V4L2
        ):
            capture.set(key, value)
        whole, frame = capture.read() if capture.isOpened() else (False, None)
        if not whole or frame is None:
            raise UserError(f"camera '{self.name}': device {device!r} gives no picture")
        if frame.shape[:2] != (height, width):
            raise UserError(
                f"camera '{self.name}': pictures of {frame.shape[1]} x {frame.shape[0]}, "
                f"calibrated with {width} x {height}"
            )
        self._take(cv2, frame)
        self._thread = threading.Thread(target=self._run, args=(cv2, capture), daemon=True)
        self._thread.start()

    def picture(self) -> Picture:
        """Return the newest picture.

        Raises:
            ArmError: none came for two seconds.
        """
        newest = self._newest
        if newest is None or self._clock.now() - newest.seconds > _PATIENCE:
            raise ArmError(f"camera '{self.name}': no pictures any more; is it plugged in?")
        return newest

    def close(self) -> None:
        """Stop to take pictures."""
        self._over = True
        if self._thread is not None:
            self._thread.join(timeout=1.0)

    def _run(self, cv2: Any, capture: Any) -> None:
        while not self._over:
            whole, frame = capture.read()
            if not whole:
                break
            self._take(cv2, frame)
        capture.release()

    def _take(self, cv2: Any, frame: np.ndarray) -> None:
        """Keep a frame (H, W, 3) BGR as the newest picture."""
        seconds = self._clock.now()
        intrinsics = np.array(self._calibrated.intrinsics)
        straight = cv2.undistort(frame, intrinsics, np.array(self._calibrated.distortion))
        height, width = frame.shape[:2]
        side = min(height, width)
        top, left = (height - side) // 2, (width - side) // 2
        square = straight[top : top + side, left : left + side]
        scaled = cv2.resize(square, (self._size, self._size), interpolation=cv2.INTER_AREA)
        self._newest = Picture(seconds, np.ascontiguousarray(scaled[..., ::-1]))
