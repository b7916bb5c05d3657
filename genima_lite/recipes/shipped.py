"""The recipe `shipped`: both stages of Genima on all tasks, a short form of what is in `data/`.

Those came from a long path of many runs, some of them averaged; this recipe keeps what decided:
perturbed states, a second round with DAgger rollouts of the first, and a controller that knows the
drawings of its own diffusion model. Estimated from measured rates: six hours on two cores.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import ClassVar

from genima_lite.controller.run import ControllerRunConfig, FollowingMixture
from genima_lite.diffusion.finetune import DrawingMixture, FinetuneConfig
from genima_lite.diffusion.pretrain import PretrainConfig
from genima_lite.recipes._collection import CollectConfig
from genima_lite.recipes._tasks import TASKS
from genima_lite.recipes.api import Group, Recipe
from genima_lite.recipes.mini_turbo import VIEW_SIZE, base_config
from genima_lite.training.config import TrainingConfig

DEMOS = ("demos", "recovery")


def demos_config() -> CollectConfig:
    """Return which demonstrations from home Genima and the baseline learn from."""
    return CollectConfig(TASKS, episodes=150, image_size=VIEW_SIZE)


def held_out_config() -> CollectConfig:
    """Return which demonstrations training is watched on."""
    return CollectConfig(TASKS, episodes=6, image_size=VIEW_SIZE, seed=5000)


def _recovery() -> CollectConfig:
    return replace(demos_config(), episodes=100, recovery=1.0, seed=1)


def _first_diffusion() -> FinetuneConfig:
    training = TrainingConfig(
        steps=9000, batch_size=16, final_rate=0.1, weight_decay=0.01, ema=0.995, precision="auto"
    )
    return FinetuneConfig(
        base="base",
        tasks=TASKS,
        demos=DEMOS,
        held_out="held_out",
        perturbed_states=20_000,
        grounding=4000,
        mixture=DrawingMixture(demonstrations=0.62, perturbed_states=0.32, grounding=0.06),
        training=training,
    )


def _second_diffusion() -> FinetuneConfig:
    first = _first_diffusion()
    return replace(
        first,
        base="first/diffusion",
        dagger=10_000,
        dagger_by="first",
        mixture=DrawingMixture(
            demonstrations=0.4, perturbed_states=0.25, dagger=0.3, grounding=0.05
        ),
        training=replace(first.training, steps=4500),
        seed=1,
    )


def _first_controller() -> ControllerRunConfig:
    return ControllerRunConfig(
        tasks=TASKS,
        demos=DEMOS,
        held_out="held_out",
        drawings=5000,
        drawn_by="first/diffusion",
        mixture=FollowingMixture(motions=0.3, demonstrations=0.3, drawings=0.4),
    )


def _second_controller() -> ControllerRunConfig:
    return replace(
        _first_controller(),
        begin="first/controller",
        drawn_by="diffusion",
        perturbed_states=1500,
        dagger=2000,
        dagger_by="first",
        mixture=FollowingMixture(
            motions=0.15, demonstrations=0.15, drawings=0.2, perturbed_states=0.2, dagger=0.3
        ),
        training=TrainingConfig(steps=1800, batch_size=32, learning_rate=5e-4, warmup=50, seed=1),
        seed=1,
    )


@dataclass(frozen=True)
class FirstRound(Group):
    """A whole Genima that has seen no decision of its own."""

    diffusion: FinetuneConfig = field(default_factory=_first_diffusion)
    """Draws targets."""
    controller: ControllerRunConfig = field(default_factory=_first_controller)
    """Follows them."""


@dataclass(frozen=True)
class Shipped(Recipe):
    """Genima on all tasks: a base model, a first round, and a second with DAgger rollouts."""

    name: ClassVar[str] = "shipped"
    version: ClassVar[int] = 1
    minutes: ClassVar[float] = 360
    makes: ClassVar[Mapping[str, str]] = {"genima": ".", "oracle": "controller"}

    demos: CollectConfig = field(default_factory=demos_config)
    """Demonstrations from home."""
    recovery: CollectConfig = field(default_factory=_recovery)
    """Demonstrations that begin beside the expert's path."""
    held_out: CollectConfig = field(default_factory=held_out_config)
    """Further ones, for learning curves."""
    base: PretrainConfig = field(default_factory=base_config)
    """The base model."""
    first: FirstRound = field(default_factory=FirstRound)
    """The first round."""
    diffusion: FinetuneConfig = field(default_factory=_second_diffusion)
    """Stage 1 in the second round."""
    controller: ControllerRunConfig = field(default_factory=_second_controller)
    """Stage 2 in the second round."""
