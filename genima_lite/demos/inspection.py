"""What a dataset holds and what is wrong with it.

`inspect_dataset` decodes every image and reads every pickle below a folder, whoever wrote it:
RLBench, Genima's renderer (no depth or mask, `tiled_rgb`), or us. It never stops at the first
fault. *Problems* make data unusable or misleading; *notes* are worth knowing.
"""

from __future__ import annotations

import sys
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import track

from genima_lite.demos.images import open_png
from genima_lite.demos.layout import (
    ALL_VARIATIONS,
    DESCRIPTIONS,
    LOW_DIM_OBS,
    PARTIAL,
    SCENE_STATE,
    STORED_KINDS,
    DatasetError,
    EpisodeFolder,
    episodes_of,
    iterate_episodes,
    iterate_variations,
    subfolders,
)
from genima_lite.demos.read import (
    check_frame_count,
    frame_numbers,
    read_descriptions,
    read_scene_state,
)
from genima_lite.demos.unpickler import load_demo
from genima_lite.observation import CAMERAS, IMAGE_FIELDS, STATE_FIELDS, Demo

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

    def problem(self, path: Path, message: object) -> None:
        self.problems.append(self._entry(path, message))

    def note(self, path: Path, message: object) -> None:
        self.notes.append(self._entry(path, message))

    def _entry(self, path: Path, message: object) -> dict[str, str]:
        inside = path.relative_to(self.root).as_posix()
        return {"path": inside, "message": str(message).removeprefix(f"{path}: ")}


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
    episodes = list(iterate_episodes(root))
    if not episodes:
        raise DatasetError(
            f"{root}: no episodes here; give the folder that holds "
            "<task>/variation0/episodes/episode0"
        )
    findings = _Findings(root)
    for task, variation, folder in iterate_variations(root):
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
    descriptions, problem = read_descriptions(folder)
    if problem:  # where all variations lie together, each episode may have its own
        report = findings.note if variation == ALL_VARIATIONS else findings.problem
        report(folder / DESCRIPTIONS, problem)
    numbers = [episode.episode for episode in episodes_of(task, variation, folder)]
    if not numbers:
        findings.note(folder, "holds no episodes")
    elif gaps := sorted(set(range(numbers[-1] + 1)) - set(numbers)):
        findings.note(folder, f"episode numbers have gaps: {gaps[0]} is the first one missing")
    summary = {"episodes": len(numbers), "frames": 0, "descriptions": descriptions}
    findings.tasks.setdefault(task, {})[folder.name] = summary


def _inspect_episode(findings: _Findings, episode: EpisodeFolder) -> None:
    demo = None
    if (episode.path / LOW_DIM_OBS).exists():
        demo = _inspect_states(findings, episode)
    else:
        what = "half-written; delete the folder and record the episode again"
        findings.problem(episode.path, f"has no {LOW_DIM_OBS}: {what}")
    for folder in subfolders(episode.path):
        _inspect_images(findings, folder, len(demo) if demo else None)


def _inspect_states(findings: _Findings, episode: EpisodeFolder) -> Demo | None:
    path = episode.path / LOW_DIM_OBS
    try:
        demo = load_demo(path)
    except DatasetError as error:
        findings.problem(path, error)
        return None
    try:
        demo.scene_state = read_scene_state(episode.path)
    except DatasetError as error:
        findings.problem(episode.path / SCENE_STATE, error)
    if not len(demo):
        findings.problem(path, "has no frames; record the episode again")
        return None
    index = demo[0].misc.get("variation_index")
    if index is not None and episode.variation not in (index, ALL_VARIATIONS):
        findings.problem(path, f"was recorded as variation {index}; move it to that folder")
    findings.frames.append(len(demo))
    findings.tasks[episode.task][episode.path.parent.parent.name]["frames"] += len(demo)
    findings.fields.update(_fields_present(demo))
    return demo


def _fields_present(demo: Demo) -> set[str]:
    """Return the names of everything that is recorded in at least one frame."""
    names = {f"demo.{name}" for name, value in vars(demo).items() if value is not None}
    for obs in demo._observations:
        names.update(name for name, value in vars(obs).items() if value is not None)
        names.update(f"misc.{name}" for name, value in obs.misc.items() if value is not None)
    return names - {"demo._observations", "misc", *IMAGE_FIELDS}


def _inspect_images(findings: _Findings, folder: Path, frames: int | None) -> None:
    name = folder.name
    if name not in _TILED and name not in _camera_folders(STORED_KINDS):
        findings.note(folder, "not one of RLBench's image folders; left out")
        return
    findings.episodes_with[name] += 1
    if frames is not None:
        try:
            check_frame_count(folder, frames - 1 if name in _TILED else frames)
        except DatasetError as error:
            findings.problem(folder, error)
    sizes = _decode_all(findings, folder)
    if len(sizes) > 1:
        findings.problem(folder, f"image sizes differ among frames: {', '.join(sorted(sizes))}")
    findings.images.setdefault(name, Counter()).update(sizes)


def _decode_all(findings: _Findings, folder: Path) -> Counter[str]:
    """Return how many images of each size a folder holds, and report those that are broken."""
    kind = "rgb" if folder.name in _TILED else folder.name.rsplit("_", 1)[1]
    sizes: Counter[str] = Counter()
    for frame in frame_numbers(folder):
        path = folder / f"{frame}.png"
        try:
            width, height = open_png(path, kind).size
            sizes[f"{width}x{height}"] += 1
        except DatasetError as error:
            findings.problem(path, error)
    return sizes


def _compare_episodes(findings: _Findings, episodes: list[EpisodeFolder]) -> None:
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
        "root": str(findings.root),
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
