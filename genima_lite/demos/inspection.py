"""What a dataset holds and what is wrong with it.

`inspect_dataset` decodes every image and reads every pickle below a folder, whoever wrote it:
RLBench, Genima's renderer (no depth or mask, `tiled_rgb`), or us. It never stops at the first
fault. Its rules are those of reading and training (`value_rules`, `order_rules`, `picture_rules`);
that depth and masks were swapped, and that a picture is black, is looked for here alone, since all
pixels must be seen for it. *Problems* make data unusable or misleading; *notes* are worth knowing.
"""

from __future__ import annotations

import os
import sys
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console
from rich.progress import track

from genima_lite.demos.images import open_png
from genima_lite.demos.layout import (
    ALL_VARIATIONS,
    DESCRIPTIONS,
    EPISODES,
    LOW_DIM_OBS,
    PARTIAL,
    RECORDING,
    SCENE_STATE,
    STORED_KINDS,
    DatasetError,
    EpisodeFolder,
    episodes_of,
    iterate_episodes,
    iterate_variations,
    numbered,
    printable,
    subfolders,
)
from genima_lite.demos.order_rules import order_fault
from genima_lite.demos.picture_rules import drawing_fault, lens_fault, size_fault
from genima_lite.demos.read import (
    check_frame_count,
    frame_numbers,
    read_descriptions,
    read_recording,
    read_scene_state,
    sentences_folder,
)
from genima_lite.demos.stored_scenes import StoredScenes
from genima_lite.demos.unpickler import load_demo
from genima_lite.demos.value_rules import value_faults
from genima_lite.envs.api import task_names
from genima_lite.errors import UserError
from genima_lite.observation import CAMERAS, IMAGE_FIELDS, STATE_FIELDS, Demo
from genima_lite.tiling import TILE_ORDER

_TILED = ("tiled_rgb", "tiled_rgb_rendered")
"""Genima's 2x2 tiles: frames 0 to T-2."""

_EXPECTED_FIELDS = [
    "demo.random_seed",
    "demo.num_reset_attempts",
    "demo.scene_state",
    *STATE_FIELDS,
    *(f"misc.{name}" for name in ("variation_index", "joint_position_action", "joint_poses")),
]


@dataclass
class _Findings:
    """What the walk through the dataset gathers."""

    root: Path
    tasks: dict[str, dict[str, Any]] = field(default_factory=dict)
    frames: list[int] = field(default_factory=list)
    images: dict[str, Counter[str]] = field(default_factory=dict)
    episodes_with: Counter[str] = field(default_factory=Counter)
    fields: Counter[str] = field(default_factory=Counter)
    problems: list[dict[str, str]] = field(default_factory=list)
    notes: list[dict[str, str]] = field(default_factory=list)
    scenes: StoredScenes = field(default_factory=lambda: StoredScenes("inspect"))
    known: list[str] = field(default_factory=task_names)

    def restore(self, task: str, state: dict[str, Any]) -> None:
        """Set up a scene in the bench, where the bench knows the task.

        Raises:
            UserError: it cannot be set up.
        """
        if task in self.known:
            self.scenes.restored(task, state)

    def problem(self, path: Path, message: object) -> None:
        self.problems.append(self._entry(path, message))

    def note(self, path: Path, message: object) -> None:
        self.notes.append(self._entry(path, message))

    def _entry(self, path: Path, message: object) -> dict[str, str]:
        inside = printable(Path(os.path.relpath(path, self.root)).as_posix())
        return {"path": inside, "message": printable(_without(str(message), path))}


def _without(message: str, path: Path) -> str:
    """Return a message without the path at its beginning."""
    return message.removeprefix(f"{path}: ").removeprefix(f"{printable(str(path))}: ")


def inspect_dataset(root: Path | str) -> dict[str, Any]:
    """Walk through a dataset and return a JSON-able report.

    Keys: `root`; `tasks` {task: {variation folder: {episodes, frames, descriptions}}};
    `episodes`; `frames` {total, min, max}; `cameras`; `images` {folder name: {episodes, images,
    sizes}}, sizes as "<W>x<H>"; `fields` {present, missing}; `problems` and `notes`, lists of
    {path, message} with paths relative to `root`. A dataset is sound if `problems` is empty.

    A progress bar goes to stderr where that is a terminal.

    Raises:
        DatasetError: `root` does not exist or holds no episode.
    """
    root = Path(root)
    findings = _Findings(root)
    episodes = list(iterate_episodes(root, unreadable=findings.problem))
    if not episodes and not findings.problems:
        raise DatasetError(
            f"{root}: no episodes here; give the folder that holds "
            "<task>/variation0/episodes/episode0"
        )
    findings.problems.clear()  # the next walk finds them again
    for task, variation, folder in iterate_variations(root, findings.problem):
        _inspect_variation(findings, task, variation, folder)
    console = Console(stderr=True)
    quiet = not sys.stderr.isatty()
    for episode in track(episodes, "Reading episodes", console=console, disable=quiet):
        _inspect_episode(findings, episode)
    _compare_episodes(findings, episodes)
    if (root / PARTIAL).is_dir() and any((root / PARTIAL).iterdir()):
        findings.note(root / PARTIAL, "left over from a writer that was stopped; safe to delete")
    return _report(findings, len(episodes))


def _inspect_variation(findings: _Findings, task: str, variation: int, folder: Path) -> None:
    episodes = list(episodes_of(task, variation, folder, findings.problem))
    descriptions = _inspect_sentences(findings, folder, episodes)
    if not task.isprintable():
        findings.problem(folder, "the task's folder has a name that cannot be shown; rename it")
    _inspect_names(findings, folder)
    numbers = sorted({episode.episode for episode in episodes})
    if not numbers:
        findings.note(folder, "holds no episodes")
    elif gap := [i for i, number in enumerate(numbers) if i != number]:
        findings.note(folder, f"episode numbers have gaps: {gap[0]} is the first one missing")
    summary = {"episodes": len(episodes), "frames": 0, "descriptions": descriptions}
    findings.tasks.setdefault(printable(task), {})[folder.name] = summary


def _inspect_sentences(
    findings: _Findings, folder: Path, episodes: list[EpisodeFolder]
) -> list[str] | None:
    """Return the instructions of a variation, or of its first episode, and report those that lack;
    see `genima_lite.demos.read.read_sentences`.
    """
    folders = dict.fromkeys(sentences_folder(each.path) for each in episodes) or {folder: None}
    descriptions: list[str] | None = None
    for place in folders:
        found, problem = read_descriptions(place)
        if problem:
            findings.problem(place / DESCRIPTIONS, problem)
        descriptions = descriptions or found
    return descriptions


def _inspect_names(findings: _Findings, folder: Path) -> None:
    """Report what bears an episode's name and is left out."""
    place = folder / EPISODES
    try:
        inside = sorted(place.iterdir()) if place.is_dir() else []
    except OSError:
        return  # reported before
    for path in inside:
        if path.name.startswith("episode") and numbered("episode", path.name) is None:
            findings.note(path, "has no number of an episode in its name; left out")
        elif not path.name.startswith("episode") and (path / LOW_DIM_OBS).exists():
            findings.note(path, "holds a demonstration but is not named episode<number>; left out")


def _inspect_episode(findings: _Findings, episode: EpisodeFolder) -> None:
    frames, demo = None, None
    if (episode.path / LOW_DIM_OBS).exists():
        frames, demo = _inspect_states(findings, episode)
    else:
        what = "half-written; delete the folder and record the episode again"
        findings.problem(episode.path, f"has no {LOW_DIM_OBS}: {what}")
    sizes: dict[str, tuple[int, int]] = {}
    try:
        folders = subfolders(episode.path)
    except DatasetError as error:
        findings.problem(episode.path, error)
        return
    for name in _camera_folders(STORED_KINDS):
        if (episode.path / name).exists() and not (episode.path / name).is_dir():
            findings.problem(episode.path / name, "is no folder")
    for folder in folders:
        found = _inspect_images(findings, folder, frames)
        if len(found) == 1 and folder.name not in _TILED:
            sizes[folder.name] = next(iter(found))
    _inspect_views(findings, episode, demo, sizes)


def _inspect_views(
    findings: _Findings,
    episode: EpisodeFolder,
    demo: Demo | None,
    sizes: dict[str, tuple[int, int]],
) -> None:
    """Report what pictures and cameras of an episode lack to be learned from together."""
    if fault := size_fault(list(sizes.items())):
        findings.problem(episode.path, fault)
    seen = [camera for camera in TILE_ORDER if f"{camera}_rgb" in sizes]
    if demo is None or not seen:
        return
    if demo[0].misc.get("joint_poses") is None:
        findings.note(episode.path, "no misc.joint_poses: targets cannot be drawn from it")
    elif fault := drawing_fault(demo, seen):
        findings.problem(episode.path / LOW_DIM_OBS, fault)
    for camera in seen:
        if fault := lens_fault(demo, camera, sizes[f"{camera}_rgb"]):
            findings.problem(episode.path / LOW_DIM_OBS, fault)


def _inspect_states(findings: _Findings, episode: EpisodeFolder) -> tuple[int | None, Demo | None]:
    """Return how many frames there are, and the demonstration if its values are sound."""
    path = episode.path / LOW_DIM_OBS
    try:
        demo = load_demo(path)
    except DatasetError as error:
        findings.problem(path, error)
        return None, None
    _inspect_scene(findings, episode, demo)
    if not len(demo):
        findings.problem(path, "has no frames; record the episode again")
        return None, None
    try:
        read_recording(episode.path, len(demo))
    except UserError as error:
        findings.problem(episode.path / RECORDING, error)
    faults = list(value_faults(demo))
    for fault in faults or filter(None, [order_fault(demo)]):
        findings.problem(path, fault)
    index = demo[0].misc.get("variation_index")
    if isinstance(index, int) and episode.variation not in (index, ALL_VARIATIONS):
        findings.problem(path, f"was recorded as variation {index}; move it to that folder")
    findings.frames.append(len(demo))
    task = findings.tasks[printable(episode.task)]
    task[episode.path.parent.parent.name]["frames"] += len(demo)
    findings.fields.update(_fields_present(demo))
    return len(demo), None if faults else demo


def _inspect_scene(findings: _Findings, episode: EpisodeFolder, demo: Demo) -> None:
    """Report a stored scene from which replay could not start."""
    try:
        demo.scene_state = read_scene_state(episode.path)
        if demo.scene_state is not None:
            findings.restore(episode.task, demo.scene_state)
    except UserError as error:
        findings.problem(episode.path / SCENE_STATE, error)


def _fields_present(demo: Demo) -> set[str]:
    """Return the names of everything that is recorded in at least one frame."""
    names = {f"demo.{name}" for name, value in vars(demo).items() if value is not None}
    for obs in demo._observations:
        names.update(name for name, value in vars(obs).items() if value is not None)
        names.update(f"misc.{name}" for name, value in obs.misc.items() if value is not None)
    known = names - {"demo._observations", "misc", *IMAGE_FIELDS}
    return {printable(name) for name in known}


def _inspect_images(
    findings: _Findings, folder: Path, frames: int | None
) -> Counter[tuple[int, int]]:
    """Return how many images of each size (height, width) a folder holds."""
    name = folder.name
    if name not in _TILED and name not in _camera_folders(STORED_KINDS):
        findings.note(folder, "not one of RLBench's image folders; left out")
        return Counter()
    findings.episodes_with[name] += 1
    try:
        if frames is not None:
            check_frame_count(folder, frames - 1 if name in _TILED else frames)
        found = frame_numbers(folder)
    except (DatasetError, OSError) as error:
        findings.problem(folder, error)
        found = [] if isinstance(error, OSError) else frame_numbers(folder)
    sizes = _decode_all(findings, folder, found)
    words = Counter({f"{width}x{height}": n for (height, width), n in sizes.items()})
    if len(sizes) > 1:
        findings.problem(folder, f"image sizes differ among frames: {', '.join(sorted(words))}")
    findings.images.setdefault(name, Counter()).update(words)
    return sizes


def _decode_all(findings: _Findings, folder: Path, frames: list[int]) -> Counter[tuple[int, int]]:
    """Return how many images of each size a folder holds, and report those that are broken, and
    the first that shows something else than its folder says.
    """
    kind = "rgb" if folder.name in _TILED else folder.name.rsplit("_", 1)[1]
    sizes: Counter[tuple[int, int]] = Counter()
    strange = False
    for frame in frames:
        path = folder / f"{frame}.png"
        try:
            pixels = np.asarray(open_png(path, kind))
        except DatasetError as error:
            findings.problem(path, error)
            continue
        sizes[pixels.shape[0], pixels.shape[1]] += 1
        if not strange and (what := _strange(pixels, kind)):
            strange = True
            (findings.note if kind == "rgb" else findings.problem)(path, what)
    return sizes


def _strange(pixels: np.ndarray, kind: str) -> str | None:
    """Return what pixels (H, W, 3) or (H, W) show in place of a picture of a kind."""
    if kind == "rgb":
        return None if pixels.any() else "is black"
    if pixels.ndim == 2:
        return None
    red, green, blue = np.moveaxis(pixels.astype(int), -1, 0)
    values = len(np.unique(red * 65536 + green * 256 + blue))
    if kind == "depth" and values > 1 and not blue.any():
        return "looks like a mask, not like depth; were the folders swapped?"
    if kind == "mask" and blue.any() and values > pixels.shape[0] * pixels.shape[1] / 8:
        return "looks like depth, not like a mask; were the folders swapped?"
    return None


def _compare_episodes(findings: _Findings, episodes: list[EpisodeFolder]) -> None:
    views = Counter[str]()
    for name, sizes in findings.images.items():
        if name.endswith("_rgb") and name not in _TILED:
            views.update(sizes)
    if len(views) > 1:
        text = ", ".join(sorted(views))
        findings.problem(findings.root, f"pictures of several sizes cannot be learned from: {text}")
    for episode in episodes:
        for name, count in findings.episodes_with.items():
            if not (episode.path / name).is_dir():
                have = f"{count} of {len(episodes)} episodes have"
                findings.problem(episode.path, f"has no {name}, which {have}; record it again")
    for name, sizes in findings.images.items():
        if len(sizes) > 1:
            findings.note(findings.root, f"{name} comes in several sizes: {', '.join(sizes)}")
    lacking = [name for name in _camera_folders(("rgb", "depth")) if name not in findings.images]
    if lacking:
        text = f"RLBench's own reader cannot load this dataset: it wants {', '.join(lacking)}"
        findings.note(findings.root, text)


def _camera_folders(kinds: tuple[str, ...]) -> list[str]:
    return [f"{camera}_{kind}" for camera in CAMERAS for kind in kinds]


def _report(findings: _Findings, episodes: int) -> dict[str, Any]:
    images = {
        name: {
            "episodes": findings.episodes_with[name],
            "images": sizes.total(),
            "sizes": sorted(sizes),
        }
        for name, sizes in sorted(findings.images.items())
    }
    frames = findings.frames or [0]
    return {
        "root": printable(str(findings.root)),
        "tasks": findings.tasks,
        "episodes": episodes,
        "frames": {"total": sum(frames), "min": min(frames), "max": max(frames)},
        "cameras": [cam for cam in CAMERAS if any(f"{cam}_{k}" in images for k in STORED_KINDS)],
        "images": images,
        "fields": {
            "present": sorted(findings.fields),
            "missing": [name for name in _EXPECTED_FIELDS if name not in findings.fields],
        },
        "problems": findings.problems,
        "notes": findings.notes,
    }
