"""Both stages in miniature, as tests train them.

As a program it trains one of them in however many processes started it:
`python tiny_training.py STAGE OUT`, with STAGE `controller` or `diffusion`.
"""

import json
import sys
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from tiny_controller import TINY_CONTROLLER

from genima_lite.controller.augment import AugmentConfig
from genima_lite.controller.backgrounds import textures
from genima_lite.controller.config import ControllerConfig
from genima_lite.controller.data import collate
from genima_lite.controller.keypoint_pretraining import KeypointPretraining
from genima_lite.controller.sources import MotionSource
from genima_lite.controller.train import train
from genima_lite.diffusion.adapters import LoraSettings
from genima_lite.diffusion.base import build_base, preset
from genima_lite.diffusion.batch import DrawingBatch
from genima_lite.diffusion.components import Components
from genima_lite.diffusion.prompts import task_prompt
from genima_lite.diffusion.train import AdapterConfig, Drawing
from genima_lite.training.config import TrainingConfig
from genima_lite.training.loop import Trainer

FOLLOWING = replace(TINY_CONTROLLER, latent=4, dropout=0.1)
TRAINING = TrainingConfig(
    steps=6, batch_size=4, micro_batches=2, warmup=1, save_every=3, validate_every=3, seed=5
)
PRETRAINING = KeypointPretraining(
    samples=200,
    training=TrainingConfig(
        steps=5, batch_size=8, micro_batches=2, warmup=0, ema=0.0, save_every=2, seed=1
    ),
)
SIZE = 32
PROMPTS = ("", *(task_prompt(f"push the {color} button") for color in ("red", "navy", "teal")))


class Motions:
    """Generated motions as a controller's data."""

    def __init__(self, config=FOLLOWING, augment=None):
        self._config = config
        self.source = MotionSource(config, augment or AugmentConfig(), textures, motions=4)
        self.bare = [(self.source.bare(), 2.0)]

    def batch(self, rng, size):
        return collate(self._config, self.source.sample(rng, size))


@dataclass(frozen=True)
class ControllerTraining:
    """What `genima_lite.controller.train.train` reads of a run's configuration."""

    network: ControllerConfig = FOLLOWING
    training: TrainingConfig = TRAINING
    keypoint_pretraining: KeypointPretraining | None = PRETRAINING
    begin: str | None = None


def follow(out, config=None, data=None, report=lambda *_: None, **more):
    """Train a controller; return the result, and losses by stage."""
    seen = {"keypoint pretraining": [], "training": []}

    def tell(stage, done, total, loss):
        seen.setdefault(stage, []).append(loss)
        report(stage, done, total, loss)

    config = config or ControllerTraining()
    return train(out, data or Motions(), config, {"of": "motions"}, report=tell, **more), seen


class Squares:
    """Red squares on six random pictures."""

    prompts = PROMPTS

    def __init__(self, size=SIZE):
        rng = np.random.default_rng(0)
        self.plain = rng.integers(0, 256, (6, size, size, 3), dtype=np.uint8)
        self.drawn = self.plain.copy()
        self.drawn[:, 4:12, 4:12] = (255, 0, 0)

    def batch(self, rng, size):
        chosen = rng.integers(6, size=size)
        prompts = torch.from_numpy(1 + chosen % 3)
        pairs = (torch.from_numpy(some[chosen]) for some in (self.drawn, self.plain))
        return DrawingBatch(prompts, *pairs)


def tiny_base():
    return Components.of(build_base(preset("tiny", SIZE)))


def drawing(out, adapter="up-blocks", components=None, validate=None, lora_rank=2, **changes):
    """Return a trainer of the diffusion model."""
    defaults = {"steps": 3, "batch_size": 2, "warmup": 0, "final_rate": 0.1, "ema": 0.995}
    training = TrainingConfig(**{**defaults, "weight_decay": 0.01, **changes})
    if isinstance(adapter, str):
        adapter = AdapterConfig(adapter, LoraSettings(lora_rank))
    trainee = Drawing(components or tiny_base(), PROMPTS, adapter, training)
    return Trainer(trainee, Squares(), training, out, {"of": "squares"}, validate)


def main():
    stage, out = sys.argv[1], Path(sys.argv[2])
    torch.set_num_threads(1)
    if stage == "controller":
        seen = follow(out)[1]
        losses = [*seen["keypoint pretraining"], *seen["training"]]
    else:
        losses = [step.loss for step in drawing(out, micro_batches=2, batch_size=4).run()]
    if not torch.distributed.is_initialized() or torch.distributed.get_rank() == 0:
        (out / "losses.json").write_text(json.dumps(losses))


if __name__ == "__main__":
    main()
