"""The arm led by hand, in its teaching mode; keys for the gripper and the end."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np

from genima_lite.envs.arm.hands.keys import GRIPPER, Keys, over

if TYPE_CHECKING:
    from genima_lite.envs.arm.env import ArmEnv


class Guiding:
    """The person moves the arm; space: the gripper; enter: done; backspace: anew."""

    guides = True

    def __init__(self, keys: Keys):
        self._keys = keys

    def check(self) -> None:
        """Raise `UserError` unless there is a terminal."""
        self._keys.check()

    def rows(self, env: ArmEnv) -> Iterator[np.ndarray]:
        """Yield what the gripper does; where the arm goes, the person decides."""
        opening = float(env.observation.gripper_open or 0.0)
        with self._keys as keys:
            while not over(pressed := keys.pressed()):
                if pressed.count(GRIPPER) % 2:
                    opening = float(opening < 0.5)
                yield np.append(np.zeros(7), opening)

    def close(self) -> None:
        """Nothing is to be let go of."""
