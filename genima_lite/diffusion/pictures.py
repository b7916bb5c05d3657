"""Tiled pictures with prompts: what the diffusion model learns to draw, and on what."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from genima_lite.datasets.shards import Rows


@dataclass(frozen=True, eq=False)
class Pictures:
    """N tiled pictures to learn to draw, in memory.

    Attributes:
        pictures: (N, 2H, 2W, 3) uint8, what to draw.
        prompts: N.
        conditions: (N, 2H, 2W, 3) uint8, what to draw on; in pre-training, the
            scene without the things that its caption names.
    """

    pictures: np.ndarray
    prompts: tuple[str, ...]
    conditions: np.ndarray

    def __post_init__(self) -> None:
        shape = self.pictures.shape
        if self.pictures.dtype != np.uint8 or len(shape) != 4 or shape[3] != 3 or not shape[0]:
            raise ValueError(f"pictures must be (N, H, W, 3) uint8 with N > 0, not {shape}")
        if len(self.prompts) != len(self.pictures):
            raise ValueError(f"{len(self.prompts)} prompts for {len(self.pictures)} pictures")
        if self.conditions.shape != shape or self.conditions.dtype != np.uint8:
            raise ValueError(f"conditions are {self.conditions.shape}, pictures {shape}")

    def __len__(self) -> int:
        return len(self.pictures)

    def columns(self) -> Rows:
        """Return what shards keep of them (`genima_lite.datasets.shards`)."""
        return {
            "pictures": self.pictures,
            "conditions": self.conditions,
            "prompts": list(self.prompts),
        }

    @property
    def names(self) -> list[str]:
        """Names of the arrays, as of `genima_lite.datasets.shards.Shards`."""
        return ["pictures", "conditions"]

    def shape(self, name: str) -> tuple[int, ...]:
        """Return the shape of a row of an array."""
        return getattr(self, name).shape[1:]

    def rows(self, numbers: np.ndarray | Sequence[int], name: str) -> np.ndarray:
        """Return some rows of an array."""
        return getattr(self, name)[np.asarray(numbers, int)]

    def strings(self, name: str) -> list[str]:
        """Return the prompts."""
        return list(getattr(self, name))


def together(one: Pictures, other: Pictures) -> Pictures:
    """Return the pictures of both."""
    return Pictures(
        np.concatenate([one.pictures, other.pictures]),
        (*one.prompts, *other.prompts),
        np.concatenate([one.conditions, other.conditions]),
    )
