"""From RLBench's layout to LeRobot's format."""

from __future__ import annotations

import os
import shutil
from collections.abc import Generator, Iterator, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import numpy as np

from genima_lite import locks, panda
from genima_lite.demos.images import png_bytes
from genima_lite.demos.layout import DatasetError, EpisodeFolder, iterate_episodes
from genima_lite.demos.lerobot import info as known
from genima_lite.demos.lerobot.beside import state_row, write_beside
from genima_lite.demos.lerobot.films import Film, film_info
from genima_lite.demos.lerobot.info import Feature, Info
from genima_lite.demos.lerobot.stats import Stats, merged, plain, stats_of, stats_of_pictures
from genima_lite.demos.lerobot.tables import Table, write_rows, write_tasks
from genima_lite.demos.order_rules import order_fault
from genima_lite.demos.read import read_episode, read_sentences
from genima_lite.errors import UserError
from genima_lite.files import MEBIBYTE, check_folder, named, refuse_link, sync, syncing, write_json
from genima_lite.observation import CAMERAS, CONTROL_PERIOD, Demo

FPS = round(1 / CONTROL_PERIOD)
PICTURES = ("video", "png")


def to_lerobot(
    source: Path, out: Path, pictures: str = "video"
) -> Generator[EpisodeFolder, None, None]:
    """Write a dataset in LeRobot's format, whole or not at all; yield each episode that is in.

    Depth and masks have no place there. Killed, it begins anew.

    Args:
        source: a dataset in RLBench's layout.
        out: the new dataset's folder, which must not be there.
        pictures: "video" (H.264, a little softer), or "png", exact.

    Raises:
        DatasetError: no episodes, a broken one, or episodes that do not go together.
        UserError: `out` is there or in `source`, or `pictures` is neither.
    """
    if pictures not in PICTURES:
        raise UserError(f"pictures is '{pictures}': choose from {', '.join(PICTURES)}")
    if Path(source).resolve() in out.resolve().parents:
        raise UserError(f"{out}: lies in the dataset that is converted; choose another folder")
    _refuse_existing(out)
    episodes = list(iterate_episodes(source))
    if not episodes:
        raise DatasetError(f"{source}: no episodes here")
    check_folder(out.parent)
    partial = out.with_name(f".{out.name}.partial")
    refuse_link(partial)
    with named(out), locks.writing(partial):
        try:
            _refuse_existing(out)  # another process may have written it meanwhile
            _empty(partial)
            with ExitStack() as files:
                book = _Book(partial, pictures, files)
                for episode in episodes:
                    book.add(episode)
                    yield episode
            book.close()
            _sync_all(partial)
            (partial / locks.NAME).unlink(missing_ok=True)
            partial.rename(out)
            sync(out.parent)
        finally:
            shutil.rmtree(partial, ignore_errors=True)


def _refuse_existing(out: Path) -> None:
    if os.path.lexists(out):
        raise UserError(f"{out}: is there already; choose another folder, or delete it")


def _empty(folder: Path) -> None:
    """Remove what a killed process left in a folder whose lock we hold."""
    for each in folder.iterdir():
        if each.is_symlink():
            each.unlink()
        elif each.is_dir():
            shutil.rmtree(each)


def _sync_all(folder: Path) -> None:
    """Wait until everything below a folder is on the disk."""
    with syncing() as begin_sync:
        for path in folder.rglob("*"):
            begin_sync(path)


class _Book:
    """The new dataset while it grows."""

    def __init__(self, root: Path, pictures: str, files: ExitStack):
        self._root, self._files, self._dtype = root, files, _DTYPES[pictures]
        self._robot, self._features = "", dict[str, Feature]()
        self._table: Table | None = None
        self._tables = known.places(Info.chunks_size)
        self._films: dict[str, tuple[Film, tuple[int, int], Iterator[tuple[int, int]]]] = {}
        self._tasks: dict[str, int] = {}
        self._rows: list[dict[str, Any]] = []
        self._stats: list[dict[str, Stats]] = []
        self._frames = 0

    def add(self, episode: EpisodeFolder) -> None:
        """Write one episode."""
        demo = read_episode(episode.path)
        sentences, wrong = read_sentences(episode.path)
        fault = order_fault(demo) or (None if sentences else wrong or "has no sentences")
        if fault or not sentences:
            raise DatasetError(f"{episode.path}: {fault}")
        self._check_alike(episode, demo)
        index, count = len(self._rows), len(demo)
        where = (episode.task, episode.variation, episode.episode)
        write_beside(self._root, index, demo, where, sentences)
        columns = self._columns(demo, index, sentences[0])
        views = {name: [seen.image(_camera(name)) for seen in demo] for name in self._views}
        row = {"episode_index": index, "tasks": [sentences[0]], "length": count}
        row |= {"dataset_from_index": self._frames, "dataset_to_index": self._frames + count}
        row |= self._write_frames(columns, views)
        for name in self._views if self._dtype == "video" else ():
            row |= self._write_film(name, views[name])
        stats = {name: stats_of(_rows(columns[name])) for name in columns if name in self._features}
        stats |= {name: stats_of_pictures(each) for name, each in views.items()}
        row |= {"meta/episodes/chunk_index": 0, "meta/episodes/file_index": 0}
        row |= {f"stats/{f}/{n}": v for f, each in plain(stats).items() for n, v in each.items()}
        self._rows.append(row)
        self._stats.append(stats)
        self._frames += count

    def close(self) -> None:
        """Write what is about all episodes."""
        episodes, tasks = len(self._rows), list(self._tasks)
        splits = {"train": f"0:{episodes}"}
        video_path = known.VIDEOS if self._dtype == "video" else None
        numbers = (known.VERSION, self._robot, episodes, self._frames, len(tasks))
        known.write_info(
            self._root,
            Info(FPS, self._features, *numbers, splits=splits, video_path=video_path),
        )
        write_rows(self._root / known.EPISODES.format(chunk_index=0, file_index=0), self._rows)
        write_tasks(self._root / known.TASKS, tasks)
        whole = {name: merged([each[name] for each in self._stats]) for name in self._stats[0]}
        write_json(self._root / known.STATS, plain(whole))

    @property
    def _views(self) -> list[str]:
        return [name for name, each in self._features.items() if each.dtype == self._dtype]

    def _check_alike(self, episode: EpisodeFolder, demo: Demo) -> None:
        """Take features and robot of the first episode; refuse one that has others."""
        robot = known.ROBOTS[demo.recording.arm if demo.recording else known.DEFAULT_ARM]
        features = _features(demo, self._dtype)
        if not self._features:
            self._features, self._robot = features, robot
        if features != self._features or robot != self._robot:
            raise DatasetError(
                f"{episode.path}: has other cameras, sizes of pictures or another robot than the "
                "first episode, and LeRobot's format wants them alike: convert them apart"
            )

    def _columns(self, demo: Demo, index: int, sentence: str) -> dict[str, np.ndarray]:
        """Return the values of all features but pictures, one a frame."""
        count = len(demo)
        task = self._tasks.setdefault(sentence, len(self._tasks))
        steps = np.arange(count)
        actions = demo.actions()
        return {
            known.STATE: _franka(np.array([state_row(seen) for seen in demo])),
            known.ACTION: _franka(np.concatenate([actions, actions[-1:]])),
            "timestamp": (steps / FPS).astype(np.float32),
            "frame_index": steps,
            "episode_index": np.full(count, index),
            "index": self._frames + steps,
            "task_index": np.full(count, task),
        }

    def _write_frames(
        self, columns: Mapping[str, np.ndarray], views: Mapping[str, Sequence[np.ndarray]]
    ) -> dict[str, int]:
        """Write an episode's rows; return where they lie."""
        if self._table is None or _size(self._table.path) > Info.data_files_size_in_mb:
            self._place = next(self._tables)
            self._table = Table(self._at(known.DATA, self._place), self._features)
            self._files.callback(self._table.close)
        stored: dict[str, Any] = {name: list(each) for name, each in columns.items()}
        if self._dtype == "image":
            for name, pictures in views.items():
                stored[name] = [
                    {"bytes": png_bytes(each, "rgb"), "path": None} for each in pictures
                ]
        self._table.add(stored)
        chunk, file = self._place
        return {"data/chunk_index": chunk, "data/file_index": file}

    def _write_film(self, name: str, pictures: Sequence[np.ndarray]) -> dict[str, Any]:
        """Append an episode's pictures to a camera's video; return where they lie."""
        film, place, places = self._films.get(name) or (
            None,
            (0, 0),
            known.places(Info.chunks_size),
        )
        if film is None or _size(film.path) > Info.video_files_size_in_mb:
            place = next(places)
            film = Film(self._at(known.VIDEOS, place, video_key=name), FPS)
            self._files.callback(film.close)
        start = film.count / FPS
        film.add(pictures)
        self._films[name] = film, place, places
        values = (*place, start, film.count / FPS)
        fields = ("chunk_index", "file_index", "from_timestamp", "to_timestamp")
        return {f"videos/{name}/{field}": v for field, v in zip(fields, values, strict=True)}

    def _at(self, pattern: str, place: tuple[int, int], **names: str) -> Path:
        return self._root / pattern.format(chunk_index=place[0], file_index=place[1], **names)


_DTYPES = {"video": "video", "png": "image"}


def _size(path: Path) -> float:
    return path.stat().st_size / MEBIBYTE


def _rows(values: np.ndarray) -> np.ndarray:
    return values.reshape(len(values), -1)


def _camera(feature: str) -> str:
    return feature.removeprefix(known.IMAGES)


def _franka(rows: np.ndarray) -> np.ndarray:
    """Return rows (T, 8) of RLBench's angles as LeRobot's drivers have them, float32."""
    return np.column_stack([panda.to_franka(rows[:, :7]), rows[:, 7]]).astype(np.float32)


def _features(demo: Demo, dtype: str) -> dict[str, Feature]:
    joints = Feature("float32", [len(known.JOINTS)], list(known.JOINTS))
    features = {known.STATE: joints, known.ACTION: joints}
    for camera in CAMERAS:
        shapes = {None if (v := getattr(s, f"{camera}_rgb")) is None else v.shape for s in demo}
        if shapes == {None}:
            continue
        height, width, _ = next(iter(shapes)) or (0, 0, 0)
        info = film_info(height, width, FPS) if dtype == "video" else None
        names = ["height", "width", "channels"]
        features[known.IMAGES + camera] = Feature(dtype, [height, width, 3], names, info)
    return features | known.common_features()
