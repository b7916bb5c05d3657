"""Read demonstrations in RLBench's layout: RLBench's own, Genima's derived trees, and ours.

Every image folder is optional: Genima's trees have no depth, four-camera trees no overhead.
Images come at the size they are stored in. Depth is packed into three bytes, so resize it after
reading, never the PNG: each byte would be rounded separately, and half a step of the high byte is
a 512th of the range between the planes, about a centimetre for these cameras.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np

from genima_lite import schema
from genima_lite.demos.images import read_image
from genima_lite.demos.layout import (
    DESCRIPTIONS,
    LOW_DIM_OBS,
    RECORDING,
    SCENE_STATE,
    STORED_KINDS,
    DatasetError,
    image_path,
)
from genima_lite.demos.unpickler import load_demo, load_descriptions
from genima_lite.demos.value_rules import value_faults
from genima_lite.envs.arm.limits import limits_of
from genima_lite.errors import UserError
from genima_lite.files import MEBIBYTE, read_json
from genima_lite.observation import CAMERAS, Demo, Recording

_OTHER_FORMATS = {".jpg", ".jpeg", ".JPG", ".JPEG", ".webp", ".bmp", ".tiff", ".npy"}

_SCENE_LIMIT = 4 * MEBIBYTE
"""Bytes of a scene; the bench's have 20 kB."""


def read_episode(
    folder: Path | str,
    cameras: Sequence[str] | None = None,
    kinds: Sequence[str] = ("rgb",),
    frames: Iterable[int] | None = None,
) -> Demo:
    """Read one episode: the states of all T frames, and the images that are asked for.

    Args:
        folder: `<root>/<task>/variation<V>/episodes/episode<E>`.
        cameras: whose images to read; `None` for every camera that has some.
        kinds: of "rgb" (H, W, 3) uint8, "depth" (H, W) float32 in [0, 1] and
            "mask" (H, W) int32; `()` for states only.
        frames: frame numbers 0..T-1 whose images to read; `None` for all, which must be there.
            The other frames keep their states.

    Raises:
        DatasetError: no such episode, a broken file, a value that breaks a rule (see
            `value_rules`), a missing image, or a camera or kind that the episode does not have.
    """
    folder = Path(folder)
    demo = load_demo(folder / LOW_DIM_OBS)
    if not len(demo):
        raise DatasetError(f"{folder / LOW_DIM_OBS}: has no frames; record the episode again")
    for fault in value_faults(demo):
        raise DatasetError(f"{folder / LOW_DIM_OBS}: {fault}; record this episode again")
    demo.scene_state = read_scene_state(folder)
    demo.recording = read_recording(folder, len(demo))
    wanted = range(len(demo)) if frames is None else list(frames)
    if outside := [frame for frame in wanted if not 0 <= frame < len(demo)]:
        raise DatasetError(f"{folder}: no frame {outside[0]}; it has 0 to {len(demo) - 1}")
    for camera, kind in _asked_folders(folder, cameras, kinds):
        if frames is None:
            check_frame_count(folder / f"{camera}_{kind}", len(demo))
        for frame in wanted:
            image = read_image(image_path(folder, camera, kind, frame), kind)
            setattr(demo[frame], f"{camera}_{kind}", image)
    return demo


def read_descriptions(folder: Path | str) -> tuple[list[str] | None, str | None]:
    """Read the instructions in one folder: `(descriptions, None)`, or `(None, what is wrong)`."""
    return load_descriptions(Path(folder) / DESCRIPTIONS)


def read_sentences(episode: Path | str) -> tuple[list[str] | None, str | None]:
    """Read the instructions of an episode: those beside it, as some forks of RLBench write them,
    else those of its variation, else, for a link, those of the variation that it leads to.

    Args:
        episode: `<root>/<task>/variation<V>/episodes/episode<E>`; a link stays where it is.

    Returns:
        `(sentences, None)`, or `(None, what is wrong)`.
    """
    return read_descriptions(sentences_folder(episode))


def sentences_folder(episode: Path | str) -> Path:
    """Return the folder of an episode's instructions; see `read_sentences`."""
    named, real = (Path(path(episode)) for path in (os.path.abspath, os.path.realpath))
    above = [at.parents[1] for at in (named, real) if len(at.parents) > 1]  # a link may lead to /
    return next((at for at in (named, *above) if (at / DESCRIPTIONS).exists()), above[0])


def read_scene_state(folder: Path | str) -> dict[str, Any] | None:
    """Read our bench's initial scene beside an episode, `None` where there is none.

    What is in it is checked where the scene is restored.

    Raises:
        DatasetError: the file is no JSON object, or has a number that is not finite.
    """
    path = Path(folder) / SCENE_STATE
    if not path.exists() and not path.is_symlink():
        return None
    try:
        state = read_json(path, _SCENE_LIMIT)
    except UserError as error:
        raise DatasetError(f"{error}; record it again") from None
    if not isinstance(state, dict):
        raise DatasetError(f"{path}: should hold a JSON object; record it again")
    return state


def read_recording(folder: Path | str, frames: int) -> Recording | None:
    """Read how a person recorded an episode of so many frames, `None` where nobody did.

    Raises:
        DatasetError: the file is no such JSON, or has times of other frames, or backwards.
    """
    path = Path(folder) / RECORDING
    if not path.exists() and not path.is_symlink():
        return None
    try:
        found = schema.read(Recording, path)
    except UserError as error:
        raise DatasetError(f"{error}; record it again") from None
    if fault := recording_fault(found, frames):
        raise DatasetError(f"{path}: {fault}; record it again")
    return found


def recording_fault(found: Recording, frames: int) -> str | None:
    """Return what is wrong with how an episode of so many frames was recorded, `None` if nothing
    is.
    """
    try:
        limits_of(found.arm)
    except UserError as error:
        return str(error)
    if len(found.seconds) != frames or not (np.diff(found.seconds) >= 0).all():
        return f"seconds should be {frames}, ascending"
    try:
        zoned = datetime.fromisoformat(found.began).tzinfo is not None
    except ValueError:
        zoned = False
    return None if zoned else f"began is {found.began!r:.60}, no date as ISO 8601 with a time zone"


def image_folders(folder: Path | str) -> list[tuple[str, str]]:
    """Return the `(camera, kind)` pairs that have a folder in this episode, cameras in order."""
    pairs = [(camera, kind) for camera in CAMERAS for kind in STORED_KINDS]
    return [(cam, kind) for cam, kind in pairs if (Path(folder) / f"{cam}_{kind}").is_dir()]


def frame_numbers(folder: Path) -> list[int]:
    """Return the numbers of the `<frame>.png` files in an image folder, ascending."""
    stems = (path.stem for path in folder.glob("*.png"))
    return sorted(int(stem) for stem in stems if re.fullmatch(r"0|[1-9][0-9]*", stem))


def check_frame_count(folder: Path, frames: int) -> None:
    """Raise a `DatasetError` unless an image folder holds exactly 0.png to <frames - 1>.png."""
    found = frame_numbers(folder)
    if found == list(range(frames)):
        return
    others = sorted({path.suffix for path in folder.iterdir()} & _OTHER_FORMATS)
    missing = sorted(set(range(frames)) - set(found))
    what = f"{missing[0]}.png is missing" if missing else f"{found[-1]}.png is one too many"
    way = (
        f"convert its {others[0]} pictures to PNG"
        if others
        else "copy or record this episode again"
    )
    raise DatasetError(
        f"{folder}: {len(found)} images for {frames} frames in {LOW_DIM_OBS}, {what}; {way}"
    )


def _asked_folders(
    folder: Path, cameras: Sequence[str] | None, kinds: Sequence[str]
) -> list[tuple[str, str]]:
    present = image_folders(folder)
    if cameras is None:
        asked = [(camera, kind) for camera, kind in present if kind in kinds]
        lacking = [f"*_{kind}" for kind in kinds if kind not in {kind for _, kind in asked}]
    else:
        asked = [(camera, kind) for camera in cameras for kind in kinds]
        lacking = [f"{camera}_{kind}" for camera, kind in asked if (camera, kind) not in present]
    if lacking:
        names = ", ".join(f"{camera}_{kind}" for camera, kind in present) or "no images"
        raise DatasetError(f"{folder}: has no {', '.join(lacking)} (present: {names})")
    return asked
