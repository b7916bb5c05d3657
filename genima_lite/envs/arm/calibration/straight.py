"""A camera's picture as the rest of the library takes it: without distortion, square, scaled."""

from __future__ import annotations

import numpy as np

from genima_lite.envs.arm.calibration.board import opencv
from genima_lite.envs.arm.calibration.lens import for_opencv
from genima_lite.envs.arm.calibration.store import CameraCalibration


def straightened(picture: np.ndarray, calibrated: CameraCalibration, size: int) -> np.ndarray:
    """Return a picture (size, size, 3) uint8 that fits `calibrated.camera(tip, size)`.

    Args:
        picture: (H, W, 3) uint8, as the lens made it.
        calibrated: the camera's intrinsics and distortion.
        size: pixels along each side.
    """
    cv2 = opencv()
    intrinsics = for_opencv(np.array(calibrated.intrinsics))
    straight = cv2.undistort(picture, intrinsics, np.array(calibrated.distortion))
    height, width = picture.shape[:2]
    side = min(height, width)
    top, left = (height - side) // 2, (width - side) // 2
    square = straight[top : top + side, left : left + side]
    return np.asarray(cv2.resize(square, (size, size), interpolation=cv2.INTER_AREA))
