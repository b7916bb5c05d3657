"""Cuts demonstrations shorter, or puts them aside; what was there can always be brought back."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

from genima_lite import locks
from genima_lite.demos.layout import EpisodeFolder, episode_folder
from genima_lite.demos.order_rules import order_fault
from genima_lite.demos.read import image_folders, read_episode, read_sentences
from genima_lite.demos.value_rules import ACTION
from genima_lite.demos.write import write_episode
from genima_lite.errors import UserError
from genima_lite.files import sync
from genima_lite.observation import Demo

ASIDE = ".aside"
"""Whole demonstrations as they were, below the dataset's folder; hidden, so nothing trains on
them."""

_NEW = ".trimmed"


def trimmed(demo: Demo, first: int, last: int) -> Demo:
    """Return the frames from `first` to `last`, both included, as a demonstration.

    A later start is another scene than the stored one, so that is left out, and the result cannot
    be replayed in a simulation.

    Raises:
        UserError: no such frames, or fewer than two.
    """
    if not 0 <= first < last < len(demo):
        raise UserError(f"frames {first} to {last}: give two of 0 to {len(demo) - 1}, in order")
    cut = Demo(
        demo._observations[first : last + 1],
        demo.random_seed,
        demo.num_reset_attempts,
        None if first else demo.scene_state,
    )
    cut[0].misc = {name: value for name, value in cut[0].misc.items() if name != ACTION}
    if demo.recording is not None:
        seconds = demo.recording.seconds[first : last + 1]
        cut.recording = replace(demo.recording, seconds=seconds)
    return cut


def trim(root: Path | str, episode: EpisodeFolder, first: int, last: int) -> Path:
    """Cut an episode on the disk; return where it lies as it was.

    Raises:
        UserError: see `trimmed`; or what is left cannot be learned from.
    """
    root = Path(root)
    kinds = sorted({kind for _, kind in image_folders(episode.path)})
    sentences, wrong = read_sentences(episode.path)
    if sentences is None:
        raise UserError(f"{episode.path}: {wrong}")
    cut = trimmed(read_episode(episode.path, kinds=kinds), first, last)
    if fault := order_fault(cut):
        raise UserError(f"{episode.path}: {fault}")
    with locks.writing(root):
        shutil.rmtree(root / _NEW, ignore_errors=True)
        where = (episode.task, episode.variation, episode.episode)
        new = write_episode(cut, root / _NEW, *where, sentences)
        old = _aside(root, episode)
        episode.path.rename(old)
        new.rename(episode.path)
        sync(episode.path.parent)
        shutil.rmtree(root / _NEW, ignore_errors=True)
    return old


def put_aside(root: Path | str, episode: EpisodeFolder) -> Path:
    """Take an episode out of a dataset; return where it lies now."""
    with locks.writing(root):
        old = _aside(Path(root), episode)
        episode.path.rename(old)
        sync(episode.path.parent)
    return old


def _aside(root: Path, episode: EpisodeFolder) -> Path:
    """Return a free place for an episode."""
    number = 0
    where = (root / ASIDE, episode.task, episode.variation)
    while (path := episode_folder(*where, number)).exists():
        number += 1
    path.parent.mkdir(parents=True, exist_ok=True)
    return path
