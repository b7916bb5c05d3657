"""The recipe `paper-sdxl`: as `paper`, with SDXL-Turbo, three times as large, as the base.

Tried on tiny models of the same layout alone. Estimated: four times the arithmetic of `paper`, and
blocks are computed anew for gradients to save memory.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import ClassVar

from genima_lite.diffusion.finetune import FinetuneConfig
from genima_lite.recipes._paper import with_adapter
from genima_lite.recipes.paper import Paper


def _diffusion() -> FinetuneConfig:
    sdxl = with_adapter("frozen", 1e-5, "stabilityai/sdxl-turbo")
    return replace(sdxl, adapter=replace(sdxl.adapter, gradient_checkpointing=True))


@dataclass(frozen=True)
class PaperSdxl(Paper):
    """As paper, with SDXL-Turbo as the base; wants 40 GB."""

    name: ClassVar[str] = "paper-sdxl"
    version: ClassVar[int] = 1
    minutes: ClassVar[float] = 2400

    diffusion: FinetuneConfig = field(default_factory=_diffusion)
    """Stage 1: draws targets."""
