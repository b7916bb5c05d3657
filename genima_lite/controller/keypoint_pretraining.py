"""Keypoint pretraining: from keypoints and axes of spheres to actions, without any picture.

Where the spheres of a sample are in each view follows from kinematics and cameras, so samples
without pictures are nearly free, and the geometry shortcut learns from millions of them in some
minutes. What the finder gets wrong later, pixels off, axes off, spheres overlooked, is put in as
noise. Learned only along with looking, the shortcut saw 30 times fewer samples and was the limit:
the tip 11 mm off with the finder's keypoints, and still 11 mm with true ones.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from genima_lite.controller.act import ACT
from genima_lite.controller.keypoint_heads import Geometry
from genima_lite.controller.loss import masked_mean
from genima_lite.controller.normalise import normalise_actions, normalise_state
from genima_lite.controller.sources import Samples
from genima_lite.datasets.source import Source, deal
from genima_lite.errors import UserError
from genima_lite.training.config import TrainingConfig
from genima_lite.training.loop import ParameterGroups, Trainee

_AT_ONCE = 1000


@dataclass(frozen=True)
class KeypointPretraining:
    """How long, and how wrong the keypoints are."""

    samples: int = 60_000
    """How many different ones, before noise."""
    training: TrainingConfig = field(
        default_factory=lambda: TrainingConfig(
            steps=9000, batch_size=256, warmup=0, ema=0.0, save_every=3000
        )
    )
    """Of the geometry shortcut, a perceptron. Later, beside the pictures, each step has
    `batch_size` samples without pictures too."""
    pixels: float = 0.4
    """Typical standard deviation of keypoints, in pixels of 64 a view."""
    axis: float = 0.2
    """Typical standard deviation of axes, about radians."""
    spread: float = 0.8
    """Deviation of the logarithm of both, from sphere to sphere: some are far off."""
    dropped: float = 0.05
    """Share of spheres, and of views, that are overlooked."""

    def __post_init__(self) -> None:
        if self.samples < 1:
            raise UserError(f"keypoint pretraining: samples is {self.samples}; give at least 1")
        if min(self.pixels, self.axis, self.spread) < 0 or not 0 <= self.dropped < 1:
            raise UserError(
                "keypoint pretraining: pixels, axis and spread must not be negative, dropped must "
                "lie in [0, 1)"
            )


@dataclass(frozen=True, eq=False)
class Detections:
    """What a perfect finder would find in N samples.

    Attributes:
        keypoints: (N, V, S, 2) shares of the view.
        visible: (N, V, S) in {0, 1}.
        axes: (N, V, S, 3) unit vectors in the camera's axes.
        opened: (N, V) in {0, 1}.
        state: (N, 8), normalised.
        actions: (N, K, 8), normalised labels.
        valid: (N, K) bool.
    """

    keypoints: Tensor
    visible: Tensor
    axes: Tensor
    opened: Tensor
    state: Tensor
    actions: Tensor
    valid: Tensor

    @classmethod
    def of(cls, samples: Samples) -> Detections:
        """Return the true labels of samples."""
        drawn, views = samples.drawn, samples.drawn.keypoints.shape[1]
        opened = np.repeat(drawn.opened.astype(np.float32)[:, None], views, axis=1)
        parts = (
            drawn.keypoints,
            drawn.visible.astype(np.float32),
            drawn.axes,
            opened,
            normalise_state(samples.joints, samples.gripper_open),
            normalise_actions(samples.actions, samples.joints),
            samples.valid,
        )
        return cls(*(torch.from_numpy(np.ascontiguousarray(part)) for part in parts))

    def parts(self) -> tuple[Tensor, ...]:
        """Return all tensors in order."""
        return tuple(vars(self).values())


def detections(
    sources: Sequence[tuple[Source[Samples], float]],
    config: KeypointPretraining,
    report: Callable[[int, int], None] = lambda *_: None,
) -> Detections:
    """Return the true keypoints of many samples.

    Args:
        sources: made without backgrounds, each with its weight.
        config: how many; the seed of its training decides which.
        report: called with samples made and all.
    """
    rng, made = np.random.default_rng([config.training.seed, 1]), []
    weights = np.array([weight for _, weight in sources])
    for start in range(0, config.samples, _AT_ONCE):
        counts = deal(rng, weights / weights.sum(), min(_AT_ONCE, config.samples - start))
        for (source, _), count in zip(sources, counts.tolist(), strict=True):
            if count:
                made.append(Detections.of(source.sample(rng, count)).parts())
        report(min(start + _AT_ONCE, config.samples), config.samples)
    return Detections(*(torch.cat(same) for same in zip(*made, strict=True)))


@dataclass(frozen=True, eq=False)
class KeypointData:
    """Batches of keypoints as a finder would give them.

    Attributes:
        truth: all samples, without noise.
        config: how much noise.
    """

    truth: Detections
    config: KeypointPretraining

    def batch(self, rng: np.random.Generator, size: int) -> Detections:
        """Return `size` random samples with noise."""
        rows = torch.from_numpy(rng.integers(len(self.truth.state), size=size))
        generator = torch.Generator().manual_seed(int(rng.integers(2**63)))
        chosen = Detections(*(part[rows] for part in self.truth.parts()))
        return corrupt(chosen, self.config, generator)


class Shortcut(Trainee[Detections]):
    """The geometry shortcut of a controller, which learns before the rest of it.

    Args:
        model: a controller with spheres. Its transformer is silenced until it has learned too.
    """

    def __init__(self, model: ACT):
        super().__init__()
        self.geometry, self._gripper_weight = model.geometry, model.config.gripper_weight
        torch.nn.init.zeros_(model.to_action.weight)
        torch.nn.init.zeros_(model.to_action.bias)

    def forward(
        self, batch: Detections, generator: torch.Generator
    ) -> tuple[Tensor, dict[str, Tensor]]:
        """Return the loss of a batch."""
        return keypoint_loss(self.geometry, batch, self._gripper_weight), {}

    def parameter_groups(self) -> ParameterGroups:
        """Return the shortcut's weights."""
        return {"geometry": (list(self.geometry.parameters()), 1.0)}


def corrupt(
    batch: Detections, config: KeypointPretraining, generator: torch.Generator
) -> Detections:
    """Return detections as a finder would give them: mostly a little off, some far off."""
    count, views, spheres = shape = batch.visible.shape

    def noise(size: int, typical: float) -> Tensor:
        amount = typical * (config.spread * torch.randn(*shape, 1, generator=generator)).exp()
        return amount * torch.randn(*shape, size, generator=generator)

    keypoints = batch.keypoints + noise(2, config.pixels / 64)
    axes = batch.axes + noise(3, config.axis)
    seen = torch.rand(count, views, spheres, generator=generator) >= config.dropped
    seen &= torch.rand(count, views, 1, generator=generator) >= config.dropped
    visible = batch.visible * seen
    return Detections(keypoints, visible, F.normalize(axes, dim=-1), *(batch.parts()[3:]))


def keypoint_loss(geometry: Geometry, batch: Detections, gripper_weight: float) -> Tensor:
    """Return L1 on the joints and cross-entropy on the gripper, over real actions only."""
    out = geometry(batch.keypoints, batch.visible, batch.axes, batch.opened, batch.state)
    joints = masked_mean((out[..., :7] - batch.actions[..., :7]).abs(), batch.valid)
    gripper = F.binary_cross_entropy_with_logits(
        out[..., 7], batch.actions[..., 7], reduction="none"
    )
    return joints + gripper_weight * masked_mean(gripper[..., None], batch.valid)
