"""The recipe `laptop`: three tasks from nothing, in 25 minutes on two cores of a laptop.

Time is short, and all networks would still improve. So the diffusion model sees views as they are,
without crops and other colours, and noise alone, from which it draws in closed loop.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import ClassVar

from genima_lite.controller.config import preset
from genima_lite.controller.keypoint_pretraining import KeypointPretraining
from genima_lite.controller.run import ControllerRunConfig, FollowingMixture
from genima_lite.diffusion.augment import AugmentConfig
from genima_lite.diffusion.finetune import DrawingMixture, FinetuneConfig
from genima_lite.diffusion.step import StepConfig
from genima_lite.diffusion.train import AdapterConfig
from genima_lite.recipes._collection import CollectConfig
from genima_lite.recipes.api import Recipe
from genima_lite.shipped import shipped
from genima_lite.training.config import TrainingConfig

TASKS = ("push_button", "lamp_on", "take_lid_off_saucepan")
VIEW_SIZE = 64


def _demos() -> CollectConfig:
    return CollectConfig(TASKS, episodes=60, image_size=VIEW_SIZE, recovery=0.5)


def _held_out() -> CollectConfig:
    return CollectConfig(TASKS, episodes=4, image_size=VIEW_SIZE, seed=5000)


def _diffusion() -> FinetuneConfig:
    training = TrainingConfig(
        steps=3300,
        batch_size=8,
        learning_rate=2e-3,
        final_rate=0.1,
        weight_decay=0.01,
        ema=0.995,
        precision="auto",
        save_every=300,
        validate_every=800,
    )
    return FinetuneConfig(
        base=str(shipped("mini-turbo")),
        tasks=TASKS,
        demos=("demos",),
        held_out="held_out",
        frames_each=40,
        perturbed_states=1800,
        mixture=DrawingMixture(demonstrations=0.8, perturbed_states=0.2),
        augment=AugmentConfig(share=0),
        adapter=AdapterConfig(step=StepConfig(noise_power=3000)),
        training=training,
    )


def _keypoints() -> KeypointPretraining:
    training = TrainingConfig(
        steps=6000, batch_size=128, learning_rate=3e-3, warmup=0, ema=0, save_every=3000
    )
    return KeypointPretraining(samples=30_000, training=training)


def _controller() -> ControllerRunConfig:
    return ControllerRunConfig(
        demos=("demos",),
        held_out="held_out",
        mixture=FollowingMixture(motions=0.5, demonstrations=0.5),
        keypoint_pretraining=_keypoints(),
        training=TrainingConfig(steps=500, batch_size=32, learning_rate=3e-3, warmup=50),
    )


def _act() -> ControllerRunConfig:
    return ControllerRunConfig(
        network=preset("lite-rgb"),
        demos=("demos",),
        held_out="held_out",
        mixture=FollowingMixture(motions=0, demonstrations=1),
        keypoint_pretraining=None,
        training=TrainingConfig(steps=1800, batch_size=32, warmup=50),
    )


@dataclass(frozen=True)
class Laptop(Recipe):
    """Three tasks from nothing: demonstrations, both stages of Genima, and the baseline."""

    name: ClassVar[str] = "laptop"
    version: ClassVar[int] = 1
    minutes: ClassVar[float] = 25
    makes: ClassVar[Mapping[str, str]] = {"genima": ".", "oracle": "controller", "act": "act"}

    demos: CollectConfig = field(default_factory=_demos)
    """Demonstrations, half of which begin beside the expert's path."""
    held_out: CollectConfig = field(default_factory=_held_out)
    """Further ones, for learning curves."""
    diffusion: FinetuneConfig = field(default_factory=_diffusion)
    """Stage 1: draws targets."""
    controller: ControllerRunConfig = field(default_factory=_controller)
    """Stage 2: follows them."""
    act: ControllerRunConfig = field(default_factory=_act)
    """The baseline, trained until its error on held-out demonstrations hardly falls."""
