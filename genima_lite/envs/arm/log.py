"""The log of everything that was asked, given, clipped and refused: one line of JSON an event."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, TextIO


class CommandLog:
    """Writes events as they happen; a killed process loses none that was logged.

    Args:
        path: the file, lengthened where it is there; `None`: nothing is written.
        now: gives the backend's seconds.

    Attributes:
        counts: how often each event happened.
    """

    def __init__(self, path: Path | None, now: Callable[[], float]):
        self._now, self._file = now, _opened(path)
        self.counts: dict[str, int] = {}

    def __call__(self, event: str, values: dict[str, Any]) -> None:
        """Log one event; `values` are JSON-able."""
        self.counts[event] = self.counts.get(event, 0) + 1
        if self._file is not None:
            line = {"seconds": round(self._now(), 6), "event": event, **values}
            self._file.write(json.dumps(line) + "\n")
            self._file.flush()

    def close(self) -> None:
        """Close the file."""
        if self._file is not None:
            self._file.close()
            self._file = None


def _opened(path: Path | None) -> TextIO | None:
    if path is None:
        return None
    path.parent.mkdir(parents=True, exist_ok=True)
    return path.open("a", encoding="utf-8")
