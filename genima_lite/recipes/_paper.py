"""What the recipes at the paper's scale share. docs/hyperparameters.md has each value's origin.

None of them has been run to its end: nobody here had the weights. They are tested on tiny models
of the same architectures.
"""

from __future__ import annotations

from dataclasses import replace

from genima_lite.controller.config import preset
from genima_lite.controller.run import ControllerRunConfig, FollowingMixture
from genima_lite.diffusion.augment import AugmentConfig
from genima_lite.diffusion.finetune import FinetuneConfig
from genima_lite.diffusion.step import StepConfig
from genima_lite.diffusion.train import AdapterConfig
from genima_lite.envs.rlbench.catalogue import VARIATIONS
from genima_lite.recipes._collection import CollectConfig
from genima_lite.training.config import TrainingConfig

TASKS = tuple(sorted(VARIATIONS))
"""The paper's 25."""
VIEW_SIZE = 256
"""Pixels along each side of a view; four of them are tiled."""
BASE, RESNET = "stabilityai/sd-turbo", "microsoft/resnet-18"
"""Ids of the hub; local folders work, too."""


def demos_config() -> CollectConfig:
    """Return the demonstrations: 50 a task, of its variation 0, as quick as RLBench's."""
    return CollectConfig(TASKS, 50, image_size=VIEW_SIZE, variations=(0,), speed="rlbench")


def held_out_config() -> CollectConfig:
    """Return which demonstrations training is watched on."""
    return replace(demos_config(), episodes=2, seed=5000)


def diffusion_config() -> FinetuneConfig:
    """Return how a ControlNet on a frozen SD-Turbo is trained."""
    training = TrainingConfig(
        steps=200_000,
        batch_size=2,
        learning_rate=1e-5,
        warmup=500,
        final_rate=1.0,
        weight_decay=0.01,
        ema=0.0,
        precision="bfloat16",
        save_every=2000,
        validate_every=10_000,
    )
    return FinetuneConfig(
        base=BASE,
        tasks=TASKS,
        demos=("demos",),
        held_out="held_out",
        view_size=VIEW_SIZE,
        copies=4,
        keyframes=False,
        augment=AugmentConfig(share=1.0),
        prompt_dropout=0.0,
        sampling_steps=10,
        adapter=AdapterConfig(
            "frozen", zero_rate=1.0, step=StepConfig(noise_power=1.0, changed_weight=0.0)
        ),
        training=training,
    )


def with_adapter(name: str, learning_rate: float, base: str = BASE) -> FinetuneConfig:
    """Return the same with another adapter."""
    paper = diffusion_config()
    return replace(
        paper,
        base=base,
        adapter=replace(paper.adapter, name=name),
        training=replace(paper.training, learning_rate=learning_rate),
    )


def controller_config() -> ControllerRunConfig:
    """Return how the controller is trained that follows spheres on random backgrounds."""
    return ControllerRunConfig(
        network=replace(preset("paper"), keyframes=False, backbone=RESNET),
        tasks=TASKS,
        demos=("demos",),
        held_out="held_out",
        mixture=FollowingMixture(motions=0, demonstrations=1),
        training=_following(),
    )


def act_config() -> ControllerRunConfig:
    """Return how the baseline is trained that sees plain views and the instruction."""
    network = replace(preset("paper"), spheres=False, text_features=64, backbone=RESNET)
    return replace(controller_config(), network=network, keypoint_pretraining=None)


def _following() -> TrainingConfig:
    return TrainingConfig(
        steps=100_000,
        batch_size=64,
        learning_rate=1e-4,
        warmup=500,
        final_rate=0.1,
        weight_decay=1e-4,
        precision="bfloat16",
        save_every=2000,
        validate_every=5000,
    )
