"""The recipe `paper-pix2pix`: as `paper`, with a UNet of eight input channels and no ControlNet.

Tried on tiny models of the same layout alone. Estimated: the whole UNet learns, which takes half
again as long a step as `paper`.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import ClassVar

from genima_lite.diffusion.finetune import FinetuneConfig
from genima_lite.recipes._paper import with_adapter
from genima_lite.recipes.paper import Paper


def _diffusion() -> FinetuneConfig:
    return with_adapter("concat", 1e-5)


@dataclass(frozen=True)
class PaperPix2pix(Paper):
    """As paper, with a UNet that reads the picture in place of a ControlNet."""

    name: ClassVar[str] = "paper-pix2pix"
    version: ClassVar[int] = 1
    minutes: ClassVar[float] = 800

    diffusion: FinetuneConfig = field(default_factory=_diffusion)
    """Stage 1: draws targets."""
