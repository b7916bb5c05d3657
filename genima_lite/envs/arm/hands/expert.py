"""The bench's expert in a person's place, on the twin."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from genima_lite.envs.arm.env import ArmEnv

_LAST_ROWS = 10
"""That the last command is given further, as when demonstrations are collected."""


class Expert:
    """Leads as a scripted hand: it gives commands, or pushes the arm.

    Args:
        guides: whether it pushes.
    """

    def __init__(self, guides: bool = False):
        self.guides = guides

    def check(self) -> None:
        """It needs no device."""

    def rows(self, env: ArmEnv) -> Iterator[np.ndarray]:
        """Yield the expert's plan, and then its last row until the task is done.

        Raises:
            panda.Unreachable: there is no plan.
        """
        plan = np.vstack(list(env.expert_stretches()))
        yield from plan
        for _ in range(_LAST_ROWS):
            if env.success:
                return
            yield plan[-1]

    def close(self) -> None:
        """Nothing is to be let go of."""
