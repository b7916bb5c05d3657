"""Training a controller: first its shortcut on keypoints alone, then all of it on pictures.

    keypoint samples ──► Shortcut ──┐
    pictures, keypoint samples ─────┴► Following ──► controller

Both go through `genima_lite.training.loop`; a run that was killed goes on exactly in either.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import torch
from torch import Tensor

from genima_lite.controller.act import ACT
from genima_lite.controller.checkpoint import (
    WEIGHTS,
    load_controller,
    load_weights,
    save_controller,
)
from genima_lite.controller.config import ControllerConfig
from genima_lite.controller.data import Batch
from genima_lite.controller.keypoint_pretraining import (
    Detections,
    KeypointData,
    KeypointPretraining,
    Shortcut,
    detections,
    keypoint_loss,
)
from genima_lite.controller.loss import controller_loss
from genima_lite.controller.sources import Samples
from genima_lite.datasets.source import Source
from genima_lite.errors import UserError
from genima_lite.provenance import claim
from genima_lite.training.batches import Data
from genima_lite.training.config import TrainingConfig
from genima_lite.training.devices import to_device
from genima_lite.training.loop import ParameterGroups, Trainee, Trainer, Validate
from genima_lite.training.result import Result
from genima_lite.training.tensors import load_tensors, save_tensors

KEYPOINTS = "keypoints"
"""Folder of keypoint pretraining in that of a run."""

Report = Callable[[str, int, int, float | None], None]
"""Called as `report(stage, done, total, loss)`."""


class ControllerTraining(Protocol):
    """How a controller is trained, of all that a run's configuration says."""

    @property
    def network(self) -> ControllerConfig:
        """Sizes of the network and weights of its loss."""

    @property
    def training(self) -> TrainingConfig:
        """How it is learned."""

    @property
    def keypoint_pretraining(self) -> KeypointPretraining | None:
        """What a controller with spheres learns first, and beside the pictures."""

    @property
    def begin(self) -> str | None:
        """Folder of a controller of the same network whose weights come first; it has had its
        keypoint pretraining, which only goes on beside.
        """


class PictureData(Data[Batch], Protocol):
    """Makes batches with pictures."""

    @property
    def bare(self) -> Sequence[tuple[Source[Samples], float]]:
        """Sources without pictures for keypoint pretraining, each with its weight."""


@dataclass(frozen=True, eq=False)
class FollowingBatch:
    """What a controller sees in one step: samples with pictures and, beside them, without."""

    pictures: Batch
    keypoints: Detections | None


@dataclass(frozen=True, eq=False)
class FollowingData:
    """Batches with pictures, and without.

    Attributes:
        pictures: gives the ones.
        keypoints: gives the others, or is `None`.
        ratio: how many without come on one with pictures.
    """

    pictures: Data[Batch]
    keypoints: KeypointData | None = None
    ratio: float = 1.0

    def batch(self, rng: np.random.Generator, size: int) -> FollowingBatch:
        """Return `size` samples with pictures and, if there are any, `ratio` times as many without
        them.
        """
        pictures = self.pictures.batch(rng, size)
        if self.keypoints is None:
            return FollowingBatch(pictures, None)
        return FollowingBatch(pictures, self.keypoints.batch(rng, max(1, round(self.ratio * size))))


class Following(Trainee[FollowingBatch]):
    """A controller that learns to follow targets or, as a baseline, to act on plain pictures."""

    def __init__(self, model: ACT):
        super().__init__()
        self.model = model

    def forward(
        self, batch: FollowingBatch, generator: torch.Generator
    ) -> tuple[Tensor, dict[str, Tensor]]:
        """Return the loss of a batch and its parts (`controller_loss`)."""
        seen, labels, config = batch.pictures, batch.pictures.labels, self.model.config
        # Dropout and the style variable draw from torch's own generators.
        with torch.random.fork_rng(_gpus(seen.views.device)):
            torch.manual_seed(generator.initial_seed())
            prediction = self.model(seen.views, seen.state, seen.text, labels.actions, labels.valid)
        loss, parts = controller_loss(config, prediction, labels)
        if batch.keypoints is not None:
            geometry = self.model.geometry
            loss = loss + keypoint_loss(geometry, batch.keypoints, config.gripper_weight)
        return loss, parts

    def parameter_groups(self) -> ParameterGroups:
        """Return all weights."""
        return {"all": (list(self.model.parameters()), 1.0)}


def new_controller(config: ControllerConfig, seed: int) -> ACT:
    """Return a controller that has learned nothing; the seed decides its weights."""
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        return ACT(config)


def train(
    out: Path | str,
    data: PictureData,
    config: ControllerTraining,
    made_from: Mapping[str, Any],
    validation: Batch | None = None,
    max_minutes: float | None = None,
    report: Report = lambda *_: None,
    device: str = "cpu",
    workers: int = 0,
    tasks: Sequence[str] = (),
) -> Result:
    """Train to the last step or for some minutes, going on where the folder's checkpoint ended.

    Args:
        out: gets the controller (`genima_lite.controller.checkpoint`), the checkpoint, `logs/` and,
            in `keypoints/`, the same of keypoint pretraining.
        data: gives the batches.
        config: network, training, keypoint pretraining, and which weights come first.
        made_from: JSON-able, all that the run depends on.
        validation: looked at every `validate_every` steps.
        max_minutes: of this call; started again it goes on.
        report: told after each step.
        device: cpu, cuda or mps.
        workers: processes that make batches.
        tasks: whose pictures the data show, for the controller's metadata.

    Raises:
        UserError: the folder holds a run that was made from something else, or weights that come
            first are of another network.
    """
    out, model = Path(out), new_controller(config.network, config.training.seed)
    keypoints = _keypoints(out / KEYPOINTS, data, config, made_from, report)
    begun, minutes = time.monotonic(), 0.0
    if config.begin is not None:
        _begin(model, Path(config.begin))
    elif keypoints is not None:
        first = _pretrain(out / KEYPOINTS, model, keypoints, made_from, max_minutes, report, device)
        if not first.done:
            return first
        minutes = first.minutes
    pictures = FollowingData(data, keypoints, _ratio(config))
    validate = None if validation is None else _validation(model, validation)
    trainer = Trainer(
        Following(model), pictures, config.training, out, made_from, validate, device, workers
    )
    spent = minutes if config.training.shorten else (time.monotonic() - begun) / 60
    for made in trainer.run(None if max_minutes is None else max(max_minutes - spent, 0.0)):
        report("training", made.step, config.training.steps, made.loss)
    trainer.use_average()
    result = Result(trainer.step, trainer.seconds / 60 + minutes, trainer.done, trainer.trained)
    if trainer.is_main:
        said = {
            "tasks": list(tasks),
            "training": asdict(config.training),
            "step": trainer.step,
            "result": asdict(result),
        }
        save_controller(out, config.network, model.state_dict(), said)
    return result


@torch.no_grad()
def validate(model: ACT, batch: Batch) -> dict[str, float]:
    """Return the loss's parts on a batch as in closed loop: no style, no dropout."""
    model.eval()
    seen = to_device(batch, next(model.parameters()).device)
    prediction = model(seen.views, seen.state, seen.text)
    _, parts = controller_loss(model.config, prediction, seen.labels)
    return {name: part.item() for name, part in parts.items()}


def _validation(model: ACT, batch: Batch) -> Validate:
    return lambda: (validate(model, batch), None)


def _begin(model: ACT, folder: Path) -> None:
    """Put a trained controller's weights into a new one that sees and does the same."""
    found, wanted = load_controller(folder).config, model.config
    for name in ("cameras", "image_size", "horizon", "keyframes"):
        one, other = getattr(found, name), getattr(wanted, name)
        if one != other:
            raise UserError(f"{folder}: a controller with {name} {one}, this one has {other}")
    load_weights(model, folder / WEIGHTS)


def _keypoints(
    folder: Path,
    data: PictureData,
    config: ControllerTraining,
    made_from: Mapping[str, Any],
    report: Report,
) -> KeypointData | None:
    """Return what keypoint pretraining learns from, made once and kept in the folder."""
    pretraining, path = config.keypoint_pretraining, folder / "samples.safetensors"
    if pretraining is None or not data.bare:
        return None
    claim(folder, made_from)
    if not path.exists():

        def tell(done: int, total: int) -> None:
            report("keypoint samples", done, total, None)

        save_tensors(path, vars(detections(data.bare, pretraining, tell)))
    return KeypointData(_detections(path), pretraining)


def _detections(path: Path) -> Detections:
    """Read what `_keypoints` kept."""
    tensors, _ = load_tensors(path)
    names = [each.name for each in fields(Detections)]
    if sorted(tensors) != sorted(names) or len({len(each) for each in tensors.values()}) != 1:
        raise UserError(f"{path}: not the samples of this version; delete it")
    return Detections(**tensors)


def _pretrain(
    folder: Path,
    model: ACT,
    data: KeypointData,
    made_from: Mapping[str, Any],
    max_minutes: float | None,
    report: Report,
    device: str,
) -> Result:
    """Train the geometry shortcut of a controller, in place."""
    config = data.config.training
    trainer = Trainer(Shortcut(model), data, config, folder, made_from, device=device)
    for made in trainer.run(max_minutes):
        report("keypoint pretraining", made.step, config.steps, made.loss)
    trainer.use_average()
    return Result(0, trainer.seconds / 60, trainer.done, trainer.trained)


def _ratio(config: ControllerTraining) -> float:
    """Return how many samples without pictures come on one with."""
    pretraining = config.keypoint_pretraining
    return pretraining.training.batch_size / config.training.batch_size if pretraining else 1.0


def _gpus(device: torch.device) -> list[torch.device]:
    return [device] if device.type == "cuda" else []
