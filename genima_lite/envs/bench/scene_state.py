"""A scene that was stored: what must be in it, checked before the simulator gets any of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from genima_lite.envs.bench.gl import mujoco
from genima_lite.envs.bench.task import Task
from genima_lite.errors import UserError
from genima_lite.schema import decode

STATE = int(mujoco.mjtState.mjSTATE_INTEGRATION)
"""What of the simulator's state is stored."""

WELD = 11
"""How many numbers say how a body is held."""

_LARGEST = 1e6
"""No position, speed, force or acceleration of the bench comes near."""

_ANGLE = 10.0
"""Radians; no joint of the arm turns as far."""


@dataclass(frozen=True)
class RobotState:
    """What the simulator's state lacks: where the arm was last sent to, joints (7,) in radians
    (`None`: where it was commanded to), by body the numbers that say how it is held, and whether
    the arm tracks as RLBench's.
    """

    reference: list[float] | None = None
    held: dict[str, list[float]] = field(default_factory=dict)
    lags: bool = False


@dataclass(frozen=True)
class SceneState:
    """All that defines a scene; see `genima_lite.envs.bench.scene.Scene.state`."""

    variation: int
    mujoco: list[float]
    geom_rgba: dict[str, list[float]]
    robot: RobotState = RobotState()
    start: list[float] | None = None


def checked(values: Mapping[str, Any], task: Task, model: mujoco.MjModel) -> SceneState:
    """Return a stored scene that fits a task and its model.

    Raises:
        UserError: incomplete, of another type, another task's or version's, or with numbers that
            no scene has; the message names the field.
    """
    missing = [name for name in ("variation", "mujoco", "geom_rgba") if name not in values]
    if missing:
        raise UserError(f"scene state lacks '{missing[0]}': it was not written by the bench")
    state = decode(SceneState, dict(values), "scene state", others=True)
    if not 0 <= state.variation < task.variations:
        raise UserError(f"scene state: variation {state.variation}, of {task.variations} there are")
    _check_numbers("mujoco", state.mujoco, mujoco.mj_stateSize(model, STATE), _LARGEST)
    if state.start is not None:
        _check_numbers("start", state.start, model.nq, _LARGEST)
    if state.robot.reference is not None:
        _check_numbers("robot.reference", state.robot.reference, 7, _ANGLE)
    for name, weld in state.robot.held.items():
        _check_held(name, weld, task.graspable)
    for index, rgba in state.geom_rgba.items():
        _check_numbers(f"geom_rgba.{index:.20}", rgba, 4, 1.0)
        if not index.isdecimal() or not index.isascii() or int(index[:9]) >= model.ngeom:
            raise UserError(f"scene state: geom_rgba has no geom {index!r:.20}")
    return state


def _check_numbers(name: str, numbers: list[float], count: int, largest: float) -> None:
    if len(numbers) != count:
        raise UserError(
            f"scene state: {name} holds {len(numbers)} numbers, this task's needs {count}: it was "
            "written for another task or by another version of the bench"
        )
    wrong = np.flatnonzero(~(np.abs(np.array(numbers)) <= largest))  # NaN too
    if len(wrong):
        raise UserError(f"scene state: {name}[{wrong[0]}] is {numbers[wrong[0]]}; record it again")


def _check_held(name: str, weld: list[float], graspable: tuple[str, ...]) -> None:
    if name not in graspable or len(weld) != WELD:
        raise UserError(
            f"scene state: robot.held says that the gripper holds {name!r:.40} by {len(weld)} "
            f"numbers; here it can hold {', '.join(graspable) or 'nothing'}, each by {WELD}"
        )
    _check_numbers(f"robot.held.{name}", weld, WELD, _LARGEST)
