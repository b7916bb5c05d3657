"""How a network is trained: one dataclass for every network of this package."""

from __future__ import annotations

from dataclasses import dataclass

from genima_lite.errors import UserError
from genima_lite.training.precision import check_precision

OPTIMIZERS = ("adamw", "adamw8bit")

MOST_SAMPLES = 1 << 16
"""Of a step; more fit into no memory."""


@dataclass(frozen=True)
class TrainingConfig:
    """One training run."""

    steps: int = 1000
    """Steps of the whole run."""
    batch_size: int = 32
    """Samples of a step, all processes together."""
    micro_batches: int = 1
    """Equal parts into which a step's batch is cut. Processes share them, and a process adds up
    the gradients of its own; the result is the same with any number of processes."""
    learning_rate: float = 1e-3
    """AdamW's at its highest, after the warm-up."""
    warmup: int = 20
    """Steps in which the learning rate rises to its highest."""
    final_rate: float = 0.0
    """Share of the learning rate that is left at the end of the cosine."""
    weight_decay: float = 1e-4
    """AdamW's."""
    optimizer: str = "adamw"
    """Or "adamw8bit": what AdamW remembers in a quarter of the memory, at a byte a number; wants
    the extra `bitsandbytes` (`genima_lite.training.optimizers`)."""
    gradient_norm: float = 1.0
    """Gradients are clipped to this norm."""
    ema: float = 0.99
    """Decay of the weights' moving average, which is what is used later; 0 uses the last
    weights."""
    precision: str = "float32"
    """Or "bfloat16": convolutions and products of matrices at half precision, weights in single;
    "float16": the same with scaled losses, for GPUs without bfloat16; or "auto": bfloat16 where the
    processor knows it (`genima_lite.training.precision`)."""
    seed: int = 0
    """Of new weights, batches, noise and dropout."""
    save_every: int = 200
    """Steps between checkpoints."""
    validate_every: int = 200
    """Steps between validations, if the trainer is told how to validate."""
    keep: int = 0
    """Earlier states are kept as `checkpoints/STEP.safetensors`, the last this many; to go back to
    one, copy it over `training.safetensors`."""
    trackers: tuple[str, ...] = ()
    """Also log to these, by accelerate's names: wandb, tensorboard, mlflow and others."""
    shorten: bool = False
    """With `max_minutes`: let the learning rate fall with the time if that is ahead of the steps,
    and count the run as finished when the time is up. Without, a run out of time goes on later."""

    def __post_init__(self) -> None:
        counts = ("steps", "batch_size", "micro_batches", "save_every", "validate_every")
        for name in counts:
            if getattr(self, name) < 1:
                raise UserError(f"training: {name} is {getattr(self, name)}; give at least 1")
        if self.batch_size > MOST_SAMPLES:
            raise UserError(f"training: batch_size is {self.batch_size}; give 1 to {MOST_SAMPLES}")
        if self.batch_size % self.micro_batches:
            raise UserError(
                f"training: batch_size {self.batch_size} cannot be cut into "
                f"{self.micro_batches} equal micro_batches"
            )
        if self.learning_rate <= 0 or self.gradient_norm <= 0:
            raise UserError("training: learning_rate and gradient_norm must be positive")
        if not (0 <= self.final_rate <= 1 and 0 <= self.ema < 1):
            raise UserError("training: final_rate must lie in [0, 1], ema in [0, 1)")
        if min(self.warmup, self.weight_decay, self.seed, self.keep) < 0:
            raise UserError("training: warmup, weight_decay, seed and keep must not be negative")
        if self.seed >= 1 << 63:
            raise UserError(f"training: seed is {self.seed}; give one below 2^63")
        if self.optimizer not in OPTIMIZERS:
            known = ", ".join(OPTIMIZERS)
            raise UserError(f"training: unknown optimizer '{self.optimizer}': choose from {known}")
        check_precision(self.precision)
