"""Where things lie in an RLBench dataset: folder names, their order, and the way to an episode.

    <root>/<task>/variation<V>/variation_descriptions.pkl
    <root>/<task>/variation<V>/episodes/episode<E>/low_dim_obs.pkl
    <root>/<task>/variation<V>/episodes/episode<E>/<camera>_{rgb,depth,mask}/<frame>.png

Some forks of RLBench gather every variation in `all_variations/`; here that is variation -1. Its
episodes are often links to those of the variations: a walk through a whole dataset comes by each
demonstration once.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from genima_lite.errors import UserError

EPISODES = "episodes"
LOW_DIM_OBS = "low_dim_obs.pkl"
DESCRIPTIONS = "variation_descriptions.pkl"
SCENE_STATE = "scene_state.json"
RECORDING = "recording.json"
"""Ours, beside `low_dim_obs.pkl`; RLBench ignores them."""

PARTIAL = ".partial"
"""Episodes under construction live in `<root>/.partial/<task>/`: no half-written one is found."""

ALL_VARIATIONS = -1
STORED_KINDS = ("rgb", "depth", "mask")
"""The image kinds on disk. Point clouds are not stored: they follow from depth and camera."""


class DatasetError(UserError):
    """Something about the files of a dataset; the message names the file and the way out.

    Names and texts from somebody else's files cannot do anything to a terminal that shows it.
    """

    def __init__(self, message: str):
        super().__init__(printable(message))


def printable(text: str) -> str:
    """Return text with all that a terminal could obey, or cannot show, written as in Python."""
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else ascii(c)[1:-1] for c in text)


@dataclass(frozen=True)
class EpisodeFolder:
    """One episode on disk; `path` is its folder, `episode` the number in the folder's name."""

    task: str
    variation: int
    episode: int
    path: Path


def variation_folder(root: Path | str, task: str, variation: int) -> Path:
    """Return the folder of a task's variation; -1 stands for `all_variations`."""
    name = "all_variations" if variation == ALL_VARIATIONS else f"variation{variation}"
    return Path(root) / task / name


def episode_folder(root: Path | str, task: str, variation: int, episode: int) -> Path:
    """Return the folder of one episode."""
    return variation_folder(root, task, variation) / EPISODES / f"episode{episode}"


def image_path(folder: Path | str, camera: str, kind: str, frame: int) -> Path:
    """Return the file of one image in an episode's folder; `kind` is rgb, depth or mask."""
    return Path(folder) / f"{camera}_{kind}" / f"{frame}.png"


def natural_key(name: str) -> list[tuple[int, str]]:
    """Return a sort key under which `episode2` comes before `episode10`."""
    return [
        (int(part), "") if part.isdecimal() else (-1, part) for part in re.split(r"(\d+)", name)
    ]


Tell = Callable[[Path, "DatasetError"], None]
"""Is told of what cannot be read, or is no folder; it is then left out."""


def subfolders(folder: Path, unreadable: Tell | None = None) -> list[Path]:
    """Return the folders in `folder` in natural order, hidden ones left out.

    Raises:
        DatasetError: the folder cannot be read, and nobody is to be told.
    """
    return [path for path in _listed(folder, unreadable) if path.is_dir()]


def _listed(folder: Path, unreadable: Tell | None) -> list[Path]:
    """Return what lies in a folder in natural order, what is hidden left out."""
    try:
        found = [path for path in folder.iterdir() if not path.name.startswith(".")]
    except OSError as error:
        _refuse(folder, f"cannot be read ({error.strerror})", unreadable)
        return []
    return sorted(found, key=lambda path: natural_key(path.name))


def _refuse(path: Path, why: str, unreadable: Tell | None) -> None:
    error = DatasetError(f"{path}: {why}")
    if unreadable is None:
        raise error
    unreadable(path, error)


def iterate_variations(
    root: Path | str, unreadable: Tell | None = None
) -> Iterator[tuple[str, int, Path]]:
    """Yield `(task, variation, folder)` of every variation under `root`, in natural order.

    Raises:
        DatasetError: `root` does not exist or is no folder, or a folder cannot be read and nobody
            is to be told.
    """
    root = Path(root)
    if not root.is_dir():
        raise DatasetError(f"{root}: no such folder; give the folder that holds the task folders")
    for task in subfolders(root):
        for folder in subfolders(task, unreadable):
            variation = variation_number(folder.name)
            if variation is not None:
                yield task.name, variation, folder


def iterate_episodes(
    root: Path | str,
    task: str | None = None,
    variation: int | None = None,
    unreadable: Tell | None = None,
) -> Iterator[EpisodeFolder]:
    """Yield every episode under `root` in natural order, or those of one task or variation.

    Each demonstration comes once, also where there are links to it; those of a variation go before
    those of `all_variations`, and what is no link before what is one. Who asks for one variation
    gets what lies there.

    Raises:
        DatasetError: `root` does not exist or is no folder, or nobody is to be told and a folder
            cannot be read, or something is called like an episode that is no folder.
    """
    found = [
        episode
        for task_name, number, folder in iterate_variations(root, unreadable)
        if task in (None, task_name) and variation in (None, number)
        for episode in episodes_of(task_name, number, folder, unreadable)
    ]
    kept = _once(found)
    yield from (episode for episode in found if episode in kept)


def _once(episodes: list[EpisodeFolder]) -> set[EpisodeFolder]:
    """Return episodes without those that are links to others of them."""
    first: dict[str, EpisodeFolder] = {}
    real = {episode: os.path.realpath(episode.path) for episode in episodes}

    def rank(episode: EpisodeFolder) -> tuple[bool, bool]:
        return episode.variation == ALL_VARIATIONS, os.path.islink(episode.path)

    for episode in sorted(episodes, key=rank):
        first.setdefault(real[episode], episode)
    return set(first.values())


def episodes_of(
    task: str, variation: int, folder: Path, unreadable: Tell | None = None
) -> Iterator[EpisodeFolder]:
    """Yield the episodes in a variation's folder in natural order.

    Raises:
        DatasetError: nobody is to be told, and the folder cannot be read, or something is called
            like an episode that is no folder: copies leave such files in place of links.
    """
    if not os.path.lexists(folder / EPISODES):
        return
    for path in _listed(folder / EPISODES, unreadable):
        number = numbered("episode", path.name)
        if number is not None and path.is_dir():
            yield EpisodeFolder(task, variation, number, path)
        elif number is not None:
            why = "is no folder, or a link that leads nowhere; copy it again, or remove it"
            _refuse(path, why, unreadable)


def numbered(word: str, name: str) -> int | None:
    """Return the number in a name such as `episode12`, `None` for any other name."""
    match = re.fullmatch(word + r"([0-9]{1,9})", name)
    return int(match[1]) if match else None


def variation_number(name: str) -> int | None:
    """Return a variation's number by its folder's name, `None` for any other name."""
    return ALL_VARIATIONS if name == "all_variations" else numbered("variation", name)
