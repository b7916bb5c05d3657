"""One waypoint of the scripted expert: where the tip goes and what the gripper does there."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from genima_lite import planner

if TYPE_CHECKING:
    from genima_lite.envs.bench.scene import Scene

NOTHING = ""
"""What a hand grasps that closes in order to press or push."""


@dataclass(frozen=True, eq=False)
class Waypoint(planner.Waypoint):
    """One waypoint of the expert; what it adds matters only to recovery.

    Attributes:
        grasps: name of the body that a closing gripper takes: a graspable one, or a handle.
            `None` means the task's first graspable body, or a handle where there is none, and at
            the first waypoint nothing. `NOTHING`: the hand closes to press or push.
        done: returns, from the scene alone, whether what the expert wants up to here is reached.
            A phase ends at this waypoint.
        live: with a thing in the hand, the pose follows the pieces as they lie now, and the arm
            goes on only from within the funnel that leads here. Otherwise the pose stays as it
            was at the episode's start. A live pose must not depend on the thing in the hand.
    """

    grasps: str | None = None
    done: Callable[[Scene], bool] | None = None
    live: bool = False
