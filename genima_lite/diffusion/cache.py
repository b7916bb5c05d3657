"""What the frozen networks make of the training data."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch

from genima_lite.diffusion.autoencoder import LosslessAutoencoder
from genima_lite.diffusion.components import (
    Components,
    as_condition,
    encode_pictures,
    encode_prompts,
)
from genima_lite.diffusion.pictures import Pictures
from genima_lite.diffusion.step import Batch

_ENCODE_AT_ONCE = 32


class Cache:
    """Latents of the pictures and features of the prompts, ready to be drawn in batches.

    Prompts and latents are computed once. Latents are kept in float16, which holds 8-bit colours to
    a sixteenth of a level; those of the lossless autoencoder, which rearranges pixels in a
    fiftieth of a step's time, are computed when drawn: that takes two fifths of the memory.
    """

    def __init__(self, components: Components, pictures: Pictures):
        prompts = list(dict.fromkeys(["", *pictures.prompts]))
        self._device = components.device
        self._text = encode_prompts(components, prompts)
        self._prompt = torch.tensor([prompts.index(prompt) for prompt in pictures.prompts])
        self._latents = _latents(components, pictures.pictures)
        self._conditions = pictures.conditions
        self._condition_latents = None
        if self._conditions is not None:
            self._condition_latents = _latents(components, self._conditions)

    def draw(self, count: int, prompt_dropout: float, generator: torch.Generator) -> Batch:
        """Return random samples, each prompt empty with the given probability."""
        where = generator.device
        which = torch.randint(len(self._prompt), (count,), generator=generator, device=where).cpu()
        dropped = torch.rand(count, generator=generator, device=where).cpu() < prompt_dropout
        prompt = torch.where(dropped, 0, self._prompt[which])
        latents, text = self._latents(which), self._text[prompt.to(self._device)]
        if self._conditions is None or self._condition_latents is None:
            return Batch(latents, text)
        condition = as_condition(self._conditions[which.numpy()], self._device)
        return Batch(latents, text, condition, self._condition_latents(which))


def _latents(
    components: Components, pictures: np.ndarray
) -> Callable[[torch.Tensor], torch.Tensor]:
    """Return what gives the latents (B, C, h, w) float32 of the pictures of some numbers (B,)."""
    if isinstance(components.vae, LosslessAutoencoder):
        return lambda which: encode_pictures(components, pictures[which.numpy()])
    starts = range(0, len(pictures), _ENCODE_AT_ONCE)
    batches = (pictures[start : start + _ENCODE_AT_ONCE] for start in starts)
    kept = torch.cat([encode_pictures(components, some).half().cpu() for some in batches])
    return lambda which: kept[which].float().to(components.device)
