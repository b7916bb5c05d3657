import numpy as np


class ActionMode:
    def __init__(self, arm_action_mode, gripper_action_mode):
        self.arm_action_mode = arm_action_mode
        self.gripper_action_mode = gripper_action_mode

    def action_bounds(self):
        raise NotImplementedError("You must define your own action bounds.")


class MoveArmThenGripper(ActionMode):
    def action(self, scene, action):
        size = np.prod(self.arm_action_mode.action_shape(scene))
        self.arm_action_mode.action(scene, np.array(action[:size]))
        self.gripper_action_mode.action(scene, np.array(action[size:]))

    def action_shape(self, scene):
        modes = (self.arm_action_mode, self.gripper_action_mode)
        return sum(np.prod(mode.action_shape(scene)) for mode in modes)
