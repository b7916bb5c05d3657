"""What a training run came to."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from genima_lite import schema


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


@dataclass(frozen=True)
class _Metadata:
    result: Result


def finished(metadata: Path) -> Result | None:
    """Return the result of a run that was finished before, `None` if there is more to do.

    Args:
        metadata: the JSON file that a run writes last, with its `result`.

    Raises:
        UserError: it is there, but not readable, or has no result.
    """
    if not metadata.exists():
        return None
    result = schema.read(_Metadata, metadata, others=True).result
    return result if result.done else None
