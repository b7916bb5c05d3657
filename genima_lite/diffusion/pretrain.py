"""Make a base model from nothing: random scenes, then a UNet that draws them from their captions.

It stands in for what Stability AI did for SD-Turbo, at a tiny fraction of the size. Target spheres
are not in it: the model meets them for the first time in fine-tuning, as SD-Turbo does.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path

from genima_lite.datasets.shards import shards_for
from genima_lite.diffusion.base import BaseConfig, build_base
from genima_lite.diffusion.components import Components
from genima_lite.diffusion.data import SceneSettings, make_scenes
from genima_lite.diffusion.pictures import load_pictures
from genima_lite.diffusion.step import StepConfig
from genima_lite.diffusion.train import TrainConfig, Trainer
from genima_lite.errors import UserError

BASE_TRAINING = TrainConfig(
    adapter="base",
    steps=1200,
    prompt_dropout=0.1,
    step=StepConfig(noise_power=1.0, overstate=0.3),
)
"""How the laptop's base model is trained. Noise of every level, and at times said to be more than
it is: from a caption alone there is little to learn at full noise, and what fine-tuning needs is a
decoder that draws details there.
"""


@dataclass(frozen=True)
class PretrainConfig:
    """A whole pre-training run."""

    base: BaseConfig = field(default_factory=BaseConfig)
    """Sizes of the model."""
    tasks: tuple[str, ...] = ()
    """Tasks whose pieces appear in the scenes."""
    pictures: int = 2048
    """How many random scenes."""
    training: TrainConfig = BASE_TRAINING
    """How they are learned at first: what the caption names weighs more than the rest, so that
    words are learned soon."""
    even_steps: int = 600
    """Further steps in which all weighs the same. Where a thing may lie here or there, the weight
    asks for more of it in both places, and samples smear; without, they are what is likely, but
    want classifier-free guidance to show small things at all."""
    seed: int = 0
    """Of the scenes."""

    def __post_init__(self) -> None:
        if not self.tasks or min(self.pictures, self.even_steps) < 1:
            raise UserError("pre-training needs at least one task, one picture and one even step")
        if self.training.adapter != "base":
            raise UserError(f"pre-training has adapter 'base', not '{self.training.adapter}'")

    @property
    def even_training(self) -> TrainConfig:
        """How they are learned in the end."""
        even = replace(self.training.step, changed_weight=0.0)
        return replace(self.training, steps=self.even_steps, step=even)


def pretrain(
    out: Path | str,
    config: PretrainConfig,
    max_minutes: float | None = None,
    report: Callable[[str, int, int, float | None], None] = lambda *_: None,
    device: str = "cpu",
) -> Trainer:
    """Draw scenes, train, and write the base model to `out` in Stable Diffusion's format.

    Run again with the same arguments it goes on where it stopped. Scenes are kept in `out/scenes`, the
    model after the training that weighs things in `out/weighed`.

    Args:
        out: the model's folder.
        config: what to do.
        max_minutes: of training in this call; scenes come on top (about 30 a second on one core).
        report: called as `report(stage, done, total, loss)` after each file of scenes and step.
        device: of the networks, for example "cuda".

    Returns:
        The trainer, of the first training if time was up in it; `trainer.done` says whether all
        its steps are made.

    Raises:
        UserError: `out` holds a run of another configuration.
    """
    out = Path(out)
    settings = SceneSettings(config.tasks, config.base.picture_size // 2, config.seed)
    shards = make_scenes(out / "scenes", settings, config.pictures)
    for number, _ in enumerate(shards, 1):
        report("scenes", number, shards_for(config.pictures), None)
    pictures = load_pictures(out / "scenes", config.pictures)
    components, begin = Components.of(build_base(config.base).to(device)), time.monotonic()
    lessons = {"training": ("weighed", config.training), "even": (".", config.even_training)}
    for name, (folder, training) in lessons.items():
        trainer = Trainer(components, pictures, training, out / folder)
        spent = (time.monotonic() - begin) / 60
        for loss in trainer.run(None if max_minutes is None else max_minutes - spent):
            report(name, trainer.step, training.steps, loss)
        trainer.save_model()
        if not trainer.done:
            break
    return trainer
