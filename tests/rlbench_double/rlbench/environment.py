from pyrep import PyRep
from rlbench.backend.robot import Arm, Gripper, Robot
from rlbench.backend.scene import Scene
from rlbench.observation_config import ObservationConfig
from rlbench.task_environment import TaskEnvironment


class Environment:
    def __init__(self, action_mode, dataset_root="", obs_config=ObservationConfig(),
                 headless=False, static_positions=False, robot_setup="panda",
                 randomize_every=None, frequency=1, visual_randomization_config=None,
                 dynamics_randomization_config=None, attach_grasped_objects=True,
                 shaped_rewards=False, arm_max_velocity=1.0,
                 arm_max_acceleration=4.0):  # fmt: skip
        self._action_mode, self._obs_config = action_mode, obs_config
        self._dataset_root, self._headless, self._pyrep = dataset_root, headless, None
        self._speeds = (arm_max_velocity, arm_max_acceleration)

    def launch(self):
        if self._pyrep is not None:
            raise RuntimeError("Already called launch!")
        self._pyrep = PyRep()
        self._pyrep.launch("task_design.ttt", headless=self._headless)
        world = self._pyrep.world
        self._robot = Robot(Arm(world, *self._speeds), Gripper(world))
        self._scene = Scene(self._pyrep, self._robot, self._obs_config)
        self._action_mode.arm_action_mode.set_control_mode(self._robot)

    def get_task(self, task_class):
        if self._pyrep is None:
            self.launch()
        self._scene.unload()
        task = task_class(self._pyrep, self._robot)
        return TaskEnvironment(self._pyrep, self._robot, self._scene, task, self._action_mode,
                               self._dataset_root, self._obs_config)  # fmt: skip

    def shutdown(self):
        if self._pyrep is not None:
            self._pyrep.shutdown()
        self._pyrep = None
