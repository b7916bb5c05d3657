"""Make a base model from nothing: random scenes, then a UNet that draws them from their captions.

It stands in for what Stability AI did for SD-Turbo, at a tiny fraction of the size. Target spheres
are not in it: the model meets them for the first time in fine-tuning, as SD-Turbo does.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path

from genima_lite.datasets.shards import Shards, shards_for
from genima_lite.diffusion.base import BaseConfig, build_base
from genima_lite.diffusion.components import Components
from genima_lite.diffusion.data import DrawingData, make_scenes
from genima_lite.diffusion.step import StepConfig
from genima_lite.diffusion.train import AdapterConfig, Drawing, save_model
from genima_lite.errors import UserError
from genima_lite.files import write_json
from genima_lite.provenance import claim
from genima_lite.training.config import TrainingConfig
from genima_lite.training.loop import Trainer
from genima_lite.training.result import Result, finished

METADATA = "base.json"
"""The file beside the model that says how it was made; written last."""


@dataclass(frozen=True)
class PretrainConfig:
    """Everything that a pre-training run depends on.

    Noise of every level is drawn, and at times said to be more than it is: from a caption alone
    there is little to learn at full noise, and what fine-tuning needs is a decoder that draws
    details there.
    """

    tasks: tuple[str, ...]
    """Tasks whose pieces appear in the scenes."""
    base: BaseConfig = field(default_factory=BaseConfig)
    """Sizes of the model."""
    pictures: int = 2048
    """How many random scenes."""
    prompt_dropout: float = 0.1
    """Share of samples with an empty caption."""
    step: StepConfig = field(default_factory=lambda: StepConfig(noise_power=1.0, overstate=0.3))
    """Noise and weights of a step. At first what the caption names weighs more than the rest, so
    that words are learned soon."""
    training: TrainingConfig = field(
        default_factory=lambda: TrainingConfig(
            steps=1200, batch_size=16, final_rate=0.1, weight_decay=0.01, ema=0.995
        )
    )
    """How they are learned at first."""
    even_steps: int = 600
    """Further steps in which all weighs the same. Where a thing may lie here or there, the weight
    asks for more of it in both places, and samples smear; without, they are what is likely, but
    want classifier-free guidance to show small things at all."""
    seed: int = 0
    """Of the scenes."""

    def __post_init__(self) -> None:
        if not self.tasks or min(self.pictures, self.even_steps) < 1:
            raise UserError("pre-training needs at least one task, one picture and one even step")
        if not 0 <= self.prompt_dropout <= 1:
            raise UserError(f"prompt_dropout is {self.prompt_dropout}; give 0 to 1")

    @property
    def trainings(self) -> dict[str, tuple[str, TrainingConfig, StepConfig]]:
        """The two trainings by name: folder in `out`, how it is trained, and its steps."""
        even = replace(self.training, steps=self.even_steps)
        return {
            "training": ("weighed", self.training, self.step),
            "even": (".", even, replace(self.step, changed_weight=0.0)),
        }


def pretrain(
    out: Path | str,
    config: PretrainConfig,
    max_minutes: float | None = None,
    report: Callable[[str, int, int, float | None], None] = lambda *_: None,
    device: str = "cpu",
    workers: int = 0,
) -> Result:
    """Draw scenes, train, and write the base model to `out` in Stable Diffusion's format.

    Called again with the same configuration it goes on where it stopped. Scenes are kept in
    `out/data`, the model after the training that weighs things in `out/weighed`.

    Args:
        out: the model's folder.
        config: everything that the model depends on.
        max_minutes: of training in this call; scenes come on top (about 30 a second on one core).
        report: called as `report(stage, done, total, loss)` after each shard and step.
        device: of the networks, for example "cuda".
        workers: processes that make batches beside the training; a GPU waits without any.

    Returns:
        What the run came to; `done` says whether both trainings are finished.

    Raises:
        UserError: `out` holds a run of another configuration.
    """
    out, made_from = Path(out), asdict(config)
    claim(out, made_from)
    if (result := finished(out / METADATA)) is not None:
        return result
    scenes = _scenes(out / "data" / "random_scenes", config, report)
    data = DrawingData({"random_scenes": scenes}, {"random_scenes": 1.0}, config.prompt_dropout)
    components, begin = Components.of(build_base(config.base).to(device)), time.monotonic()
    results = []
    for name, (folder, training, step) in config.trainings.items():
        trainee = Drawing(components, data.prompts, AdapterConfig("base", step=step), training)
        trainer = Trainer(
            trainee, data, training, out / folder, made_from, device=device, workers=workers
        )
        spent = (time.monotonic() - begin) / 60
        for made in trainer.run(None if max_minutes is None else max(max_minutes - spent, 0.0)):
            report(name, made.step, training.steps, made.loss)
        trainer.use_average()
        if trainer.is_main:
            save_model(components, out / folder)
        results.append(Result.of(trainer))
        if not trainer.done:
            break
    result = _together(results, len(config.trainings))
    if trainer.is_main:
        write_json(out / METADATA, {"result": asdict(result), "config": made_from})
    return result


def _scenes(folder: Path, config: PretrainConfig, report: Callable[..., None]) -> Shards:
    """Draw the scenes that are missing; return all."""
    view_size = config.base.picture_size // 2
    files = make_scenes(folder, config.tasks, view_size, config.seed, config.pictures)
    for number, _ in enumerate(files, 1):
        report("scenes", number, shards_for(config.pictures), None)
    return Shards(folder, config.pictures)


def _together(results: list[Result], trainings: int) -> Result:
    """Return what several trainings of the same weights came to."""
    return Result(
        sum(each.steps for each in results),
        sum(each.minutes for each in results),
        len(results) == trainings and results[-1].done,
        results[-1].weights,
    )
