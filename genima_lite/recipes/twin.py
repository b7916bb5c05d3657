"""The recipe `twin`: two tasks, from demonstrations recorded on the arm's twin.

What is recorded through protocols, safety filter and cameras, with noise and lag, is what is
trained on, as on a real arm. The baseline is enough to say what noise and lag cost; Genima on these
demonstrations is `train-diffusion` and `train-controller` with the same folders.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import ClassVar

from genima_lite.controller.config import preset
from genima_lite.controller.run import ControllerRunConfig, FollowingMixture
from genima_lite.demos.record import RecordConfig
from genima_lite.recipes.api import Recipe
from genima_lite.tiling import TILE_ORDER
from genima_lite.training.config import TrainingConfig

TASKS = ("push_button", "take_lid_off_saucepan")
VIEW_SIZE = 64


def _recorded(episodes: int, seed: int) -> RecordConfig:
    return RecordConfig(TASKS, episodes, seed=seed, image_size=VIEW_SIZE, cameras=TILE_ORDER)


def _act() -> ControllerRunConfig:
    return ControllerRunConfig(
        network=preset("lite-rgb"),
        demos=("demos",),
        held_out="held_out",
        mixture=FollowingMixture(motions=0, demonstrations=1),
        keypoint_pretraining=None,
        training=TrainingConfig(steps=900, batch_size=32, warmup=50),
    )


@dataclass(frozen=True)
class Twin(Recipe):
    """Two tasks from demonstrations on the arm's twin: the baseline, as it learns from a rig."""

    name: ClassVar[str] = "twin"
    version: ClassVar[int] = 1
    minutes: ClassVar[float] = 10
    makes: ClassVar[Mapping[str, str]] = {"act": "act"}
    backend: ClassVar[str] = "arm"

    demos: RecordConfig = field(default_factory=lambda: _recorded(50, 0))
    """Demonstrations, led by the expert in a person's place."""
    held_out: RecordConfig = field(default_factory=lambda: _recorded(4, 5000))
    """Further ones, for learning curves."""
    act: ControllerRunConfig = field(default_factory=_act)
    """The baseline, from plain views."""
