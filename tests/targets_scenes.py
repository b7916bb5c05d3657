"""Postures, cameras and demonstrations for the tests of targets, without a simulator."""

import numpy as np

from genima_lite.cameras import Camera, intrinsics_of, mounted_camera
from genima_lite.observation import CAMERAS, Demo, Observation
from genima_lite.panda import forward_kinematics
from genima_lite.targets import JointTargets, Spheres, spheres_in_view
from genima_lite.targets.joints import COLORS
from genima_lite.transforms import pose_matrix, pose_vector

FIXED = ("front", "right_shoulder", "left_shoulder")

OVER_TABLE = np.array([0.0, 0.35, 0.0, -1.7, 0.0, 2.05, 0.8])
"""A posture with the tip 30 cm above the table, all four spheres in the front view."""


def targets_at(joints, gripper_open=True):
    poses, tip = forward_kinematics(np.asarray(joints))
    return JointTargets(np.stack([tip, poses[1], poses[3], poses[5]]), gripper_open)


def random_posture(rng):
    return OVER_TABLE + rng.uniform(-0.3, 0.3, 7) * [2, 0.7, 1, 1, 1, 1, 3]


def camera_at_origin(size=128, angle=1.0):
    """Return a camera whose axes are the world's: x right, y down, z forward."""
    return Camera(intrinsics_of(angle, size), np.eye(4))


def make_spheres(positions, radius=0.1, color="wrist", poses=None):
    """Return spheres in one picture (batch of one), upright unless poses (S, 4, 4) are given."""
    if poses is None:
        poses = np.stack([pose_matrix(position) for position in positions])
    radii = np.broadcast_to(np.asarray(radius, float), len(poses))
    colors = np.broadcast_to(np.array(COLORS[color], np.uint8), (len(poses), 3))
    return Spheres(poses[None], colors[None].copy(), radii[None].copy())


def white(size=128):
    return np.full((1, size, size, 3), 255, np.uint8)


def view_of(targets, name, size, tip=None):
    """Return a camera and the spheres of one view, with a batch dimension of one."""
    spheres = spheres_in_view(targets, name)
    camera = mounted_camera(name, size, targets.poses[0] if tip is None else tip)
    return camera, Spheres(spheres.poses[None], spheres.colors[None], spheres.radii[None])


def make_demo(length=30, size=32, seed=0):
    """Return an episode in which all joints move, whose gripper closes in the last frame."""
    rng = np.random.default_rng(seed)
    turn = rng.uniform(0.2, 0.4, 7)
    return Demo(
        [_frame(rng, OVER_TABLE + turn * t / length, size, t, length) for t in range(length)]
    )


def _frame(rng, joints, size, t, length):
    poses, tip = forward_kinematics(joints)
    observation = Observation(
        joint_positions=joints, gripper_pose=pose_vector(tip), gripper_open=float(t < length - 1)
    )
    observation.misc["joint_poses"] = list(pose_vector(poses))
    for name in CAMERAS:
        camera = mounted_camera(name, size, tip)
        extrinsics, intrinsics = camera.to_rlbench()
        observation.misc |= {
            f"{name}_camera_extrinsics": extrinsics,
            f"{name}_camera_intrinsics": intrinsics,
            f"{name}_camera_near": camera.near,
            f"{name}_camera_far": camera.far,
        }
        setattr(observation, f"{name}_rgb", rng.integers(60, 200, (size, size, 3), np.uint8))
    return observation
