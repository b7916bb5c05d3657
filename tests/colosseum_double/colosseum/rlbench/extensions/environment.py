import inspect

from colosseum.rlbench.extensions.scene import DEFAULT_PATH_TTMS, SceneExt
from colosseum.rlbench.extensions.task_environment import TaskEnvironmentExt
from omegaconf import DictConfig
from pyrep import PyRep
from rlbench.backend.robot import Arm, Gripper, Robot
from rlbench.environment import Environment
from rlbench.observation_config import ObservationConfig


class EnvironmentExt(Environment):
    def __init__(self, action_mode, dataset_root="", obs_config=ObservationConfig(),
                 headless=False, static_positions=False, robot_setup="panda", randomize_every=None,
                 use_variations=True, frequency=1, vis_random_config=None, dyn_random_config=None,
                 attach_grasped_objects=True, shaped_rewards=False,
                 path_task_ttms=DEFAULT_PATH_TTMS, env_config=DictConfig({})):  # fmt: skip
        if len(inspect.signature(Environment.__init__).parameters) not in (12, 13):
            raise RuntimeError("Unexpected number of arguments in Environment.__init__")
        super().__init__(action_mode, dataset_root, obs_config, headless)
        self._path_task_ttms, self._use_variations = path_task_ttms, use_variations
        self._env_config = env_config

    def launch(self):
        if self._pyrep is not None:
            raise RuntimeError("Already called launch!")
        self._pyrep = PyRep()
        self._pyrep.launch("task_design.ttt", headless=self._headless)
        world = self._pyrep.world
        self._robot = Robot(Arm(world), Gripper(world))  # without the speeds
        self._scene = SceneExt(
            self._pyrep, self._robot, obs_config=self._obs_config, robot_setup="panda",
            path_task_ttms=self._path_task_ttms, scene_config=self._env_config.scene,
        )  # fmt: skip
        self._action_mode.arm_action_mode.set_control_mode(self._robot)

    def get_task(self, task_class):
        if self._pyrep is None:
            self.launch()
        self._scene.unload()
        task = task_class(self._pyrep, self._robot)
        return TaskEnvironmentExt(self._pyrep, self._robot, self._scene, task, self._action_mode,
                                  self._dataset_root, self._obs_config)  # fmt: skip
