"""Teach a base model to draw joint targets (paper, section 3.1): one whole run.

    demonstrations, perturbed states, DAgger rollouts, grounding ──► shards ──► batches ──► model

Killed or out of time and called again with the same configuration, it goes on; with another one,
other data or another base model it is refused.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from genima_lite import provenance
from genima_lite.datasets.demonstrations import check_sets, read_demos, recorded
from genima_lite.datasets.recovery_starts import MakePolicy
from genima_lite.datasets.shards import Shards, shards_for
from genima_lite.datasets.source import check_weights, weights_of
from genima_lite.diffusion.adapters import trained_networks
from genima_lite.diffusion.agent import MOST_STEPS, DiffusionAgent
from genima_lite.diffusion.augment import AugmentConfig
from genima_lite.diffusion.base import load_pipeline
from genima_lite.diffusion.batch import DrawingBatch
from genima_lite.diffusion.card import SAMPLES, write_card
from genima_lite.diffusion.components import Components, check_size
from genima_lite.diffusion.data import (
    DrawingData,
    PictureSettings,
    demo_pictures,
    demonstration_shards,
    make_dagger,
    make_demonstrations,
    make_grounding,
    make_perturbed_states,
)
from genima_lite.diffusion.latents import make_latents, needs_latents
from genima_lite.diffusion.metadata import METADATA, check_target
from genima_lite.diffusion.pipelines import pipeline_of
from genima_lite.diffusion.pixels import pixel_picture, score_pixels
from genima_lite.diffusion.stream import DemonstrationStream
from genima_lite.diffusion.train import AdapterConfig, Drawing, save_model
from genima_lite.diffusion.validate import decision_examples, score_drawings, validation_picture
from genima_lite.errors import UserError
from genima_lite.files import write_json, written_whole
from genima_lite.provenance import claim, fingerprint, model_fingerprint
from genima_lite.schema import named_once
from genima_lite.targets.horizon import FUTURE, HORIZON, SPHERES
from genima_lite.training.config import TrainingConfig
from genima_lite.training.loop import Trainer, Validate
from genima_lite.training.precision import frozen_dtype
from genima_lite.training.result import Result, finished

VALIDATION_FRAMES = 32
"""Held-out decisions that are drawn now and then during training."""

Report = Callable[[str, int, int, float | None], None]
"""Called as `report(stage, done, total, loss)` after each shard and each step."""


@dataclass(frozen=True)
class DrawingMixture:
    """Weights of the sources in every batch, relative to their sum; 0 where there is no source."""

    demonstrations: float = 1.0
    """Frames of demonstrations."""
    perturbed_states: float = 0.0
    """The arm set down beside the expert's way."""
    dagger: float = 0.0
    """Decisions that a trained Genima reaches."""
    grounding: float = 0.0
    """Scenes in which the thing is painted that the prompt names."""


@dataclass(frozen=True)
class FinetuneConfig:
    """Everything that a fine-tuning run depends on."""

    base: str
    """Folder of the base model, a safetensors file with all of it, or a model id of the hub such as
    "stabilityai/sd-turbo"."""
    tasks: tuple[str, ...]
    """Which tasks of the datasets, and whose scenes are shown beside them."""
    demos: tuple[str, ...] = ()
    """Datasets in RLBench's layout, made by collect."""
    lora: str | None = None
    """File or folder with LoRA that is added to the base's UNet before anything is learned."""
    held_out: str | None = None
    """Another dataset, on which drawings are scored now and then."""
    view_size: int = 64
    """Pixels along each side of a view, also of the datasets'; the base draws twice as large."""
    frames_each: int = 20
    """Frames of each demonstration; neighbouring frames look alike."""
    copies: int = 1
    """How often each demonstration is drawn, each time with other frames, crops and colours. Where
    latents are kept, this is all the variety that training sees. With 0 nothing is kept: each
    sample is read from its folder and drawn when a batch wants it (`--workers` beside a GPU)."""
    perturbed_states: int = 0
    """Single decisions, each with the arm set down beside the expert's way in a new scene
    (`genima_lite.datasets.perturbed_states`)."""
    dagger: int = 0
    """Decisions that a trained Genima reaches, each with what the expert would do
    there (`genima_lite.datasets.dagger`)."""
    dagger_by: str | None = None
    """Folder of that Genima."""
    grounding: int = 0
    """Random scenes in which the thing that the prompt names must be painted
    (`genima_lite.datasets.grounding`)."""
    mixture: DrawingMixture = field(default_factory=DrawingMixture)
    """How a batch is dealt among all these."""
    keyframes: bool = True
    """Cut targets at keyframes (`genima_lite.targets.horizon.target_frames`)."""
    target: str = SPHERES
    """What is drawn: spheres on the present views or, from demonstrations alone, the future views
    (SuSIE)."""
    augment: AugmentConfig = field(default_factory=AugmentConfig)
    """Random crops and colours of the views, before targets are drawn on them."""
    prompt_dropout: float = 0.05
    """Share of samples with an empty prompt."""
    sampling_steps: int = 1
    """In which the model draws, when it is validated and later."""
    adapter: AdapterConfig = field(default_factory=AdapterConfig)
    """What is trained, and how noise and errors are weighted."""
    training: TrainingConfig = field(
        default_factory=lambda: TrainingConfig(
            steps=600, batch_size=16, final_rate=0.1, weight_decay=0.01, ema=0.995
        )
    )
    """How it is learned."""
    seed: int = 0
    """Of frames, sentences, scenes and rollouts."""

    def __post_init__(self) -> None:
        _check_counts(self)
        if not self.tasks:
            raise UserError("fine-tuning needs at least one task")
        check_target(self.target)
        if self.target == FUTURE and self.sources != ["demonstrations"]:
            raise UserError(
                f"target '{FUTURE}' is learned from demonstrations: only these have later pictures"
            )
        if self.adapter.name == "base":
            raise UserError("adapter 'base' is pre-training; choose how to change the base")
        if (self.dagger > 0) != (self.dagger_by is not None):
            raise UserError("dagger and dagger_by belong together: how many, and whose decisions")
        check_weights(weights_of(self.mixture), self.sources)
        named_once("tasks", self.tasks)
        check_sets(self.held_out, demos=self.demos)

    @property
    def sources(self) -> list[str]:
        """The names of the sources that are there."""
        return [name for name in weights_of(self.mixture) if self.count(name)]

    def count(self, source: str) -> int:
        """Return how many rows of a source are asked for; of demonstrations, how many datasets."""
        return len(self.demos) if source == "demonstrations" else int(getattr(self, source))


def _check_counts(config: FinetuneConfig) -> None:
    for name in ("perturbed_states", "dagger", "grounding", "copies", "seed"):
        if getattr(config, name) < 0:
            raise UserError(f"{name} is {getattr(config, name)}; it must not be negative")
    if min(config.frames_each, config.view_size, config.sampling_steps) < 1:
        raise UserError("frames_each, view_size and sampling_steps must be at least 1")
    if config.sampling_steps > MOST_STEPS:
        raise UserError(f"sampling_steps is {config.sampling_steps}; give 1 to {MOST_STEPS}")
    if not 0 <= config.prompt_dropout <= 1:
        raise UserError(f"prompt_dropout is {config.prompt_dropout}; give 0 to 1")


def finetune(
    out: Path | str,
    config: FinetuneConfig,
    max_minutes: float | None = None,
    report: Report = lambda *_: None,
    device: str = "cpu",
    workers: int = 0,
    pilot: MakePolicy | None = None,
) -> Result:
    """Make the data, train, and write the model to `out`, for `DiffusionAgent.load`.

    Args:
        out: the model's folder. What is made of the sources is kept in its `data/`.
        config: everything that the model depends on.
        max_minutes: of training in this call; data come on top.
        report: told how far this is.
        device: of the networks, for example "cuda".
        workers: processes that make batches beside the training; a GPU waits without any.
        pilot: makes the policy of `dagger_by` in its environments
            (`genima_lite.policies.api.PolicyFactory`); needed only with `dagger`.

    Returns:
        What the run came to; `done` says whether it is finished.

    Raises:
        UserError: nothing to learn from, or `out` holds a run of another configuration, of other
            data or of another base model.
    """
    out = Path(out)
    made_from = _made_from(config)
    claim(out, made_from)
    if (result := finished(out / METADATA)) is not None:
        return result
    dtype = frozen_dtype(config.training.precision, device)
    trained = trained_networks(config.adapter.name)
    components = Components.of(load_pipeline(config.base, dtype, trained, config.lora))
    check_size(components, 2 * config.view_size)  # a wrong base is refused before anything is drawn
    kept = _kept(out / "data", config, made_from, pilot, report)
    components = components.to(device)
    streams = _streams(config)
    latents = None if streams else _latents(out / "data", components, kept, made_from, report)
    data = DrawingData(kept, weights_of(config.mixture), config.prompt_dropout, latents, streams)
    trainee = Drawing(components, data.prompts, config.adapter, config.training)
    validate = None if config.held_out is None else _validation(out, components, config)
    trainer = Trainer(
        trainee, data, config.training, out, made_from, validate, device=device, workers=workers
    )
    for made in trainer.run(max_minutes):
        report("training", made.step, config.training.steps, made.loss)
    if trainer.is_main:
        if trainer.shards:
            components = _gathered(trainer, data, config)
        else:
            trainer.use_average()
        write_json(out / "validation.json", trainer.validations)
        save_model(components, out)
        said = {**_recipe(out), **_metadata(config, kept, Result.of(trainer))}
        pipeline = type(pipeline_of(components)).__name__
        write_card(out, pipeline, config.base, said, trainer.validations)
        write_json(out / METADATA, said)
    return Result.of(trainer)


def _gathered(
    trainer: Trainer[DrawingBatch], data: DrawingData, config: FinetuneConfig
) -> Components:
    """Return the networks as a run's checkpoint has them, where no process has them whole."""
    dtype = frozen_dtype(config.training.precision, "cpu")
    trained = trained_networks(config.adapter.name)
    components = Components.of(load_pipeline(config.base, dtype, trained, config.lora))
    trainer.read_into(Drawing(components, data.prompts, config.adapter, config.training))
    return components


def draw_perturbed_states(out: Path | str, config: FinetuneConfig) -> Iterator[Path]:
    """Make a run's perturbed states ahead of it; `finetune` makes them if nobody did.

    Yields:
        Each of their shards, old or new.

    Raises:
        UserError: there are others in `out`.
    """
    folder = Path(out) / "data" / "perturbed_states"
    return make_perturbed_states(folder, _settings(config), config.perturbed_states)


def _settings(config: FinetuneConfig) -> PictureSettings:
    return PictureSettings(
        config.tasks,
        config.view_size,
        config.seed,
        config.keyframes,
        config.augment,
        config.target,
    )


def _made_from(config: FinetuneConfig) -> dict[str, Any]:
    """Return all that a run depends on, with fingerprints in place of paths."""
    held_out, dagger_by = config.held_out, config.dagger_by
    return {
        **asdict(config),
        "base": model_fingerprint(config.base) if Path(config.base).exists() else config.base,
        "lora": None if config.lora is None else fingerprint(config.lora),
        "demos": [fingerprint(each) for each in config.demos],
        "held_out": None if held_out is None else fingerprint(held_out),
        "dagger_by": None if dagger_by is None else model_fingerprint(dagger_by),
    }


def _kept(
    folder: Path,
    config: FinetuneConfig,
    made_from: dict[str, Any],
    pilot: MakePolicy | None,
    report: Report,
) -> dict[str, Shards]:
    """Make what is missing of every source; return the rows of all by name."""
    kept = {}
    for name in config.sources:
        if name == "demonstrations" and not config.copies:
            continue
        total, files = _making(folder / name, name, config, made_from, pilot)
        for number, _ in enumerate(files, 1):
            report(name, number, total, None)
        kept[name] = Shards(folder / name, None if name == "demonstrations" else config.count(name))
        side = 2 * config.view_size
        picture = (("U8",), (side, side, 3))
        kept[name].expect(pictures=picture, conditions=picture, prompts=(("strings",), ()))
    return kept


def _streams(config: FinetuneConfig) -> dict[str, DemonstrationStream]:
    """Return the sources of which nothing is kept."""
    if config.copies or not config.demos:
        return {}
    episodes = recorded(config.demos, config.tasks)
    stream = DemonstrationStream(episodes, _settings(config), config.frames_each)
    return {"demonstrations": stream}


def _making(
    folder: Path,
    name: str,
    config: FinetuneConfig,
    made_from: dict[str, Any],
    pilot: MakePolicy | None,
) -> tuple[int, Iterator[Path]]:
    """Return how many shards a source has, and what makes them."""
    settings = _settings(config)
    if name == "demonstrations":
        episodes = recorded(config.demos, config.tasks) * config.copies
        data = [*made_from["demos"], *([config.copies] if config.copies > 1 else [])]
        total = demonstration_shards(len(episodes), config.frames_each)
        return total, make_demonstrations(folder, episodes, settings, config.frames_each, data)
    count = config.count(name)
    if name == "perturbed_states":
        return shards_for(count), make_perturbed_states(folder, settings, count)
    if name == "grounding":
        return shards_for(count), make_grounding(folder, settings, count)
    if pilot is None:
        raise UserError("dagger needs a pilot: the policy of dagger_by in its environments")
    return shards_for(count), make_dagger(folder, settings, count, pilot, made_from["dagger_by"])


def _latents(
    folder: Path,
    components: Components,
    kept: dict[str, Shards],
    made_from: dict[str, Any],
    report: Report,
) -> dict[str, Shards] | None:
    """Return the latents of all rows by source, made if they are missing; `None`: not needed."""
    if not needs_latents(components):
        return None
    found = {}
    for name, pictures in kept.items():
        said = {"pictures": fingerprint(pictures.folder), "base": made_from["base"]}
        files = make_latents(folder / f"{name}_latents", components, pictures, said)
        for number, _ in enumerate(files, 1):
            report(f"latents of {name}", number, shards_for(len(pictures)), None)
        found[name] = Shards(folder / f"{name}_latents", len(pictures))
    return found


def _recipe(out: Path) -> dict[str, str]:
    """Return of which recipe a model is a step, as the run's folder above it says."""
    for folder in out.resolve().parents[:2]:
        if (folder / provenance.FILE).exists():
            said = provenance.origin(folder)
            return (
                {"recipe": f"{said['recipe']}, version {said['version']}"}
                if ("recipe" in said)
                else {}
            )
    return {}


def _metadata(config: FinetuneConfig, kept: dict[str, Shards], result: Result) -> dict[str, Any]:
    """Return what is written beside a model."""
    return {
        "tasks": sorted(config.tasks),
        "view_size": config.view_size,
        "horizon": HORIZON,
        "keyframes": config.keyframes,
        "sampling_steps": config.sampling_steps,
        "target": config.target,
        "pictures": {name: len(rows) for name, rows in kept.items()},
        "base": Path(config.base).name,
        "steps": result.steps,
        "minutes": result.minutes,
        "result": asdict(result),
        "training": asdict(config.training),
        "adapter": asdict(config.adapter),
        "mixture": asdict(config.mixture),
        "augment": asdict(config.augment),
    }


def _validation(out: Path, components: Components, config: FinetuneConfig) -> Validate:
    """Return what scores the drawings of held-out decisions, and keeps the last ones to look at."""
    assert config.held_out is not None
    if config.target == FUTURE:
        return _future_validation(out, components, config, config.held_out)
    every = decision_examples(read_demos(config.held_out, config.tasks), config.keyframes)
    chosen = np.linspace(0, len(every) - 1, min(VALIDATION_FRAMES, len(every))).astype(int)
    examples = [every[i] for i in chosen]

    def validate() -> tuple[dict[str, float], np.ndarray]:
        agent = DiffusionAgent(components, config.sampling_steps)
        score, drawings = score_drawings(agent, examples)
        numbers = {k: v for k, v in vars(score).items() if isinstance(v, float)}
        picture = validation_picture(examples, drawings)
        _save(out / SAMPLES, picture)
        return numbers, picture

    return validate


def _future_validation(
    out: Path, components: Components, config: FinetuneConfig, held_out: str
) -> Validate:
    """Return what compares drawn future views with the true ones."""
    episodes = recorded([held_out], config.tasks)
    each = -(-VALIDATION_FRAMES // len(episodes))
    rng = np.random.default_rng(0)
    every = demo_pictures(episodes, each, rng, None, config.keyframes, FUTURE)

    def validate() -> tuple[dict[str, float], np.ndarray]:
        score, drawn = score_pixels(DiffusionAgent(components, config.sampling_steps), every)
        numbers = {k: v for k, v in vars(score).items() if isinstance(v, float)}
        picture = pixel_picture(every, drawn)
        _save(out / SAMPLES, picture)
        return numbers, picture

    return validate


def _save(path: Path, picture: np.ndarray) -> None:
    with written_whole(path) as partial:
        Image.fromarray(picture).save(partial)
