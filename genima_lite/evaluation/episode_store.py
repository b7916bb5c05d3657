"""One policy's episodes of one task on disk, so that a long evaluation can be interrupted.

<task>.<policy>.json   the episodes
<task>.<policy>.npz    what was recorded of some: the views of their decisions, and films
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from genima_lite.evaluation.recording import RecordedStep, Recording
from genima_lite.evaluation.rollout import EpisodeResult
from genima_lite.files import write_json, written_whole

_VIEWS = ("seen", "drawn", "true")


def is_stored(folder: Path, policy: str, task: str) -> bool:
    """Return whether a task's episodes are all there."""
    return (folder / f"{task}.{policy}.json").exists()


def store(
    folder: Path,
    policy: str,
    task: str,
    results: Sequence[EpisodeResult],
    recordings: Sequence[Recording],
) -> None:
    """Write a task's episodes; the JSON file comes last and says that all is there."""
    folder.mkdir(parents=True, exist_ok=True)
    arrays: dict[str, np.ndarray] = {}
    index = [_put(arrays, number, recording) for number, recording in enumerate(recordings)]
    with written_whole(folder / f"{task}.{policy}.npz") as partial:
        np.savez_compressed(partial, index=np.array(json.dumps(index)), **arrays)  # type: ignore[arg-type]
    write_json(folder / f"{task}.{policy}.json", [asdict(result) for result in results])


def load_stored(
    folder: Path, policy: str, task: str
) -> tuple[list[EpisodeResult], list[Recording]]:
    """Read what `store` wrote."""
    path = folder / f"{task}.{policy}.json"
    results = [EpisodeResult(**row) for row in json.loads(path.read_text(encoding="utf-8"))]
    with np.load(path.with_suffix(".npz"), allow_pickle=False) as arrays:
        index = json.loads(str(arrays["index"]))
        recordings = [_get(arrays, number, words) for number, words in enumerate(index)]
    return results, recordings


def _put(arrays: dict[str, np.ndarray], number: int, recording: Recording) -> dict[str, Any]:
    """Add a recording's arrays; return the rest of it, JSON-able."""
    arrays[f"{number}/film"] = np.frombuffer(recording.film, np.uint8)
    arrays[f"{number}/last"] = recording.last
    for i, step in enumerate(recording.steps):
        for kind in _VIEWS:
            for camera, view in (getattr(step, kind) or {}).items():
                arrays[f"{number}/{i}/{kind}/{camera}"] = view
    return {
        "policy": recording.policy,
        "result": asdict(recording.result),
        "instruction": recording.instruction,
        "steps": [step.step for step in recording.steps],
    }


def _get(arrays: Any, number: int, words: dict[str, Any]) -> Recording:
    """Return a recording of its arrays and the rest."""
    steps = []
    for i, step in enumerate(words["steps"]):
        views = [_views(arrays, f"{number}/{i}/{kind}/") for kind in _VIEWS]
        steps.append(RecordedStep(step, views[0] or {}, *views[1:]))
    return Recording(
        words["policy"],
        EpisodeResult(**words["result"]),
        words["instruction"],
        steps,
        arrays[f"{number}/film"].tobytes(),
        arrays[f"{number}/last"],
    )


def _views(arrays: Any, prefix: str) -> dict[str, np.ndarray] | None:
    """Return the views under a prefix, by camera; `None` where there are none."""
    found = {name.removeprefix(prefix): arrays[name] for name in arrays if name.startswith(prefix)}
    return found or None
