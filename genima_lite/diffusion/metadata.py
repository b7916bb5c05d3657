"""What fine-tuning writes about a model, beside it: `genima.json`."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from genima_lite import schema
from genima_lite.errors import UserError
from genima_lite.targets.horizon import FUTURE, SPHERES
from genima_lite.training.result import Result

METADATA = "genima.json"
"""The file beside the model that says what it was trained for; written last."""


@dataclass(frozen=True)
class DrawingMetadata:
    """What must be known of a model that draws targets; the file has more, for people.

    Attributes:
        tasks: it was trained on.
        view_size: pixels along each side of a view.
        horizon: K, steps that its targets lie ahead at most.
        keyframes: whether its targets are cut at keyframes.
        sampling_steps: in which it draws.
        target: what it draws, spheres or the future views.
        minutes: of its training.
        result: what the run came to, if it was a run of ours.
    """

    tasks: tuple[str, ...]
    view_size: int
    horizon: int
    keyframes: bool
    sampling_steps: int = 1
    target: str = SPHERES
    minutes: float = 0.0
    result: Result | None = None

    def __post_init__(self) -> None:
        if not self.tasks or min(self.view_size, self.horizon, self.sampling_steps) < 1:
            raise UserError("tasks must be named; view_size, horizon and sampling_steps positive")
        check_target(self.target)


def check_target(name: str) -> None:
    """Raise `UserError` unless a model can learn to draw this."""
    if name not in (SPHERES, FUTURE):
        raise UserError(f"unknown target '{name}': choose from {SPHERES}, {FUTURE}")


def load_metadata(folder: Path | str) -> DrawingMetadata:
    """Return what fine-tuning wrote about a model.

    Raises:
        UserError: no metadata, or not ours.
    """
    path = Path(folder) / METADATA
    if not path.exists():
        raise UserError(
            f"{folder}: no {METADATA} in it; give the folder that 'train-diffusion' wrote"
        )
    return schema.read(DrawingMetadata, path, others=True)
