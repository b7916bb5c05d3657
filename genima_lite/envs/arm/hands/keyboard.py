"""The tip moved by keys."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np

from genima_lite.envs.arm.hands.jog import Jog
from genima_lite.envs.arm.hands.keys import GRIPPER, Keys, over

if TYPE_CHECKING:
    from genima_lite.envs.arm.env import ArmEnv

MOVES = {
    "w": (1, 0, 0, 0), "s": (-1, 0, 0, 0), "a": (0, 1, 0, 0), "d": (0, -1, 0, 0),
    "r": (0, 0, 1, 0), "f": (0, 0, -1, 0), "q": (0, 0, 0, 1), "e": (0, 0, 0, -1),
}  # fmt: skip
"""Forth, back, left, right, up, down, turns; space: the gripper; enter: done; backspace: anew."""

_HELD = 3
"""Rows that a key counts for: terminals repeat a held key every 30 ms or so, after a pause."""


class Keyboard:
    """Keys w a s d r f q e, space, enter, backspace."""

    guides = False

    def __init__(self, keys: Keys):
        self._keys = keys

    def check(self) -> None:
        """Raise `UserError` unless there is a terminal."""
        self._keys.check()

    def rows(self, env: ArmEnv) -> Iterator[np.ndarray]:
        """Yield rows until enter."""
        seen = env.observation
        jog = Jog(np.asarray(seen.joint_positions), float(seen.gripper_open or 0.0))
        speeds, left = np.zeros(4), 0
        with self._keys as keys:
            while not over(pressed := keys.pressed()):
                if pressed.count(GRIPPER) % 2:
                    jog.toggle()
                moves = [MOVES[key] for key in pressed if key in MOVES]
                left = _HELD if moves else max(0, left - 1)
                speeds = np.array(moves[-1] if moves else speeds if left else np.zeros(4), float)
                yield jog.row(speeds)

    def close(self) -> None:
        """Nothing is to be let go of."""
