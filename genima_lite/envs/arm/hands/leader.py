"""A second arm, led by hand; the first one follows."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np

from genima_lite import panda
from genima_lite.envs.arm.api import Arm
from genima_lite.envs.arm.drivers.panda_py_arm import PandaPyArm
from genima_lite.envs.arm.drivers.wall import WallClock
from genima_lite.envs.arm.hands.keys import GRIPPER, Keys, over
from genima_lite.errors import UserError

if TYPE_CHECKING:
    from genima_lite.envs.arm.env import ArmEnv

_NEAR = 0.1
"""Radians that leader and follower may be apart at the beginning."""

_DRIVERS = {"panda-py": PandaPyArm}
"""Those with a teaching mode; franky has none."""


def leader_arm(where: str) -> Arm:
    """Return the arm of "driver:address".

    Raises:
        UserError: no such driver, or no address.
    """
    driver, _, address = where.partition(":")
    if driver not in _DRIVERS or not address:
        raise UserError(f"leader is '{where}': give panda-py: and its address; it must be a Panda")
    return _DRIVERS[driver](address, WallClock())


class Leader:
    """The person moves the leader; space: the follower's gripper; enter: done; backspace: anew.

    Args:
        arm: the leader, not connected yet.
        keys: of the person.
    """

    guides = False

    def __init__(self, arm: Arm, keys: Keys):
        self._arm, self._keys, self._connected = arm, keys, False

    def check(self) -> None:
        """Raise `UserError` unless there is a terminal; the leader is reached when it leads."""
        self._keys.check()

    def rows(self, env: ArmEnv) -> Iterator[np.ndarray]:
        """Yield where the leader is.

        Raises:
            UserError: it does not answer, or is elsewhere than the follower at the beginning.
        """
        if not self._connected:
            self._arm.connect()
            self._connected = True
        self._arm.guide(True)
        seen = env.observation
        apart = panda.from_franka(self._arm.read().joints) - np.asarray(seen.joint_positions)
        if (worst := int(np.abs(apart).argmax())) >= 0 and abs(apart[worst]) > _NEAR:
            raise UserError(
                f"the leader's joint {worst + 1} is {apart[worst]:+.2f} rad from the follower's; "
                f"{_NEAR} are allowed: bring it there first"
            )
        opening = float(seen.gripper_open or 0.0)
        with self._keys as keys:
            while not over(pressed := keys.pressed()):
                if pressed.count(GRIPPER) % 2:
                    opening = float(opening < 0.5)
                yield np.append(panda.from_franka(self._arm.read().joints), opening)

    def close(self) -> None:
        """Hold the leader, and let go of it."""
        if self._connected:
            self._arm.guide(False)
            self._arm.close()
        self._connected = False
