"""Take a folder of demonstrations apart: what is learned from, and the last ones of each task, on
which it is measured. Pictures are brought to one size; only the tiled cameras' are kept.

    OUT/pictures/train, OUT/pictures/held_out     demonstrations with pictures
    OUT/states/train, OUT/states/held_out         those without: enough for a controller
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from PIL import Image

from genima_lite.demos.layout import (
    ALL_VARIATIONS,
    DatasetError,
    EpisodeFolder,
    episode_folder,
    iterate_episodes,
)
from genima_lite.demos.packed import packed_episodes
from genima_lite.demos.read import image_folders, read_episode, read_sentences
from genima_lite.demos.write import remove_unfinished, write_episode
from genima_lite.errors import UserError
from genima_lite.observation import Demo, Observation
from genima_lite.tiling import TILE_ORDER

TRAIN, HELD_OUT = "train", "held_out"
PICTURES, STATES = "pictures", "states"

Readable = Callable[[str], bool]
"""Whether a model can read a sentence to its end."""


class Stored(Protocol):
    """A demonstration, wherever it lies."""

    @property
    def task(self) -> str:
        """RLBench's name."""

    @property
    def variation(self) -> int:
        """Its number."""

    @property
    def episode(self) -> int:
        """Its number."""

    @property
    def pictures(self) -> bool:
        """Whether all tiled cameras have colour pictures."""

    def sentences(self) -> list[str]:
        """Return what asks for it, at least one."""

    def read(self) -> Demo:
        """Read it, with the tiled cameras' pictures if it has any."""


@dataclass(frozen=True)
class _InFolder:
    """A demonstration in RLBench's layout."""

    found: EpisodeFolder

    @property
    def task(self) -> str:
        return self.found.task

    @cached_property
    def variation(self) -> int:
        if self.found.variation != ALL_VARIATIONS:
            return self.found.variation
        demo = read_episode(self.found.path, kinds=())
        return int(demo[0].misc.get("variation_index", 0))

    @property
    def episode(self) -> int:
        return self.found.episode

    @cached_property
    def pictures(self) -> bool:
        there = {camera for camera, kind in image_folders(self.found.path) if kind == "rgb"}
        return there >= set(TILE_ORDER)

    def sentences(self) -> list[str]:
        said, problem = read_sentences(self.found.path)
        if not said:
            raise DatasetError(f"{self.found.path}: no instructions ({problem})")
        return said

    def read(self) -> Demo:
        return read_episode(self.found.path, TILE_ORDER, ("rgb",) if self.pictures else ())


@dataclass(frozen=True)
class Piece:
    """A demonstration and where it goes.

    Attributes:
        stored: the demonstration.
        folder: relative to that of all, such as `pictures/train`.
        number: its new one, within its task, variation and folder.
    """

    stored: Stored
    folder: str
    number: int


def stored_in(root: Path | str, tasks: Sequence[str] = ()) -> list[Stored]:
    """Return the demonstrations of a folder, in RLBench's layout or packed
    (`genima_lite.demos.packed`).

    Args:
        root: the folder.
        tasks: which tasks; none: all.

    Raises:
        UserError: there are none.
    """
    found: list[Stored] = [_InFolder(each) for each in iterate_episodes(root)]
    found += packed_episodes(Path(root))
    chosen = [each for each in found if not tasks or each.task in tasks]
    if not chosen:
        of = f" of {', '.join(tasks)}" if tasks else ""
        raise UserError(
            f"{root}: no demonstrations{of}; give the folder that holds the task folders"
        )
    for each in chosen:
        if not each.task.isidentifier():
            raise DatasetError(
                f"{root}: '{each.task}' is no name of a task: letters, digits and _; rename it"
            )
    return chosen


def pieces(stored: Sequence[Stored], share: float) -> list[Piece]:
    """Return where each demonstration goes.

    Of a task's demonstrations of a kind the last `share`, at least one, are held out; of a single
    one none. Last are the highest numbers, whatever their variation.
    """
    groups: dict[tuple[str, str], list[Stored]] = {}
    for each in stored:
        groups.setdefault((each.task, PICTURES if each.pictures else STATES), []).append(each)
    made, counts = [], dict[tuple[str, str, int], int]()
    for (task, kind), group in groups.items():
        group.sort(key=lambda each: (each.episode, each.variation))
        kept = len(group) - (max(1, int(share * len(group))) if len(group) > 1 and share else 0)
        for place, each in enumerate(group):
            folder = f"{kind}/{TRAIN if place < kept else HELD_OUT}"
            number = counts.setdefault((task, folder, each.variation), 0)
            counts[task, folder, each.variation] += 1
            made.append(Piece(each, folder, number))
    return made


def write_pieces(
    out: Path, made: Sequence[Piece], view_size: int, readable: Readable = lambda _: True
) -> Iterator[Piece]:
    """Write demonstrations that are not there yet, one by one, each whole or not at all.

    Args:
        out: the folder.
        made: see `pieces`.
        view_size: pixels along each side of a view; larger pictures become smaller.
        readable: sentences that it refuses are left out.

    Yields:
        Each, old or new.

    Raises:
        UserError: a broken demonstration, smaller pictures, or a variation that no sentence asks
            for that can be read.
    """
    for folder in {piece.folder for piece in made}:
        remove_unfinished(out / folder)
    said = _sentences(made, readable)
    for piece in made:
        each = piece.stored
        where = (out / piece.folder, each.task, each.variation, piece.number)
        if not episode_folder(*where).exists():
            write_episode(sized(each.read(), view_size), *where, said[each.task, each.variation])
        yield piece


def _sentences(made: Sequence[Piece], readable: Readable) -> dict[tuple[str, int], list[str]]:
    """Return the sentences of each task and variation: all that its demonstrations have."""
    found: dict[tuple[str, int], dict[str, None]] = {}
    for piece in made:
        each = piece.stored
        for sentence in each.sentences():
            found.setdefault((each.task, each.variation), {})[sentence] = None
    kept = {key: [text for text in said if readable(text)] for key, said in found.items()}
    for (task, variation), said in kept.items():
        if not said:
            raise UserError(
                f"{task}, variation {variation}: no sentence that the model reads to its end; the "
                f"first is '{next(iter(found[task, variation]))}'. Write a shorter one"
            )
    return kept


def sized(demo: Demo, size: int) -> Demo:
    """Return a demonstration whose pictures have `size` pixels along each side, with the matrices
    of their cameras, and without those of other kinds.

    Raises:
        DatasetError: they are smaller, or not square.
    """
    return replace(demo, _observations=[_sized(frame, size) for frame in demo])


def _sized(frame: Observation, size: int) -> Observation:
    views = {name: view for name, view in frame.images().items() if name.endswith("_rgb")}
    changed: dict[str, Any] = {}
    misc = dict(frame.misc)
    for name, view in views.items():
        height, width = view.shape[:2]
        if height != width or width < size:
            raise DatasetError(
                f"{name}: pictures of {width}x{height} pixels, wanted are square ones of at least "
                f"{size}; give a smaller --view-size, or record them anew"
            )
        if width == size:
            continue
        changed[name] = np.asarray(Image.fromarray(view).resize((size, size), Image.Resampling.BOX))
        lens = f"{name.removesuffix('_rgb')}_camera_intrinsics"
        if lens in misc:
            scale = np.array([[size / width], [size / width], [1.0]])
            misc[lens] = np.asarray(misc[lens], np.float64) * scale
    return replace(frame, misc=misc, **changed)
