"""What a run needs of a backend, together: clock, arm, gripper, cameras, and the table."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from genima_lite.cameras import Camera as Pinhole
from genima_lite.envs.arm.api import Arm, Camera, Clock, Gripper
from genima_lite.envs.arm.settings import REPLAY
from genima_lite.observation import Demo

if TYPE_CHECKING:
    from genima_lite.envs.api import EnvSpec
    from genima_lite.envs.arm.operators import Operator
    from genima_lite.envs.arm.settings import ArmSettings


class Table(Protocol):
    """The scene in front of the arm, and who knows whether the task is done.

    Attributes:
        variations: of the task.
        time_limit: steps of 50 ms.
    """

    variations: int
    time_limit: int

    @property
    def random_state(self) -> tuple | None:
        """From which the scene was drawn; `None` on a real table."""

    def reset(self, seed: int | None, options: dict[str, Any]) -> int:
        """Set the scene up, the arm out of the way; return the variation."""

    def restore(self, demo: Demo) -> int:
        """Set the scene of a demonstration up, the arm out of the way; return the variation."""

    def instructions(self, variation: int) -> list[str]:
        """Return sentences that ask for a variation."""

    def success(self) -> bool:
        """Return whether the task is done now, where that is known without asking."""

    def ended(self, success: bool) -> bool:
        """Return whether the episode that ended was a success; a person may be asked."""

    def thinks(self, seconds: float) -> float:
        """Return how many seconds of the backend's clock a policy's thinking takes that took
        `seconds` of the wall: as many on a real arm, where they have passed already.
        """


@dataclass(frozen=True, eq=False)
class Backend:
    """All parts; none is connected yet.

    Attributes:
        clock, arm, gripper, cameras, table: see their protocols.
        view: gives a camera's intrinsics and pose in the world, from the (4, 4) tip pose.
        extra: gives capabilities beside `RobotEnv`, such as an expert; `None`: there are none.
        told: gives what else the log says of an episode that ended, JSON-able.
        live: whether its time passes by itself, so that what goes on while a policy thinks needs a
            thread.
    """

    clock: Clock
    arm: Arm
    gripper: Gripper
    cameras: tuple[Camera, ...]
    table: Table
    view: Callable[[str, Any], Pinhole]
    extra: Any = None
    told: Callable[[], dict[str, Any]] = dict
    live: bool = False

    @property
    def devices(self) -> tuple[Arm | Gripper | Camera, ...]:
        """What is connected and closed."""
        return self.arm, self.gripper, *self.cameras


def make_backend(spec: EnvSpec, settings: ArmSettings, operator: Operator) -> Backend:
    """Return the parts of the backend that the settings name.

    Raises:
        UserError: this driver needs what is not there.
    """
    if settings.on_twin:
        from genima_lite.envs.arm.calibration.store import read_usable
        from genima_lite.envs.arm.twin.parts import make_twin

        if settings.calibration is not None:  # a rehearsal finds what the robot would refuse
            read_usable(settings.calibration, settings.model, settings.rig, spec.cameras)

        return make_twin(spec, settings)
    if settings.driver == REPLAY:
        from genima_lite.envs.arm.replay import make_replay

        return make_replay(spec, settings)
    from genima_lite.envs.arm.drivers.parts import make_driver

    return make_driver(spec, settings, operator)
