"""Runs something again when its simulator is lost: that says nothing about what was run."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from genima_lite.errors import Lost

TRIES = 5
"""How often in all; a simulator that dies each time does not do so by chance."""

T = TypeVar("T")


def unless_lost(run: Callable[[], T]) -> T:
    """Run something that begins with a reset, until its simulator lives to the end.

    Raises:
        Exception: whatever it raises, if that is not `Lost` or caused by it; `Lost` the last time.
    """
    for _ in range(TRIES - 1):
        try:
            return run()
        except Exception as error:
            if not isinstance(error, Lost) and not isinstance(error.__cause__, Lost):
                raise
    return run()
