"""Training: one step, the loop around it, and how it goes on after it was killed.

Batches and random numbers of a step depend on the seed and the step's number alone, so a run that
was killed and started again gives the same losses as one that was not.
"""

from __future__ import annotations

import json
import math
import time
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from genima_lite.controller.act import ACT
from genima_lite.controller.checkpoint import (
    METADATA,
    TRAINING,
    WEIGHTS,
    load_config,
    load_tensors,
    load_weights,
    save_controller,
    save_tensors,
)
from genima_lite.controller.config import ControllerConfig
from genima_lite.controller.data import Batch, TrainingData
from genima_lite.controller.keypoint_pretraining import (
    Detections,
    KeypointPretraining,
    detections,
    draw,
    keypoint_loss,
    teach,
)
from genima_lite.controller.loss import controller_loss
from genima_lite.errors import UserError

Report = Callable[[int, dict[str, float]], None]
"""Called with a step's number and numbers by name."""


@dataclass(frozen=True)
class TrainConfig:
    """How a controller is trained."""

    steps: int = 2000
    """Training steps."""
    batch_size: int = 32
    """Samples of a step."""
    learning_rate: float = 1e-3
    """At its highest; falls to zero along a cosine."""
    warmup: int = 50
    """Steps over which the learning rate rises to its highest."""
    weight_decay: float = 1e-4
    """Of AdamW."""
    gradient_norm: float = 1.0
    """Gradients are clipped to this norm."""
    ema: float = 0.99
    """Decay of the weights' moving average, which is what is used; 0 uses the last weights."""
    seed: int = 0
    """Of first weights, batches and random numbers."""
    save_every: int = 200
    """Steps between checkpoints."""
    keypoint_pretraining: KeypointPretraining | None = None
    """The first lesson of a controller with spheres, which goes on beside the pictures."""

    def __post_init__(self) -> None:
        if min(self.steps, self.batch_size, self.save_every) < 1:
            raise UserError("training: steps, batch_size and save_every must be at least 1")
        if self.learning_rate <= 0 or self.gradient_norm <= 0 or not 0 <= self.ema < 1:
            raise UserError("training: rates and norms must be positive, 0 <= ema < 1")
        if min(self.warmup, self.weight_decay, self.seed) < 0:
            raise UserError("training: warmup, weight_decay and seed must not be negative")


@dataclass(eq=False)
class Training:
    """A run in progress: the network, its optimizer, the average of its weights, the next step."""

    config: TrainConfig
    model: ACT
    step: int = 0
    average: dict[str, Tensor] = field(init=False)
    optimizer: torch.optim.AdamW = field(init=False)

    def __post_init__(self) -> None:
        self.average = {k: v.detach().clone() for k, v in self.model.state_dict().items()}
        self.optimizer = torch.optim.AdamW(
            self.model.parameters(), lr=0.0, weight_decay=self.config.weight_decay
        )


def start(config: ControllerConfig, settings: TrainConfig, device: str = "cpu") -> Training:
    """Return a new run; the seed decides the first weights."""
    with torch.random.fork_rng():
        torch.manual_seed(settings.seed)
        return Training(settings, ACT(config).to(device))


def training_step(
    run: Training, batch: Batch, keypoint_pretraining: Detections | None = None
) -> dict[str, float]:
    """Do one step of gradient descent and return the loss and its parts.

    Args:
        run: changed in place.
        batch: on the network's device.
        keypoint_pretraining: a batch without pictures for the shortcut.
    """
    settings, model = run.config, run.model.train()
    for group in run.optimizer.param_groups:
        group["lr"] = learning_rate(settings, run.step)
    with torch.random.fork_rng():
        torch.manual_seed(settings.seed * 1_000_003 + run.step)  # z and dropout
        labels = batch.labels
        prediction = model(batch.views, batch.state, batch.text, labels.actions, labels.valid)
        loss, parts = controller_loss(model.config, prediction, labels)
    if keypoint_pretraining is not None:
        loss = loss + keypoint_loss(model, keypoint_pretraining)
    run.optimizer.zero_grad(set_to_none=True)
    loss.backward()
    torch.nn.utils.clip_grad_norm_(model.parameters(), settings.gradient_norm)
    run.optimizer.step()
    run.step += 1
    decay = min(settings.ema, run.step / (run.step + 10))  # follows quickly at first
    with torch.no_grad():
        for name, value in model.state_dict().items():
            if value.is_floating_point():
                run.average[name].lerp_(value, 1 - decay)
            else:
                run.average[name].copy_(value)
    return {"loss": loss.item(), **{name: part.item() for name, part in parts.items()}}


def learning_rate(settings: TrainConfig, step: int) -> float:
    """Return the rate of a step: a linear rise, then half a cosine down to zero."""
    rise = min(1.0, (step + 1) / (settings.warmup + 1))
    return settings.learning_rate * rise * (0.5 + 0.5 * math.cos(math.pi * step / settings.steps))


@torch.no_grad()
def validate(model: ACT, batch: Batch) -> dict[str, float]:
    """Return the loss's parts on a batch as in closed loop: no style, no dropout."""
    model.eval()
    _, parts = controller_loss(
        model.config, model(batch.views, batch.state, batch.text), batch.labels
    )
    return {name: part.item() for name, part in parts.items()}


def save(run: Training, folder: Path) -> None:
    """Write a checkpoint from which training goes on, and the controller as it is now."""
    tensors = {f"model.{name}": value for name, value in run.model.state_dict().items()}
    tensors |= {f"average.{name}": value.clone() for name, value in run.average.items()}
    for i, state in run.optimizer.state_dict()["state"].items():
        tensors |= {f"optimizer.{i}.{name}": value.clone() for name, value in state.items()}
    save_tensors(folder / TRAINING, tensors, step=str(run.step))
    weights = run.average if run.config.ema else run.model.state_dict()
    save_controller(
        folder, run.model.config, weights, {"training": asdict(run.config), "step": run.step}
    )


def resume(run: Training, folder: Path) -> None:
    """Put a run where the checkpoint in a folder left off.

    Raises:
        UserError: the checkpoint is of another preset, or was trained with other settings.
    """
    if difference := load_config(folder).difference(run.model.config):
        raise UserError(
            f"{folder / METADATA}: a checkpoint of another preset, its {difference}; "
            "train with the same arguments, or into another folder"
        )
    before = json.loads((folder / METADATA).read_text(encoding="utf-8")).get("training", {})
    for name, value in asdict(run.config).items():
        if before.get(name) != value:
            raise UserError(
                f"{folder / METADATA}: trained with {name} = {before.get(name)}, not {value}; "
                "go on with the same settings, or train into another folder"
            )
    tensors, metadata = load_tensors(folder / TRAINING)
    groups: dict[str, dict[str, Tensor]] = {"model": {}, "average": {}, "optimizer": {}}
    for name, tensor in tensors.items():
        kind, _, rest = name.partition(".")
        groups[kind][rest] = tensor
    load_weights(run.model, groups["model"], folder / TRAINING)
    device = next(run.model.parameters()).device
    run.average = {name: tensor.to(device) for name, tensor in groups["average"].items()}
    state: dict[int, dict[str, Tensor]] = {}
    for name, tensor in groups["optimizer"].items():
        number, _, what = name.partition(".")
        state.setdefault(int(number), {})[what] = tensor
    run.optimizer.load_state_dict(
        {"state": state, "param_groups": run.optimizer.state_dict()["param_groups"]}
    )
    run.step = int(metadata["step"])


def train(
    folder: Path,
    data: TrainingData,
    settings: TrainConfig,
    validation: Batch | None = None,
    max_minutes: float | None = None,
    device: str = "cpu",
    report: Report | None = None,
    begin: Path | None = None,
    workers: int = 0,
) -> Training:
    """Train to the last step or for some minutes, going on where the folder's checkpoint ended.

    Writes checkpoints (`genima_lite.controller.checkpoint`) and TensorBoard's event files.

    Args:
        folder: of the controller; new, or of a run with the same configuration.
        data: gives the batches.
        settings: how to train.
        validation: looked at with every checkpoint.
        max_minutes: stop after so many and save; started again it goes on.
        device: where to train, as torch names it.
        report: called after each step with its number and the parts of its loss; before, in the
            first keypoint_pretraining, now and then with 0 and either `samples` made or the `lesson`'s loss.
        begin: folder of a controller of the same configuration whose weights come first; it has
            had its first keypoint_pretraining, which only goes on beside.
        workers: processes that make batches (forked: not on Windows); 0 makes them between steps.
            The batches are the same.

    Raises:
        UserError: the folder holds a checkpoint of another preset, or workers is negative.
    """
    from torch.utils.tensorboard import SummaryWriter

    if workers < 0:
        raise UserError(f"workers is {workers}; give 0 or more")
    run = start(data.config, settings, device)
    truth = None
    if settings.keypoint_pretraining is not None and data.bare:
        truth = _keypoint_samples(folder, data, settings.keypoint_pretraining, report)
    if (folder / TRAINING).exists():
        resume(run, folder)
    else:
        _begin(run, begin, truth, report)
        save(run, folder)
    if run.step == settings.steps:
        return run
    end = time.monotonic() + 60 * (math.inf if max_minutes is None else max_minutes)
    with SummaryWriter(str(folder / "tensorboard"), purge_step=run.step) as board:
        for batch in _batches(data, settings, run.step, workers):
            if time.monotonic() >= end:
                break
            parts = training_step(run, batch.to(torch.device(device)), _beside(run, truth))
            _log(board, "train", parts, run.step)
            if report is not None:
                report(run.step, parts)
            if run.step % settings.save_every == 0 or run.step == settings.steps:
                save(run, folder)
                if validation is not None:
                    seen = validation.to(torch.device(device))
                    _log(board, "validation", validate_average(run, seen), run.step)
    save(run, folder)
    return run


class _Batches(Dataset[Batch]):
    """The batches of all steps from some step on."""

    def __init__(self, data: TrainingData, settings: TrainConfig, first: int):
        self._data, self._settings, self._first = data, settings, first

    def __len__(self) -> int:
        return self._settings.steps - self._first

    def __getitem__(self, number: int) -> Batch:
        return self._data.batch(self._first + number, self._settings.batch_size)


def _batches(
    data: TrainingData, settings: TrainConfig, first: int, workers: int
) -> Iterable[Batch]:
    """Give the batches of the steps from `first` on, in order."""
    how = "fork" if workers else None  # sources cannot be pickled
    return DataLoader(
        _Batches(data, settings, first),
        batch_size=None,
        num_workers=workers,
        multiprocessing_context=how,
        generator=torch.Generator(),  # the loader draws a seed for its workers; none uses it
    )


def _keypoint_samples(
    folder: Path, data: TrainingData, config: KeypointPretraining, report: Report | None
) -> Detections:
    """Return the lesson's samples, made once and kept in the folder."""
    path = folder / "keypoints.safetensors"

    def tell(done: int, total: int) -> None:
        if report is not None and done % 10_000 == 0:
            report(0, {"samples": float(done)})

    if not path.exists():
        save_tensors(path, vars(detections(data.bare, config, tell)))
    return Detections(**load_tensors(path)[0])


def _begin(
    run: Training, begin: Path | None, truth: Detections | None, report: Report | None
) -> None:
    """Give a new run its first weights: another controller's, or the first lesson's."""

    def tell(step: int, steps: int, loss: float) -> None:
        if report is not None and step % 500 == 0:
            report(0, {"keypoint_pretraining": loss})

    if begin is not None:
        load_weights(run.model, load_tensors(begin / WEIGHTS)[0], begin / WEIGHTS)
    elif truth is not None and run.config.keypoint_pretraining is not None:
        teach(run.model, truth, run.config.keypoint_pretraining, tell)
    run.average = {k: v.detach().clone() for k, v in run.model.state_dict().items()}


def _beside(run: Training, truth: Detections | None) -> Detections | None:
    """Return the step's batch of the keypoint_pretraining, the same for the same step."""
    if truth is None or run.config.keypoint_pretraining is None:
        return None
    seed = run.config.seed * 1_000_003 + run.step
    batch = draw(truth, run.config.keypoint_pretraining, torch.Generator().manual_seed(seed))
    device = next(run.model.parameters()).device
    return Detections(*(part.to(device) for part in batch.parts()))


def validate_average(run: Training, batch: Batch) -> dict[str, float]:
    """Return `validate` of the weights that will be used: their average, if there is one."""
    if not run.config.ema:
        return validate(run.model, batch)
    kept = {name: value.detach().clone() for name, value in run.model.state_dict().items()}
    run.model.load_state_dict(run.average)
    parts = validate(run.model, batch)
    run.model.load_state_dict(kept)
    return parts


def _log(board: Any, group: str, parts: dict[str, float], step: int) -> None:
    for name, value in parts.items():
        board.add_scalar(f"{group}/{name}", value, step)
