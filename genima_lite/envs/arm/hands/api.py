"""What leads an arm, row by row, and how one is made by name."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

import numpy as np

from genima_lite.errors import UserError

if TYPE_CHECKING:
    from genima_lite.envs.arm.env import ArmEnv

HANDS = ("expert", "guiding", "keyboard", "gamepad", "leader")


class Discarded(Exception):
    """The person does not want the demonstration that is being recorded."""


class Hand(Protocol):
    """Leads the arm.

    Attributes:
        guides: whether the arm itself is led by hand (teaching mode): nothing is sent then, and
            of a row only the gripper counts. The twin is pushed to the row's joints.
    """

    guides: bool

    def check(self) -> None:
        """Refuse at once what would fail when it begins to lead.

        Raises:
            UserError: the device is not there.
        """

    def rows(self, env: ArmEnv) -> Iterator[np.ndarray]:
        """Yield a row (8,) every 50 ms until the person says that it is done.

        Joint targets in radians, RLBench's angles, then gripper open.

        Raises:
            Discarded: the person wants to begin anew.
            UserError: the device is not there, or cannot lead this arm.
        """

    def close(self) -> None:
        """Let go of the device."""


@dataclass(frozen=True)
class HandSettings:
    """Which hand, and where its device is."""

    hand: str = "expert"
    """expert (on the twin, in a person's place), guiding (by hand, in teaching mode; on the twin
    the expert pushes), keyboard, gamepad, or leader (a second arm, led by hand)."""
    gamepad: str = "/dev/input/js0"
    """Device of a gamepad, as Linux has it."""
    leader: str = ""
    """Driver and address of a leader arm, such as panda-py:172.16.0.3."""

    def __post_init__(self) -> None:
        if self.hand not in HANDS:
            raise UserError(f"hand is '{self.hand}': choose from {', '.join(HANDS)}")
        if (self.hand == "leader") != bool(self.leader):
            raise UserError("leader is for hand leader, which needs it, such as panda-py:ADDRESS")


def make_hand(settings: HandSettings, on_twin: bool) -> Hand:
    """Return the hand of a name; devices are opened when it begins to lead.

    Raises:
        UserError: an expert, and no twin.
    """
    from genima_lite.envs.arm.hands.expert import Expert
    from genima_lite.envs.arm.hands.gamepad import Gamepad
    from genima_lite.envs.arm.hands.guiding import Guiding
    from genima_lite.envs.arm.hands.keyboard import Keyboard
    from genima_lite.envs.arm.hands.keys import TerminalKeys
    from genima_lite.envs.arm.hands.leader import Leader, leader_arm

    if settings.hand == "expert" or (settings.hand == "guiding" and on_twin):
        if not on_twin:
            raise UserError("hand expert is for the twin: a real arm is led by a person")
        return Expert(settings.hand == "guiding")
    if settings.hand == "guiding":
        return Guiding(TerminalKeys())
    if settings.hand == "keyboard":
        return Keyboard(TerminalKeys())
    if settings.hand == "gamepad":
        return Gamepad(settings.gamepad)
    return Leader(leader_arm(settings.leader), TerminalKeys())
