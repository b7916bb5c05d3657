import os

from colosseum.variations.manager import VariationsManager
from omegaconf import DictConfig
from rlbench.backend.scene import Scene
from rlbench.observation_config import ObservationConfig

DEFAULT_PATH_TTMS = os.path.join(os.path.dirname(__file__), "..", "task_ttms")


class SceneExt(Scene):
    def __init__(self, pyrep, robot, obs_config=ObservationConfig(), robot_setup="panda",
                 path_task_ttms=DEFAULT_PATH_TTMS, scene_config=DictConfig({})):  # fmt: skip
        super().__init__(pyrep, robot, obs_config, robot_setup)
        self._path_task_ttms = path_task_ttms
        self._var_manager = VariationsManager(pyrep, scene_config.factors)

    def init_episode(self, index, randomly_place=True, max_attempts=5, place_demo=False):
        if not self._has_init_task:
            self._var_manager.on_init_task()
        self._var_manager.on_init_episode()
        return super().init_episode(index, randomly_place, max_attempts, place_demo)

    def step(self):
        super().step()
        self._var_manager.on_step_episode()
