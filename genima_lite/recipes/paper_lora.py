"""The recipe `paper-lora`: as `paper`, and LoRA in the UNet learns beside the ControlNet.

Tried on tiny models of the same layout alone; estimated as `paper`. For LoRA alone, on a base that
reads the picture already, give `--diffusion.base timbrooks/instruct-pix2pix
--diffusion.adapter.name concat-lora`.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import ClassVar

from genima_lite.diffusion.finetune import FinetuneConfig
from genima_lite.recipes._paper import with_adapter
from genima_lite.recipes.paper import Paper


def _diffusion() -> FinetuneConfig:
    return with_adapter("unet-lora", 1e-4)


@dataclass(frozen=True)
class PaperLora(Paper):
    """As paper, and LoRA in the UNet learns beside the ControlNet."""

    name: ClassVar[str] = "paper-lora"
    version: ClassVar[int] = 1
    minutes: ClassVar[float] = 600

    diffusion: FinetuneConfig = field(default_factory=_diffusion)
    """Stage 1: draws targets."""
