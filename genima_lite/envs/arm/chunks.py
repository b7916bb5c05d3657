"""From one chunk of actions to the next: drop what has passed, and fade over."""

from __future__ import annotations

import numpy as np

FADE = 5
"""Steps in which one chunk fades into the next."""


def fade(left: np.ndarray, chunk: np.ndarray, steps: int = FADE) -> np.ndarray:
    """Return a chunk (n, 8) whose first joint targets start at what was left of the one before.

    Args:
        left: (m, 8), rows of the old chunk that were still to come, from the present on; none: the
            old chunk was carried out, and there is nothing to fade from.
        chunk: (n, 8), the new one from the present on.
        steps: rows in which the old chunk's share falls evenly to nothing.
    """
    count = min(steps, len(chunk), len(left))
    faded = np.array(chunk, dtype=np.float64)
    share = np.arange(1, count + 1)[:, None] / (steps + 1)
    faded[:count, :7] = (1 - share) * left[:count, :7] + share * faded[:count, :7]
    return faded


def drop_passed(chunk: np.ndarray, rows: int) -> np.ndarray:
    """Return a chunk (n, 8) without the rows for which time has passed since it was decided on; the
    last row stays in any case.
    """
    return chunk[min(max(rows, 0), len(chunk) - 1) :]
