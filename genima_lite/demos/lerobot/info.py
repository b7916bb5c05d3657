"""`meta/info.json`: what a dataset holds, and where its files are."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from genima_lite import schema
from genima_lite.demos.layout import DatasetError
from genima_lite.errors import UserError
from genima_lite.files import write_json

VERSION = "v3.0"
INFO, STATS, TASKS = "meta/info.json", "meta/stats.json", "meta/tasks.parquet"
_FILE = "chunk-{chunk_index:03d}/file-{file_index:03d}"
EPISODES = f"meta/episodes/{_FILE}.parquet"
DATA, VIDEOS = f"data/{_FILE}.parquet", f"videos/{{video_key}}/{_FILE}.mp4"
"""LeRobot's patterns; a dataset with others is refused."""

PICTURES = ("video", "image")
"""Kinds of features that are pictures."""

STATE, ACTION, IMAGES = "observation.state", "action", "observation.images."
"""Features: joints and gripper now, the command given now, and pictures by camera."""

JOINTS = (*(f"joint_{k}.pos" for k in range(1, 8)), "gripper.pos")
"""Names of the eight values of state and action: Franka's angles in radians, gripper open."""

DEFAULT_ARM = "fer"
"""Of demonstrations that do not say on which arm they were recorded."""

ROBOTS = {"fer": "franka_fer", "fr3": "franka_fr3"}
"""LeRobot's `robot_type` by the short name of the arm."""

_ARMS = {"fr3": "fr3", "fer": "fer", "panda": "fer"}
"""Short names by the words in `robot_type` with which people name the two arms."""

COLUMNS = {
    "timestamp": "float32", "frame_index": "int64", "episode_index": "int64", "index": "int64",
    "task_index": "int64",
}  # fmt: skip
"""Features that each dataset has, one value a frame."""


@dataclass(frozen=True)
class Feature:
    """What a column, or a video, holds.

    Attributes:
        dtype: "image", "video", or NumPy's name.
        shape: of one frame's value.
        names: of its parts.
        info: of a video: size, codec and frame rate.
    """

    dtype: str
    shape: list[int]
    names: Any = None
    info: dict[str, Any] | None = None


@dataclass(frozen=True)
class Info:
    """The file's content; see LeRobot's `DatasetInfo`."""

    fps: float
    features: dict[str, Feature]
    codebase_version: str = VERSION
    robot_type: str | None = None
    total_episodes: int = 0
    total_frames: int = 0
    total_tasks: int = 0
    chunks_size: int = 1000
    data_files_size_in_mb: int = 100
    video_files_size_in_mb: int = 200
    splits: dict[str, str] = field(default_factory=dict)
    data_path: str = DATA
    video_path: str | None = VIDEOS

    def __post_init__(self) -> None:
        if not self.codebase_version.startswith("v3."):
            raise UserError(
                f"codebase_version is '{self.codebase_version}', and only v3 is read: convert the "
                "dataset with LeRobot's own script first"
            )
        if self.data_path != DATA or self.video_path not in (None, VIDEOS):
            raise UserError("data_path and video_path are others than LeRobot's own; copy it anew")
        if not self.fps > 0 or self.chunks_size < 1:
            raise UserError("fps and chunks_size must be above 0")
        for name, feature in self.features.items():
            if name.startswith(IMAGES) or feature.dtype in PICTURES:
                _check_pictures(name, feature)

    @property
    def arm(self) -> str | None:
        """The short name of the arm, `None` where `robot_type` names neither."""
        words = re.split(r"[^a-z0-9]+", (self.robot_type or "").lower())
        return next((_ARMS[word] for word in words if word in _ARMS), None)

    def pictures(self, dtype: str | None = None) -> list[str]:
        """Return the features with pictures: all, or those that are "video" or "image"."""
        kinds = PICTURES if dtype is None else (dtype,)
        return [name for name, each in self.features.items() if each.dtype in kinds]


def _check_pictures(name: str, feature: Feature) -> None:
    if "/" in name or "\\" in name or ".." in name:
        raise UserError(f"features: '{name}' is no name, but leads to another folder")
    if feature.dtype not in PICTURES:
        raise UserError(f"features.{name}: dtype is '{feature.dtype}', not video or image")
    if len(feature.shape) != 3 or not all(0 < side < 2**16 for side in feature.shape):
        raise UserError(f"features.{name}: shape is no height, width and channels")


def read_info(root: Path) -> Info:
    """Read a dataset's description.

    Raises:
        UserError: no dataset of LeRobot's, or none of format v3.
    """
    if not (root / INFO).exists():
        raise DatasetError(f"{root}: no {INFO}, so this is no dataset of LeRobot's")
    return schema.read(Info, root / INFO, others=True)


def write_info(root: Path, info: Info) -> None:
    """Write a dataset's description."""
    content = asdict(info) | {"fps": round(info.fps)}
    for each in content["features"].values():
        if each["info"] is None:
            del each["info"]
    write_json(root / INFO, content)


def common_features() -> dict[str, Feature]:
    """Return the features of each frame's number and time, which each dataset has."""
    return {name: Feature(dtype, [1]) for name, dtype in COLUMNS.items()}


def places(chunks_size: int) -> Iterator[tuple[int, int]]:
    """Yield the numbers of chunk and file, one file after another."""
    chunk = 0
    while True:
        yield from ((chunk, file) for file in range(chunks_size))
        chunk += 1
