"""Builds the MuJoCo model of the room, the robot, RLBench's cameras and one task's pieces."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import cache
from importlib.resources import files

import numpy as np
from scipy.spatial.transform import Rotation

from genima_lite.cameras import RLBENCH_MOUNTS, Camera, Mount
from genima_lite.envs.bench.gl import mujoco
from genima_lite.envs.bench.task import Task
from genima_lite.panda import FLANGE_TO_TIP
from genima_lite.transforms import pose_matrix

TIP_IN_HAND = pose_matrix([0.0, 0.0, FLANGE_TO_TIP], [0.0, 0.0, 1.0, 0.0])
"""(4, 4) RLBench's tip in the hand's frame: turned by 180 degrees about the approach axis."""


@cache
def _assets() -> dict[str, bytes]:
    """Return meshes, textures and the robot's MJCF by file name."""
    folder = files("genima_lite.envs.bench") / "assets"
    found = [*folder.iterdir(), *(folder / "panda").iterdir()]
    return {f.name: f.read_bytes() for f in found if f.name.endswith((".stl", ".png", ".xml"))}


def _grasp_welds(task: Task) -> str:
    """Return one inactive weld to the hand for every body that can be held."""
    welds = (
        f'<weld name="grasp_{name}" body1="hand" body2="{name}" active="false" '
        f'solref="0.005 1" solimp="0.99 0.999 0.001"/>'
        for name in task.graspable
    )
    return f"<equality>{''.join(welds)}</equality>"


def arm_alone() -> mujoco.MjModel:
    """Compile the arm without room, task and cameras."""
    world = '<mujoco><compiler angle="radian"/><default><default class="zone"/></default>'
    return mujoco.MjModel.from_xml_string(f'{world}<include file="panda.xml"/></mujoco>', _assets())


def build_model(task: Task, more: Iterable[str] = ()) -> mujoco.MjModel:
    """Compile room, robot and task into one model, with RLBench's cameras in place.

    Args:
        task: its pieces come first.
        more: further MJCF, as in `Task.mjcf`.
    """
    pieces = f"<mujoco>{task.mjcf}{''.join(more)}{_grasp_welds(task)}</mujoco>"
    assets = {**_assets(), "task.xml": pieces.encode()}
    model = mujoco.MjModel.from_xml_string(assets["world.xml"].decode(), assets)
    mount_cameras(model, RLBENCH_MOUNTS)
    return model


def mount_cameras(model: mujoco.MjModel, mounts: Mapping[str, Mount]) -> None:
    """Put cameras where their mounts are, in the room or on the hand."""
    hand = model.camera("wrist").bodyid[0]
    for name, mount in mounts.items():
        pose = Camera(np.eye(3), mount.pose).to_opengl()
        if mount.on_wrist:
            pose = TIP_IN_HAND @ pose
        index = model.camera(name).id
        model.cam_bodyid[index] = hand if mount.on_wrist else 0
        model.cam_pos[index] = pose[:3, 3]
        model.cam_quat[index] = Rotation.from_matrix(pose[:3, :3]).as_quat(scalar_first=True)
        model.cam_fovy[index] = np.rad2deg(mount.opening_angle)
