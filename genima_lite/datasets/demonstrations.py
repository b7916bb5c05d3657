"""Recorded demonstrations: which there are, at which frames a policy decides, and their segments.

They are read from disk when they are needed. Those that begin beside the expert's path
(`genima_lite.datasets.recovery_starts`) are demonstrations like others.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from pathlib import Path

import numpy as np

from genima_lite.datasets.source import Segment
from genima_lite.demos.layout import EpisodeFolder, iterate_episodes, variation_folder
from genima_lite.demos.read import read_descriptions, read_episode
from genima_lite.errors import UserError
from genima_lite.observation import Demo
from genima_lite.targets.horizon import HORIZON, decision_frames
from genima_lite.targets.views import demo_targets
from genima_lite.tiling import TILE_ORDER


@dataclass(frozen=True)
class Recorded:
    """One recorded demonstration of T frames.

    Attributes:
        root: the dataset's folder.
        episode: which of its episodes.
    """

    root: Path
    episode: EpisodeFolder

    def states(self) -> Demo:
        """Read all T frames without pictures.

        Raises:
            DatasetError: a broken or missing file.
        """
        return read_episode(self.episode.path, kinds=())

    def seen(
        self, frames: Sequence[int] | None = None, cameras: Sequence[str] = TILE_ORDER
    ) -> Demo:
        """Read all T frames, some of them (`None`: all) with the RGB pictures of some cameras.

        Raises:
            DatasetError: a broken or missing file.
        """
        return read_episode(self.episode.path, cameras, frames=frames)

    @cached_property
    def sentences(self) -> list[str]:
        """The sentences that ask for the variation, at least one.

        Raises:
            UserError: there are none.
        """
        task, variation = self.episode.task, self.episode.variation
        found, problem = read_descriptions(variation_folder(self.root, task, variation))
        if not found:
            why = problem or "the list is empty"
            raise UserError(f"{self.episode.path}: no instructions ({why})")
        return found


def recorded(roots: Sequence[Path | str], tasks: Sequence[str] | None = None) -> list[Recorded]:
    """Return the demonstrations of datasets in RLBench's layout, one dataset after the other.

    Args:
        roots: folders of datasets.
        tasks: which tasks' episodes; `None` for all.

    Raises:
        UserError: a dataset without any.
    """
    found = []
    for root in map(Path, roots):
        here = [
            Recorded(root, episode)
            for episode in iterate_episodes(root)
            if tasks is None or episode.task in tasks
        ]
        if not here:
            of = "" if tasks is None else f" of {', '.join(tasks)}"
            raise UserError(f"{root}: no demonstrations{of} in it; make some with 'collect'")
        found += here
    return found


def read_demos(root: Path | str, tasks: Sequence[str] | None = None) -> Iterator[Segment]:
    """Read whole demonstrations of a dataset, with the views that are tiled.

    Yields:
        A demonstration and the sentences that ask for its variation.

    Raises:
        DatasetError: a broken or missing file.
        UserError: no demonstrations, or a variation without instructions.
    """
    for each in recorded([root], tasks):
        yield each.seen(), each.sentences


def decisions(
    episodes: Sequence[Recorded], horizon: int = HORIZON, keyframes: bool = True
) -> list[tuple[int, int, int]]:
    """Return where a policy decides that follows demonstrations from target to target.

    Returns:
        The episode's number, the frame, and its target's frame, in the order of the episodes.
    """
    found = []
    for number, each in enumerate(episodes):
        frames = decision_frames(demo_targets(each.states(), horizon, keyframes))
        found += [(number, frame, after) for frame, after in pairwise(frames)]
    return found


def decision_segments(
    episodes: Sequence[Recorded],
    chosen: Sequence[tuple[int, int, int]],
    cameras: Sequence[str] = TILE_ORDER,
) -> Iterator[Segment]:
    """Yield the segments of some `decisions`, the first frame of each with pictures."""
    for number, frame, target in chosen:
        demo = episodes[number].seen([frame], cameras)
        yield Demo([demo[t] for t in range(frame, target + 1)]), episodes[number].sentences


def shuffled(decided: Sequence[tuple[int, int, int]], seed: int) -> list[tuple[int, int, int]]:
    """Return decisions in a random order, so that the first ones are of all episodes."""
    order = np.random.default_rng(seed).permutation(len(decided))
    return [decided[i] for i in order]
