"""Rigid transforms: 4x4 body-to-world matrices and RLBench's seven-number poses."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike
from scipy.spatial.transform import Rotation


def pose_matrix(position: ArrayLike, quaternion: ArrayLike = (0.0, 0.0, 0.0, 1.0)) -> np.ndarray:
    """Return the (4, 4) float64 matrix of a position (3,) in metres and a quaternion (4,) xyzw."""
    matrix = np.eye(4)
    matrix[:3, :3] = Rotation.from_quat(quaternion).as_matrix()
    matrix[:3, 3] = position
    return matrix


def pose_vector(matrix: np.ndarray) -> np.ndarray:
    """Return x y z qx qy qz qw, (..., 7) float64, of poses (..., 4, 4), as `pose_matrix` takes."""
    quaternion = Rotation.from_matrix(matrix[..., :3, :3]).as_quat()
    return np.concatenate([matrix[..., :3, 3], quaternion], axis=-1)


def from_axes(position: ArrayLike, x: ArrayLike, y: ArrayLike, z: ArrayLike) -> np.ndarray:
    """Return the (4, 4) pose whose x, y and z axes are the given world directions (3,)."""
    matrix = np.eye(4)
    matrix[:3, :3] = np.column_stack([x, y, z])
    matrix[:3, 3] = position
    return matrix


def yaw_pose(position: ArrayLike, yaw: float) -> np.ndarray:
    """Return the (4, 4) pose at `position`, turned by `yaw` radians about the world's z axis."""
    return pose_matrix(position, [0.0, 0.0, np.sin(yaw / 2), np.cos(yaw / 2)])


def inverse(matrix: np.ndarray) -> np.ndarray:
    """Return the inverse of rigid transforms, (..., 4, 4) to (..., 4, 4)."""
    rotation = np.swapaxes(matrix[..., :3, :3], -1, -2)
    result = np.zeros_like(matrix)
    result[..., :3, :3] = rotation
    result[..., :3, 3] = -np.einsum("...ij,...j->...i", rotation, matrix[..., :3, 3])
    result[..., 3, 3] = 1.0
    return result
