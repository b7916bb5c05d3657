"""How an evaluation's episodes start: chosen variations, or the scenes of stored demonstrations."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from genima_lite.demos.layout import LOW_DIM_OBS, EpisodeFolder, iterate_episodes
from genima_lite.demos.read import read_episode
from genima_lite.errors import UserError
from genima_lite.observation import Demo
from genima_lite.provenance import fingerprint


@dataclass(frozen=True)
class Starts:
    """Says which variation and scene an episode has; a `genima_lite.evaluation.rollout.Start`.

    Attributes:
        variations: that episodes are dealt round; none: all of a task's.
        scenes: folder with demonstrations that were recorded in RLBench or on an arm; the i-th
            episode of a task starts in the scene of the i-th of them, of the chosen variations
            alone.
        pictures: whether the demonstrations come with theirs.
    """

    variations: tuple[int, ...] = ()
    scenes: Path | None = None
    pictures: bool = False

    def __call__(self, task: str, number: int, variations: int) -> tuple[int, Demo | None]:
        """Return variation and demonstration of an episode.

        Raises:
            UserError: no such variation, or a broken demonstration.
        """
        if self.scenes is not None:
            episode = self._episodes(task)[number]
            demo = read_episode(episode.path, kinds=("rgb",) if self.pictures else ())
            return demo[0].misc.get("variation_index", episode.variation), demo
        chosen = self.variations or tuple(range(variations))
        variation = chosen[number % len(chosen)]
        if not 0 <= variation < variations:
            raise UserError(f"task '{task}' has no variation {variation}: 0 to {variations - 1}")
        return variation, None

    def check(self, tasks: Sequence[str], episodes: int) -> None:
        """Refuse tasks that have too few demonstrations.

        Raises:
            UserError: the first of them, and how many it has.
        """
        for task in tasks if self.scenes is not None else ():
            if (found := len(self._episodes(task))) < episodes:
                raise UserError(
                    f"{self.scenes}: {found} demonstrations of '{task}' for {episodes} episodes; "
                    "ask for fewer, or collect more"
                )

    def provenance(self, task: str) -> dict[str, Any]:
        """Return all that the starts of a task's episodes come from, JSON-able."""
        made: dict[str, Any] = {"variations": list(self.variations)}
        if self.scenes is not None:
            made["scenes"] = fingerprint(*(e.path / LOW_DIM_OBS for e in self._episodes(task)))
        return made

    def _episodes(self, task: str) -> list[EpisodeFolder]:
        assert self.scenes is not None
        found = iterate_episodes(self.scenes, task)
        return [e for e in found if not self.variations or e.variation in self.variations]
