"""The training loop, the only one: for base model, diffusion model, keypoints and controller.

    Data.batch ─► Trainee.forward ─► gradients of all micro-batches ─► AdamW ─► moving average

Accelerate brings devices, half precision and several processes. Everything that is random in a step
depends on the seed, the step's number and the micro-batch's number alone, so a run that was killed
goes on with exactly the losses that it would have had, and P processes that share M micro-batches
do what one process does with all M.
"""

from __future__ import annotations

import math
import shutil
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping
from contextlib import nullcontext
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Generic, TypeVar

import numpy as np
import torch
from accelerate.utils import broadcast
from torch import Tensor, nn

from genima_lite.errors import UserError
from genima_lite.files import written_whole
from genima_lite.training import batches, checkpoint, sharding
from genima_lite.training.batches import Data, MicroBatches
from genima_lite.training.checkpoint import Progress
from genima_lite.training.config import TrainingConfig
from genima_lite.training.devices import Ahead, make_accelerator, memory
from genima_lite.training.ema import Average
from genima_lite.training.log import Log
from genima_lite.training.optimizers import (
    make_optimizer,
    optimizer_tensors,
    restore_optimizer,
)
from genima_lite.training.precision import autocast, loss_scaler, resolved
from genima_lite.training.schedule import rate

B = TypeVar("B")

LEAST_SCALE = 1.0
"""Of losses in float16: gradients that overflow below it are no matter of scale."""

ParameterGroups = dict[str, tuple[list[nn.Parameter], float]]
"""Trained parameters by a group's name, with a factor of their learning rate."""

Validate = Callable[[], tuple[dict[str, float], np.ndarray | None]]
"""Judges the networks as they are: numbers by name, and a picture (H, W, 3) uint8 or `None`."""


class Trainee(nn.Module, ABC, Generic[B]):
    """A network with its loss. Trained weights must be parameters of it."""

    @abstractmethod
    def forward(self, batch: B, generator: torch.Generator) -> tuple[Tensor, dict[str, Tensor]]:
        """Return the loss of a micro-batch, a scalar with a gradient, and numbers for people.

        Args:
            batch: as `Data` gave it, on the network's device.
            generator: on that device; the only source of chance.
        """

    @abstractmethod
    def parameter_groups(self) -> ParameterGroups:
        """Return what is trained."""

    def blocks(self) -> list[nn.Module]:
        """Return what weights can be shared out of, inner blocks first, each called as a module.

        All trained weights must lie in them. Without any, every process holds the whole network.
        """
        return []


@dataclass(frozen=True)
class Step:
    """What is known after a step.

    Attributes:
        step: how many steps are made.
        loss: mean over the whole batch.
        numbers: by name, of the trainee, means too.
    """

    step: int
    loss: float
    numbers: dict[str, float]


class Trainer(Generic[B]):
    """Trains a network, and can be killed at any time.

    `out` gets `training.safetensors` (`genima_lite.training.checkpoint`), from which a trainer with
    the same arguments goes on, and `logs/` (TensorBoard).

    Args:
        trainee: changed in place.
        data: gives the batches.
        config: how to train.
        out: folder of this run.
        made_from: JSON-able, what else the run depends on: fingerprints of data and of first
            weights, configurations of networks (`genima_lite.provenance`).
        validate: called every `validate_every` steps and at the end, while the averages are the
            weights, in the main process.
        device: cpu, cuda or mps.
        workers: processes that make batches; 0 makes them between steps.

    Raises:
        UserError: the folder holds a run that was made from something else, the processes cannot
            share the micro-batches, or there is no such device or number of workers.
    """

    def __init__(
        self,
        trainee: Trainee[B],
        data: Data[B],
        config: TrainingConfig,
        out: Path | str,
        made_from: Mapping[str, Any],
        validate: Validate | None = None,
        device: str = "cpu",
        workers: int = 0,
    ):
        self.trainee, self.config, self.out = trainee, config, Path(out)
        precision = resolved(config.precision, device)
        self._accelerator = make_accelerator(device, precision, config.trackers, self.out)
        self._precision, self._scaler = precision, loss_scaler(self._accelerator.device, precision)
        ours = (self._accelerator.process_index, self._accelerator.num_processes)
        batches.check_sharing(config, ours[1], workers)
        self._data, self._ours, self._workers, self._validate = data, ours, workers, validate
        self._made_from = {**made_from, "training": asdict(config)}
        self.shards = sharding.shards_weights()
        if self.shards:
            sharding.check_sharding(config, trainee.blocks(), ours[1])
            sharding.share_out(trainee.blocks(), self._accelerator.device)
        self._model = trainee if self.shards else self._accelerator.prepare_model(trainee)
        groups = trainee.parameter_groups()
        self._optimizer = make_optimizer(groups, config)
        self._names = {p: n for n, p in trainee.named_parameters()}
        trained = [p for parameters, _ in groups.values() for p in parameters]
        self._weights = {self._names[p]: p for p in trained}
        self._average = Average(self._weights, config.ema)
        self._progress = Progress()
        if self._checkpoint.exists():
            self._resume()

    @property
    def step(self) -> int:
        """How many steps are made."""
        return self._progress.step

    @property
    def seconds(self) -> float:
        """How long they took, validations and checkpoints included."""
        return self._progress.seconds

    @property
    def validations(self) -> list[dict[str, int | float | None]]:
        """What validations found, each with `step` and `minutes`; `None` is no number."""
        return self._progress.validations

    @property
    def done(self) -> bool:
        """Whether the run is finished."""
        return self._progress.finished or self.step >= self.config.steps

    @property
    def trained(self) -> int:
        """How many numbers are trained."""
        return sum(weight.numel() for weight in self._weights.values())

    @property
    def is_main(self) -> bool:
        """Whether this process is the one that writes files."""
        return bool(self._accelerator.is_main_process)

    def run(self, max_minutes: float | None = None) -> Iterator[Step]:
        """Train to the last step or until time is up; leaves a checkpoint either way.

        Args:
            max_minutes: of this call; the run goes on with the next one. If the configuration says
                `shorten`: of the whole run, which is finished then.

        Yields:
            What is known after every step.

        Raises:
            UserError: a loss, a gradient or a weight is not finite.
        """
        if self.done:
            return
        begun = time.monotonic() - self.seconds
        limit = _Limit(max_minutes, self.config.shorten, self.seconds)
        micro = MicroBatches(self._data, self.config, self.step, *self._ours)
        coming = Ahead(batches.load(micro, self._workers), self._accelerator.device)
        self.trainee.train()
        if self.config.trackers:
            said = {
                k: v for k, v in asdict(self.config).items() if isinstance(v, int | float | str)
            }
            self._accelerator.init_trackers("genima-lite", said)
        with self._log() as log:
            while not self.done:
                share = limit.share(self._same(time.monotonic() - begun) if limit.set else 0.0)
                if share >= 1:
                    self._progress.finished = self.config.shorten
                    break
                made = self._train(micro, coming, share if self.config.shorten else 0.0, log)
                self._progress.seconds = time.monotonic() - begun
                self._look_back(log)
                yield made
            if self._progress.finished:
                self._judge(log)
        self.save()
        if self.config.trackers:
            self._accelerator.end_training()

    def save(self) -> None:
        """Write a checkpoint, in the main process.

        Raises:
            UserError: a weight is not finite; the checkpoint from before stays.
        """
        if self._scaler.is_enabled():
            known = self._scaler.state_dict()
            self._progress.loss_scale = float(known["scale"])
            self._progress.steady = int(known["_growth_tracker"])
        groups = {
            "weights": self._gathered(self._weights),
            "average": self._gathered(self._average.tensors),
            "optimizer": self._gathered(optimizer_tensors(self._optimizer, self._names)),
        }
        if self.is_main:
            try:
                checkpoint.save(self._checkpoint, self._progress, self._made_from, groups)
            except UserError as error:
                raise UserError(self._advice(str(error))) from None
            self._keep()
        self._accelerator.wait_for_everyone()

    def _gathered(self, tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Return all of some tensors in the main process; others keep none of it."""
        found = {}
        for name, tensor in tensors.items():
            all_of_it = sharding.whole(tensor)
            if self.is_main:
                found[name] = all_of_it.cpu() if self.shards else all_of_it
        return found

    def _keep(self) -> None:
        """Keep a copy of the checkpoint, and as many earlier ones as are wanted."""
        folder = self.out / "checkpoints"
        if self.config.keep:
            folder.mkdir(exist_ok=True)
            with written_whole(folder / f"{self.step:09d}.safetensors") as partial:
                shutil.copyfile(self._checkpoint, partial)
            for old in sorted(folder.glob("*.safetensors"))[: -self.config.keep]:
                old.unlink()

    def use_average(self) -> None:
        """Make the averages the weights, which ends the training. The checkpoint stays.

        Where weights are shared out they stay so; `read_into` fills a network that has them all.
        """
        self._average.use()

    def read_into(self, trainee: Trainee[B]) -> None:
        """Copy what the run has learned, as its checkpoint says, into another copy of the network.

        Raises:
            UserError: no such checkpoint, or another network.
        """
        names = {weight: name for name, weight in trainee.named_parameters()}
        groups = trainee.parameter_groups().values()
        weights = {names[weight]: weight for some, _ in groups for weight in some}
        checkpoint.read_result(self._checkpoint, weights, self._made_from)

    @property
    def _checkpoint(self) -> Path:
        return self.out / checkpoint.FILE

    def _log(self) -> Any:
        """Return what numbers are written to; trackers, if there are any, are told the same."""
        if not self.is_main:
            return nullcontext()
        return Log(self.out / "logs", self.step, self._accelerator.log)

    def _same(self, seconds: float) -> float:
        """Return the main process's seconds, so that all processes decide alike."""
        if self._ours[1] == 1:
            return seconds
        told = torch.tensor([seconds], dtype=torch.float64, device=self._accelerator.device)
        return float(broadcast(told).item())

    def _train(
        self, micro: MicroBatches[B], coming: Ahead[B], time_share: float, log: Log | None
    ) -> Step:
        """Make one step."""
        share = rate(self.config, self.step, time_share)
        for group in self._optimizer.param_groups:
            group["lr"] = group["highest"] * share
        names, sums = self._gradients(micro, coming)
        self._scaler.unscale_(self._optimizer)
        weights: list[Tensor] = list(self._weights.values())
        norm = sharding.whole(nn.utils.clip_grad_norm_(weights, self.config.gradient_norm))
        self._scaler.step(self._optimizer)  # not where a scaled gradient is too large
        self._scaler.update()
        self._optimizer.zero_grad(set_to_none=True)
        self._average.update(self.step)
        self._progress.step += 1
        size = sharding.whole(torch.stack(torch._foreach_norm(weights)).norm())
        known = torch.cat([sums, torch.stack([norm, size]).detach().to(sums)]).tolist()
        *means, gradient_norm, weights_norm = known
        numbers = dict(zip(names, means, strict=True))
        self._check(loss=numbers["loss"])
        if not (self._scaler.is_enabled() and self._scaler.get_scale() >= LEAST_SCALE):
            self._check(gradient=gradient_norm)
        self._check(weights=weights_norm)
        if log is not None:
            more = {"gradient_norm": gradient_norm, "learning_rate": group["lr"]}
            more["memory_gib"] = memory(self._accelerator.device)
            log.scalars("train", {**numbers, **more}, self.step)
        return Step(self.step, numbers.pop("loss"), numbers)

    def _check(self, **numbers: float) -> None:
        """Stop at the first number of a step that is not finite; the last checkpoint stays."""
        for name, number in numbers.items():
            if not math.isfinite(number):
                raise UserError(self._advice(f"{name} is {number}"))

    def _advice(self, what: str) -> str:
        kept = "its last checkpoint is kept" if self._checkpoint.exists() else "nothing is kept"
        return (
            f"{self.out}: training stopped at step {self.step}, {what}; {kept}. Try a lower "
            "training.learning_rate or training.precision float32 with another --out, and look "
            "for wrong data with 'genima-lite inspect'"
        )

    def _gradients(self, micro: MicroBatches[B], coming: Ahead[B]) -> tuple[list[str], Tensor]:
        """Add up the gradients of a step; return names and means, (n,), of its numbers."""
        device, sums, names = self._accelerator.device, [], ["loss"]
        for number in range(micro.each):
            batch = coming.take()
            now = self.shards or number == micro.each - 1  # do processes exchange gradients
            with nullcontext() if now else self._accelerator.no_sync(self._model):
                with autocast(device, self._precision):
                    loss, numbers = self._model(batch, micro.noise(self.step, number, device))
                self._accelerator.backward(self._scaler.scale(loss.float() / micro.each))
            coming.fetch()
            sums.append(
                torch.stack([loss.detach().float(), *(x.detach() for x in numbers.values())])
            )
            names = ["loss", *numbers]
        mean = torch.stack(sums).mean(0)
        return names, self._accelerator.reduce(mean, "mean") if self._ours[1] > 1 else mean

    def _look_back(self, log: Log | None) -> None:
        """Validate and save after some steps."""
        if self.done or self.step % self.config.validate_every == 0:
            self._judge(log)
        if self.step % self.config.save_every == 0:
            self.save()

    def _judge(self, log: Log | None) -> None:
        """Validate the averaged networks; the weights in training stay as they are.

        Where weights are shared out every process must, since it has a part of them.
        """
        if self._validate is not None and (log is not None or self.shards):
            self.trainee.eval()
            with self._average.in_use(), torch.no_grad():
                numbers, picture = self._validate()
            self.trainee.train()
            if log is not None:
                self._note(log, numbers, picture)
        self._accelerator.wait_for_everyone()

    def _note(self, log: Log, numbers: dict[str, float], picture: np.ndarray | None) -> None:
        """Write down what a validation found."""
        log.scalars("validation", numbers, self.step)
        if picture is not None:
            log.picture("validation", picture, self.step)
        log.flush()
        when = {"step": self.step, "minutes": self.seconds / 60}
        measured = {k: v if math.isfinite(v) else None for k, v in numbers.items()}
        self.validations.append({**when, **measured})

    def _resume(self) -> None:
        path = self._checkpoint
        self._progress, groups = checkpoint.load(path, self._made_from)
        if self.step > self.config.steps:
            raise UserError(f"{path}: it has {self.step} steps of {self.config.steps}; delete it")
        checkpoint.restore(path, self._weights, groups.get("weights", {}))
        checkpoint.restore(path, self._average.tensors, groups.get("average", {}))
        found = groups.get("optimizer", {})
        restore_optimizer(path, self._optimizer, self._names, found)
        if self._scaler.is_enabled() and self._progress.loss_scale is not None:
            scale = {"scale": self._progress.loss_scale, "_growth_tracker": self._progress.steady}
            self._scaler.load_state_dict({**self._scaler.state_dict(), **scale})


@dataclass(frozen=True)
class _Limit:
    """Time for one call of a run or, to `shorten` it, for the whole run."""

    minutes: float | None
    whole: bool
    before: float

    @property
    def set(self) -> bool:
        return self.minutes is not None

    def share(self, seconds: float) -> float:
        """Return the share of the time that is up after some seconds of the whole run."""
        if self.minutes is None:
            return 0.0
        spent = seconds if self.whole else seconds - self.before
        return spent / (60 * self.minutes) if self.minutes > 0 else 1.0
