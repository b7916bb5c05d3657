"""The exponential moving average of weights, which draws and acts better than the last ones."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import torch
from torch import Tensor
from torch.optim.swa_utils import get_ema_multi_avg_fn

from genima_lite.training.sharding import own


class Average:
    """A moving average beside the weights in training.

    Args:
        weights: by name; the tensors that an optimizer changes in place.
        decay: at most; 0 keeps no average: it is always the last weights.
    """

    def __init__(self, weights: Mapping[str, Tensor], decay: float):
        self._weights, self._decay = dict(weights), decay
        self.tensors = {k: v.detach().clone() for k, v in weights.items()} if decay else {}

    @torch.no_grad()
    def update(self, step: int) -> None:
        """Follow the weights after step number `step`, from 0: quickly at first."""
        if self._decay:
            decay = min(self._decay, (1 + step) / (10 + step))
            follow = get_ema_multi_avg_fn(decay)
            averages, weights = self.tensors.values(), self._weights.values()
            follow([own(each) for each in averages], [own(each) for each in weights], None)

    @contextmanager
    def in_use(self) -> Iterator[None]:
        """Let the averages be the weights inside, and the last weights again afterwards."""
        kept = {name: self._weights[name].detach().clone() for name in self.tensors}
        self.use()
        try:
            yield
        finally:
            copy(kept, self._weights)

    def use(self) -> None:
        """Make the averages the weights."""
        copy(self.tensors, self._weights)


@torch.no_grad()
def copy(sources: Mapping[str, Tensor], targets: Mapping[str, Tensor]) -> None:
    """Copy tensors into those of the same names, in place."""
    for name, source in sources.items():
        targets[name].copy_(source)
