"""Evaluations on disk, one folder a policy and task, so that a long one can be interrupted.

<policy>/<task>/provenance.json   what the episodes come from
<policy>/<task>/recordings.npz    what was recorded of some: the views of their decisions, films
<policy>/<task>/episodes.json     the episodes; written last, so it says that all is there
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from genima_lite.errors import UserError
from genima_lite.evaluation.recording import RecordedStep, Recording
from genima_lite.evaluation.statistics import EpisodeResult
from genima_lite.files import write_json, written_whole
from genima_lite.policies.api import PolicyFactory
from genima_lite.provenance import check, claim

_EPISODES, _RECORDINGS = "episodes.json", "recordings.npz"
_VIEWS = ("seen", "drawn", "true")


def provenance(make: PolicyFactory, task: str, episodes: int, seed: int) -> dict[str, Any]:
    """Return all that an evaluation's episodes come from, JSON-able: the policy, its settings and
    a fingerprint of its weights, the environment, how many episodes, and their first seed.

    Where the weights lie does not matter; what they are does.
    """
    settings = asdict(make.settings)
    del settings["checkpoint"]
    return {
        "policy": make.name,
        "settings": settings,
        "weights": make.fingerprint(),
        "environment": asdict(make.spec(task)),
        "episodes": episodes,
        "seed": seed,
    }


class EpisodeStore:
    """Keeps evaluations below a folder.

    Args:
        folder: made when something is kept.
    """

    def __init__(self, folder: Path | str):
        self._folder = Path(folder)

    def holds(self, policy: str, task: str, made_from: dict[str, Any]) -> bool:
        """Return whether a task's episodes are all there.

        Args:
            policy: its name.
            task: its name.
            made_from: see `provenance`.

        Raises:
            UserError: others are there, for example of other weights.
        """
        place = self._place(policy, task)
        if not place.exists():
            return False
        check(place, made_from)
        return (place / _EPISODES).exists()

    def keep(
        self,
        policy: str,
        task: str,
        made_from: dict[str, Any],
        results: Sequence[EpisodeResult],
        recordings: Sequence[Recording],
    ) -> None:
        """Write a task's episodes.

        Raises:
            UserError: others are there, for example of other weights.
        """
        place = self._place(policy, task)
        claim(place, made_from)
        arrays: dict[str, np.ndarray] = {}
        index = [_put(arrays, number, recording) for number, recording in enumerate(recordings)]
        with written_whole(place / _RECORDINGS) as partial:
            np.savez_compressed(partial, index=np.array(json.dumps(index)), **arrays)  # type: ignore[arg-type]
        write_json(place / _EPISODES, [asdict(result) for result in results])

    def load(self, policy: str, task: str) -> tuple[list[EpisodeResult], list[Recording]]:
        """Read what `keep` wrote.

        Raises:
            UserError: nothing is kept, or not all of it.
        """
        place = self._place(policy, task)
        try:
            rows = json.loads((place / _EPISODES).read_text(encoding="utf-8"))
        except FileNotFoundError:
            raise UserError(f"{place}: no whole evaluation in it; run it again") from None
        with np.load(place / _RECORDINGS, allow_pickle=False) as arrays:
            index = json.loads(str(arrays["index"]))
            recordings = [_get(arrays, number, each) for number, each in enumerate(index)]
        return [EpisodeResult(**row) for row in rows], recordings

    def _place(self, policy: str, task: str) -> Path:
        return self._folder / policy / task


def _put(arrays: dict[str, np.ndarray], number: int, recording: Recording) -> dict[str, Any]:
    """Add a recording's arrays; return the rest of it, JSON-able."""
    if recording.film is not None and recording.last is not None:
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


def _get(arrays: Any, number: int, rest: dict[str, Any]) -> Recording:
    """Return a recording of its arrays and the rest."""
    steps = []
    for i, step in enumerate(rest["steps"]):
        views = [_views(arrays, f"{number}/{i}/{kind}/") for kind in _VIEWS]
        steps.append(RecordedStep(step, views[0] or {}, *views[1:]))
    return Recording(
        rest["policy"],
        EpisodeResult(**rest["result"]),
        rest["instruction"],
        steps,
        arrays[f"{number}/film"].tobytes() if f"{number}/film" in arrays else None,
        arrays.get(f"{number}/last"),
    )


def _views(arrays: Any, prefix: str) -> dict[str, np.ndarray] | None:
    """Return the views under a prefix, by camera; `None` where there are none."""
    found = {name.removeprefix(prefix): arrays[name] for name in arrays if name.startswith(prefix)}
    return found or None
