"""What an environment accepts as actions."""

from __future__ import annotations

from typing import Any

import numpy as np

from genima_lite.errors import UserError

_MEANING = "seven joint targets in radians, then gripper open in [0, 1]"


def checked_action(action: Any) -> np.ndarray:
    """Return one action (8,) as float64.

    Raises:
        UserError: other shapes, no real numbers, NaN or infinity.
    """
    numbers = _numbers(action)
    if numbers.shape != (8,):
        raise UserError(f"action has shape {numbers.shape}, expected (8,): {_MEANING}")
    return _finite(numbers)


def checked_actions(actions: Any) -> np.ndarray:
    """Return actions (n, 8) as float64, n at least 1.

    Raises:
        UserError: as `checked_action`.
    """
    numbers = _numbers(actions)
    if numbers.ndim != 2 or numbers.shape[1] != 8 or not len(numbers):
        raise UserError(f"actions have shape {numbers.shape}, expected (n, 8), n >= 1: {_MEANING}")
    return _finite(numbers)


def _numbers(values: Any) -> np.ndarray:
    """Return floats or integers as an array; strings, truth values and complex ones are none."""
    try:
        array = np.asarray(values)
    except ValueError as error:  # rows of different lengths
        raise UserError(f"action is no array of numbers: {error}") from error
    if array.dtype.kind not in "fiu":
        raise UserError(f"action holds {array.dtype}, expected float64: {_MEANING}")
    return array


def _finite(numbers: np.ndarray) -> np.ndarray:
    wrong = np.argwhere(~np.isfinite(numbers))
    if len(wrong):
        index = tuple(int(i) for i in wrong[0])
        where = ", ".join(map(str, index))
        raise UserError(f"action[{where}] is {numbers[index]}: it must be a finite number")
    return numbers.astype(np.float64)
