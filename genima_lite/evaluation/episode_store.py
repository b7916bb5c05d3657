"""Evaluations on disk, episode by episode, so that a long one can be interrupted at any time.

<policy>/<task>/provenance.json   what the episodes come from
<policy>/<task>/00003.json        an episode, by its number
<policy>/<task>/00003.npz         what was recorded of it, if anything: its views, its film

Every file is written whole, and an episode's recording before the episode.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np

from genima_lite import schema
from genima_lite.arrays import read_npz
from genima_lite.diffusion.speed import USUAL
from genima_lite.errors import UserError
from genima_lite.evaluation.recording import RecordedStep, Recording
from genima_lite.evaluation.statistics import EpisodeResult
from genima_lite.files import parse_json, write_json, written_whole
from genima_lite.policies.api import PolicyFactory
from genima_lite.provenance import claim, fingerprint
from genima_lite.seeds import evaluation_seed

_VIEWS = ("seen", "drawn", "true")


def provenance(make: PolicyFactory, task: str, seed: int) -> dict[str, Any]:
    """Return all that an evaluation's episodes come from, JSON-able: the policy, its settings and
    a fingerprint of its weights, the environment, and the first seed.

    Where the weights lie does not matter; what they are does. How many episodes there shall be
    does not matter either.
    """
    settings = asdict(make.settings)
    del settings["checkpoint"]
    drawing = settings.pop("drawing")
    if drawing["decoder"] is not None:
        drawing["decoder"] = fingerprint(drawing["decoder"])
    if make.settings.drawing != USUAL:
        settings["drawing"] = drawing
    return {
        "policy": make.name,
        "settings": settings,
        "weights": make.fingerprint(),
        "environment": asdict(make.spec(task)),
        "seed": seed,
    }


class EpisodeStore:
    """Keeps evaluations below a folder.

    Args:
        folder: made when something is kept.
    """

    def __init__(self, folder: Path | str):
        self.folder = Path(folder)

    def __len__(self) -> int:
        """Return how many episodes are kept."""
        return len(list(self.folder.glob("*/*/[0-9]*.json")))

    def task(
        self,
        make: PolicyFactory,
        task: str,
        seed: int,
        starts: Mapping[str, Any] = MappingProxyType({}),
    ) -> TaskEpisodes:
        """Return what keeps a policy's episodes of a task, from some first seed on.

        Args:
            make: the policy.
            task: its name.
            seed: of the first episode.
            starts: what else decides how episodes start, JSON-able
                (`genima_lite.evaluation.starts`).

        Raises:
            UserError: others are there, for example of other weights.
        """
        place = self.folder / make.name / task
        claim(place, {**provenance(make, task, seed), **starts})
        return TaskEpisodes(place)

    def load(
        self, policy: str, task: str, episodes: int
    ) -> tuple[list[EpisodeResult], list[Recording]]:
        """Read the first episodes of a task, and what was recorded of them.

        Raises:
            UserError: some are missing, or a file is broken, or of another episode.
        """
        kept = TaskEpisodes(self.folder / policy / task)
        results = [result for i in range(episodes) if (result := kept.result(i)) is not None]
        if len(results) < episodes:
            raise UserError(f"{kept.folder}: {len(results)} of {episodes} episodes; run it again")
        for number, result in enumerate(results):
            due = results[0].seed + evaluation_seed(0, number) - evaluation_seed(0, 0)
            if (result.task, result.seed) != (task, due):
                raise UserError(f"{kept.folder}: number {number} is another episode; delete it")
        return results, [found for i in range(episodes) if (found := kept.recording(i)) is not None]


@dataclass(frozen=True)
class TaskEpisodes:
    """A policy's episodes of one task, in a folder."""

    folder: Path

    def result(self, number: int) -> EpisodeResult | None:
        """Return an episode, `None` if it is not there.

        Raises:
            UserError: its file is broken.
        """
        path = self.folder / f"{number:05d}.json"
        if not os.path.lexists(path):
            return None
        found = schema.read(EpisodeResult, path)
        if found.error is not None:
            raise UserError(f"{path}: ended with an error, which is no result; delete it")
        return found

    def recording(self, number: int) -> Recording | None:
        """Return what was recorded of an episode, `None` if nothing was.

        Raises:
            UserError: its file is broken, or of another episode.
        """
        path = self.folder / f"{number:05d}.npz"
        if not os.path.lexists(path):
            return None
        found, kept = _read_recording(path), self.result(number)
        if kept is not None and _which(found.result) != _which(kept):
            raise UserError(f"{path}: recorded of another episode than {number}; delete it")
        return found

    def keep(self, number: int, result: EpisodeResult, recording: Recording | None = None) -> None:
        """Write an episode; one that is there stays, and gets its recording."""
        if recording is not None:
            with written_whole(self.folder / f"{number:05d}.npz") as partial:
                np.savez_compressed(partial, **dict(_arrays(recording)))  # type: ignore[arg-type]
        path = self.folder / f"{number:05d}.json"
        if not path.exists():
            write_json(path, asdict(result))


def _which(result: EpisodeResult) -> tuple[str, int, int]:
    return result.task, result.variation, result.seed


@dataclass(frozen=True)
class _Rest:
    """All of a recording that is no array; `steps` are those of the recorded decisions."""

    policy: str
    result: EpisodeResult
    instruction: str
    steps: list[int]


def _arrays(recording: Recording) -> Iterator[tuple[str, np.ndarray]]:
    """Yield a recording's arrays by name; the rest of it is JSON in one of them."""
    steps = [step.step for step in recording.steps]
    rest = _Rest(recording.policy, recording.result, recording.instruction, steps)
    yield "rest", np.array(json.dumps(asdict(rest), allow_nan=False))
    if recording.film is not None and recording.last is not None:
        yield "film", np.frombuffer(recording.film, np.uint8)
        yield "last", recording.last
    for i, step in enumerate(recording.steps):
        for kind in _VIEWS:
            for camera, view in (getattr(step, kind) or {}).items():
                yield f"{i}/{kind}/{camera}", view


def _read_recording(path: Path) -> Recording:
    arrays = read_npz(path)
    if "rest" not in arrays:
        raise UserError(f"{path}: no recording of an episode; delete it")
    rest = schema.decode(_Rest, parse_json(str(arrays.pop("rest")), path), path)
    film = arrays.pop("film", None)
    for name, picture in arrays.items():
        if picture.dtype != np.uint8 or picture.ndim != 3 or picture.shape[2:] != (3,):
            raise UserError(f"{path}: {name} is no picture; delete it")
    last = arrays.pop("last", None)
    steps = [_step(arrays, i, step) for i, step in enumerate(rest.steps)]
    content = None if film is None else film.tobytes()
    return Recording(rest.policy, rest.result, rest.instruction, steps, content, last)


def _step(arrays: dict[str, np.ndarray], number: int, step: int) -> RecordedStep:
    """Return a recorded decision: its views of each kind, by camera."""
    seen, drawn, true = (
        {name.removeprefix(start): arrays[name] for name in arrays if name.startswith(start)}
        for start in (f"{number}/{kind}/" for kind in _VIEWS)
    )
    return RecordedStep(step, seen, drawn or None, true or None)
