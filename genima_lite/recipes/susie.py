"""The recipe `susie`: as `paper`, but the target is the future picture instead of spheres.

What the robot will see K steps ahead is drawn on what it sees now, and a controller follows that
picture (SuSIE, Black et al., 2023; one of the paper's baselines). Base, adapter, data and budgets
are those of `paper`, so the two differ in the target alone; the controller sees eight pictures, and
no random backgrounds. Tried on tiny models of the same layout alone; estimated as `paper`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import ClassVar

from genima_lite.controller.run import ControllerRunConfig
from genima_lite.diffusion.finetune import FinetuneConfig
from genima_lite.recipes._paper import controller_config, diffusion_config
from genima_lite.recipes.paper import Paper
from genima_lite.targets.horizon import FUTURE


def _diffusion() -> FinetuneConfig:
    return replace(diffusion_config(), target=FUTURE)


def _controller() -> ControllerRunConfig:
    spheres = controller_config()
    network = replace(spheres.network, spheres=False, future=True)
    return replace(spheres, network=network, keypoint_pretraining=None)


@dataclass(frozen=True)
class Susie(Paper):
    """As paper, with the future picture as the target, and a controller that follows pictures."""

    name: ClassVar[str] = "susie"
    version: ClassVar[int] = 1
    minutes: ClassVar[float] = 700
    makes: ClassVar[Mapping[str, str]] = {"susie": "."}

    diffusion: FinetuneConfig = field(default_factory=_diffusion)
    """Stage 1: draws the views K steps ahead."""
    controller: ControllerRunConfig = field(default_factory=_controller)
    """Stage 2: goes where these were taken."""
