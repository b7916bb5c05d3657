import numpy as np

from pyrep.world import FINGER, event


class Arm:
    def __init__(self, world, max_velocity=1.0, max_acceleration=4.0):
        self.world = world
        self.max_velocity, self.max_acceleration = max_velocity, max_acceleration

    def get_joint_positions(self):
        return self.world.joints.tolist()

    def set_joint_target_positions(self, positions):
        self.world.target = np.array(positions, float)

    def set_control_loop_enabled(self, value):
        pass


class Gripper:
    def __init__(self, world):
        self.world = world

    def get_open_amount(self):
        return (self.world.fingers / FINGER).tolist()

    def actuate(self, amount, velocity):
        """Move 50 ms; return whether the fingers are there."""
        event("actuate")
        way = amount * FINGER - self.world.fingers
        self.world.fingers = self.world.fingers + np.clip(way, -velocity * 0.05, velocity * 0.05)
        return bool(np.abs(way).max() <= velocity * 0.05)

    def grasp(self, obj):
        event("attach")
        self.world.grasped.append(obj)
        return True

    def release(self):
        event("detach")
        self.world.grasped.clear()


class Robot:
    def __init__(self, arm, gripper):
        self.arm, self.gripper = arm, gripper
