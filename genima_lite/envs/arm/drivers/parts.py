"""The parts of a real arm: driver, gripper, calibrated cameras, and a table that a person sets."""

from __future__ import annotations

from typing import Any

import numpy as np

from genima_lite.cameras import Camera as Pinhole
from genima_lite.envs.api import EnvSpec
from genima_lite.envs.arm.api import Arm, Gripper
from genima_lite.envs.arm.backend import Backend
from genima_lite.envs.arm.calibration.store import read_usable
from genima_lite.envs.arm.drivers.cameras import CalibratedCamera
from genima_lite.envs.arm.drivers.franky_arm import FrankyArm, FrankyGripper
from genima_lite.envs.arm.drivers.panda_py_arm import PandaPyArm, PandaPyGripper
from genima_lite.envs.arm.drivers.wall import WallClock
from genima_lite.envs.arm.operators import Operator
from genima_lite.envs.arm.settings import ArmSettings
from genima_lite.envs.arm.twin.tasks import load_task
from genima_lite.errors import UserError
from genima_lite.observation import Demo


def make_driver(spec: EnvSpec, settings: ArmSettings, operator: Operator) -> Backend:
    """Return the parts of a real arm.

    Raises:
        UserError: no calibration, or one that may not be used.
    """
    clock = WallClock()
    arm, gripper = arm_of(settings, clock)
    if settings.calibration is None:
        raise UserError("a real arm needs calibrated cameras: give a calibration")
    how = (settings.model, settings.rig, spec.cameras)
    calibration = read_usable(settings.calibration, *how)
    cameras = tuple(
        CalibratedCamera(name, calibration.cameras[name], spec.image_size, clock)
        for name in spec.cameras
    )

    def view(name: str, tip: np.ndarray) -> Pinhole:
        return calibration.cameras[name].camera(tip, spec.image_size)

    def told() -> dict[str, Any]:
        return {"cameras": {each.name: each.told() for each in cameras}}

    table = SetTable(spec.task, operator)
    return Backend(clock, arm, gripper, cameras, table, view, told=told, live=True)


def arm_of(settings: ArmSettings, clock: WallClock) -> tuple[Arm, Gripper]:
    """Return the driver's arm and gripper, not connected yet."""
    if settings.driver == "franky":
        return FrankyArm(settings.address, clock), FrankyGripper(settings.address)
    return PandaPyArm(settings.address, clock), PandaPyGripper(settings.address)


class SetTable:
    """A table that a person sets up, and a task of the bench whose sentences ask for it."""

    random_state = None

    def __init__(self, task: str, operator: Operator):
        rules = load_task(task)
        self.variations, self.time_limit = rules.variations, rules.time_limit
        self._sentences = [rules.instructions(v) for v in range(rules.variations)]
        self._operator, self._task = operator, task

    def reset(self, seed: int | None, options: dict[str, Any]) -> int:
        """Ask a person to set the scene up.

        Raises:
            UserError: unknown options, or the person says no.
        """
        variation = options.get("variation", 0)
        whole = isinstance(variation, int | np.integer) and not isinstance(variation, bool)
        if set(options) - {"variation"} or not whole or not 0 <= variation < self.variations:
            raise UserError(f"options {options}: give a variation from 0 to {self.variations - 1}")
        question = f"Set up '{self._sentences[variation][0]}', arm at home. Ready?"
        if not self._operator.allows(question):
            raise UserError("the operator is not ready: the run ends here")
        return int(variation)

    def restore(self, demo: Demo) -> int:
        """Ask a person to set the scene up. Errors: `reset`."""
        return self.reset(None, {"variation": demo[0].misc.get("variation_index", 0)})

    def instructions(self, variation: int) -> list[str]:
        """Return the task's sentences."""
        return list(self._sentences[variation])

    def success(self) -> bool:
        """Nobody knows before the end."""
        return False

    def ended(self, success: bool) -> bool:
        """Ask a person."""
        return self._operator.allows("Was it a success?")

    def thinks(self, seconds: float) -> float:
        """They have passed already."""
        return seconds
