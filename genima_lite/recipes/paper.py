"""The recipe `paper`: Genima as published, a ControlNet on SD-Turbo at 512 pixels, 25 tasks.

Tried on tiny models of the same layout alone (a test). Estimated, not run: on one H100, six hours
for the diffusion model from measured rates with random weights (200,000 steps of two pictures, 18
pictures a second), and the controller's hours beside it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import ClassVar

from genima_lite.controller.run import ControllerRunConfig
from genima_lite.diffusion.finetune import FinetuneConfig
from genima_lite.recipes._collection import CollectConfig
from genima_lite.recipes._paper import (
    controller_config,
    demos_config,
    diffusion_config,
    held_out_config,
)
from genima_lite.recipes.api import Recipe


@dataclass(frozen=True)
class Paper(Recipe):
    """Genima as published: SD-Turbo with a ControlNet, and ACT; wants a GPU and the hub."""

    name: ClassVar[str] = "paper"
    version: ClassVar[int] = 1
    minutes: ClassVar[float] = 600
    makes: ClassVar[Mapping[str, str]] = {"genima": ".", "oracle": "controller"}

    demos: CollectConfig = field(default_factory=demos_config)
    """Demonstrations."""
    held_out: CollectConfig = field(default_factory=held_out_config)
    """Further ones, for learning curves."""
    diffusion: FinetuneConfig = field(default_factory=diffusion_config)
    """Stage 1: draws targets."""
    controller: ControllerRunConfig = field(default_factory=controller_config)
    """Stage 2: follows them."""
