"""The twin's clock, arm, gripper, cameras and table."""

from __future__ import annotations

from typing import Any

import numpy as np

from genima_lite import panda
from genima_lite.cameras import Camera as Pinhole
from genima_lite.envs.api import EnvSpec
from genima_lite.envs.arm.api import ArmState, Picture
from genima_lite.envs.arm.backend import Backend
from genima_lite.envs.arm.settings import ArmSettings
from genima_lite.envs.arm.twin.world import TwinWorld
from genima_lite.envs.bench.observe import scene_camera
from genima_lite.errors import UserError
from genima_lite.observation import Demo

PERIOD = 0.005
"""Seconds between two commands to the twin."""


def make_twin(spec: EnvSpec, settings: ArmSettings) -> Backend:
    """Return the parts of a twin of one task's scene."""
    world = TwinWorld(spec, settings.twin, settings.rig)

    def view(name: str, tip: np.ndarray) -> Pinhole:
        return scene_camera(world.scene, name, spec.image_size)

    return Backend(
        world,
        TwinArm(world, settings.model),
        TwinGripper(world),
        tuple(TwinCamera(world, name) for name in spec.cameras),
        TwinTable(world, settings.think),
        view,
        world,
    )


class TwinArm:
    """The bench's arm behind the protocol `Arm`."""

    period = PERIOD

    def __init__(self, world: TwinWorld, model: str):
        self._world, self.model = world, model
        self._fault: str | None = None
        self._guided = False

    def connect(self) -> None:
        """Nothing needs to be reached."""

    def read(self) -> ArmState:
        """Return the state now."""
        data = self._world.scene.data
        joints = panda.to_franka(data.qpos[:7])
        load = -data.qfrc_actuator[:7]
        return ArmState(self._world.now(), joints, data.qvel[:7].copy(), load, self._fault)

    def send(self, joints: np.ndarray, velocities: np.ndarray) -> None:
        """Command joints (7,) in radians, Franka's, and velocities (7,)."""
        if self._fault is None:
            self._world.command(panda.from_franka(joints), velocities)

    def stop(self) -> None:
        """Hold where the joints are, until `recover`."""
        self._fault = "stopped"
        self._world.freeze()

    def recover(self) -> None:
        """Stand ready."""
        self._fault = None
        self._world.freeze()

    def guide(self, on: bool) -> None:
        """Hold again where a person left the arm."""
        if not on:
            self._world.freeze()
        self._guided = on

    def close(self) -> None:
        """Nothing is to be let go of."""


class TwinGripper:
    """The bench's fingers behind the protocol `Gripper`."""

    def __init__(self, world: TwinWorld):
        self._world = world

    def connect(self) -> None:
        """Nothing needs to be reached."""

    def set(self, opening: float) -> None:
        """Open above 0.5, else close."""
        self._world.grip(opening)

    def width(self) -> float:
        """Return the metres between the fingers."""
        return float(self._world.scene.data.qpos[7:9].sum())

    def close(self) -> None:
        """Nothing is to be let go of."""


class TwinCamera:
    """One of the bench's cameras behind the protocol `Camera`."""

    def __init__(self, world: TwinWorld, name: str):
        self._world, self.name = world, name

    def connect(self) -> None:
        """Nothing needs to be opened."""

    def picture(self) -> Picture:
        """Return the picture that the camera's lag lets one have."""
        return Picture(*self._world.looked(self.name))

    def close(self) -> None:
        """Nothing is to be let go of."""


class TwinTable:
    """The bench's scene: it sets itself up, and knows whether the task is done."""

    def __init__(self, world: TwinWorld, think: float | None):
        self._world, self._think = world, think
        self.variations, self.time_limit = world.variations, world.time_limit

    @property
    def random_state(self) -> tuple | None:
        """From which the scene was drawn."""
        return self._world.random_state

    def reset(self, seed: int | None, options: dict[str, Any]) -> int:
        """Draw the seed's scene; the arm is at home."""
        _, info = self._world.reset(seed=seed, options=options)
        return int(info["variation"])

    def restore(self, demo: Demo) -> int:
        """Set the scene up as it was.

        Raises:
            UserError: there is none, or one that cannot be restored.
        """
        if demo.scene_state is None:
            raise UserError("no scene_state.json, so its scene cannot be restored")
        self._world.set_up(demo.scene_state)
        return int(demo[0].misc.get("variation_index", 0))

    def instructions(self, variation: int) -> list[str]:
        """Return the task's sentences."""
        return self._world.instructions(variation)

    def success(self) -> bool:
        """Return whether the task is done now."""
        return self._world.success

    def ended(self, success: bool) -> bool:
        """Return what the simulation says."""
        return success

    def thinks(self, seconds: float) -> float:
        """Return the simulated seconds that the policy takes; the caller lets them pass."""
        return seconds if self._think is None else self._think
