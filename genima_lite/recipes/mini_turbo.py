"""The recipe `mini-turbo`: the base model that stands in for SD-Turbo, from random scenes.

Estimated from measured rates, not measured: two hours on one core.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import ClassVar

from genima_lite.diffusion.base import preset
from genima_lite.diffusion.pretrain import PretrainConfig
from genima_lite.recipes._tasks import TASKS
from genima_lite.recipes.api import Recipe
from genima_lite.training.config import TrainingConfig

VIEW_SIZE = 64
"""Pixels along each side of a view."""


def base_config() -> PretrainConfig:
    """Return how the base of all shipped models is made."""
    training = TrainingConfig(
        steps=6000, batch_size=16, final_rate=0.1, weight_decay=0.01, ema=0.995, precision="auto"
    )
    return PretrainConfig(
        tasks=TASKS,
        base=preset("small", 2 * VIEW_SIZE),
        pictures=16_384,
        training=training,
        even_steps=2400,
    )


@dataclass(frozen=True)
class MiniTurbo(Recipe):
    """A base model of a few million weights that draws pictures of the bench from captions."""

    name: ClassVar[str] = "mini-turbo"
    version: ClassVar[int] = 1
    minutes: ClassVar[float] = 110
    makes: ClassVar[Mapping[str, str]] = {}

    base: PretrainConfig = field(default_factory=base_config)
    """The base model."""
