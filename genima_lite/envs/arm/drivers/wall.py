"""The clock on the wall."""

from __future__ import annotations

import time


class WallClock:
    """Real seconds."""

    def now(self) -> float:
        """Return seconds since some instant."""
        return time.monotonic()

    def sleep_until(self, seconds: float) -> None:
        """Return when it is that late."""
        time.sleep(max(0.0, seconds - self.now()))
