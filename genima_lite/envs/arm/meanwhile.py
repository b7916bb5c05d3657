"""What goes on while a policy decides: steps on a thread of their own, until they are to end."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import numpy as np


class Meanwhile:
    """Takes steps one after another, each in its own time; one run at a time.

    A process that ends waits for them, so that an arm is never left in the midst of a motion.
    """

    def __init__(self) -> None:
        self._thread: threading.Thread | None = None
        self._over = threading.Event()
        self._taken: list[np.ndarray] = []
        self._wrong: Exception | None = None

    def begin(self, steps: Iterator[np.ndarray]) -> None:
        """Start to take steps: each yields the row (8,) that it carried out."""
        self._over.clear()
        self._thread = threading.Thread(target=self._run, args=(steps,))
        self._thread.start()

    def end(self) -> tuple[list[np.ndarray], Exception | None]:
        """Let the present step end, and no other begin; return the rows that were carried out, and
        what went wrong, since `begin`. Nothing where nothing was begun.
        """
        if self._thread is not None:
            self._over.set()
            self._thread.join()
            self._thread = None
        (taken, wrong), self._taken, self._wrong = (self._taken, self._wrong), [], None
        return taken, wrong

    def _run(self, steps: Iterator[np.ndarray]) -> None:
        try:
            for row in steps:
                self._taken.append(row)
                if self._over.is_set():
                    return
        except Exception as error:  # given to who ends it
            self._wrong = error
