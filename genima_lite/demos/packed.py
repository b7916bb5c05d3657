"""Demonstrations packed for transport: pictures as films, states compressed, or states alone.

    ROOT/TASK/N/low_dim_obs.pkl.xz, CAMERA.mkv (of each tiled camera), descriptions.json
    ROOT/lowdim.npz        states of many demonstrations, one after another

`lowdim.npz` has, by frame, `joint_positions` (N, 7) in radians, `gripper_open` (N,),
`gripper_pose` (N, 7) and `action` (N, 8), NaN in first frames; by demonstration `task`, `episode`,
`frames` and `instruction`. All are of variation 0.
"""

from __future__ import annotations

import lzma
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import av
import numpy as np

from genima_lite import panda, schema
from genima_lite.demos.layout import DatasetError, subfolders
from genima_lite.demos.unpickler import LIMIT, load_demo_bytes
from genima_lite.files import read_bytes
from genima_lite.observation import Demo, Observation
from genima_lite.tiling import TILE_ORDER
from genima_lite.transforms import pose_vector

STATES, TABLE = "low_dim_obs.pkl.xz", "lowdim.npz"
_FRAME = {"joint_positions": (7,), "gripper_open": (), "gripper_pose": (7,), "action": (8,)}
_EPISODE = ("task", "episode", "frames", "instruction")


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
        if not found:
            raise DatasetError(f"{path}: no descriptions in it")
        return found

    def read(self) -> Demo:
        """Read it whole.

        Raises:
            DatasetError: a broken file, or a film of another length.
        """
        path = self.folder / STATES
        try:
            data = lzma.LZMADecompressor().decompress(read_bytes(path, LIMIT), LIMIT)
        except lzma.LZMAError as error:
            raise DatasetError(f"{path}: not readable ({error}); copy it again") from None
        demo = load_demo_bytes(data, path)
        for camera in TILE_ORDER:
            film = self.folder / f"{camera}.mkv"
            frames = _frames(film)
            if len(frames) != len(demo):
                raise DatasetError(f"{film}: {len(frames)} pictures for {len(demo)} frames")
            for seen, picture in zip(demo, frames, strict=True):
                _see(seen, camera, picture)
        return demo


def _frames(path: Path) -> list[np.ndarray]:
    try:
        with av.open(str(path)) as film:
            return [frame.to_ndarray(format="rgb24") for frame in film.decode(video=0)]
    except (OSError, av.error.FFmpegError) as error:
        raise DatasetError(f"{path}: no readable film ({error}); copy it again") from None


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
        table: the arrays.
        number: which demonstration.
    """

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
        return [str(self.table["instruction"][self.number])]

    @cached_property
    def _rows(self) -> range:
        end = int(self.table["frames"][: self.number + 1].sum())
        return range(end - int(self.table["frames"][self.number]), end)

    def read(self) -> Demo:
        """Return its states; poses of joints follow from the joints."""
        return Demo([self._frame(row) for row in self._rows])

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
        found += [Row(table, number) for number in range(len(table["task"]))]
    return found


def _table(path: Path) -> dict[str, np.ndarray]:
    try:
        with np.load(path, allow_pickle=False) as stored:
            table = {name: stored[name] for name in (*_FRAME, *_EPISODE)}
    except (KeyError, OSError, ValueError, zipfile.BadZipFile) as error:
        raise DatasetError(f"{path}: not such a table ({error}); copy it again") from None
    count, episodes = int(table["frames"].sum()), len(table["task"])
    for name, shape in _FRAME.items():
        if table[name].shape != (count, *shape):
            raise DatasetError(
                f"{path}: {name} is {table[name].shape}, wanted is {(count, *shape)}"
            )
    for name in _EPISODE:
        if table[name].shape != (episodes,):
            raise DatasetError(f"{path}: {name} is {table[name].shape}, wanted is ({episodes},)")
    return table
