import numpy as np

from rlbench.action_modes.arm_action_modes import assert_action_shape


class GripperActionMode:
    def action_shape(self, scene):
        raise NotImplementedError


class Discrete(GripperActionMode):
    """Acts only on a change; attaches before it closes, detaches before it opens."""

    def __init__(self, attach_grasped_objects=True, detach_before_open=True):
        self._attach, self._detach_first = attach_grasped_objects, detach_before_open

    def _actuate(self, action, scene):
        done = False
        while not done:
            done = scene.robot.gripper.actuate(action, velocity=0.2)
            scene.pyrep.step()
            scene.task.step()

    def action(self, scene, action):
        assert_action_shape(action, self.action_shape(scene.robot))
        gripper = scene.robot.gripper
        now = 1.0 if all(x > 0.9 for x in gripper.get_open_amount()) else 0.0
        wanted = float(action[0] > 0.5)
        if now == wanted:
            return
        if not self._detach_first:
            self._actuate(wanted, scene)
        if wanted == 0.0 and self._attach:
            for each in scene.task.get_graspable_objects():
                gripper.grasp(each)
        else:
            gripper.release()
        if self._detach_first:
            self._actuate(wanted, scene)
        if wanted == 1.0:
            for _ in range(10):
                scene.pyrep.step()
                scene.task.step()

    def action_shape(self, scene):
        return (1,)

    def action_bounds(self):
        return np.array([0]), np.array([1])
