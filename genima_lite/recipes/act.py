"""The recipe `act`: the baseline on all tasks, with as much training as Genima, in five rounds.

Each round after the first learns from decisions that the round before reached, and keeps
those of the rounds before. Estimated from measured rates, not measured: seven hours.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import ClassVar

from genima_lite.controller.config import preset
from genima_lite.controller.run import ControllerRunConfig, FollowingMixture
from genima_lite.recipes._collection import CollectConfig
from genima_lite.recipes._tasks import TASKS
from genima_lite.recipes.api import Recipe
from genima_lite.recipes.shipped import demos_config, held_out_config
from genima_lite.training.config import TrainingConfig


def _first() -> ControllerRunConfig:
    return ControllerRunConfig(
        network=preset("lite-rgb"),
        tasks=TASKS,
        demos=("demos",),
        held_out="held_out",
        perturbed_states=16_000,
        mixture=FollowingMixture(motions=0, demonstrations=0.5, perturbed_states=0.5),
        keypoint_pretraining=None,
        training=TrainingConfig(steps=14_000, batch_size=32, warmup=50),
    )


def _further(before: tuple[str, ...], steps: int, dagger: int, seed: int) -> ControllerRunConfig:
    """Return a round that goes on from those before it, the last of them first in weights."""
    kept = [f"{before[0]}/data/perturbed_states"]
    kept += [
        f"{name}/data/{kind}" for name in before[1:] for kind in ("perturbed_states", "dagger")
    ]
    return ControllerRunConfig(
        network=preset("lite-rgb"),
        tasks=TASKS,
        demos=("demos",),
        held_out="held_out",
        perturbed_states=dagger // 2,
        dagger=dagger,
        dagger_by=before[-1],
        kept=tuple(kept),
        begin=before[-1],
        mixture=FollowingMixture(
            motions=0, demonstrations=0.5, perturbed_states=0.1, dagger=0.2, kept=0.2
        ),
        keypoint_pretraining=None,
        training=TrainingConfig(steps=steps, batch_size=32, warmup=50, seed=seed),
        seed=seed,
    )


@dataclass(frozen=True)
class Act(Recipe):
    """ACT from plain views and the instruction, on all tasks, in five rounds."""

    name: ClassVar[str] = "act"
    version: ClassVar[int] = 1
    minutes: ClassVar[float] = 400
    makes: ClassVar[Mapping[str, str]] = {"act": "act"}

    demos: CollectConfig = field(default_factory=demos_config)
    """Demonstrations from home."""
    held_out: CollectConfig = field(default_factory=held_out_config)
    """Further ones, for learning curves."""
    first: ControllerRunConfig = field(default_factory=_first)
    """Demonstrations and perturbed states."""
    second: ControllerRunConfig = field(
        default_factory=lambda: _further(("first",), 9000, 8000, 11)
    )
    """With DAgger rollouts of the first round."""
    third: ControllerRunConfig = field(
        default_factory=lambda: _further(("first", "second"), 15_000, 6000, 12)
    )
    """With those of the second."""
    fourth: ControllerRunConfig = field(
        default_factory=lambda: _further(("first", "second", "third"), 9000, 6000, 13)
    )
    """With those of the third."""
    act: ControllerRunConfig = field(
        default_factory=lambda: _further(("first", "second", "third", "fourth"), 15_000, 6000, 15)
    )
    """With those of the fourth."""
