"""What one view with targets looks like when a convention is broken."""

from __future__ import annotations

import numpy as np
from scipy.spatial.transform import Rotation

from genima_lite.cameras import Camera
from genima_lite.observation import Observation
from genima_lite.targets import JointTargets, Spheres, spheres_in_view
from genima_lite.transforms import inverse, pose_matrix
from genima_lite.viz.target_pictures import drawn_on


def wrong_conventions(
    observation: Observation, targets: JointTargets, name: str = "front"
) -> dict[str, np.ndarray]:
    """Return one view with its targets drawn under five wrong conventions and the right one.

    Returns:
        (H, W, 3) uint8 under "right", "y up", "pose not inverted", "half converted" (RLBench's
        axes with positive focal lengths), "wxyz" and "bgr".
    """
    view, camera = observation.image(name), Camera.from_observation(observation, name)
    right = spheres_in_view(targets, name)
    half = observation.misc[f"{name}_camera_extrinsics"]
    y_up = camera.pose @ np.diag([1.0, -1.0, 1.0, 1.0])
    turned = np.stack([_read_as_wxyz(pose) for pose in right.poses])
    cases = {
        "right": (camera.pose, right),
        "y up": (y_up, right),
        "pose not inverted": (inverse(camera.pose), right),
        "half converted": (half, right),
        "wxyz": (camera.pose, Spheres(turned, right.colors, right.radii)),
        "bgr": (camera.pose, Spheres(right.poses, right.colors[:, ::-1], right.radii)),
    }
    return {
        case: drawn_on(view, Camera(camera.intrinsics, pose), spheres)
        for case, (pose, spheres) in cases.items()
    }


def _read_as_wxyz(pose: np.ndarray) -> np.ndarray:
    """Return a pose (4, 4) whose quaternion was stored as xyzw and read as wxyz."""
    stored = Rotation.from_matrix(pose[:3, :3]).as_quat()
    return pose_matrix(pose[:3, 3], np.roll(stored, -1))
