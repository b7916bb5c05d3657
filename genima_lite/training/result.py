"""What a training run came to."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Result:
    """What a training run came to, in all its calls.

    Attributes:
        steps: steps made.
        minutes: that they took.
        done: whether the run is finished; otherwise the same call goes on.
        weights: how many numbers were trained.
    """

    steps: int
    minutes: float
    done: bool
    weights: int

    @classmethod
    def of(cls, trainer: Any) -> Result:
        """Return the result of a `genima_lite.training.loop.Trainer`."""
        return cls(trainer.step, trainer.seconds / 60, trainer.done, trainer.trained)
