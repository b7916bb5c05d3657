"""From one chunk of actions to the next: drop what has passed, catch up, and fade over."""

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


def catch_up(left: np.ndarray, chunk: np.ndarray) -> np.ndarray:
    """Return a chunk (n, 8) from its row on that is nearest to where the old one goes on.

    Pictures show no velocities: what a policy decides on a moving arm begins as if it rested, and
    would pull the arm back. No row is skipped at which the gripper changes.

    Args:
        left: (m, 8), rows of the old chunk from the present on; none: nothing is skipped.
        chunk: (n, 8), the new one without what has passed.
    """
    if not len(left):
        return chunk
    alike = np.logical_and.accumulate((chunk[:, 7] > 0.5) == (left[0, 7] > 0.5))
    if not alike.any():
        return chunk
    far = np.abs(chunk[alike, :7] - left[0, :7]).max(axis=1)
    return chunk[int(far.argmin()) :]
