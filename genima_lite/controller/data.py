"""From samples to batches for a controller: normalised, mixed by weights, on the CPU.

Follow a sample: a source gives it (`sources`), `collate` normalises it, the mixture deals it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields

import numpy as np
import torch
from torch import Tensor

from genima_lite.controller.config import ControllerConfig
from genima_lite.controller.loss import Labels
from genima_lite.controller.normalise import normalise_actions, normalise_state
from genima_lite.controller.pictures import to_input
from genima_lite.controller.sources import DemoSource, MotionSource, Samples
from genima_lite.controller.text import text_features
from genima_lite.datasets.source import Mixture, Source


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


class ControllerData:
    """Batches for a controller.

    Args:
        config: what the network sees.
        sources: by name.
        weights: of the sources (`genima_lite.datasets.source.Mixture`).

    Attributes:
        config: what the network sees.
        bare: sources without pictures for keypoint pretraining, each with its weight: motions and
            demonstrations of a controller with spheres.

    Raises:
        UserError: weights that do not fit the sources.
    """

    def __init__(
        self,
        config: ControllerConfig,
        sources: Mapping[str, Source[Samples]],
        weights: Mapping[str, float],
    ):
        self.config = config
        batches = {name: _Batches(config, source) for name, source in sources.items()}
        self._mixture: Mixture[Batch] = Mixture(batches, weights, concatenate)
        self.bare: list[tuple[Source[Samples], float]] = [
            (source.bare(), weights[name])
            for name, source in sources.items()
            if config.spheres and isinstance(source, MotionSource | DemoSource)
        ]

    def batch(self, rng: np.random.Generator, size: int) -> Batch:
        """Return `size` samples; the same generator state gives the same ones."""
        return self._mixture.sample(rng, size)


@dataclass(frozen=True, eq=False)
class _Batches:
    """A source whose samples are collated."""

    config: ControllerConfig
    source: Source[Samples]

    def sample(self, rng: np.random.Generator, count: int) -> Batch:
        return collate(self.config, self.source.sample(rng, count))


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
