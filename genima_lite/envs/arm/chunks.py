"""From one chunk of actions to the next: drop what has passed, and fade over."""

from __future__ import annotations

import numpy as np

FADE = 5
"""Steps in which one chunk fades into the next."""


def fade(left: np.ndarray, chunk: np.ndarray, steps: int = FADE) -> np.ndarray:
    """Return a chunk (n, 8) whose first joint targets start at what was left of the one before.

    Args:
        left: (m, 8), rows of the old chunk that were still to come, from the present on; where they
            end it would have rested at the last one. None: there is nothing to fade from.
        chunk: (n, 8), the new one from the present on.
        steps: rows in which the old chunk's share falls evenly to nothing.
    """
    faded = np.array(chunk, dtype=np.float64)
    if not len(left):
        return faded
    count = min(steps, len(chunk))
    old = left[np.minimum(np.arange(count), len(left) - 1), :7]
    share = np.arange(1, count + 1)[:, None] / (steps + 1)
    faded[:count, :7] = (1 - share) * old + share * faded[:count, :7]
    return faded


def drop_passed(chunk: np.ndarray, rows: int) -> np.ndarray:
    """Return a chunk (n, 8) without the rows for which time has passed since it was decided on; the
    last row stays in any case.
    """
    return chunk[min(max(rows, 0), len(chunk) - 1) :]
