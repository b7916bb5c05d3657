"""Write demonstrations in RLBench's layout, so that RLBench's and Genima's code can read them.

RLBench's own reader wants rgb and depth of all five cameras; ours takes what there is.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import asdict
from pathlib import Path
from uuid import uuid4

import numpy as np

from genima_lite.demos.images import write_image
from genima_lite.demos.layout import (
    DESCRIPTIONS,
    LOW_DIM_OBS,
    PARTIAL,
    RECORDING,
    SCENE_STATE,
    STORED_KINDS,
    DatasetError,
    episode_folder,
    image_path,
    variation_folder,
)
from genima_lite.demos.pickler import dump_demo, dump_descriptions
from genima_lite.demos.read import read_descriptions
from genima_lite.files import named, sync, syncing
from genima_lite.observation import CAMERAS, Demo

_STORED = [(camera, kind) for camera in CAMERAS for kind in STORED_KINDS]


def write_episode(
    demo: Demo,
    root: Path | str,
    task: str,
    variation: int,
    episode: int,
    descriptions: Sequence[str],
) -> Path:
    """Write one demonstration, whole or not at all, and return its folder.

    The episode is built in `<root>/.partial/<task>/` and then moved to its place in one step, when
    all of it is on the disk, so several writers may fill one dataset. Equal demonstrations give
    equal files. Point clouds are not stored. `descriptions` are the variation's instructions, the
    same for each episode.

    Raises:
        DatasetError: the episode is there already, or the variation has other descriptions.
        ValueError: a frame lacks an image that others have, sizes differ, or an image does not
            fit its kind (see `images.encode_image`).
        TypeError: a state that is no array, number, string, list, tuple or dict.
    """
    target = episode_folder(root, task, variation, episode)
    _check_target(target, task, variation, episode)
    _check_images(demo)
    folder = variation_folder(root, task, variation)
    _check_descriptions(folder, descriptions)
    with named(target), _partial_folder(Path(root), task) as partial:
        built = partial / target.name
        with syncing() as begin_sync:
            for path in _write_files(demo, built):
                begin_sync(path)
            (partial / DESCRIPTIONS).write_bytes(dump_descriptions(list(descriptions)))
            begin_sync(partial / DESCRIPTIONS)
        target.parent.mkdir(parents=True, exist_ok=True)
        if not (folder / DESCRIPTIONS).exists():
            (partial / DESCRIPTIONS).replace(folder / DESCRIPTIONS)
        try:
            built.rename(target)
        except OSError as error:  # another writer was first
            raise DatasetError(f"{target}: cannot move the episode here ({error})") from error
        for path in (target.parent, folder, folder.parent, Path(root)):
            sync(path)
    return target


def remove_unfinished(root: Path | str) -> None:
    """Remove episodes that killed processes left half built; for the only writer of a dataset."""
    shutil.rmtree(Path(root) / PARTIAL, ignore_errors=True)


def _check_target(target: Path, task: str, variation: int, episode: int) -> None:
    if not task.isidentifier() or variation < 0 or episode < 0:
        raise ValueError(f"not a task, variation and episode: {task!r}, {variation}, {episode}")
    if target.exists():
        raise DatasetError(
            f"{target}: exists already; delete it first or choose another episode number"
        )


def _check_images(demo: Demo) -> None:
    if len(demo) == 0:
        raise ValueError("a demonstration needs at least one frame")
    for camera, kind in _STORED:
        shapes = [np.shape(getattr(obs, f"{camera}_{kind}")) for obs in demo._observations]
        for frame, shape in enumerate(shapes):
            if shape != shapes[0]:
                raise ValueError(
                    f"{camera}_{kind} is {shapes[0] or 'absent'} in frame 0 and "
                    f"{shape or 'absent'} in frame {frame}; all frames must agree"
                )


def _write_files(demo: Demo, folder: Path) -> Iterator[Path]:
    """Write an episode's files; yield each file and folder when it is complete."""
    folder.mkdir()
    for camera, kind in _STORED:
        if getattr(demo[0], f"{camera}_{kind}") is None:
            continue
        (folder / f"{camera}_{kind}").mkdir()
        for frame, obs in enumerate(demo._observations):
            path = image_path(folder, camera, kind, frame)
            write_image(path, obs.image(camera, kind), kind)
            yield path
        yield folder / f"{camera}_{kind}"
    recording = None if demo.recording is None else asdict(demo.recording)
    for name, content in ((SCENE_STATE, demo.scene_state), (RECORDING, recording)):
        if content is not None:
            text = json.dumps(content, indent=1, sort_keys=True)
            (folder / name).write_text(text + "\n", encoding="utf-8")
            yield folder / name
    (folder / LOW_DIM_OBS).write_bytes(dump_demo(demo))
    yield folder / LOW_DIM_OBS
    yield folder


def _check_descriptions(folder: Path, descriptions: Sequence[str]) -> None:
    texts = list(descriptions)
    if isinstance(descriptions, str) or not texts or not all(isinstance(t, str) for t in texts):
        raise ValueError(f"descriptions must be a list of strings, not {descriptions!r}")
    if not (folder / DESCRIPTIONS).exists():
        return
    present, problem = read_descriptions(folder)
    if present != texts:
        raise DatasetError(
            f"{folder / DESCRIPTIONS}: {problem or f'holds {present}'}, not {texts}; "
            "give the same descriptions as its other episodes or write to another folder"
        )


@contextmanager
def _partial_folder(root: Path, task: str) -> Iterator[Path]:
    """Yield a fresh folder in `<root>/.partial/<task>/`; remove it at the end, also on errors."""
    folder = root / PARTIAL / task / uuid4().hex
    for _ in range(100):
        with suppress(FileNotFoundError):  # another writer has just removed .partial
            folder.mkdir(parents=True)
            break
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        for above in (folder.parent, root / PARTIAL):
            with suppress(OSError):  # others still work in it
                above.rmdir()
