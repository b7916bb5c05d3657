"""Single decisions as samples for a controller that sees the scene: pictures and the way on.

The baseline learns from the same moments as the diffusion model (`genima_lite.demos.moments`), and
as it does from decisions that it comes to itself (`genima_lite.demos.visited`), so that neither
decides between the two. Deviation from the paper, which learns from demonstrations only.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from genima_lite import chunks
from genima_lite.controller.augment import AugmentConfig
from genima_lite.controller.config import ControllerConfig
from genima_lite.controller.draw import without_targets
from genima_lite.controller.pictures import stack_views
from genima_lite.controller.sources import Samples, chunk, noisy
from genima_lite.demos.moments import MomentSettings, moments
from genima_lite.demos.visited import VisitSettings, visited
from genima_lite.errors import UserError
from genima_lite.observation import Demo


@dataclass(frozen=True)
class DecisionSettings:
    """What defines a row of decisions."""

    tasks: tuple[str, ...]
    """Whose scenes are shown, file by file in turn."""
    seed: int = 0
    """The same seed shows the same scenes as moments of the diffusion model."""
    visited_by: str | None = None
    """Folder of a trained baseline that comes to these decisions by itself; `None`: moments."""


def make_decisions(
    folder: Path | str, config: ControllerConfig, settings: DecisionSettings, count: int
) -> Iterator[Path]:
    """Draw decisions into files (`genima_lite.chunks.keep_chunks`).

    They hold `views` (V, H, W, 3) uint8, `joints` (7,), `gripper_open`, `actions` (K, 8), `valid`
    (K,) and an `instruction`, in as many rows.

    Yields:
        Each file, old or new.

    Raises:
        UserError: the folder holds decisions of other settings, or the controller wants spheres.
    """
    _check(config)

    def draw(number: int) -> dict[str, np.ndarray]:
        rng = np.random.default_rng([settings.seed, number])
        rows = [
            {**_decision(config, demo), "instruction": np.array(str(rng.choice(sentences)))}
            for demo, sentences in _shown(config, settings, number)
        ]
        return {name: np.stack([each[name] for each in rows]) for name in rows[0]}

    said = {**asdict(settings), "cameras": config.cameras, "image_size": config.image_size}
    return chunks.keep_chunks(folder, {**said, "horizon": config.horizon}, count, draw)


def _shown(
    config: ControllerConfig, settings: DecisionSettings, number: int
) -> Iterator[tuple[Demo, list[str]]]:
    """Yield the decisions of a file, each with the sentences that ask for it."""
    task = settings.tasks[number % len(settings.tasks)]
    if settings.visited_by is None:
        row = MomentSettings(task, config.image_size, settings.seed, stops=False, part=number)
        return moments(row, chunks.CHUNK)
    policy = Path(settings.visited_by)
    visits = VisitSettings(task, "act", policy, settings.seed, stops=False, part=number)
    return visited(visits, chunks.CHUNK)


def _check(config: ControllerConfig) -> None:
    if config.spheres:
        raise UserError("moments show scenes: they are for a controller without spheres")


def _decision(config: ControllerConfig, demo: Demo) -> dict[str, np.ndarray]:
    """Return the arrays of one decision."""
    actions, valid = chunk(demo.actions(), 0, config.horizon)
    now = demo[0]
    return {
        "views": stack_views(config, {name: now.image(name) for name in config.cameras}),
        "joints": np.asarray(now.joint_positions),
        "gripper_open": np.array(now.gripper_open),
        "actions": actions,
        "valid": valid,
    }


class DecisionSource:
    """Samples of kept decisions, for a controller without spheres.

    Args:
        config: what the network sees.
        augment: noise on the joints.
        kept: what `make_decisions` wrote, by name.

    Raises:
        UserError: the controller wants spheres.
    """

    def __init__(self, config: ControllerConfig, augment: AugmentConfig, kept: dict):
        _check(config)
        self._augment, self._kept = augment, kept

    def sample(self, rng: np.random.Generator, count: int) -> Samples:
        """Return samples of random decisions."""
        chosen = rng.integers(len(self._kept["joints"]), size=count)
        row = {name: array[chosen] for name, array in self._kept.items()}
        return Samples(
            without_targets(row["views"]),
            noisy(rng, row["joints"], self._augment),
            row["gripper_open"],
            row["actions"],
            row["valid"],
            tuple(row["instruction"].tolist()),
        )


def decision_source(
    config: ControllerConfig, folders: Sequence[tuple[Path, int | None]]
) -> DecisionSource:
    """Return the decisions of folders as a source of samples, all with the same probability.

    Args:
        config: what the network sees.
        folders: each with how many of its decisions, `None` for all.

    Raises:
        UserError: the controller wants spheres, or there are fewer decisions than asked for.
    """
    found = [chunks.load_chunks(folder, count) for folder, count in folders]
    kept = {name: np.concatenate([each[name] for each in found]) for name in found[0]}
    return DecisionSource(config, AugmentConfig(), kept)
