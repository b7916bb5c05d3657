"""Tiled pictures with prompts, and what is kept of them on disk."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from genima_lite.datasets.shards import load_shards


@dataclass(frozen=True, eq=False)
class Pictures:
    """Tiled pictures to learn to draw.

    Attributes:
        pictures: (N, 2H, 2W, 3) uint8, what shall be drawn.
        prompts: N.
        conditions: (N, 2H, 2W, 3) uint8, what it shall be drawn on; in pre-training, the
            scene without the things that its caption names. `None`: not known.
    """

    pictures: np.ndarray
    prompts: tuple[str, ...]
    conditions: np.ndarray | None = None

    def __post_init__(self) -> None:
        shape = self.pictures.shape
        if self.pictures.dtype != np.uint8 or len(shape) != 4 or shape[3] != 3 or not shape[0]:
            raise ValueError(f"pictures must be (N, H, W, 3) uint8 with N > 0, not {shape}")
        if len(self.prompts) != len(self.pictures):
            raise ValueError(f"{len(self.prompts)} prompts for {len(self.pictures)} pictures")
        if self.conditions is not None and self.conditions.shape != shape:
            raise ValueError(f"conditions are {self.conditions.shape}, pictures {shape}")

    def __len__(self) -> int:
        return len(self.pictures)


def together(one: Pictures, other: Pictures) -> Pictures:
    """Return the pictures of both, which have conditions."""
    assert one.conditions is not None
    assert other.conditions is not None
    return Pictures(
        np.concatenate([one.pictures, other.pictures]),
        (*one.prompts, *other.prompts),
        np.concatenate([one.conditions, other.conditions]),
    )


def arrays_of(drawn: Pictures) -> dict[str, np.ndarray]:
    """Return what `genima_lite.datasets.shards.keep_shards` keeps of pictures."""
    arrays = {"pictures": drawn.pictures, "prompts": np.array(drawn.prompts)}
    return arrays if drawn.conditions is None else {**arrays, "conditions": drawn.conditions}


def load_pictures(folder: Path | str, count: int | None = None) -> Pictures:
    """Load the first `count` kept pictures, or all.

    Raises:
        UserError: none there, or fewer than asked for.
    """
    kept = load_shards(folder, count)
    return Pictures(kept["pictures"], tuple(kept["prompts"].tolist()), kept.get("conditions"))
