import numpy as np

from rlbench.backend.exceptions import InvalidActionError


def assert_action_shape(action, expected_shape):
    if np.shape(action) != expected_shape:
        raise InvalidActionError(
            f"Expected the action shape to be: {expected_shape}, but was shape: {np.shape(action)}"
        )


class ArmActionMode:
    def action_shape(self, scene):
        raise NotImplementedError

    def set_control_mode(self, robot):
        robot.arm.set_control_loop_enabled(True)


class JointPosition(ArmActionMode):
    def __init__(self, absolute_mode=True):
        self._absolute_mode = absolute_mode

    def action(self, scene, action):
        self.action_pre_step(scene, action)
        self.action_step(scene, action)
        self.action_post_step(scene, action)

    def action_pre_step(self, scene, action):
        assert_action_shape(action, self.action_shape(scene))
        arm = scene.robot.arm
        if not self._absolute_mode:
            action = np.array(arm.get_joint_positions()) + action
        arm.set_joint_target_positions(action)

    def action_step(self, scene, action):
        scene.step()

    def action_post_step(self, scene, action):
        arm = scene.robot.arm
        arm.set_joint_target_positions(arm.get_joint_positions())

    def action_shape(self, scene):
        return (7,)
