"""Keys of a terminal, as they are pressed."""

from __future__ import annotations

import select
import sys
from typing import Any, Protocol

from genima_lite.envs.arm.hands.api import Discarded
from genima_lite.errors import UserError

DONE, DISCARD, GRIPPER = "\n", "\x7f", " "
"""Enter, backspace, space."""


class Keys(Protocol):
    """Tells which keys were pressed."""

    def check(self) -> None:
        """Raise `UserError` where no key can be read."""

    def __enter__(self) -> Any:
        """Begin to listen; return itself."""

    def __exit__(self, *_: object) -> None:
        """Stop listening."""

    def pressed(self) -> str:
        """Return the keys pressed since the last call."""


class TerminalKeys:
    """Keys of the terminal that this process runs in, without waiting for enter.

    Raises:
        UserError: there is no terminal.
    """

    def check(self) -> None:
        """Raise `UserError` unless there is a terminal."""
        with self:
            pass

    def __enter__(self) -> TerminalKeys:
        try:
            import termios
            import tty
        except ImportError:
            raise UserError("keys are read on Linux and macOS only; choose another hand") from None
        try:
            self._before: Any = termios.tcgetattr(sys.stdin)
            tty.setcbreak(sys.stdin)
        except (OSError, ValueError, termios.error) as error:
            raise UserError(f"keys are read from a terminal, and this is none ({error})") from error
        return self

    def __exit__(self, *_: object) -> None:
        import termios

        termios.tcsetattr(sys.stdin, termios.TCSADRAIN, self._before)

    def pressed(self) -> str:
        """Return the keys pressed since the last call."""
        found = ""
        while select.select([sys.stdin], [], [], 0)[0]:
            key = sys.stdin.read(1)
            if not key:
                break
            found += key
        return found


def over(keys: str) -> bool:
    """Return whether the person says that the demonstration is done.

    Raises:
        Discarded: or that it is to be begun anew.
    """
    if DISCARD in keys:
        raise Discarded
    return DONE in keys
