"""The tip moved by a gamepad, through Linux's joystick device: eight bytes an event."""

from __future__ import annotations

import os
import stat
import struct
from collections.abc import Iterator
from contextlib import suppress
from typing import TYPE_CHECKING

import numpy as np

from genima_lite.envs.arm.hands.api import Discarded
from genima_lite.envs.arm.hands.jog import Jog
from genima_lite.errors import UserError

if TYPE_CHECKING:
    from genima_lite.envs.arm.env import ArmEnv

_INPUT = 13
"""Linux's major number of mice, keyboards and gamepads."""

_EVENT = struct.Struct("IhBB")
"""Milliseconds, value, kind, number."""

_BUTTON, _AXIS, _BEGINNING = 1, 2, 0x80
_TOP, _DEAD = 32767, 0.1
_AXES = ((1, 0, -1), (0, 1, -1), (4, 2, -1), (3, 3, -1))
"""Of an axis: its number, which speed it is, its sign. Forwards and to the left are minus."""

GRIPPER, DONE, ANEW = 0, 7, 6
"""Buttons: A or cross; start; select."""


class Gamepad:
    """Left stick: x and y; right stick: height and turning; A: gripper; start: done; select: anew.

    Args:
        device: such as /dev/input/js0.
    """

    guides = False

    def __init__(self, device: str):
        self._device, self._file = device, -1

    def check(self) -> None:
        """Raise `UserError` unless the device is there."""
        self._open()

    def rows(self, env: ArmEnv) -> Iterator[np.ndarray]:
        """Yield rows until start is pressed.

        Raises:
            UserError: there is no such device, or it was pulled out.
        """
        self._open()
        seen = env.observation
        jog = Jog(np.asarray(seen.joint_positions), float(seen.gripper_open or 0.0))
        sticks = np.zeros(4)
        while True:
            for value, kind, number in self._events():
                if kind == _AXIS:
                    sticks = _moved(sticks, number, value / _TOP)
                elif kind == _BUTTON and value and number == GRIPPER:
                    jog.toggle()
                elif kind == _BUTTON and value and number == ANEW:
                    raise Discarded
                elif kind == _BUTTON and value and number == DONE:
                    return
            yield jog.row(sticks)

    def close(self) -> None:
        """Close the device."""
        if self._file >= 0:
            os.close(self._file)
        self._file = -1

    def _open(self) -> None:
        if self._file >= 0:
            return
        try:
            self._file = os.open(self._device, os.O_RDONLY | os.O_NONBLOCK)
        except OSError as error:
            raise UserError(f"{self._device}: no gamepad ({error.strerror})") from None
        found = os.fstat(self._file)
        device = stat.S_ISCHR(found.st_mode) and os.major(found.st_rdev) == _INPUT
        if not (device or stat.S_ISFIFO(found.st_mode)):  # others have no end of events, or none
            self.close()
            raise UserError(f"{self._device}: no gamepad; give its device, such as /dev/input/js0")

    def _events(self) -> Iterator[tuple[int, int, int]]:
        """Yield value, kind and number of what happened since the last call."""
        with suppress(BlockingIOError):
            while True:
                try:
                    event = os.read(self._file, _EVENT.size)
                except OSError as error:
                    if isinstance(error, BlockingIOError):
                        raise
                    raise UserError(f"{self._device}: the gamepad is gone ({error})") from None
                if len(event) < _EVENT.size:
                    return
                _, value, kind, number = _EVENT.unpack(event)
                yield value, kind & ~_BEGINNING, number


def _moved(sticks: np.ndarray, number: int, value: float) -> np.ndarray:
    """Return speeds (4,) after a stick moved; near its middle it rests."""
    moved = sticks.copy()
    for axis, speed, sign in _AXES:
        if axis == number:
            moved[speed] = sign * value if abs(value) > _DEAD else 0.0
    return moved
