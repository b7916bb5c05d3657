"""Teach a base model to draw joint targets, from demonstrations (paper, section 3.1)."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, field
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np

from genima_lite.datasets.shards import shards_for
from genima_lite.diffusion.agent import DiffusionAgent
from genima_lite.diffusion.augment import AugmentConfig
from genima_lite.diffusion.base import load_pipeline
from genima_lite.diffusion.components import Components
from genima_lite.diffusion.data import (
    SceneSettings,
    make_dagger,
    make_grounding,
    make_perturbed_states,
    read_demos,
    target_pictures,
)
from genima_lite.diffusion.pictures import Pictures, load_pictures, together
from genima_lite.diffusion.train import TrainConfig, Trainer, Validate
from genima_lite.diffusion.validate import decision_examples, score_drawings, validation_picture
from genima_lite.envs.api import EnvSpec, make_env
from genima_lite.errors import UserError
from genima_lite.files import write_json
from genima_lite.targets.horizon import HORIZON

METADATA = "genima.json"
"""The file beside the model that says what it was trained for."""


VALIDATION_FRAMES = 32
"""Held-out decisions that are drawn now and then during training."""


@dataclass(frozen=True)
class FinetuneConfig:
    """A whole fine-tuning run."""

    tasks: tuple[str, ...]
    """Which tasks of the dataset."""
    frames_each: int = 20
    """Frames of each demonstration; neighbouring frames look alike."""
    augment: AugmentConfig = field(default_factory=AugmentConfig)
    """Random crops and colours."""
    keyframes: bool = True
    """Cut targets at stops (`genima_lite.targets.horizon.target_frames`)."""
    grounding: int = 0
    """Random scenes beside the demonstrations, in which the thing that the prompt names shall be
    painted (`genima_lite.diffusion.data.make_grounding`)."""
    perturbed_states: int = 0
    """Single decisions beside the demonstrations, each with the arm set down beside the expert's
    way in a new scene of the bench (`genima_lite.datasets.perturbed_states`)."""
    dagger: int = 0
    """Decisions to which a trained Genima comes by itself, each with what the expert would do
    there (`genima_lite.datasets.dagger`)."""
    dagger_by: Path | None = None
    """Folder of that Genima; `None` for the shipped one."""
    training: TrainConfig = field(default_factory=TrainConfig)
    """How they are learned."""
    seed: int = 0
    """Of the choice of frames and sentences."""

    def __post_init__(self) -> None:
        if self.frames_each < 1 or min(self.grounding, self.perturbed_states, self.dagger) < 0:
            raise UserError(
                "frames_each must be at least 1, grounding, moments and visited not negative"
            )
        if self.training.adapter == "base":
            raise UserError("adapter 'base' is pre-training; choose how the base shall be changed")


Report = Callable[[str, int, int, float | None], None]
"""Called as `report(stage, done, total, loss)` after each file of pictures and each step."""


def finetune(
    out: Path | str,
    base: Path | str,
    demos: Sequence[Path | str],
    config: FinetuneConfig,
    max_minutes: float | None = None,
    report: Report = lambda *_: None,
    device: str = "cpu",
    held_out: Path | str | None = None,
) -> Trainer:
    """Train on datasets and write the model to `out`, for `DiffusionAgent.load`.

    Run again with the same arguments it goes on where it stopped. Moments, visited decisions and
    pointing are kept in folders of `out`.

    Args:
        out: the model's folder.
        base: folder of the base model, or a model id of the hub such as "stabilityai/sd-turbo".
        demos: datasets in RLBench's layout, their views half as large as the tiled pictures.
        config: what to do.
        max_minutes: of training in this call; pictures come on top.
        report: told how far this is.
        device: of the networks, for example "cuda".
        held_out: another dataset, on which drawings are scored now and then.

    Returns:
        The trainer; `trainer.done` says whether all steps are made.

    Raises:
        UserError: nothing to learn from, or `out` holds a run of another configuration.
    """
    pictures = _all_pictures(Path(out), demos, config, report)
    validate = None if held_out is None else _validation(held_out, config)
    components = Components.of(load_pipeline(base).to(device))
    trainer = Trainer(components, pictures, config.training, out, validate)
    for loss in trainer.run(max_minutes):
        report("training", trainer.step, config.training.steps, loss)
    trainer.save_model()
    _write_metadata(Path(out), config, pictures, str(base), trainer)
    return trainer


def _all_pictures(
    out: Path, demos: Sequence[Path | str], config: FinetuneConfig, report: Report
) -> Pictures:
    """Return all that is learned from; what no dataset holds is drawn into files under `out`."""
    shown = chain.from_iterable(read_demos(each, config.tasks) for each in demos)
    found = target_pictures(
        shown, config.frames_each, config.seed, config.augment, config.keyframes
    )
    for name, count, files in _further(out, config, found.pictures.shape[1] // 2):
        for number, _ in enumerate(files, 1):
            report(name, number, shards_for(count), None)
        found = together(found, load_pictures(out / name, count))
    return found


def _further(
    out: Path, config: FinetuneConfig, view_size: int
) -> Iterator[tuple[str, int, Iterator[Path]]]:
    """Yield what is learned from beside datasets: its folder in `out`, how many, its files."""
    if config.perturbed_states:
        yield "moments", config.perturbed_states, draw_perturbed_states(out, config, view_size)
    if config.dagger:
        settings = SceneSettings(config.tasks, view_size, config.seed)
        rest = (config.dagger_by, config.dagger, config.augment, config.keyframes)
        yield "dagger", config.dagger, make_dagger(out / "dagger", settings, *rest)
    if config.grounding:
        settings = SceneSettings(_with_choice(config.tasks), view_size, config.seed)
        yield (
            "grounding",
            config.grounding,
            make_grounding(out / "grounding", settings, config.grounding),
        )


def draw_perturbed_states(out: Path, config: FinetuneConfig, view_size: int) -> Iterator[Path]:
    """Draw a run's moments into files in `out/moments`; `finetune` does it if nobody did."""
    settings = SceneSettings(config.tasks, view_size, config.seed)
    folder = out / "moments"
    return make_perturbed_states(
        folder, settings, config.perturbed_states, config.augment, config.keyframes
    )


def _with_choice(tasks: Sequence[str]) -> tuple[str, ...]:
    """Return the tasks in which an instruction decides between things."""
    found = tuple(task for task in tasks if make_env(EnvSpec(task, cameras=())).variations > 1)
    if not found:
        raise UserError("pointing needs a task with variations: the others name no thing")
    return found


def load_metadata(folder: Path | str) -> dict[str, Any]:
    """Return what fine-tuning wrote about a model: tasks, view size, horizon, stops and more.

    Raises:
        UserError: no metadata, or not one of ours.
    """
    path = Path(folder) / METADATA
    try:
        metadata = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise UserError(
            f"{folder}: no {METADATA} in it; give the folder that 'train-diffusion' wrote"
        ) from None
    except ValueError as error:
        raise UserError(f"{path}: not readable as JSON ({error})") from error
    if not isinstance(metadata, dict) or not {"tasks", "view_size", "horizon", "keyframes"} <= set(
        metadata
    ):
        raise UserError(f"{path}: does not say for which tasks and views the model was trained")
    return metadata


def _write_metadata(
    folder: Path, config: FinetuneConfig, pictures: Pictures, base: str, trainer: Trainer
) -> None:
    metadata = {
        "tasks": sorted(config.tasks),
        "view_size": pictures.pictures.shape[1] // 2,
        "horizon": HORIZON,
        "keyframes": config.keyframes,
        "pictures": len(pictures),
        "grounding": config.grounding,
        "moments": config.perturbed_states,
        "dagger": config.dagger,
        "base": Path(base).name,
        "steps": trainer.step,
        "minutes": trainer.seconds / 60,
        "training": asdict(config.training),
    }
    write_json(folder / METADATA, metadata)


def _validation(held_out: Path | str, config: FinetuneConfig) -> Validate:
    """Return what scores a model's drawings of held-out decisions."""
    every = decision_examples(read_demos(held_out, config.tasks), config.keyframes)
    chosen = np.linspace(0, len(every) - 1, min(VALIDATION_FRAMES, len(every))).astype(int)
    examples = [every[i] for i in chosen]

    def validate(components: Components) -> tuple[dict[str, float], np.ndarray]:
        score, drawings = score_drawings(DiffusionAgent(components), examples)
        numbers = {k: v for k, v in asdict(score).items() if isinstance(v, float)}
        return numbers, validation_picture(examples, drawings)

    return validate
