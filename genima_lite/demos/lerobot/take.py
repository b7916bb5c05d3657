"""From LeRobot's format to RLBench's layout: our own datasets exactly, others as far as they go."""

from __future__ import annotations

import re
from collections.abc import Generator, Mapping, Sequence
from io import BytesIO
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from genima_lite import locks, panda
from genima_lite.demos.images import decode_png, sensible_size
from genima_lite.demos.layout import DatasetError, episode_folder
from genima_lite.demos.lerobot import info as known
from genima_lite.demos.lerobot.beside import MOST_LETTERS, read_beside, state_row, zip_rows
from genima_lite.demos.lerobot.films import Projector
from genima_lite.demos.lerobot.info import Info, read_info
from genima_lite.demos.lerobot.tables import read_table, read_tasks
from genima_lite.demos.order_rules import order_fault
from genima_lite.demos.unpickler import sentences_fault
from genima_lite.demos.value_rules import ACTION, value_faults
from genima_lite.demos.write import remove_unfinished, write_episode
from genima_lite.envs.arm.calibration.store import Calibration, read_calibration
from genima_lite.errors import UserError
from genima_lite.observation import CAMERAS, CONTROL_PERIOD, Demo, Observation
from genima_lite.provenance import claim, fingerprint
from genima_lite.schema import named_once
from genima_lite.transforms import pose_vector

_APART = 1e-5
"""How far float32 may be from what is beside it."""

_LATE = 0.1
"""Frames that a timestamp may be off; LeRobot's own allows less."""

_BEYOND = 0.2
"""How far a command of the gripper may lie beyond open or closed."""

_JPEG = b"\xff\xd8\xff"
"""How such a file begins."""

_JOINT = re.compile(r"(?:[a-z0-9_]*[._])?joint_?([1-7])(?:\.pos|_pos)?")
_GRIPPER = re.compile(r"(?:[a-z0-9_]*[._])?gripper(?:\.pos|_pos|_open)?")


def to_rlbench(
    source: Path,
    out: Path,
    calibration: Path | None = None,
    cameras: Sequence[str] = (),
) -> Generator[Path, None, None]:
    """Write LeRobot's episodes in RLBench's layout; yield the folder of each.

    Killed and started again, it goes on. Every 50 ms become a frame; faster recordings are
    thinned out.

    Args:
        source: a dataset of format v3.
        out: the dataset's folder.
        calibration: where the cameras are, for a dataset that does not say so itself.
        cameras: "ours=theirs", such as "front=cam_high"; by default their names are ours.

    Raises:
        DatasetError: no such dataset, a broken one, or one of another robot.
        UserError: cameras that are unknown or not calibrated, or `out` lies in `source`.
    """
    if out.resolve().is_relative_to(source.resolve()):
        raise UserError(f"{out}: lies in the dataset that is read; choose another folder")
    info = read_info(source)
    pairs = [_pair(each) for each in cameras]
    for names in zip(*pairs, strict=True):
        named_once("cameras", names)
    reader = _Reader(source, info, dict(pairs), calibration)
    made_from = {"lerobot": fingerprint(source), "cameras": list(cameras)}
    if calibration is not None:
        made_from["calibration"] = fingerprint(calibration)
    with locks.writing(out):
        claim(out, made_from)
        remove_unfinished(out)
        for index in range(info.total_episodes):
            yield reader.copy(index, out)


def _pair(text: str) -> tuple[str, str]:
    ours, separator, theirs = text.partition("=")
    if not separator or not theirs or ours not in CAMERAS:
        raise UserError(f"cameras: '{text}' is no OURS=THEIRS with ours of {', '.join(CAMERAS)}")
    return ours, theirs


class _Reader:
    """One of LeRobot's datasets, read episode by episode."""

    def __init__(
        self, root: Path, info: Info, cameras: dict[str, str], calibration: Path | None
    ) -> None:
        if info.fps * CONTROL_PERIOD < 1:
            raise DatasetError(f"{root}: {info.fps:g} frames a second; at least 20 are needed")
        self._root, self._info = root, info
        self._tasks = read_tasks(root / known.TASKS)
        self._episodes = _episode_rows(root, info)
        self._views = _views(root, info, cameras)
        self._order = {each: _order(root, info, each) for each in (known.STATE, known.ACTION)}
        self._calibration = None if calibration is None else _calibration(calibration, root, info)
        self._calibrated_in = calibration
        self._projectors = {name: Projector() for name in self._views}
        self._at: Path | None = None
        self._numbers: dict[str, int] = {}
        self._taken: dict[Path, int] = {}

    def copy(self, index: int, out: Path) -> Path:
        """Write one episode, if it is not there; return its folder."""
        row = self._episodes[index]
        rows = self._rows(row, index)
        sentence = self._tasks.get(rows[0]["task_index"])
        if sentence is None or (fault := sentences_fault([sentence])):
            said = "has no sentence" if sentence is None else fault
            raise DatasetError(f"{self._root}/{known.TASKS}: the task of episode {index}: {said}")
        beside = read_beside(self._root, index)
        if beside is not None:
            about, demo = beside
            self._check_same(index, demo, rows)
            where = (about.task, about.variation, about.episode)
            sentences, chosen = about.sentences, list(range(len(rows)))
        else:
            where, sentences = self._place(sentence), [sentence]
            chosen = _thinned(self._info.fps, len(rows))
            demo = self._demo(rows, chosen)
        folder = episode_folder(out, *where)
        if (other := self._taken.setdefault(folder, index)) != index:
            raise DatasetError(
                f"{self._root}: episodes {other} and {index} are both episode {where[2]} of "
                f"{where[0]}, variation {where[1]}; copy the dataset again"
            )
        pictures = self._pictures(row, rows)
        if folder.exists():
            return folder
        for name, shown in pictures.items():
            for seen, k in zip(demo, chosen, strict=True):
                setattr(seen, f"{name}_rgb", shown[k])
        if fault := next(value_faults(demo), None) or order_fault(demo):
            raise DatasetError(f"{self._root}: episode {index}: {fault}")
        return write_episode(demo, out, *where, sentences)

    def _place(self, sentence: str) -> tuple[str, int, int]:
        """Return task, variation and episode for a sentence of somebody else's."""
        task = re.sub(r"[^a-z0-9]+", "_", sentence.lower()).strip("_")
        task = (task if task.isidentifier() else f"task_{task}")[:MOST_LETTERS]
        number = self._numbers.get(task, 0)
        self._numbers[task] = number + 1
        return task, 0, number

    def _rows(self, row: Mapping[str, Any], index: int) -> list[dict[str, Any]]:
        """Return an episode's frames."""
        place = {"chunk_index": row["data/chunk_index"], "file_index": row["data/file_index"]}
        path = self._root / known.DATA.format(**place)
        if path != self._at:
            columns = {known.STATE: "numbers", known.ACTION: "numbers"}
            columns |= dict.fromkeys(("episode_index", "task_index", "frame_index"), "int")
            columns["timestamp"] = "float"
            self._kept, self._at = zip_rows(self._read(path, columns)), path
        found = [each for each in self._kept if each["episode_index"] == index]
        numbers = [each["frame_index"] for each in found]
        if len(found) != row["length"] or numbers != list(range(len(found))) or not found:
            raise DatasetError(
                f"{path}: {len(found)} frames of episode {index}, not 0 to {row['length'] - 1}; "
                "copy the dataset again"
            )
        _check_times(path, index, [each["timestamp"] for each in found], self._info.fps)
        return found

    def _read(self, path: Path, columns: Mapping[str, str]) -> dict[str, list]:
        """Return a table of frames, with the pictures that are in it."""
        shown = [name for name in self._views.values() if name in self._info.pictures("image")]
        return read_table(path, columns, shown)

    def _values(self, rows: Sequence[Mapping[str, Any]], feature: str) -> np.ndarray:
        """Return rows (T, 8): RLBench's angles, gripper open."""
        try:
            values = np.array([each[feature] for each in rows], np.float64)
            found = values[:, self._order[feature]]
        except (TypeError, ValueError, IndexError):
            raise DatasetError(f"{self._root}: {feature} is not as {known.INFO} says") from None
        if not np.isfinite(found).all():
            raise DatasetError(f"{self._root}: {feature} holds NaN or infinity")
        return np.column_stack([panda.from_franka(found[:, :7]), found[:, 7]])

    def _check_same(self, index: int, demo: Demo, rows: Sequence[Mapping[str, Any]]) -> None:
        """Refuse what lies beside LeRobot's files, if it is of another episode."""
        now, commands = self._values(rows, known.STATE), self._values(rows, known.ACTION)
        try:
            alike = _same(now, [state_row(seen) for seen in demo])
            alike = alike and _same(commands[:-1], demo.actions())
            arm = demo.recording.arm if demo.recording else known.DEFAULT_ARM
            alike = alike and self._info.arm in (None, arm)
        except ValueError:  # rows of several lengths
            alike = False
        if not alike:
            raise DatasetError(
                f"{self._root}: rlbench/ is not of this dataset's episode {index}, which was "
                "changed since; remove that folder and give a calibration"
            )

    def _demo(self, rows: Sequence[Mapping[str, Any]], chosen: list[int]) -> Demo:
        """Return an episode that somebody else recorded, without pictures."""
        states, actions = self._values(rows, known.STATE), self._values(rows, known.ACTION)
        given = actions[:, 7]  # a little beyond the ends is usual
        if not (_between(states[:, 7], 0, 1) and _between(given, -_BEYOND, 1 + _BEYOND)):
            raise DatasetError(
                f"{self._root}: the gripper is no share from 0 (closed) to 1 (open); scale it first"
            )
        demo = Demo()
        for now in chosen:
            command = actions[now - 1] if now else None
            demo._observations.append(self._frame(states[now], command))
        return demo

    def _frame(self, state: np.ndarray, command: np.ndarray | None) -> Observation:
        poses, tip = panda.forward_kinematics(state[:7])
        misc: dict[str, Any] = {"joint_poses": list(pose_vector(poses)), "variation_index": 0}
        if command is not None:
            misc[ACTION] = np.append(command[:7], np.clip(command[7], 0, 1))
        for name in self._views:
            misc |= _camera_words(self._calibrated(name), name, tip, self._size(name))
        return Observation(
            joint_positions=state[:7],
            gripper_open=float(state[7] > 0.5),
            gripper_pose=pose_vector(tip),
            gripper_matrix=tip,
            misc=misc,
        )

    def _calibrated(self, name: str) -> Calibration:
        if self._calibration is None:
            raise UserError(
                f"{self._root}: does not say where its cameras are, and spheres cannot be drawn "
                "without: give a calibration"
            )
        if name not in self._calibration.cameras:
            raise UserError(f"{self._calibrated_in}: camera '{name}' is not calibrated")
        self._calibration.check_residuals(str(self._calibrated_in), name)
        if any(self._calibration.cameras[name].distortion):
            raise UserError(
                f"{self._calibrated_in}: camera '{name}' has distortion, and a dataset's pictures "
                "are taken as they are: straighten them, and set distortion to 0 in a copy"
            )
        return self._calibration

    def _size(self, name: str) -> int:
        height, width = self._info.features[self._views[name]].shape[:2]
        if height != width:
            raise UserError(
                f"{self._root}: pictures of '{name}' are {width}x{height}; cut and scale them "
                "square first"
            )
        return height

    def _pictures(
        self, row: Mapping[str, Any], rows: Sequence[Mapping[str, Any]]
    ) -> dict[str, list[np.ndarray]]:
        """Return an episode's pictures by our names of cameras."""
        return {name: self._shown(name, row, rows) for name in self._views}

    def _shown(
        self, name: str, row: Mapping[str, Any], rows: Sequence[Mapping[str, Any]]
    ) -> list[np.ndarray]:
        feature = self._views[name]
        size = tuple(self._info.features[feature].shape[:2])
        if self._info.features[feature].dtype == "image":
            what = f"{self._root}: {feature}, frame"
            return [_opened(each.get(feature), f"{what} {k}", size) for k, each in enumerate(rows)]
        place = {key: row[f"videos/{feature}/{key}"] for key in ("chunk_index", "file_index")}
        path = self._root / known.VIDEOS.format(video_key=feature, **place)
        start = row[f"videos/{feature}/from_timestamp"]
        return self._projectors[name].show(path, start, len(rows), self._info.fps, size)


def _check_times(path: Path, index: int, seconds: Sequence[float], fps: float) -> None:
    """Refuse frames that do not follow each other as a dataset says."""
    for k, found in enumerate(seconds):
        if abs(found * fps - k) > _LATE:
            raise DatasetError(
                f"{path}: frame {k} of episode {index} is at {found:g} s, not {k / fps:g} s as "
                f"{fps:g} frames a second in {known.INFO} mean; copy the dataset again"
            )


def _camera_words(found: Calibration, name: str, tip: np.ndarray, size: int) -> dict[str, Any]:
    camera = found.cameras[name].camera(tip, size)
    extrinsics, intrinsics = camera.to_rlbench()
    return {
        f"{name}_camera_extrinsics": extrinsics,
        f"{name}_camera_intrinsics": intrinsics,
        f"{name}_camera_near": camera.near,
        f"{name}_camera_far": camera.far,
    }


def _opened(stored: Any, what: str, size: tuple[int, ...]) -> np.ndarray:
    """Return the picture of a row, (H, W, 3) uint8; `size` is height and width."""
    content = stored.get("bytes") if isinstance(stored, dict) else None
    if not isinstance(content, bytes):
        raise DatasetError(f"{what}: no picture in the table; copy the dataset again")
    is_jpeg = content.startswith(_JPEG)
    image = _open_jpeg(content, what) if is_jpeg else decode_png(content, what, "rgb")
    if image.size[::-1] == size:
        return np.asarray(image)
    raise DatasetError(
        f"{what}: {image.width}x{image.height} pixels, {known.INFO} says {size[1]}x{size[0]}; copy "
        "the dataset again"
    )


def _open_jpeg(content: bytes, what: str) -> Image.Image:
    """Decode a JPEG in colours."""
    try:
        with Image.open(BytesIO(content), formats=("JPEG",)) as image:
            width, height = image.size
            if image.mode != "RGB" or not sensible_size(height, width, len(content)):
                raise ValueError(f"{width}x{height} {image.mode} in {len(content)} bytes")
            image.load()
            return image
    except Exception as error:  # Pillow raises many types for broken files
        raise DatasetError(f"{what}: not readable ({error}); copy the dataset again") from None


def _between(values: np.ndarray, least: float, most: float) -> bool:
    return bool(((values >= least) & (values <= most)).all())


def _same(found: np.ndarray, wanted: Any) -> bool:
    exact = np.asarray(wanted, np.float64)
    return found.shape == exact.shape and np.allclose(found, exact, rtol=0, atol=_APART)


def _thinned(fps: float, count: int) -> list[int]:
    """Return the numbers of frames 50 ms apart."""
    each = fps * CONTROL_PERIOD
    return [round(k * each) for k in range(int((count - 1) / each + 1e-6) + 1)]


def _episode_rows(root: Path, info: Info) -> dict[int, dict[str, Any]]:
    """Return where each episode lies, by its number."""
    columns = {"episode_index": "int", "length": "int"}
    columns |= {"data/chunk_index": "int", "data/file_index": "int"}
    for name in info.pictures("video"):
        columns |= {f"videos/{name}/{key}": "int" for key in ("chunk_index", "file_index")}
        columns[f"videos/{name}/from_timestamp"] = "float"
    files = sorted((root / "meta/episodes").glob("chunk-*/file-*.parquet"))
    rows = [row for path in files for row in zip_rows(read_table(path, columns))]
    found = {row["episode_index"]: row for row in rows}
    count = info.total_episodes
    if not found or not len(rows) == len(found) == count or set(found) != set(range(len(found))):
        raise DatasetError(
            f"{root}/meta/episodes: {len(rows)} episodes, {info.total_episodes} in {known.INFO}; "
            "copy the dataset again"
        )
    return found


def _views(root: Path, info: Info, cameras: Mapping[str, str]) -> dict[str, str]:
    """Return features with pictures by our names of cameras."""
    theirs = {name.removeprefix(known.IMAGES): name for name in info.pictures()}
    wanted = cameras or {name: name for name in theirs}
    for ours, name in wanted.items():
        if name not in theirs or ours not in CAMERAS:
            raise UserError(
                f"{root}: has cameras {', '.join(theirs) or 'none'}; say which they stand for, for "
                f"example --cameras front={next(iter(theirs), 'NAME')}"
            )
    return {ours: theirs[name] for ours, name in wanted.items()}


def _calibration(path: Path, root: Path, info: Info) -> Calibration:
    """Read a calibration.

    Raises:
        UserError: none, or one of another arm than the dataset's.
    """
    found = read_calibration(path)
    if info.arm not in (None, found.model):
        raise UserError(
            f"{path}: calibrated with a {found.model}, and {root} was recorded with "
            f"'{info.robot_type}'"
        )
    return found


def _order(root: Path, info: Info, feature: str) -> list[int]:
    """Return where the seven joints and the gripper are in a feature.

    Raises:
        DatasetError: it has no such names: another robot's.
    """
    names = info.features[feature].names if feature in info.features else None
    groups = names.values() if isinstance(names, dict) else [names]
    flat = chain.from_iterable(each for each in groups if isinstance(each, list))
    places: dict[int, int] = {}
    for at, name in enumerate(flat):
        joint, gripper = _JOINT.fullmatch(str(name)), _GRIPPER.fullmatch(str(name))
        if joint or gripper:
            places[int(joint[1]) if joint else 8] = at
    if sorted(places) != list(range(1, 9)):
        robot = info.robot_type or "a robot"
        raise DatasetError(
            f"{root}: {feature} of {robot} has no joint_1.pos to joint_7.pos and gripper.pos, in "
            "radians and from 0 to 1; only Franka's arms are read"
        )
    return [places[k] for k in range(1, 9)]
