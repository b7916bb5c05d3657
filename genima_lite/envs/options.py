"""What an environment accepts as reset options."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any

import numpy as np

from genima_lite.errors import UserError


def check_names(options: Collection[str], known: Sequence[str]) -> None:
    """Refuse options that an environment does not know.

    Raises:
        UserError: the first of them, and those that are known.
    """
    if unknown := set(options) - set(known):
        raise UserError(f"unknown reset option '{unknown.pop()}': known are {', '.join(known)}")


def check_variation(variation: Any, count: int) -> None:
    """Refuse what is no number of one of `count` variations.

    Raises:
        UserError: the message says what to choose from.
    """
    whole = isinstance(variation, int | np.integer) and not isinstance(variation, bool)
    if not whole or not 0 <= variation < count:
        raise UserError(f"no variation {variation!r}: choose from 0 to {count - 1}")
