from pyrep.const import RenderMode
from rlbench.noise_model import Identity

_STATES = ("joint_velocities", "joint_positions", "joint_forces", "gripper_open", "gripper_pose",
           "gripper_matrix", "gripper_joint_positions", "gripper_touch_forces",
           "wrist_camera_matrix", "task_low_dim_state")  # fmt: skip


class CameraConfig:
    def __init__(self, rgb=True, rgb_noise=Identity(), depth=True, depth_noise=Identity(),
                 point_cloud=True, mask=True, image_size=(128, 128),
                 render_mode=RenderMode.OPENGL3, masks_as_one_channel=True,
                 depth_in_meters=False):  # fmt: skip
        vars(self).update({k: v for k, v in locals().items() if k != "self"})

    def set_all(self, value):
        self.rgb = self.depth = self.point_cloud = self.mask = value


class ObservationConfig:
    def __init__(self, left_shoulder_camera=None, right_shoulder_camera=None,
                 overhead_camera=None, wrist_camera=None, front_camera=None,
                 joint_velocities=True, joint_velocities_noise=Identity(), joint_positions=True,
                 joint_positions_noise=Identity(), joint_forces=True,
                 joint_forces_noise=Identity(), gripper_open=True, gripper_pose=True,
                 gripper_matrix=False, gripper_joint_positions=False,
                 gripper_touch_forces=False, wrist_camera_matrix=False,
                 record_gripper_closing=False, task_low_dim_state=False):  # fmt: skip
        for name, value in list(locals().items()):
            if name.endswith("_camera"):
                setattr(self, name, value or CameraConfig())
            elif name != "self":
                setattr(self, name, value)

    def set_all_low_dim(self, value):
        for name in _STATES:
            setattr(self, name, value)

    def set_all_high_dim(self, value):
        for name in ("left_shoulder", "right_shoulder", "overhead", "wrist", "front"):
            getattr(self, f"{name}_camera").set_all(value)

    def set_all(self, value):
        self.set_all_high_dim(value)
        self.set_all_low_dim(value)
