"""Recorded demonstrations: which there are, at which frames a policy decides, and their segments.

They are read from disk when they are needed. Those that begin beside the expert's path
(`genima_lite.datasets.recovery_starts`) are demonstrations like others.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from pathlib import Path

import numpy as np

from genima_lite.datasets.source import Segment
from genima_lite.demos.layout import DatasetError, EpisodeFolder, iterate_episodes, printable
from genima_lite.demos.order_rules import order_fault
from genima_lite.demos.picture_rules import drawing_fault, lens_fault, size_fault
from genima_lite.demos.read import check_frame_count, image_folders, read_episode, read_sentences
from genima_lite.errors import UserError
from genima_lite.observation import Demo
from genima_lite.schema import named_once
from genima_lite.targets.horizon import HORIZON, decision_frames
from genima_lite.targets.views import demo_targets
from genima_lite.tiling import TILE_ORDER


def check_sets(held_out: str | None, **learned: Sequence[str]) -> None:
    """Refuse a dataset that comes twice, or is learned from though it is held out.

    Args:
        held_out: folder of the dataset that results are measured on, if there is one.
        learned: folders by what they are for.

    Raises:
        UserError: see above.
    """
    for name, folders in learned.items():
        places = [os.path.realpath(folder) for folder in folders]
        named_once(name, places)
        if held_out is not None and os.path.realpath(held_out) in places:
            raise UserError(f"held_out is {held_out}, of which it learns; take another set")


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
            DatasetError: a broken or missing file, or frames from which nothing can be learned
                (`genima_lite.demos.order_rules.order_fault`).
        """
        demo = read_episode(self.episode.path, kinds=())
        self.refuse(order_fault(demo))
        return demo

    def seen(
        self, frames: Sequence[int] | None = None, cameras: Sequence[str] = TILE_ORDER
    ) -> Demo:
        """Read all T frames, some of them (`None`: all) with the RGB pictures of some cameras.

        Raises:
            DatasetError: as `states`, a camera without matrices, or pictures of several sizes.
        """
        demo = read_episode(self.episode.path, cameras, frames=frames)
        chosen = range(len(demo)) if frames is None else frames
        views = [
            (f"{camera}_rgb/{t}.png", demo[t].image(camera)) for t in chosen for camera in cameras
        ]
        self.refuse(
            order_fault(demo)
            or drawing_fault(demo, cameras)
            or size_fault([(name, view.shape[:2]) for name, view in views])
        )
        for camera, (_, view) in zip(cameras, views, strict=False):
            self.refuse(lens_fault(demo, camera, view.shape[:2]))
        return demo

    def has_pictures(self, cameras: Sequence[str] = TILE_ORDER) -> bool:
        """Return whether there are RGB pictures of all of some cameras."""
        there = {camera for camera, kind in image_folders(self.episode.path) if kind == "rgb"}
        return there >= set(cameras)

    def refuse(self, fault: str | None) -> None:
        """Raise a `DatasetError` that names the episode, if there is a fault."""
        if fault:
            raise DatasetError(f"{self.episode.path}: {fault}; 'inspect' lists all problems")

    @cached_property
    def sentences(self) -> list[str]:
        """The sentences that ask for the variation, at least one.

        Raises:
            UserError: there are none.
        """
        found, problem = read_sentences(self.episode.path)
        if not found:
            raise UserError(printable(f"{self.episode.path}: no instructions ({problem})"))
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
        if odd := [each for each in here if not each.episode.task.isprintable()]:
            raise DatasetError(f"{odd[0].episode.path}: a task with such a name; rename the folder")
        if not here:
            of = "" if tasks is None else f" of {', '.join(tasks)}"
            raise UserError(f"{root}: no demonstrations{of} in it; make some with 'collect'")
        found += here
    return found


def check_recorded(
    episodes: Sequence[Recorded], cameras: Sequence[str] = TILE_ORDER, size: int | None = None
) -> None:
    """Read what is learned from before anything is made of it: states, instructions, and each
    episode's first pictures.

    Args:
        episodes: demonstrations.
        cameras: whose RGB pictures are needed.
        size: pixels along each side of a picture; `None` for any, alike in all.

    Raises:
        UserError: what is wrong with which episode.
    """
    known: tuple[str, tuple[int, int]] | None = None
    for each in episodes:
        demo = each.seen([0], cameras)
        found = demo[0].image(cameras[0]).shape[:2]
        if size is not None and found != (size, size):
            each.refuse(
                f"views of {found[0]} pixels, configured are {size}; record them anew or set "
                "view_size"
            )
        known = known or (str(each.episode.path), found)
        each.refuse(size_fault([known, ("this episode", found)]))
        for camera in cameras:
            check_frame_count(each.episode.path / f"{camera}_rgb", len(demo))
        if not each.sentences:
            raise UserError(f"{each.episode.path}: no instructions")


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
