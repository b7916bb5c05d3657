"""Demonstrations packed for transport: pictures as films, states compressed, or states alone.

    ROOT/TASK/N/low_dim_obs.pkl.xz, CAMERA.mkv (of each tiled camera), descriptions.json
    ROOT/lowdim.npz        states of many demonstrations, one after another

`lowdim.npz` has, by frame, `joint_positions` (N, 7) in radians, `gripper_open` (N,),
`gripper_pose` (N, 7) and `action` (N, 8), NaN in first frames; by demonstration `task`, `episode`,
`frames` and `instruction`. All are of variation 0.
"""

from __future__ import annotations

import lzma
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from itertools import islice
from pathlib import Path

import av
import numpy as np

from genima_lite import panda, schema
from genima_lite.arrays import read_npz
from genima_lite.demos.layout import DatasetError, subfolders
from genima_lite.demos.lerobot.films import check_size, frames_of, opened
from genima_lite.demos.order_rules import order_fault
from genima_lite.demos.unpickler import LIMIT, load_demo_bytes, sentences_fault
from genima_lite.demos.value_rules import value_faults
from genima_lite.errors import UserError
from genima_lite.files import MEBIBYTE, read_bytes
from genima_lite.observation import Demo, Observation
from genima_lite.tiling import TILE_ORDER
from genima_lite.transforms import pose_vector

STATES, TABLE = "low_dim_obs.pkl.xz", "lowdim.npz"
_FRAME = {"joint_positions": (7,), "gripper_open": (), "gripper_pose": (7,), "action": (8,)}
_EPISODE = {"task": "U", "episode": "iu", "frames": "iu", "instruction": "U"}
"""Kinds of their dtypes."""

_FREE, _RATIO, _MEMORY = MEBIBYTE, 64, 256 * MEBIBYTE
"""Bytes that any states may unpack to, those for each of their bytes, and what unpacking takes."""


@dataclass(frozen=True)
class Film:
    """A demonstration whose pictures are films, of variation 0.

    Attributes:
        folder: of it.
    """

    folder: Path
    variation: int = 0
    pictures: bool = True

    @property
    def task(self) -> str:
        """RLBench's name."""
        return self.folder.parent.name

    @property
    def episode(self) -> int:
        """Its number."""
        return int(self.folder.name)

    def sentences(self) -> list[str]:
        """Return what asks for it."""
        path = self.folder / "descriptions.json"
        found = schema.read(dict[str, list[str]], path).get("descriptions")
        if fault := sentences_fault(found):
            raise DatasetError(f"{path}: descriptions: {fault}")
        return found or []

    def read(self) -> Demo:
        """Read it whole.

        Raises:
            DatasetError: a broken file, or a film of another length.
        """
        path = self.folder / STATES
        demo = _whole(load_demo_bytes(_unpacked(path), path), path)
        for camera in TILE_ORDER:
            film = self.folder / f"{camera}.mkv"
            frames = _frames(film, len(demo))
            if len(frames) != len(demo):
                raise DatasetError(f"{film}: {len(frames)} pictures for {len(demo)} frames")
            for seen, picture in zip(demo, frames, strict=True):
                _see(seen, camera, picture)
        return demo


def _unpacked(path: Path) -> bytes:
    try:
        packed = read_bytes(path, LIMIT)
        reader = lzma.LZMADecompressor(memlimit=_MEMORY)
        data = reader.decompress(packed, min(LIMIT, _FREE + _RATIO * len(packed)))
        if not reader.eof:
            raise lzma.LZMAError("cut off, or too large for its bytes")
    except (lzma.LZMAError, MemoryError) as error:
        raise DatasetError(f"{path}: not readable ({error}); copy it again") from None
    return data


def _whole(demo: Demo, path: Path) -> Demo:
    """Return a demonstration that keeps the rules for values and their order.

    Raises:
        DatasetError: it does not.
    """
    fault = next(value_faults(demo), None) or order_fault(demo) if len(demo) else "has no frames"
    if fault:
        raise DatasetError(f"{path}: {fault}; copy it again")
    return demo


def _frames(path: Path, count: int) -> list[np.ndarray]:
    """Return the pictures of a film, at most one more than `count`."""
    try:
        with opened(path) as film:
            lens = film.streams.video[0].codec_context
            size = lens.height, lens.width
    except (OSError, IndexError, av.error.FFmpegError) as error:
        raise DatasetError(f"{path}: no readable film ({error}); copy it again") from None
    check_size(path, count, size)
    return [picture for _, picture in islice(frames_of(path, size), count + 1)]


def _see(seen: Observation, camera: str, picture: np.ndarray) -> None:
    """Give an observation a picture, and its camera's matrix the picture's size."""
    setattr(seen, f"{camera}_rgb", picture)
    name = f"{camera}_camera_intrinsics"
    if name in seen.misc:
        lens = np.array(seen.misc[name], np.float64)
        lens[:2] *= picture.shape[1] / (2 * lens[0, 2])
        seen.misc[name] = lens


@dataclass(frozen=True, eq=False)
class Row:
    """A demonstration of a table, without pictures.

    Attributes:
        path: of the table.
        table: the arrays.
        number: which demonstration.
    """

    path: Path
    table: Mapping[str, np.ndarray]
    number: int
    variation: int = 0
    pictures: bool = False

    @property
    def task(self) -> str:
        """RLBench's name."""
        return str(self.table["task"][self.number])

    @property
    def episode(self) -> int:
        """Its number."""
        return int(self.table["episode"][self.number])

    def sentences(self) -> list[str]:
        """Return what asks for it."""
        found = [str(self.table["instruction"][self.number])]
        if fault := sentences_fault(found):
            raise DatasetError(f"{self.path}: instruction {self.number}: {fault}")
        return found

    @cached_property
    def _rows(self) -> range:
        end = int(self.table["frames"][: self.number + 1].sum())
        return range(end - int(self.table["frames"][self.number]), end)

    def read(self) -> Demo:
        """Return its states; poses of joints follow from the joints.

        Raises:
            DatasetError: values or their order break a rule.
        """
        for name in ("joint_positions", "gripper_pose", "gripper_open"):
            if not np.isfinite(self.table[name][self._rows]).all():
                raise DatasetError(f"{self.path}: {name} holds NaN or infinity; copy it again")
        return _whole(Demo([self._frame(row) for row in self._rows]), self.path)

    def _frame(self, row: int) -> Observation:
        joints, pose, action = (
            self.table[name][row].astype(np.float64)
            for name in ("joint_positions", "gripper_pose", "action")
        )
        pose[3:] /= np.linalg.norm(pose[3:])
        misc = {"joint_poses": list(pose_vector(panda.forward_kinematics(joints)[0]))}
        if np.isfinite(action).all():
            misc["joint_position_action"] = action
        return Observation(
            joint_positions=joints,
            gripper_open=float(self.table["gripper_open"][row]),
            gripper_pose=pose,
            misc=misc,
        )


def packed_episodes(root: Path) -> list[Film | Row]:
    """Return the packed demonstrations of a folder, none if there are none.

    Raises:
        DatasetError: a table that lacks something.
    """
    found: list[Film | Row] = [
        Film(folder)
        for task in subfolders(root)
        for folder in subfolders(task)
        if folder.name.isdecimal() and (folder / STATES).is_file()
    ]
    if (root / TABLE).is_file():
        table = _table(root / TABLE)
        found += [Row(root / TABLE, table, number) for number in range(len(table["task"]))]
    return found


def _table(path: Path) -> dict[str, np.ndarray]:
    try:
        table = read_npz(path)
    except UserError as error:
        raise DatasetError(f"{str(error).removesuffix('; delete it')}; copy it again") from None
    if lacking := [name for name in (*_FRAME, *_EPISODE) if name not in table]:
        raise DatasetError(f"{path}: not such a table, no {lacking[0]} in it; copy it again")
    episodes = table["task"].shape[:1]
    for name, kinds in _EPISODE.items():
        _check(path, name, table[name], episodes, kinds)
    if min(table["frames"], default=0) < 1 or max(table["frames"]) > 10**6:
        raise DatasetError(f"{path}: frames has no numbers from 1 on; copy it again")
    if min(table["episode"]) < 0:
        raise DatasetError(f"{path}: episode has numbers below 0; copy it again")
    count = int(table["frames"].sum(dtype=np.int64))
    for name, shape in _FRAME.items():
        _check(path, name, table[name], (count, *shape), "fiu")
    return table


def _check(path: Path, name: str, found: np.ndarray, shape: tuple[int, ...], kinds: str) -> None:
    if found.shape != shape:
        raise DatasetError(f"{path}: {name} is {found.shape}, wanted is {shape}; copy it again")
    if found.dtype.kind not in kinds:
        raise DatasetError(f"{path}: {name} is of type {found.dtype}; copy it again")
