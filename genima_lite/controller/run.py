"""Train a controller (paper, section 3.2): one whole run.

    motions, demonstrations ──► targets on backgrounds ──┐
    perturbed states, DAgger rollouts ──► drawings ──────┴► batches ──► controller

Killed or out of time and called again with the same configuration, it goes on; with another one,
other data or other models it is refused.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from genima_lite.controller.augment import AugmentConfig
from genima_lite.controller.backgrounds import textures
from genima_lite.controller.checkpoint import METADATA
from genima_lite.controller.config import ControllerConfig, preset
from genima_lite.controller.data import Batch, ControllerData, collate
from genima_lite.controller.decisions import (
    Artist,
    DecisionSettings,
    make_dagger,
    make_drawings,
    make_perturbed_states,
)
from genima_lite.controller.keypoint_pretraining import KeypointPretraining
from genima_lite.controller.sources import DecisionSource, DemoSource, MotionSource, Samples
from genima_lite.controller.train import train
from genima_lite.datasets.demonstrations import check_sets, recorded
from genima_lite.datasets.motions import motion_kind
from genima_lite.datasets.recovery_starts import MakePolicy
from genima_lite.datasets.shards import Shards, shards_for
from genima_lite.datasets.source import Source, check_weights, weights_of
from genima_lite.errors import UserError
from genima_lite.hub import is_hub_id
from genima_lite.provenance import claim, fingerprint, model_fingerprint
from genima_lite.schema import named_once
from genima_lite.training.config import TrainingConfig
from genima_lite.training.result import Result, finished

VALIDATION_SAMPLES = 128
"""Samples on which a controller is looked at now and then."""

_VALIDATION_MOTIONS = 64
_VALIDATION_SEED = 1_000_003

Report = Callable[[str, int, int, float | None], None]
"""Called as `report(stage, done, total, loss)` after each shard and each step."""


@dataclass(frozen=True)
class FollowingMixture:
    """Weights of the sources in every batch, relative to their sum; 0 where there is no source."""

    motions: float = 1.0
    """Generated motions, their targets drawn on random backgrounds."""
    demonstrations: float = 0.0
    """Frames of demonstrations: their targets on random backgrounds or, for a controller without
    spheres, the recorded pictures."""
    other_demonstrations: float = 0.0
    """Frames of further demonstrations, in the same way; a model never draws on them."""
    drawings: float = 0.0
    """What a diffusion model draws at decisions of the demonstrations."""
    perturbed_states: float = 0.0
    """The arm set down beside the expert's way."""
    dagger: float = 0.0
    """Decisions that a trained policy reaches."""
    kept: float = 0.0
    """Decisions that earlier runs have kept."""


@dataclass(frozen=True)
class ControllerRunConfig:
    """Everything that a controller's run depends on."""

    network: ControllerConfig = field(default_factory=ControllerConfig)
    """Sizes of the network and weights of its loss."""
    tasks: tuple[str, ...] = ()
    """Which tasks of the datasets, and whose scenes are shown beside them; none: all tasks of the
    datasets."""
    demos: tuple[str, ...] = ()
    """Datasets in RLBench's layout, made by collect."""
    other_demos: tuple[str, ...] = ()
    """Further datasets that have a weight of their own, for example of another world."""
    held_out: str | None = None
    """Another dataset to validate on; without, a controller with spheres has other motions."""
    motions: int = 2000
    """Generated motions, each planned when it is first needed."""
    motions_of: str = "bench"
    """Whose postures, speed and tracking they have: bench, rlbench, or both
    (`genima_lite.datasets.motions`)."""
    drawings: int = 0
    """Decisions of the demonstrations at which a diffusion model draws, at most."""
    perturbed_states: int = 0
    """Single decisions, each with the arm set down beside the expert's way in a new scene."""
    dagger: int = 0
    """Decisions that a trained policy reaches."""
    dagger_by: str | None = None
    """Folder of that policy: a Genima, or a baseline for one without spheres."""
    kept: tuple[str, ...] = ()
    """Folders of decisions that earlier runs have kept in their `data/` (DAgger aggregates)."""
    drawn_by: str | None = None
    """Folder of the diffusion model that draws what a controller with spheres sees at decisions."""
    mixture: FollowingMixture = field(default_factory=FollowingMixture)
    """How a batch is dealt among all these."""
    augment: AugmentConfig = field(default_factory=AugmentConfig)
    """How drawn targets are corrupted, and noise on the joints."""
    begin: str | None = None
    """Folder of a controller of the same network whose weights come first."""
    keypoint_pretraining: KeypointPretraining | None = field(default_factory=KeypointPretraining)
    """What a controller with spheres learns first, and beside the pictures; `None` for one
    without."""
    training: TrainingConfig = field(
        default_factory=lambda: TrainingConfig(steps=2000, batch_size=32, warmup=50)
    )
    """How it is learned."""
    seed: int = 0
    """Of motions, scenes, rollouts, sentences and drawings."""

    def __post_init__(self) -> None:
        for name in ("motions", "drawings", "perturbed_states", "dagger", "seed"):
            if getattr(self, name) < 0:
                raise UserError(f"{name} is {getattr(self, name)}; it must not be negative")
        motion_kind(self.motions_of)
        check_weights(weights_of(self.mixture), self.sources)
        if (self.dagger > 0) != (self.dagger_by is not None):
            raise UserError("dagger and dagger_by belong together: how many, and whose decisions")
        if (self.perturbed_states or self.dagger) and not self.tasks:
            raise UserError("perturbed_states and dagger need tasks: whose scenes are shown")
        if self.network.future and self.sources != ["demonstrations"]:
            raise UserError("a controller that follows future views learns from demonstrations")
        named_once("tasks", self.tasks)
        learned = {name: getattr(self, name) for name in ("demos", "other_demos", "kept")}
        check_sets(self.held_out, **learned)
        self._check_drawings()
        if self.keypoint_pretraining is not None and not self.network.spheres:
            raise UserError("a controller without spheres has no keypoint_pretraining; set it off")

    def _check_drawings(self) -> None:
        """Refuse a diffusion model where none is looked at, and the other way round."""
        decided = self.perturbed_states or self.dagger
        wanted = bool(self.drawings or (self.network.spheres and decided))
        if wanted and self.drawn_by is None:
            raise UserError(
                "a controller with spheres sees what a model drew at decisions: give drawn_by"
            )
        if self.drawn_by is not None and not wanted:
            raise UserError(
                "drawn_by: nothing to draw; ask for drawings, perturbed_states or dagger"
            )
        if self.drawings and not (self.network.spheres and self.demos):
            raise UserError("drawings are for a controller with spheres, and need demos")

    @property
    def sources(self) -> list[str]:
        """The names of the sources that are there."""
        others = self.other_demos if self.mixture.other_demonstrations else ()
        counts = {
            "motions": self.motions if self.network.spheres and self.mixture.motions else 0,
            "demonstrations": len(self.demos) if self.mixture.demonstrations else 0,
            "other_demonstrations": len(others),
            "drawings": self.drawings,
            "perturbed_states": self.perturbed_states,
            "dagger": self.dagger,
            "kept": len(self.kept),
        }
        return [name for name, count in counts.items() if count]


def preset_run(name: str, *demos: str) -> ControllerRunConfig:
    """Return the run of a preset (`genima_lite.controller.config.PRESETS`) on some demonstrations.

    Raises:
        UserError: no such preset, or a baseline without demonstrations.
    """
    network = preset(name)
    if not network.spheres:
        mixture = FollowingMixture(motions=0, demonstrations=1)
        return ControllerRunConfig(network, (), demos, mixture=mixture, keypoint_pretraining=None)
    mixture = FollowingMixture(demonstrations=1.0 if demos else 0.0)
    return ControllerRunConfig(network, (), demos, mixture=mixture)


def train_controller(
    out: Path | str,
    config: ControllerRunConfig,
    max_minutes: float | None = None,
    report: Report = lambda *_: None,
    device: str = "cpu",
    workers: int = 0,
    pilot: MakePolicy | None = None,
) -> Result:
    """Make the data, train, and write the controller to `out`.

    Args:
        out: the controller's folder. What is made of the sources is kept in its `data/`.
        config: everything that the controller depends on.
        max_minutes: of training in this call; data come on top.
        report: told how far this is.
        device: of the networks, for example "cuda".
        workers: processes that make batches beside the training; a GPU waits without any.
        pilot: makes the policy of `dagger_by` in its environments
            (`genima_lite.policies.api.PolicyFactory`); needed only with `dagger`.

    Returns:
        What the run came to; `done` says whether it is finished.

    Raises:
        UserError: nothing to learn from, or `out` holds a run of another configuration, of other
            data or of other models.
    """
    out = Path(out)
    made_from = _made_from(config)
    claim(out, made_from)
    if (result := finished(out / METADATA)) is not None:
        return result
    sources = _sources(out / "data", config, made_from, pilot, report)
    data = ControllerData(config.network, sources, weights_of(config.mixture))
    validation = validation_batch(config.network, config.held_out)
    tasks = config.tasks or tasks_of((*config.demos, *config.other_demos))
    return train(
        out, data, config, made_from, validation, max_minutes, report, device, workers, tasks
    )


def tasks_of(demos: Sequence[str]) -> tuple[str, ...]:
    """Return the names of all tasks in some datasets, sorted."""
    return tuple(sorted({each.episode.task for each in recorded(demos)}))


def validation_batch(
    config: ControllerConfig, demos: Path | str | None, size: int = VALIDATION_SAMPLES
) -> Batch | None:
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


def _made_from(config: ControllerRunConfig) -> dict[str, Any]:
    """Return all that a run depends on, with fingerprints in place of paths."""
    models = {name: getattr(config, name) for name in ("dagger_by", "drawn_by", "begin")}
    backbone = config.network.backbone
    return {
        **asdict(config),
        "network": {
            **asdict(config.network),
            "backbone": backbone
            if backbone is None or is_hub_id(backbone)
            else (fingerprint(backbone)),
        },
        "demos": [fingerprint(each) for each in config.demos],
        "other_demos": [fingerprint(each) for each in config.other_demos],
        "held_out": None if config.held_out is None else fingerprint(config.held_out),
        "kept": [fingerprint(each) for each in config.kept],
        **{name: None if at is None else model_fingerprint(at) for name, at in models.items()},
    }


def _sources(
    folder: Path,
    config: ControllerRunConfig,
    made_from: dict[str, Any],
    pilot: MakePolicy | None,
    report: Report,
) -> dict[str, Source[Samples]]:
    """Return all sources by name; what must be made is made first."""
    network, augment = config.network, config.augment
    tasks = config.tasks or None
    found: dict[str, Source[Samples]] = {}
    for name in config.sources:
        if name == "motions":
            how = (config.seed, config.motions, config.motions_of)
            found[name] = MotionSource(network, augment, textures, *how)
        elif name == "demonstrations":
            found[name] = DemoSource(network, augment, textures, *config.demos, tasks=tasks)
        elif name == "other_demonstrations":
            found[name] = DemoSource(network, augment, textures, *config.other_demos, tasks=tasks)
        elif name == "kept":
            found[name] = DecisionSource(network, augment, *(Shards(f) for f in config.kept))
        else:
            _make(folder / name, name, config, made_from, pilot, report)
            count = None if name == "drawings" else int(getattr(config, name))
            found[name] = DecisionSource(network, augment, Shards(folder / name, count))
    return found


def _make(
    folder: Path,
    name: str,
    config: ControllerRunConfig,
    made_from: dict[str, Any],
    pilot: MakePolicy | None,
    report: Report,
) -> None:
    """Make the shards of a source that are missing."""
    artist, total = _artist(config, made_from), shards_for(getattr(config, name))
    for number, _ in enumerate(_making(folder, name, config, made_from, pilot, artist), 1):
        report(name, number, total, None)


def _making(
    folder: Path,
    name: str,
    config: ControllerRunConfig,
    made_from: dict[str, Any],
    pilot: MakePolicy | None,
    artist: Artist | None,
) -> Iterator[Path]:
    """Return what makes the shards of a source."""
    network, settings = config.network, DecisionSettings(config.tasks, config.seed)
    if name == "drawings":
        assert artist is not None
        every, data = recorded(config.demos, config.tasks or None), made_from["demos"]
        episodes = [each for each in every if each.has_pictures()] or every
        return make_drawings(folder, network, episodes, artist, config.drawings, config.seed, data)
    if name == "perturbed_states":
        return make_perturbed_states(folder, network, settings, config.perturbed_states, artist)
    if pilot is None:
        raise UserError("dagger needs a pilot: the policy of dagger_by in its environments")
    weights = made_from["dagger_by"]
    return make_dagger(folder, network, settings, config.dagger, pilot, weights, artist)


def _artist(config: ControllerRunConfig, made_from: dict[str, Any]) -> Artist | None:
    """Return the diffusion model that draws, if there is one."""
    if config.drawn_by is None:
        return None
    from genima_lite.diffusion.agent import DiffusionAgent

    return Artist(DiffusionAgent.load(config.drawn_by), made_from["drawn_by"])
