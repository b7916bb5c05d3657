"""Takes an RLBench observation of a scene."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from gymnasium import spaces

from genima_lite import panda
from genima_lite.cameras import RLBENCH_MOUNTS, Camera, depth_fraction, intrinsics_of
from genima_lite.envs.bench.gl import mujoco
from genima_lite.envs.bench.render import Renderer
from genima_lite.envs.bench.scene import Scene
from genima_lite.errors import UserError
from genima_lite.observation import CAMERAS, STATE_FIELDS, Observation
from genima_lite.transforms import pose_vector


@dataclass(frozen=True)
class Views:
    """Which pictures an observation holds.

    Attributes:
        cameras: names of RLBench's cameras.
        size: pixels along each side.
        depth, mask: whether depth and mask pictures are taken beside the colour ones.

    Raises:
        ValueError: unknown camera or impossible size.
    """

    cameras: tuple[str, ...] = CAMERAS
    size: int = 128
    depth: bool = False
    mask: bool = False

    def __post_init__(self) -> None:
        unknown = [name for name in self.cameras if name not in CAMERAS]
        if unknown:
            raise UserError(f"unknown camera '{unknown[0]}': choose from {', '.join(CAMERAS)}")
        if not isinstance(self.size, int | np.integer) or not 8 <= self.size <= 4096:
            raise UserError(
                f"image_size is {self.size!r}; it must be a whole number from 8 to 4096 pixels"
            )


def observe(
    scene: Scene, views: Views, renderer: Renderer | None, command: np.ndarray | None
) -> Observation:
    """Return what RLBench would report of a scene at this instant.

    Args:
        scene: the simulation, its derived quantities up to date (`mj_forward`).
        views: which pictures to take.
        renderer: takes them; `None` only where `views.cameras` is empty.
        command: (8,) action that led here, `None` right after a reset.
    """
    observation = Observation(misc=_misc(scene, views.size, command), **_state(scene))
    if renderer is not None:
        with renderer.showing(scene.data):
            for name in views.cameras:
                _take_pictures(observation, scene, views, renderer, name)
    return observation


def _state(scene: Scene) -> dict[str, Any]:
    """Return the nine low-dimensional fields."""
    data = scene.data
    fingers = data.qpos[7:9].copy()
    tip = scene.pose("tip")
    return {
        "joint_velocities": data.qvel[:7].copy(),
        "joint_positions": data.qpos[:7].copy(),
        "joint_forces": -data.qfrc_actuator[:7],  # RLBench's sign: of the load
        "gripper_open": float(fingers.min() > 0.9 * panda.FINGER_STROKE),
        "gripper_pose": pose_vector(tip),
        "gripper_matrix": tip,
        "gripper_joint_positions": fingers,
        "gripper_touch_forces": np.concatenate(
            [_pad_force(scene, "left_finger"), _pad_force(scene, "right_finger")]
        ),
        "task_low_dim_state": scene.task.low_dim_state(scene),
    }


def _pad_force(scene: Scene, finger: str) -> np.ndarray:
    """Return the contact force (3,) in newtons on a finger, in the finger's frame."""
    model, data = scene.model, scene.data
    body = model.body(finger).id
    total, wrench = np.zeros(3), np.zeros(6)
    for index in range(data.ncon):
        contact = data.contact[index]
        bodies = model.geom_bodyid[contact.geom]
        if body in bodies:
            mujoco.mj_contactForce(model, data, index, wrench)
            sign = 1.0 if bodies[1] == body else -1.0
            total += sign * contact.frame.reshape(3, 3).T @ wrench[:3]
    return data.xmat[body].reshape(3, 3).T @ total


def _misc(scene: Scene, size: int, command: np.ndarray | None) -> dict[str, Any]:
    """Return camera matrices, variation, command and joint poses, in RLBench's order."""
    misc: dict[str, Any] = {}
    for name in CAMERAS:
        mount = RLBENCH_MOUNTS[name]
        extrinsics, intrinsics = scene_camera(scene, name, size).to_rlbench()
        misc[f"{name}_camera_extrinsics"] = extrinsics
        misc[f"{name}_camera_intrinsics"] = intrinsics
        misc[f"{name}_camera_near"] = mount.near
        misc[f"{name}_camera_far"] = mount.far
    misc["variation_index"] = scene.variation
    if command is not None:
        misc["joint_position_action"] = command.copy()
    misc["joint_poses"] = joint_poses(scene)
    return misc


def scene_camera(scene: Scene, name: str, size: int) -> Camera:
    """Return a camera where it stands in the scene now."""
    mount, view = RLBENCH_MOUNTS[name], scene.data.cam(name)
    opengl = np.eye(4)
    opengl[:3, :3], opengl[:3, 3] = view.xmat.reshape(3, 3), view.xpos
    angle = np.deg2rad(float(scene.model.cam(name).fovy[0]))
    return Camera.from_opengl(opengl, intrinsics_of(angle, size), mount.near, mount.far)


def joint_poses(scene: Scene) -> list[np.ndarray]:
    """Return RLBench's joint poses: seven (7,), each joint's frame before its own rotation."""
    poses, _ = panda.forward_kinematics(scene.data.qpos[:7])
    return list(pose_vector(poses))


def _take_pictures(
    observation: Observation, scene: Scene, views: Views, renderer: Renderer, name: str
) -> None:
    setattr(observation, f"{name}_rgb", renderer.rgb(scene.data, name))
    if not (views.depth or views.mask):
        return
    metres, mask = renderer.depth_and_mask(scene.data, name)
    if views.depth:
        mount = RLBENCH_MOUNTS[name]
        setattr(observation, f"{name}_depth", depth_fraction(metres, mount.near, mount.far))
    if views.mask:
        setattr(observation, f"{name}_mask", mask)


def as_dict(observation: Observation) -> dict[str, np.ndarray]:
    """Return an observation as gymnasium wants it: arrays only, camera matrices included."""
    arrays = {name: np.atleast_1d(getattr(observation, name)) for name in STATE_FIELDS}
    arrays["joint_poses"] = np.stack(observation.misc["joint_poses"])
    for key, value in observation.misc.items():
        if key.endswith(("_extrinsics", "_intrinsics")):
            arrays[key] = value
    return arrays | observation.images()


def observation_space(states: Observation, views: Views) -> spaces.Dict:
    """Return the space of `as_dict`, from an observation without pictures and the views' settings.

    Nothing is rendered, so that processes may still be forked afterwards.
    """
    arrays = as_dict(states).items()
    boxes: dict[str, spaces.Space] = {
        k: spaces.Box(-np.inf, np.inf, v.shape, v.dtype.type) for k, v in arrays
    }
    shape = (views.size, views.size)
    for name in views.cameras:
        boxes[f"{name}_rgb"] = spaces.Box(0, 255, (*shape, 3), np.uint8)
        if views.depth:
            boxes[f"{name}_depth"] = spaces.Box(0, 1, shape, np.float32)
        if views.mask:
            boxes[f"{name}_mask"] = spaces.Box(0, 2**24 - 1, shape, np.int32)
    return spaces.Dict(boxes)
