"""The training loop: the same for the base model and for drawing targets.

Every step draws its samples, noise and timesteps from a generator seeded with the step's number.
So a run that was killed goes on exactly as it would have gone, and no random state is stored.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from diffusers import (
    StableDiffusionControlNetPipeline,
    StableDiffusionInstructPix2PixPipeline,
    StableDiffusionPipeline,
)
from diffusers.models.attention_processor import AttnProcessor
from torch.optim.swa_utils import get_ema_multi_avg_fn
from torch.utils.tensorboard import SummaryWriter

from genima_lite.diffusion.adapters import ParameterGroups, finish, prepare
from genima_lite.diffusion.cache import Cache
from genima_lite.diffusion.components import Components
from genima_lite.diffusion.pictures import Pictures
from genima_lite.diffusion.step import StepConfig, training_step
from genima_lite.errors import UserError
from genima_lite.files import write_json, written_whole
from genima_lite.training.precision import autocast, check_precision


@dataclass(frozen=True)
class TrainConfig:
    """One run; defaults are for drawing targets with a base of a laptop's size."""

    adapter: str = "up-blocks"
    """What is trained: see `genima_lite.diffusion.adapters`."""
    steps: int = 600
    """Steps of the whole run."""
    batch_size: int = 16
    """Pictures a step."""
    learning_rate: float = 1e-3
    """AdamW's, after the warm-up; a cosine takes it to a tenth. SD-Turbo wants 1e-5 (paper)."""
    warmup: int = 20
    """Steps in which the learning rate rises from 0."""
    zero_rate: float = 5.0
    """Learning rate of the zero-convolutions, times `learning_rate`."""
    weight_decay: float = 0.01
    """AdamW's."""
    clip: float = 1.0
    """Largest norm of a gradient."""
    ema: float = 0.995
    """Decay of the moving average of the weights that is saved; 0 saves the last weights."""
    prompt_dropout: float = 0.05
    """Share of samples with an empty prompt."""
    lora_rank: int = 16
    """Rank, in the settings with LoRA."""
    precision: str = "float32"
    """Or "bfloat16": convolutions and products of matrices at half precision, weights and loss in
    single. Faster where the processor knows it (`genima_lite.training.precision`)."""
    seed: int = 0
    """Of samples, noise, dropout and new weights."""
    save_every: int = 100
    """Steps between checkpoints."""
    validate_every: int = 200
    """Steps between validations, if the trainer is told how to validate."""
    step: StepConfig = field(default_factory=StepConfig)
    """Noise and weights of a step."""

    def __post_init__(self) -> None:
        counts = (self.steps, self.batch_size, self.lora_rank, self.save_every, self.validate_every)
        if min(counts) < 1:
            raise UserError(
                "steps, batch_size, lora_rank, save_every and validate_every must be at least 1"
            )
        check_precision(self.precision)
        if not (0 <= self.ema < 1 and 0 <= self.prompt_dropout <= 1):
            raise UserError("ema must lie in [0, 1), prompt_dropout in [0, 1]")
        if self.learning_rate <= 0 or self.clip <= 0 or self.warmup < 0:
            raise UserError("learning_rate and clip must be positive, warmup not negative")


Validate = Callable[[Components], tuple[dict[str, float], np.ndarray]]
"""Judges the networks: numbers by name, and a picture (H, W, 3) uint8 for people."""


class Trainer:
    """Trains the components of a base model on pictures, and can be killed at any time.

    `out` gets `training.pt` (the checkpoint), `logs/` (TensorBoard), `validation.json` and at the
    end the model in Stable Diffusion's folder format, networks in half precision.

    Args:
        components: the base model; changed in place.
        pictures: with conditions, unless the setting is `base`.
        config: what to do.
        out: folder of this run. A checkpoint in it is continued.
        validate: called with the averaged networks every `validate_every` steps and at the end.

    Raises:
        UserError: conditions are missing, pictures do not fit the networks, or the checkpoint
            comes from another configuration or model.
    """

    def __init__(
        self,
        components: Components,
        pictures: Pictures,
        config: TrainConfig,
        out: Path | str,
        validate: Validate | None = None,
    ):
        self.components, self.config, self.out = components, config, Path(out)
        self._check(pictures)
        self._cache = Cache(components, pictures)
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(config.seed)
            groups = prepare(components, config.adapter, config.lora_rank)
        _plain_attention(components, config.precision)
        self._weights = [weight for group in groups.values() for weight in group]
        self._optimizer = _optimizer(groups, config)
        self._average = [weight.detach().clone() for weight in self._weights]
        self.step, self._validate = 0, validate
        self.validations: list[dict[str, float]] = []
        self.seconds = 0.0
        if self._checkpoint.exists():
            self._resume()

    @property
    def trained(self) -> int:
        """How many numbers are trained."""
        return sum(weight.numel() for weight in self._weights)

    @property
    def done(self) -> bool:
        """Whether all steps are made."""
        return self.step >= self.config.steps

    def run(self, max_minutes: float | None = None) -> Iterator[float]:
        """Train to the last step or until time is up; leaves a checkpoint either way.

        Args:
            max_minutes: of this call. The learning rate follows the steps, not the time, so a
                run cut short is best continued later.

        Yields:
            The loss of every step.
        """
        start = last = time.monotonic()
        log = SummaryWriter(str(self.out / "logs"), purge_step=self.step)
        while not self.done and (
            max_minutes is None or time.monotonic() - start < 60 * max_minutes
        ):
            loss, norm = self._train_once()
            log.add_scalar("loss", loss, self.step)
            log.add_scalar("gradient_norm", norm, self.step)
            self.step += 1
            self.seconds, last = self.seconds + time.monotonic() - last, time.monotonic()
            if self.done or self.step % self.config.validate_every == 0:
                self._judge(log)
            if self.step % self.config.save_every == 0:
                self.save_checkpoint()
            last = time.monotonic()
            yield loss
        log.close()
        self.save_checkpoint()

    def save_checkpoint(self) -> None:
        """Write everything that a continued run needs."""
        state = {
            "step": self.step,
            "config": asdict(self.config),
            "weights": [weight.detach() for weight in self._weights],
            "average": self._average,
            "optimizer": self._optimizer.state_dict(),
            "seconds": self.seconds,
            "validations": self.validations,
        }
        self.out.mkdir(parents=True, exist_ok=True)
        with written_whole(self._checkpoint) as partial:
            torch.save(state, partial)

    def save_model(self) -> None:
        """Write the averaged model to `out`, for diffusers and `DiffusionAgent`.

        Ends the training: LoRA is added to the weights. The checkpoint stays.
        """
        if self.config.ema:
            _copy(self._average, self._weights)
        finish(self.components)
        write_json(self.out / "validation.json", self.validations)
        save_model(self.components, self.out)

    @property
    def _checkpoint(self) -> Path:
        return self.out / "training.pt"

    def _check(self, pictures: Pictures) -> None:
        if self.config.adapter != "base" and pictures.conditions is None:
            raise UserError(f"adapter '{self.config.adapter}' needs pictures to draw on")
        multiple, (height, width) = self.components.picture_multiple, pictures.pictures.shape[1:3]
        if height % multiple or width % multiple:
            raise UserError(f"pictures are {height}x{width}; sides must be multiples of {multiple}")

    def _train_once(self) -> tuple[float, float]:
        """Make one step; return its loss and the norm of its gradient."""
        config = self.config
        generator = torch.Generator(self.components.device).manual_seed(
            (config.seed << 32) + self.step
        )
        batch = self._cache.draw(config.batch_size, config.prompt_dropout, generator)
        for group in self._optimizer.param_groups:
            group["lr"] = group["full_rate"] * _rate(self.step, config)
        with autocast(self.components.device, config.precision):
            loss = training_step(self.components, batch, config.step, generator)
        self._optimizer.zero_grad()
        loss.backward()
        norm = torch.nn.utils.clip_grad_norm_(self._weights, config.clip)
        self._optimizer.step()
        decay = min(config.ema, (1 + self.step) / (10 + self.step))
        get_ema_multi_avg_fn(decay)(self._average, self._weights, None)
        return loss.item(), norm.item()

    def _judge(self, log: SummaryWriter) -> None:
        """Validate the averaged networks; the weights in training stay as they are."""
        if self._validate is None:
            return
        kept = [weight.detach().clone() for weight in self._weights]
        if self.config.ema:
            _copy(self._average, self._weights)
        numbers, picture = self._validate(self.components)
        _copy(kept, self._weights)
        for name, value in numbers.items():
            log.add_scalar(f"validation/{name}", value, self.step)
        log.add_image("validation", picture, self.step, dataformats="HWC")
        self.validations.append({"step": self.step, "minutes": self.seconds / 60, **numbers})

    def _resume(self) -> None:
        state = torch.load(self._checkpoint, weights_only=True, map_location=self.components.device)
        if state["config"] != asdict(self.config):
            raise UserError(f"{self._checkpoint} is of another configuration: {state['config']}")
        if [w.shape for w in state["weights"]] != [w.shape for w in self._weights]:
            raise UserError(f"{self._checkpoint} is of a model of other sizes")
        _copy(state["weights"], self._weights)
        _copy(state["average"], self._average)
        self._optimizer.load_state_dict(state["optimizer"])
        self.step, self.seconds = state["step"], state["seconds"]
        self.validations = state["validations"]


def save_model(components: Components, folder: Path) -> None:
    """Write the networks in Stable Diffusion's folder format.

    UNet and ControlNet go to half precision, on disk and in place, so that what is in memory is
    what others will load. The lossless autoencoder needs single precision; the text encoder keeps
    it, since transformers would compute in the precision of the file.
    """
    networks = [
        network for network in (components.unet, components.controlnet) if network is not None
    ]
    for network in (*networks, components.vae):  # where it was loaded from concerns nobody
        network.register_to_config(_name_or_path="")
    for network in networks:
        network.half()
    pipeline_of(components).save_pretrained(folder)
    for network in networks:
        network.float()


def pipeline_of(components: Components) -> Any:
    """Return the stock diffusers pipeline that draws with these components."""
    if components.controlnet is not None:
        kind: Any = StableDiffusionControlNetPipeline
        further = {"controlnet": components.controlnet}
    else:
        wide = components.concatenates
        kind = StableDiffusionInstructPix2PixPipeline if wide else StableDiffusionPipeline
        further = {}
    return kind(
        vae=components.vae,
        text_encoder=components.text_encoder,
        tokenizer=components.tokenizer,
        unet=components.unet,
        scheduler=components.scheduler,
        safety_checker=None,
        feature_extractor=None,
        requires_safety_checker=False,
        **further,
    )


def _plain_attention(components: Components, precision: str) -> None:
    """Let attention be two products of matrices where torch's fused one is slow.

    On a CPU in bfloat16 its gradient takes a third of a training step.
    """
    if precision == "bfloat16" and components.device.type == "cpu":
        for network in filter(None, (components.unet, components.controlnet)):
            network.set_attn_processor(AttnProcessor())


def _optimizer(groups: ParameterGroups, config: TrainConfig) -> torch.optim.AdamW:
    rates = {"main": config.learning_rate, "zero": config.learning_rate * config.zero_rate}
    options = [{"params": groups[name], "full_rate": rates[name]} for name in groups]
    return torch.optim.AdamW(options, weight_decay=config.weight_decay, fused=True)


def _rate(step: int, config: TrainConfig) -> float:
    """Return the learning rate as a share of the full one: a linear rise, then a cosine to 0.1."""
    if step < config.warmup:
        return (step + 1) / config.warmup
    progress = (step - config.warmup) / max(config.steps - config.warmup, 1)
    return 0.1 + 0.45 * (1 + math.cos(math.pi * progress))


@torch.no_grad()
def _copy(sources: list[torch.Tensor], targets: list[Any]) -> None:
    for source, target in zip(sources, targets, strict=True):
        target.copy_(source)
