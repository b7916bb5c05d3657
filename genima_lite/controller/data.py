"""Batches for training: a pure function of seed and step, so that nothing has to be remembered."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields

import numpy as np
import torch
from torch import Tensor

from genima_lite.controller.config import ControllerConfig
from genima_lite.controller.loss import Labels
from genima_lite.controller.normalise import normalise_actions, normalise_state
from genima_lite.controller.pictures import to_input
from genima_lite.controller.sources import Samples, Source
from genima_lite.controller.text import text_features


@dataclass(frozen=True, eq=False)
class Batch:
    """What one training step sees.

    Attributes:
        views: (B, V, 3, H, W) float32 in [-1, 1].
        state: (B, 8) float32, normalised joints, then gripper open.
        text: (B, T) float32, or `None` for a controller without language.
        labels: the truth.
    """

    views: Tensor
    state: Tensor
    text: Tensor | None
    labels: Labels

    def to(self, device: torch.device) -> Batch:
        """Return the batch on a device."""
        labels = (getattr(self.labels, field.name).to(device) for field in fields(Labels))
        text = None if self.text is None else self.text.to(device)
        return Batch(self.views.to(device), self.state.to(device), text, Labels(*labels))


def collate(config: ControllerConfig, samples: Samples) -> Batch:
    """Turn samples into network input and labels."""
    sentences, length = samples.instructions, config.text_features
    return Batch(
        to_input(samples.drawn.views),
        torch.from_numpy(normalise_state(samples.joints, samples.gripper_open)),
        encode(sentences, length) if length else None,
        Labels(
            torch.from_numpy(normalise_actions(samples.actions, samples.joints)),
            torch.from_numpy(samples.valid),
            torch.from_numpy(samples.drawn.keypoints),
            torch.from_numpy(samples.drawn.visible),
            torch.from_numpy(samples.drawn.axes),
            torch.from_numpy(samples.drawn.opened.astype(np.float32)),
        ),
    )


def encode(instructions: Sequence[str], length: int) -> Tensor:
    """Return the features of N instructions, (N, length) float32."""
    return torch.from_numpy(np.stack([text_features(text, length) for text in instructions]))


@dataclass(frozen=True, eq=False)
class TrainingData:
    """Draws batches from several sources.

    Attributes:
        config: what the network sees.
        sources: each with its share of a batch; shares add up to 1.
        seed: the same seed gives the same batches.
        bare: sources without pictures for the first keypoint_pretraining, each with its share.
    """

    config: ControllerConfig
    sources: Sequence[tuple[Source, float]]
    seed: int = 0
    bare: Sequence[tuple[Source, float]] = ()

    def batch(self, step: int, size: int) -> Batch:
        """Return the batch of a step, always the same one."""
        rng = np.random.default_rng([self.seed, step])
        ends = np.rint(np.cumsum([share for _, share in self.sources]) * size).astype(int)
        counts = np.diff(ends, prepend=0)
        parts = [
            collate(self.config, source.sample(rng, int(count)))
            for (source, _), count in zip(self.sources, counts, strict=True)
            if count
        ]
        return concatenate(parts)


def concatenate(parts: Sequence[Batch]) -> Batch:
    """Return several batches as one."""
    labels = (
        torch.cat([getattr(part.labels, field.name) for part in parts]) for field in fields(Labels)
    )
    texts = [part.text for part in parts if part.text is not None]
    return Batch(
        torch.cat([part.views for part in parts]),
        torch.cat([part.state for part in parts]),
        torch.cat(texts) if texts else None,
        Labels(*labels),
    )
