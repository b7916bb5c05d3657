"""The Franka Panda without a simulator: limits, forward and inverse kinematics.

Joint angles are RLBench's everywhere in this package. RLBench's zero of joint 4 lies four
degrees off the published one: `q4_franka = q4_rlbench + JOINT_4_OFFSET`. This file is the only
place that converts (`to_franka`, `from_franka`); the simulator model takes the same constant
as the joint's reference angle.

Source of the numbers: Franka's published interface specification (modified Denavit-Hartenberg
parameters, joint limits). Base pose and tip offset: RLBench's standard scene.
"""

from __future__ import annotations

import math

import numpy as np
from scipy.spatial.transform import Rotation

from genima_lite.errors import Refusal
from genima_lite.transforms import pose_matrix

JOINT_4_OFFSET = np.deg2rad(4.0)
"""radians; Franka's joint-4 angle minus RLBench's."""

BASE = pose_matrix([-0.268, -0.0064, 0.75])
"""(4, 4) pose of the robot's base in RLBench's world."""

HOME = np.array([0.0, 0.1745, 0.0, -0.8727, 0.0, 1.2217, 0.7854])
"""(7,) rad, the posture in which every RLBench episode starts."""

FRANKA_LOWER = np.array([-2.8973, -1.7628, -2.8973, -3.0718, -2.8973, -0.0175, -2.8973])
FRANKA_UPPER = np.array([2.8973, 1.7628, 2.8973, -0.0698, 2.8973, 3.7525, 2.8973])
"""(7,) rad, the arm's limits in Franka's angles. Genima applies the same numbers to RLBench's."""

VELOCITY_LIMIT = np.array([2.175, 2.175, 2.175, 2.175, 2.61, 2.61, 2.61])
"""(7,) rad/s."""

ACCELERATION_LIMIT = np.array([15.0, 7.5, 10.0, 12.5, 15.0, 20.0, 20.0])
"""(7,) rad/s^2."""

TORQUE_LIMIT = np.array([87.0, 87.0, 87.0, 87.0, 12.0, 12.0, 12.0])
"""(7,) N m."""

FINGER_STROKE = 0.04
"""metres that each finger travels."""

_A = np.array([0.0, 0.0, 0.0, 0.0825, -0.0825, 0.0, 0.088])
_D = np.array([0.333, 0.0, 0.316, 0.0, 0.384, 0.0, 0.0])
_ALPHA = np.array([0.0, -1.0, 1.0, 1.0, -1.0, 1.0, 1.0]) * np.pi / 2
FLANGE_TO_TIP = 0.110
_TIP = pose_matrix([0.0, 0.0, 0.107 + FLANGE_TO_TIP], Rotation.from_euler("z", 135, True).as_quat())


def to_franka(joint_positions: np.ndarray) -> np.ndarray:
    """Convert RLBench joint angles (..., 7) in radians to Franka's."""
    shifted = np.array(joint_positions, dtype=np.float64)
    shifted[..., 3] += JOINT_4_OFFSET
    return shifted


def from_franka(joint_positions: np.ndarray) -> np.ndarray:
    """Convert Franka joint angles (..., 7) in radians to RLBench's."""
    shifted = np.array(joint_positions, dtype=np.float64)
    shifted[..., 3] -= JOINT_4_OFFSET
    return shifted


LOWER = np.maximum(from_franka(FRANKA_LOWER), FRANKA_LOWER)
UPPER = np.minimum(from_franka(FRANKA_UPPER), FRANKA_UPPER)
"""(7,) rad, RLBench angles that both the arm and Genima's action space allow."""


def _fixed_transforms() -> np.ndarray:
    """Return the (7, 4, 4) transforms from frame k - 1 to joint k's frame before its rotation."""
    cos, sin = np.cos(_ALPHA), np.sin(_ALPHA)
    fixed = np.zeros((7, 4, 4))
    fixed[:, 0, 0] = fixed[:, 3, 3] = 1.0
    fixed[:, 1, 1] = fixed[:, 2, 2] = cos
    fixed[:, 1, 2], fixed[:, 2, 1] = -sin, sin
    fixed[:, :3, 3] = np.column_stack([_A, -sin * _D, cos * _D])
    return fixed


_FIXED = _fixed_transforms()
_DAMPING = 1e-5 * np.eye(6)


def forward_kinematics(joint_positions: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return where the joints and the tip are.

    Args:
        joint_positions: (..., 7) radians, RLBench's angles.

    Returns:
        `joint_poses` (..., 7, 4, 4): joint k's frame in the world before its own rotation, z
        along its axis, as RLBench's `misc["joint_poses"]`; `tip` (..., 4, 4): tip to world.
    """
    angles = to_franka(joint_positions)
    turns = np.zeros((*angles.shape, 4, 4))
    turns[..., 0, 0] = turns[..., 1, 1] = np.cos(angles)
    turns[..., 1, 0] = np.sin(angles)
    turns[..., 0, 1] = -turns[..., 1, 0]
    turns[..., 2, 2] = turns[..., 3, 3] = 1.0
    frame = BASE
    poses = []
    for k in range(7):
        poses.append(frame @ _FIXED[k])
        frame = poses[-1] @ turns[..., k, :, :]
    return np.stack(np.broadcast_arrays(*poses), axis=-3), frame @ _TIP


def jacobian(joint_poses: np.ndarray, tip: np.ndarray) -> np.ndarray:
    """Return the (6, 7) geometric Jacobian of the tip, linear rows first, world frame."""
    axes = joint_poses[:, :3, 2].T
    levers = tip[:3, 3, None] - joint_poses[:, :3, 3].T
    # axes x levers; np.cross takes longer than all the rest
    linear = axes[[1, 2, 0]] * levers[[2, 0, 1]] - axes[[2, 0, 1]] * levers[[1, 2, 0]]
    return np.concatenate([linear, axes])


class Unreachable(Refusal):
    """No joint angles within the limits bring the tip to the wanted pose."""


def inverse_kinematics(
    tip: np.ndarray,
    start: np.ndarray = HOME,
    posture: np.ndarray = HOME,
    iterations: int = 200,
) -> np.ndarray:
    """Return joint angles (7,) in radians that bring the tip to a pose within the limits.

    Damped least squares from `start`; the free seventh degree is drawn towards `posture`, so
    that neighbouring poses give neighbouring answers.

    Args:
        tip: (4, 4) wanted tip pose in the world.
        start: (7,) radians, where the search begins.
        posture: (7,) radians, the preferred arm shape.
        iterations: steps before giving up.

    Raises:
        Unreachable: not within 0.1 mm and 0.001 rad after `iterations` steps.
    """
    q = np.array(start, dtype=np.float64)
    for _ in range(iterations):
        poses, reached = forward_kinematics(q)
        error = _pose_error(tip, reached)
        if np.linalg.norm(error[:3]) < 1e-4 and np.linalg.norm(error[3:]) < 1e-3:
            return q
        q = np.clip(q + _ik_step(jacobian(poses, reached), error, posture - q), LOWER, UPPER)
    raise Unreachable(
        f"the tip cannot reach x y z = {np.round(tip[:3, 3], 3).tolist()} m: "
        f"still {np.linalg.norm(error[:3]):.3f} m and {np.linalg.norm(error[3:]):.2f} rad away"
    )


def _pose_error(wanted: np.ndarray, reached: np.ndarray) -> np.ndarray:
    """Return metres and rotation-vector radians, (6,), from reached to wanted, world frame."""
    turn = _rotation_vector(wanted[:3, :3] @ reached[:3, :3].T)
    return np.concatenate([wanted[:3, 3] - reached[:3, 3], turn])


def _rotation_vector(turn: np.ndarray) -> np.ndarray:
    """Return a rotation matrix as a vector (3,) in radians; SciPy's way takes five times longer."""
    skew = 0.5 * np.array(
        [turn[2, 1] - turn[1, 2], turn[0, 2] - turn[2, 0], turn[1, 0] - turn[0, 1]]
    )
    sine, cosine = math.sqrt(skew @ skew), 0.5 * (turn[0, 0] + turn[1, 1] + turn[2, 2] - 1)
    if cosine < -0.9:  # near half a turn the axis is not in the skew part
        return Rotation.from_matrix(turn).as_rotvec()
    return skew * (math.atan2(sine, cosine) / sine if sine > 1e-12 else 1.0)


def _ik_step(jac: np.ndarray, error: np.ndarray, to_posture: np.ndarray) -> np.ndarray:
    """Return one damped step (7,) with a pull to the posture in the Jacobian's null space."""
    pseudo = jac.T @ np.linalg.inv(jac @ jac.T + _DAMPING)
    pull = 0.1 * to_posture
    step = pseudo @ (error - jac @ pull) + pull
    return step * min(1.0, 0.4 / max(np.abs(step).max(), 1e-9))
