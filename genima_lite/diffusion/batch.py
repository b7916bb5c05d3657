"""What one training step of the diffusion model sees, as worker processes make it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields

import torch
from torch import Tensor


@dataclass(frozen=True, eq=False)
class DrawingBatch:
    """What one training step of the diffusion model sees, on the CPU until `to`.

    Attributes:
        prompts: (B,) int64, numbers in `DrawingData.prompts`; 0 is the empty prompt.
        pictures: (B, 2H, 2W, 3) uint8, what shall be drawn; `None` where latents are kept.
        conditions: (B, 2H, 2W, 3) uint8, what it shall be drawn on.
        latents, condition_latents: (B, C, h, w) float16, scaled latents of both, where the
            autoencoder is not the lossless one (`genima_lite.diffusion.latents`).
    """

    prompts: Tensor
    pictures: Tensor | None
    conditions: Tensor
    latents: Tensor | None = None
    condition_latents: Tensor | None = None

    def to(self, device: torch.device | str) -> DrawingBatch:
        """Return the batch on a device."""
        parts = (getattr(self, field.name) for field in fields(self))
        return DrawingBatch(*(None if p is None else p.to(device) for p in parts))


def concatenate(batches: Sequence[DrawingBatch]) -> DrawingBatch:
    """Return several batches as one."""
    columns = ([getattr(batch, field.name) for batch in batches] for field in fields(DrawingBatch))
    return DrawingBatch(*(None if each[0] is None else torch.cat(each) for each in columns))
