"""A demonstration while it is recorded: each frame goes to the disk, so that a kill loses none.

<root>/.recording/about.json  0.npz  1.npz ...
"""

from __future__ import annotations

import shutil
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from genima_lite import schema
from genima_lite.arrays import read_npz
from genima_lite.errors import UserError
from genima_lite.files import write_json, written_whole
from genima_lite.observation import IMAGE_FIELDS, STATE_FIELDS, Demo, Observation, Recording

FOLDER = ".recording"
_ABOUT, _MISC = "about.json", "misc."


@dataclass(frozen=True)
class About:
    """What is being recorded.

    Attributes:
        task, variation: of the demonstration.
        sentences: that ask for it.
        recording: who records; its times grow with the frames.
        scene_state: of its start, on the twin.
    """

    task: str
    variation: int
    sentences: list[str]
    recording: Recording
    scene_state: dict[str, Any] | None


class Journal:
    """Writes frames behind the recorder's back, one file each.

    Args:
        root: of the dataset.
        about: of the demonstration.
    """

    def __init__(self, root: Path, about: About):
        self._folder = root / FOLDER
        shutil.rmtree(self._folder, ignore_errors=True)
        write_json(self._folder / _ABOUT, asdict(about))
        self._thread = ThreadPoolExecutor(1)
        self._written: list[Future[None]] = []

    def add(self, seconds: float, seen: Observation) -> None:
        """Write a frame, seen some seconds after the first."""
        path = self._folder / f"{len(self._written)}.npz"
        self._written.append(self._thread.submit(_write, path, seconds, seen))

    def __enter__(self) -> Journal:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        """End it, and remove it; where an error ends it, it stays.

        Raises:
            OSError: a frame could not be written.
        """
        self._thread.shutdown()
        if kind is None:
            for each in self._written:
                each.result()
            shutil.rmtree(self._folder, ignore_errors=True)


def _write(path: Path, seconds: float, seen: Observation) -> None:
    fields = {name: getattr(seen, name) for name in (*IMAGE_FIELDS, *STATE_FIELDS)}
    fields |= {f"{_MISC}{name}": value for name, value in seen.misc.items()}
    arrays: dict[str, Any] = {k: np.asarray(v) for k, v in fields.items() if v is not None}
    with written_whole(path) as partial:
        np.savez(partial, seconds=np.asarray(seconds), **arrays)


def rescued(root: Path) -> tuple[About, Demo] | None:
    """Return what a killed recorder left, without frames that are not whole; `None` if nothing.

    Raises:
        UserError: its description is broken.
    """
    folder = root / FOLDER
    if not (folder / _ABOUT).exists():
        return None
    about = schema.read(About, folder / _ABOUT)
    demo, seconds = Demo(scene_state=about.scene_state), list[float]()
    while (path := folder / f"{len(demo)}.npz").exists():
        try:
            at, seen = _read(path)
        except (ValueError, KeyError):  # cut off
            break
        demo._observations.append(seen)
        seconds.append(at)
    told = asdict(about.recording) | {"seconds": seconds}
    demo.recording = Recording(**told)
    return about, demo


def _read(path: Path) -> tuple[float, Observation]:
    values = read_npz(path)
    seen = Observation()
    seconds = float(values.pop("seconds"))
    for name, value in values.items():
        plain = value if value.ndim else value.item()
        if name.startswith(_MISC):
            field = name.removeprefix(_MISC)
            seen.misc[field] = list(plain) if field == "joint_poses" else plain
        elif name in IMAGE_FIELDS or name in STATE_FIELDS:
            setattr(seen, name, plain)
        else:
            raise UserError(f"{path}: unknown name '{name}'")
    return seconds, seen
