import numpy as np

from genima_lite.cameras import RLBENCH_MOUNTS, mounted_camera
from genima_lite.panda import forward_kinematics
from genima_lite.transforms import pose_vector
from pyrep.objects import VisionSensor
from pyrep.world import event
from rlbench.backend.exceptions import BoundaryError, DemoError
from rlbench.backend.observation import Observation
from rlbench.demo import Demo

CAMERAS = {"left_shoulder": "cam_over_shoulder_left", "right_shoulder": "cam_over_shoulder_right",
           "overhead": "cam_overhead", "front": "cam_front", "wrist": "cam_wrist"}  # fmt: skip


class Scene:
    def __init__(self, pyrep, robot, obs_config, robot_setup="panda"):
        self.pyrep, self.robot, self._obs_config = pyrep, robot, obs_config
        self.robot_setup, self.task = robot_setup, None
        self._has_init_task, self._variation_index = False, 0
        self._step_callback, self._joint_position_action = None, None
        self._sensors = {name: self._sensor(name, full) for name, full in CAMERAS.items()}
        self._masks = {name: self._mask_sensor(name, full) for name, full in CAMERAS.items()}

    def _sensor(self, name, full):
        config, mount = getattr(self._obs_config, f"{name}_camera"), RLBENCH_MOUNTS[name]
        sensor = VisionSensor.put(full, mounted_camera(name, 64, np.eye(4)).to_rlbench()[0])
        sensor.angle = np.rad2deg(mount.opening_angle)
        sensor.near, sensor.far = mount.near, mount.far
        if not (config.rgb or config.depth or config.point_cloud):
            sensor.remove()
        else:
            sensor.set_explicit_handling(1)
            sensor.set_resolution(config.image_size)
            sensor.set_render_mode(config.render_mode)
        return sensor

    def _mask_sensor(self, name, full):
        config = getattr(self._obs_config, f"{name}_camera")
        sensor = VisionSensor.put(f"{full}_mask", self._sensors[name].get_matrix())
        if not config.mask:
            sensor.remove()
        else:
            sensor.set_explicit_handling(1)
            sensor.set_resolution(config.image_size)
        return sensor

    def load(self, task):
        task.load()
        self.task, self._has_init_task = task, False

    def unload(self):
        if self.task is not None:
            self.task.unload()
        self.task = None

    def reset(self):
        self.robot.gripper.release()
        self.pyrep.world.reset()
        if self._has_init_task:
            self.task.cleanup_()
            self.task.restore_state(self._initial_task_state)

    def init_episode(self, index, randomly_place=True, max_attempts=5, place_demo=False):
        self._variation_index = index
        if not self._has_init_task:
            self.task.init_task()
            self._initial_task_state, self._has_init_task = self.task.get_state(), True
        self._attempts = 0
        while self._attempts < max_attempts:
            descriptions = self.task.init_episode(index)
            if place_demo:
                self._attempts += 1
                continue
            try:
                self.task.validate()
                break
            except BoundaryError:
                self.task.cleanup_()
                self.task.restore_state(self._initial_task_state)
                self._attempts += 1
                if self._attempts >= max_attempts:
                    raise
        for _ in range(10):
            self.pyrep.step()
        return descriptions

    def step(self):
        self.pyrep.step()
        self.task.step()
        if self._step_callback is not None:
            self._step_callback()

    def register_step_callback(self, func):
        self._step_callback = func

    def get_observation(self):
        world, config = self.pyrep.world, self._obs_config
        poses, tip = forward_kinematics(np.nan_to_num(world.joints))
        pictures = {}
        for name, sensor in self._sensors.items():
            wanted = getattr(config, f"{name}_camera")
            if wanted.rgb or wanted.depth:
                sensor.handle_explicitly()
            rgb = sensor.capture_rgb() if wanted.rgb else None
            pictures[f"{name}_rgb"] = rgb if rgb is None else (rgb * 255.0).astype(np.uint8)
            pictures[f"{name}_depth"] = sensor.capture_depth() if wanted.depth else None
            if wanted.mask:
                self._masks[name].handle_explicitly()
            mask = np.full(sensor.size[::-1], 16.999998, np.float32) if wanted.mask else None
            pictures |= {f"{name}_mask": mask, f"{name}_point_cloud": None}
        states = {
            "joint_velocities": world.velocities.copy(), "joint_positions": world.joints.copy(),
            "joint_forces": np.zeros(7), "gripper_pose": pose_vector(tip), "gripper_matrix": tip,
            "gripper_open": 1.0 if self.robot.gripper.get_open_amount()[0] > 0.9 else 0.0,
            "gripper_joint_positions": world.fingers.copy(), "gripper_touch_forces": np.zeros(6),
            "task_low_dim_state": self.task.get_low_dim_state(),
        }  # fmt: skip
        states = {k: v if getattr(config, k) else None for k, v in states.items()}
        return Observation(**pictures, **states, misc=self._misc(poses, tip))

    def _misc(self, poses, tip):
        misc = {}
        for name, sensor in self._sensors.items():
            if sensor.still_exists():
                extrinsics = sensor.get_matrix()
                if name == "wrist":
                    extrinsics, _ = mounted_camera(name, sensor.size[0], tip).to_rlbench()
                misc |= {f"{name}_camera_extrinsics": extrinsics,
                         f"{name}_camera_intrinsics": sensor.get_intrinsic_matrix(),
                         f"{name}_camera_near": sensor.get_near_clipping_plane(),
                         f"{name}_camera_far": sensor.get_far_clipping_plane()}  # fmt: skip
        misc["variation_index"] = self._variation_index
        if self._joint_position_action is not None:
            misc["joint_position_action"] = self._joint_position_action
        return misc | {"joint_poses": list(pose_vector(poses))}

    def get_demo(self, record=True, callable_each_step=None, randomly_place=True):
        """To the goal along a line with RLBench's lag, close the gripper, ten last steps."""
        world, arm = self.pyrep.world, self.robot.arm
        event("speeds", f"{arm.max_velocity} {arm.max_acceleration}")
        self._joint_position_action = None
        demo = [self.get_observation()]
        start, steps = world.joints.copy(), int(np.abs(self.task.goal - world.joints).max() / 0.03)
        for share in [*np.linspace(0, 1, steps + 2)[1:], *[1.0] * 3]:
            self._towards(start + share * (self.task.goal - start), 1.0)
            self._record(demo, callable_each_step)
        done = False
        while not done:
            done = self.robot.gripper.actuate(0.0, 0.04)
            self._towards(self.task.goal, 0.1)
        self._record(demo, callable_each_step)
        if not self.task.success()[0]:
            raise DemoError("Demo was completed, but was not successful.", self.task)
        processed = Demo(demo)
        processed.num_reset_attempts = self._attempts + 1
        return processed

    def _towards(self, joints, gripper):
        self.robot.arm.set_joint_target_positions(joints)
        self.step()
        self._joint_position_action = np.append(joints, gripper)

    def _record(self, demo, func):
        demo.append(self.get_observation())
        if func is not None:
            func(self.get_observation())
