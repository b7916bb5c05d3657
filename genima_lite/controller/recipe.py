"""From a preset and a data set to training data: what the command line asks for."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from genima_lite.controller.augment import AugmentConfig
from genima_lite.controller.backgrounds import textures
from genima_lite.controller.config import PRESETS, ControllerConfig
from genima_lite.controller.data import Batch, TrainingData, collate
from genima_lite.controller.decisions import DecisionSource
from genima_lite.controller.drawn import DrawnSource, draw_frames
from genima_lite.controller.sources import DemoSource, MotionSource, Source
from genima_lite.diffusion.agent import DiffusionAgent
from genima_lite.errors import UserError

MOTIONS = 2000
DRAWN_FRAMES = 5000
DRAWN_SHARE = 0.4
DECISION_SHARE = 0.5
_VALIDATION_MOTIONS = 64
_VALIDATION_SEED = 1_000_003


def preset(name: str, view_size: int | None = None) -> ControllerConfig:
    """Return a preset by name, for views of some pixels along each side (`None`: its own).

    Raises:
        UserError: no such preset, or a size that its picture encoder cannot halve.
    """
    if name not in PRESETS:
        raise UserError(f"unknown preset '{name}': choose from {', '.join(PRESETS)}")
    config = PRESETS[name]
    return config if view_size is None else replace(config, image_size=view_size)


def training_data(
    config: ControllerConfig,
    demos: Sequence[Path] = (),
    generated: float = 0.5,
    seed: int = 0,
    motions: int = MOTIONS,
    drawn: DrawnSource | None = None,
    decisions: DecisionSource | None = None,
) -> TrainingData:
    """Return training data: demonstrations, generated motions, or a mix.

    Args:
        config: what the network sees.
        demos: data sets; none trains on generated motions alone.
        generated: share of generated motions beside demonstrations; a controller without
            spheres always has none.
        seed: of motions and batches.
        motions: how many different motions there are.
        drawn: a model's drawings, which then make up `DRAWN_SHARE` of the samples.
        decisions: moments, which then make up `DECISION_SHARE` of the samples.

    Raises:
        UserError: neither demonstrations nor spheres, or an impossible share.
    """
    if not 0 <= generated <= 1:
        raise UserError(f"the generated share is {generated}; give 0 to 1")
    augment = AugmentConfig()
    beside_demos = generated if config.spheres else 0.0
    share = beside_demos if demos else 1.0
    sources: list[tuple[Source, float]] = []
    bare: list[tuple[Source, float]] = []
    if share > 0:
        moving = MotionSource(config, augment, textures, seed, motions)
        sources.append((moving, share))
        bare.append((moving.bare(), share))
    if share < 1:
        recorded = DemoSource(config, augment, textures, *demos)
        sources.append((recorded, 1 - share))
        if config.spheres:
            bare.append((recorded.bare(), 1 - share))
    for further, part in ((drawn, DRAWN_SHARE), (decisions, DECISION_SHARE)):
        if further is not None:
            sources = [(source, (1 - part) * share) for source, share in sources]
            sources.append((further, part))
    return TrainingData(config, sources, seed, bare)


def drawn_source(
    config: ControllerConfig,
    demos: Sequence[Path],
    model: Path,
    out: Path,
    frames: int = DRAWN_FRAMES,
    report: Callable[[int, int], None] = lambda *_: None,
) -> DrawnSource:
    """Let a model draw decisions of demonstrations and return them as a source of samples.

    Args:
        config: what the controller sees.
        demos: data sets with pictures of the configured size.
        model: folder that train-diffusion wrote.
        out: folder that keeps the drawings.
        frames: how many, at most.
        report: called with drawings done and all.
    """
    noise = replace(AugmentConfig.none(), joint_noise=AugmentConfig().joint_noise)
    source = DemoSource(config, noise, textures, *demos)
    agent = DiffusionAgent.load(model)
    return DrawnSource(source, *draw_frames(out / "drawn.npz", source, agent, frames, 0, report))


def validation_batch(config: ControllerConfig, demos: Path | None, size: int = 128) -> Batch | None:
    """Return a fixed batch of motions that training never sees, or of clean held-out frames.

    Args:
        config: what the network sees.
        demos: a held-out data set, `None` for generated motions.
        size: samples.

    Returns:
        `None` where there is neither.
    """
    clean, rng = AugmentConfig.none(), np.random.default_rng(_VALIDATION_SEED)
    if demos is not None:
        return collate(config, DemoSource(config, clean, textures, demos).sample(rng, size))
    if not config.spheres:
        return None
    source = MotionSource(config, clean, textures, _VALIDATION_SEED, _VALIDATION_MOTIONS)
    return collate(config, source.sample(rng, size))
