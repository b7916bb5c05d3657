import builtins
import logging

import numpy as np

from pyrep.errors import IKError
from pyrep.world import event
from rlbench.backend import exceptions
from rlbench.backend.exceptions import (
    BoundaryError,
    DemoError,
    TaskEnvironmentError,
    WaypointError,
)

_MAX_RESET_ATTEMPTS = 40
_MAX_DEMO_ATTEMPTS = 10


class TaskEnvironment:
    def __init__(self, pyrep, robot, scene, task, action_mode, dataset_root, obs_config,
                 static_positions=False, attach_grasped_objects=True,
                 shaped_rewards=False):  # fmt: skip
        self._pyrep, self._robot, self._scene, self._task = pyrep, robot, scene, task
        self._action_mode, self._dataset_root = action_mode, dataset_root
        self._variation_number, self._reset_called = 0, False
        self._scene.load(self._task)
        self._pyrep.start()

    def get_name(self):
        return self._task.get_name()

    def sample_variation(self):
        self._variation_number = np.random.randint(0, self._task.variation_count())  # noqa: NPY002
        return self._variation_number

    def set_variation(self, v):
        if v >= self.variation_count():
            raise TaskEnvironmentError(
                f"Requested variation {v}, but there are only {self.variation_count()} variations."
            )
        self._variation_number = v

    def variation_count(self):
        return self._task.variation_count()

    def reset(self, demo=None):
        _raise(event("reset", str(self._variation_number)))
        self._scene.reset()
        placed = getattr(demo, "num_reset_attempts", None)
        try:
            descriptions = self._scene.init_episode(
                self._variation_number,
                max_attempts=_MAX_RESET_ATTEMPTS if placed is None else placed,
                place_demo=placed is not None,
            )
        except (BoundaryError, WaypointError) as e:
            raise TaskEnvironmentError(
                f"Could not place the task {self.get_name()} in the scene."
            ) from e
        self._reset_called = True
        return descriptions, self._scene.get_observation()

    def get_observation(self):
        return self._scene.get_observation()

    def step(self, action):
        if not self._reset_called:
            raise RuntimeError("Call 'reset' before calling 'step' on a task.")
        fault = event("step")
        if fault == "nan":
            self._pyrep.world.joints[:] = np.nan
        else:
            _raise(fault)
        self._action_mode.action(self._scene, action)
        success, terminate = self._task.success()
        return self._scene.get_observation(), float(success), terminate

    def get_demos(self, amount, live_demos=False, image_paths=False, callable_each_step=None,
                  max_attempts=_MAX_DEMO_ATTEMPTS, random_selection=True,
                  from_episode_number=0):  # fmt: skip
        if not live_demos:
            raise RuntimeError("Can't ask for a stored demo when no dataset root provided.")
        return [self._live_demo(callable_each_step, max_attempts) for _ in range(amount)]

    def _live_demo(self, callable_each_step, attempts):
        while attempts > 0:
            state = np.random.get_state()  # noqa: NPY002
            self.reset()
            try:
                if event("demo") is not None:
                    raise DemoError("Could not get a path for waypoint 1.", self._task)
                demo = self._scene.get_demo(callable_each_step=callable_each_step)
                demo.random_seed = state
                return demo
            except Exception as e:
                attempts -= 1
                logging.info("Bad demo. " + str(e))
        raise RuntimeError("Could not collect demos. Maybe a problem with the task?")

    def reset_to_demo(self, demo):
        demo.restore_state()
        self.set_variation(demo._observations[0].misc["variation_index"])
        return self.reset(demo)


def _raise(fault):
    """Raise the error that a fault names."""
    if fault == "IKError":
        raise IKError("Could not perform IK.")
    if fault is not None:
        kind = getattr(exceptions, fault, None) or getattr(builtins, fault)
        raise kind(f"{fault} of the double")
