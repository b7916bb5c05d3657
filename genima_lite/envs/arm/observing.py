"""What an arm, its gripper and its cameras say now, as the observation that policies know."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from genima_lite import panda
from genima_lite.envs.arm.api import Picture
from genima_lite.envs.arm.backend import Backend
from genima_lite.envs.arm.follower import OPEN
from genima_lite.observation import CAMERAS, Observation
from genima_lite.transforms import pose_vector


def observe(
    parts: Backend,
    cameras: Sequence[str],
    pictures: Mapping[str, Picture],
    variation: int,
    command: np.ndarray | None,
) -> Observation:
    """Return the observation of this instant.

    Args:
        parts: of the backend.
        cameras: whose poses and lenses are told; on the twin all are.
        pictures: the newest, by camera.
        variation: of the task.
        command: (8,), RLBench's angles, the last row that was carried out; `None` before the first.
    """
    state = parts.arm.read()
    joints = panda.from_franka(state.joints)
    poses, tip = panda.forward_kinematics(joints)
    width = parts.gripper.width()
    misc = {"variation_index": variation} | _lenses(parts, cameras, tip)
    if command is not None:
        misc["joint_position_action"] = command.copy()
    return Observation(
        joint_positions=joints,
        joint_velocities=state.velocities,
        joint_forces=state.torques,
        gripper_open=float(width > OPEN),
        gripper_pose=pose_vector(tip),
        gripper_matrix=tip,
        gripper_joint_positions=np.full(2, width / 2),
        gripper_touch_forces=np.zeros(6),
        task_low_dim_state=np.zeros(0) if parts.extra is None else parts.extra.task_state(),
        misc=misc | {"joint_poses": list(pose_vector(poses))},
        **{f"{name}_rgb": each.rgb for name, each in pictures.items()},
    )


def _lenses(parts: Backend, cameras: Sequence[str], tip: np.ndarray) -> dict[str, Any]:
    """Return RLBench's entries on each camera, the tip at (4, 4)."""
    found: dict[str, Any] = {}
    for name in CAMERAS if parts.extra is not None else cameras:
        camera = parts.view(name, tip)
        extrinsics, intrinsics = camera.to_rlbench()
        found[f"{name}_camera_extrinsics"] = extrinsics
        found[f"{name}_camera_intrinsics"] = intrinsics
        found[f"{name}_camera_near"] = camera.near
        found[f"{name}_camera_far"] = camera.far
    return found
