"""What is drawn: the joints that carry a sphere, their colours and their sizes.

Colours were measured on pictures of the paper's renderer (`tests/data/reference_spheres`).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from genima_lite.errors import UserError
from genima_lite.observation import Observation
from genima_lite.transforms import pose_matrix

JOINTS = ("gripper", "base", "elbow", "wrist")
"""The four spheres, in the order of every array in `genima_lite.targets`."""

JOINT_POSES_INDEX = {"base": 1, "elbow": 3, "wrist": 5}
"""Which of `misc["joint_poses"]` carries a sphere; the gripper's sits at the tip."""

COLORS = {
    "gripper_open": (5, 206, 235),
    "gripper_closed": (255, 255, 0),
    "base": (154, 0, 0),
    "elbow": (43, 207, 62),
    "wrist": (132, 104, 240),
}
"""RGB of the coloured stripes; the stripes between them are black."""

RADIUS = 0.01
"""metres, before the scale of a camera."""

WRIST = "wrist"
"""RLBench's name of the camera on the wrist."""

RADIUS_SCALE = {
    WRIST: 3.0,
    "front": 8.0,
    "right_shoulder": 6.5,
    "left_shoulder": 6.5,
    "overhead": 6.5,
}
"""How much larger than `RADIUS` the spheres are in each camera's view."""

GRIPPER_ONLY = ("overhead",)
"""Cameras in whose view only the gripper's sphere is drawn."""


@dataclass(frozen=True, eq=False)
class JointTargets:
    """Where the four spheres sit at one instant.

    Attributes:
        poses: (4, 4, 4) float64, sphere to world in metres, in the order of `JOINTS`.
        gripper_open: whether the gripper's sphere is cyan (open) or yellow (closed).
    """

    poses: np.ndarray
    gripper_open: bool

    @property
    def positions(self) -> np.ndarray:
        """Centres of the spheres, (4, 3) metres, world frame."""
        return self.poses[:, :3, 3]


@dataclass(frozen=True, eq=False)
class Spheres:
    """Spheres as the renderer takes them; `...` are batch dimensions, S spheres a picture.

    Attributes:
        poses: (..., S, 4, 4) float64, sphere to world, metres. Stripes lie across the x axis.
        colors: (..., S, 3) uint8, of the coloured stripes.
        radii: (..., S) float64, metres; 0 for a sphere that is not drawn.
    """

    poses: np.ndarray
    colors: np.ndarray
    radii: np.ndarray


def joint_targets(observation: Observation) -> JointTargets:
    """Return the spheres' poses at one observation.

    Raises:
        UserError: the observation lacks joint poses or the tip's pose.
    """
    joint_poses = observation.misc.get("joint_poses")
    if joint_poses is None or observation.gripper_pose is None or observation.gripper_open is None:
        raise UserError(
            "targets need misc['joint_poses'], gripper_pose and gripper_open in the observation; "
            "RLBench records joint poses since July 2024, so record the episode again"
        )
    vectors = [observation.gripper_pose, *(joint_poses[i] for i in JOINT_POSES_INDEX.values())]
    poses = np.stack([pose_matrix(vector[:3], vector[3:]) for vector in vectors])
    return JointTargets(poses, bool(observation.gripper_open > 0.5))


def sphere_radius(camera: str) -> float:
    """Return the radius in metres of the spheres in a camera's view.

    Raises:
        UserError: no such camera.
    """
    if camera not in RADIUS_SCALE:
        raise UserError(f"no sphere size for camera '{camera}' (known: {', '.join(RADIUS_SCALE)})")
    return RADIUS * RADIUS_SCALE[camera]


def sized_as(camera: str, on_wrist: bool) -> str:
    """Return the camera whose spheres have the size of those in a view: all on the wrist alike."""
    return WRIST if on_wrist else camera


def spheres_in_view(targets: JointTargets, camera: str, on_wrist: bool = False) -> Spheres:
    """Return what to draw in one camera's view, S = 4 in the order of `JOINTS`.

    Args:
        targets: where the spheres are.
        camera: its name.
        on_wrist: whether it moves with the hand, whatever its name.

    Raises:
        UserError: no such camera.
    """
    camera = sized_as(camera, on_wrist)
    gripper = "gripper_open" if targets.gripper_open else "gripper_closed"
    colors = [COLORS[gripper], *(COLORS[joint] for joint in JOINTS[1:])]
    drawn = np.array([joint == "gripper" or camera not in GRIPPER_ONLY for joint in JOINTS])
    return Spheres(targets.poses, np.array(colors, np.uint8), sphere_radius(camera) * drawn)
