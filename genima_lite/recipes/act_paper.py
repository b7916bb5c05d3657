"""The recipe `act-paper`: the baseline at the paper's sizes, ACT with a pre-trained ResNet-18.

Tried on a tiny ResNet alone. Estimated: three hours on one H100. Deviation: the instruction's
features are ours, not CLIP's (`genima_lite.controller.text`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import ClassVar

from genima_lite.controller.run import ControllerRunConfig
from genima_lite.recipes._collection import CollectConfig
from genima_lite.recipes._paper import act_config, demos_config, held_out_config
from genima_lite.recipes.api import Recipe


@dataclass(frozen=True)
class ActPaper(Recipe):
    """ACT at the paper's sizes, from plain views and the instruction; wants a GPU and the hub."""

    name: ClassVar[str] = "act-paper"
    version: ClassVar[int] = 1
    minutes: ClassVar[float] = 180
    makes: ClassVar[Mapping[str, str]] = {"act": "act"}

    demos: CollectConfig = field(default_factory=demos_config)
    """Demonstrations."""
    held_out: CollectConfig = field(default_factory=held_out_config)
    """Further ones, for learning curves."""
    act: ControllerRunConfig = field(default_factory=act_config)
    """The baseline."""
