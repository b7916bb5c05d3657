"""A backend without a simulator: an arm that goes where it is told, and gray pictures."""

import numpy as np

from genima_lite.cameras import RLBENCH_MOUNTS, Camera, intrinsics_of
from genima_lite.envs.api import EnvSpec, Outcome
from genima_lite.observation import CAMERAS, Observation
from genima_lite.panda import HOME, forward_kinematics
from genima_lite.transforms import pose_vector

GOAL = np.append(HOME + 0.2, 0.0)
"""(8,): the task is done where every joint is within 0.01 rad of this and the gripper closed."""


class FakeEnv:
    variations, time_limit, random_state = 2, 60, None

    def __init__(self, spec: EnvSpec):
        self.task_name, self.cameras, self.image_size = spec.task, spec.cameras, spec.image_size
        self.reset()

    def reset(self, *, seed=None, options=None):
        self._variation, self._steps = (options or {}).get("variation", 0), 0
        self._row, self._command = np.append(HOME, 1.0), None
        sentences = self.instructions(self._variation)
        return None, {"instruction": sentences[0], "instructions": sentences}

    def instructions(self, variation):
        return [f"go to place {variation}", f"move to {variation}"]

    @property
    def success(self):
        return bool(np.abs(self._row - GOAL).max() < 0.01)

    @property
    def observation(self):
        poses, tip = forward_kinematics(self._row[:7])
        misc = {"joint_poses": list(pose_vector(poses)), "variation_index": self._variation}
        if self._command is not None:
            misc["joint_position_action"] = self._command
        for name in CAMERAS:
            mount = RLBENCH_MOUNTS[name]
            camera = Camera(intrinsics_of(mount.opening_angle, self.image_size), mount.pose)
            values = [*camera.to_rlbench(), mount.near, mount.far]
            words = ("extrinsics", "intrinsics", "near", "far")
            misc |= {f"{name}_camera_{w}": v for w, v in zip(words, values, strict=True)}
        gray = np.full((self.image_size, self.image_size, 3), 128, np.uint8)
        return Observation(
            joint_positions=self._row[:7].copy(), gripper_open=float(self._row[7]),
            gripper_matrix=tip, gripper_pose=pose_vector(tip), misc=misc,
            **{f"{name}_rgb": gray for name in self.cameras},
        )  # fmt: skip

    def execute(self, actions, on_step=None):
        before = self._steps
        for action in actions:
            self._row, self._command = np.array(action, dtype=float), np.array(action)
            self._steps += 1
            if on_step:
                on_step(self)
            if self.success or self._steps >= self.time_limit:
                break
        over = self.success or self._steps >= self.time_limit
        return Outcome(self._steps - before, self.success, over)

    def expert_stretches(self):
        way = np.linspace(self._row, GOAL, 21)[1:]
        way[:-1, 7] = self._row[7]
        yield way

    def close(self):
        pass


def make(spec):
    return FakeEnv(spec)


def task_names():
    return ["go_there"]
