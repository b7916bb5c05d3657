"""What one training step of the diffusion model sees, as worker processes make it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Any

import torch
from torch import Tensor


@dataclass(frozen=True, eq=False)
class DrawingBatch:
    """What one training step of the diffusion model sees, on the CPU until `to`.

    Attributes:
        prompts: (B,) int64, numbers in `DrawingData.prompts`; 0 is the empty prompt.
        pictures: (B, 2H, 2W, 3) uint8, what to draw; `None` where latents are kept.
        conditions: (B, 2H, 2W, 3) uint8, what to draw on.
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
        moved: dict[str, Any] = {}
        for field in fields(self):
            part = getattr(self, field.name)
            moved[field.name] = None if part is None else part.to(device)
        return DrawingBatch(**moved)


def concatenate(batches: Sequence[DrawingBatch]) -> DrawingBatch:
    """Return several batches as one."""
    joined: dict[str, Any] = {}
    for field in fields(DrawingBatch):
        parts = [getattr(batch, field.name) for batch in batches]
        joined[field.name] = None if parts[0] is None else torch.cat(parts)
    return DrawingBatch(**joined)
