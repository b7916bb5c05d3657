"""Where things lie in an RLBench dataset: folder names, their order, and the way to an episode.

    <root>/<task>/variation<V>/variation_descriptions.pkl
    <root>/<task>/variation<V>/episodes/episode<E>/low_dim_obs.pkl
    <root>/<task>/variation<V>/episodes/episode<E>/<camera>_{rgb,depth,mask}/<frame>.png

Some forks of RLBench gather every variation in `all_variations/`; here that is variation -1.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from genima_lite.errors import UserError

EPISODES = "episodes"
LOW_DIM_OBS = "low_dim_obs.pkl"
DESCRIPTIONS = "variation_descriptions.pkl"
SCENE_STATE = "scene_state.json"
"""Ours, beside `low_dim_obs.pkl`; RLBench ignores it."""

PARTIAL = ".partial"
"""Episodes under construction live in `<root>/.partial/<task>/`: no half-written one is found."""

ALL_VARIATIONS = -1
STORED_KINDS = ("rgb", "depth", "mask")
"""The image kinds on disk. Point clouds are not stored: they follow from depth and camera."""


class DatasetError(UserError):
    """Something about the files of a dataset; the message names the file and the way out."""


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


def subfolders(folder: Path) -> list[Path]:
    """Return the folders in `folder` in natural order, hidden ones left out."""
    found = [path for path in folder.iterdir() if path.is_dir() and not path.name.startswith(".")]
    return sorted(found, key=lambda path: natural_key(path.name))


def iterate_variations(root: Path | str) -> Iterator[tuple[str, int, Path]]:
    """Yield `(task, variation, folder)` of every variation under `root`, in natural order.

    Raises:
        DatasetError: `root` does not exist or is no folder.
    """
    root = Path(root)
    if not root.is_dir():
        raise DatasetError(f"{root}: no such folder; give the folder that holds the task folders")
    for task in subfolders(root):
        for folder in subfolders(task):
            variation = _variation_number(folder.name)
            if variation is not None:
                yield task.name, variation, folder


def iterate_episodes(
    root: Path | str, task: str | None = None, variation: int | None = None
) -> Iterator[EpisodeFolder]:
    """Yield every episode under `root` in natural order, or those of one task or variation.

    Raises:
        DatasetError: `root` does not exist or is no folder.
    """
    for task_name, number, folder in iterate_variations(root):
        if task in (None, task_name) and variation in (None, number):
            yield from episodes_of(task_name, number, folder)


def episodes_of(task: str, variation: int, folder: Path) -> Iterator[EpisodeFolder]:
    """Yield the episodes in a variation's folder in natural order."""
    if not (folder / EPISODES).is_dir():
        return
    for path in subfolders(folder / EPISODES):
        if match := re.fullmatch(r"episode(\d+)", path.name):
            yield EpisodeFolder(task, variation, int(match[1]), path)


def _variation_number(name: str) -> int | None:
    if name == "all_variations":
        return ALL_VARIATIONS
    match = re.fullmatch(r"variation(\d+)", name)
    return int(match[1]) if match else None
