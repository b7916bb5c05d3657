"""What an episode leaves for pictures: what was seen and drawn at its decisions, and a film."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image

from genima_lite.envs.api import HasExpert, HasFilm, RobotEnv
from genima_lite.errors import Refusal, UserError
from genima_lite.observation import Observation
from genima_lite.targets.expert_targets import ExpertTargets
from genima_lite.targets.horizon import HORIZON
from genima_lite.viz.filmstrip import shown_steps
from genima_lite.viz.video import write_video
from genima_lite.viz.views import lay_out

if TYPE_CHECKING:
    from genima_lite.evaluation.statistics import EpisodeResult
    from genima_lite.policies.api import Decision

FILM_SIZE = 320
"""Pixels along each side of a film's pictures."""

MAX_RECORDED_STEPS = 6
"""Decisions of an episode that are kept, evenly spread."""


@dataclass(frozen=True, eq=False)
class RecordedStep:
    """One decision.

    Attributes:
        step: 50 ms steps since the episode's start.
        seen: by camera, (H, W, 3) uint8, the views that the policy saw.
        drawn: the views with targets that the controller was given; `None` if none were drawn.
        true: the seen views with the expert's targets for this state; `None` without a plan.
    """

    step: int
    seen: dict[str, np.ndarray]
    drawn: dict[str, np.ndarray] | None
    true: dict[str, np.ndarray] | None


@dataclass(frozen=True, eq=False)
class Recording:
    """One episode for the report.

    Attributes:
        policy: its name.
        result: how the episode went.
        instruction: what was asked for.
        steps: at most `MAX_RECORDED_STEPS`; empty for a policy that sees no pictures.
        film: an MP4's bytes: the front camera and, beside it, what the controller was given;
            `None` for an environment that cannot be filmed (`HasFilm`).
        last: (H, W, 3) uint8, the film's last frame, or `None`.
    """

    policy: str
    result: EpisodeResult
    instruction: str
    steps: list[RecordedStep]
    film: bytes | None
    last: np.ndarray | None


class Recorder:
    """Watches a policy's episodes, one at a time: `start`, `decided`, `stepped`, `finish`.

    Args:
        policy: what to call it.
        each: how many episodes of a task to record.
        horizon: K in steps, of the true targets.
        keyframes: whether those are cut at keyframes.
        failure: whether a task's first later failure is recorded, too.

    Attributes:
        recordings: of the episodes that were finished.
    """

    def __init__(
        self,
        policy: str,
        each: int = 2,
        horizon: int = HORIZON,
        keyframes: bool = True,
        failure: bool = True,
    ):
        self.policy, self.each, self.failure = policy, each, failure
        self._horizon, self._keyframes = horizon, keyframes
        self.recordings: list[Recording] = []

    def start(self, env: RobotEnv, instruction: str) -> None:
        """Begin an episode; the environment has just been reset."""
        self._cameras, self._instruction = env.cameras, instruction
        self._decisions: list[_Decided] = []
        self._front: list[np.ndarray] = []
        self._steps = -1
        self._expert: ExpertTargets | None = None
        if isinstance(env, HasExpert):
            with suppress(Refusal, UserError):  # out of reach, or a real arm, which has none
                self._expert = ExpertTargets(env, self._horizon, self._keyframes)
        self.stepped(env)

    def decided(self, observation: Observation, decision: Decision) -> None:
        """Keep what the policy saw and what it drew."""
        frame = self._expert.follow(observation) if self._expert else None
        self._decisions.append(_Decided(self._steps, observation, decision.drawn, frame))

    def stepped(self, env: RobotEnv) -> None:
        """Take the next frame of the film, where the environment can be filmed."""
        self._steps += 1
        if isinstance(env, HasFilm):
            self._front.append(env.film_frame(FILM_SIZE))

    def finish(self, result: EpisodeResult) -> None:
        """Make a recording of all that was kept."""
        steps = []
        if self._cameras and self._decisions:
            chosen = shown_steps(len(self._decisions), MAX_RECORDED_STEPS)
            steps = [self._decisions[i].recorded(self._cameras, self._expert) for i in chosen]
        film, last = None, None
        if self._front:
            film = _encoded(self._frames(self._cameras))
            *_, last = self._frames(self._cameras)
        self.recordings.append(Recording(self.policy, result, self._instruction, steps, film, last))

    def _frames(self, cameras: tuple[str, ...]) -> Iterator[np.ndarray]:
        """Yield the film, (H, W, 3) uint8, with the decision of each step on the right."""
        upcoming = list(self._decisions) if cameras else []
        beside: list[np.ndarray] = []
        for step, front in enumerate(self._front):
            while upcoming and upcoming[0].step <= step:
                beside = [upcoming.pop(0).picture(cameras)]
            yield np.concatenate([front, *beside], axis=1)


@dataclass(frozen=True, eq=False)
class _Decided:
    """A decision while its episode runs; `frame` is where on the expert's plan it was made."""

    step: int
    observation: Observation
    drawn: dict[str, np.ndarray] | None
    frame: int | None

    def seen(self, cameras: tuple[str, ...]) -> dict[str, np.ndarray]:
        return {name: self.observation.image(name) for name in cameras}

    def recorded(self, cameras: tuple[str, ...], expert: ExpertTargets | None) -> RecordedStep:
        """Return it with the true targets, if it drew any."""
        true = None
        if self.drawn is not None and expert is not None and self.frame is not None:
            true = expert.draw(self.observation, self.frame, tuple(self.drawn))
        return RecordedStep(self.step, self.seen(cameras), self.drawn, true)

    def picture(self, cameras: tuple[str, ...]) -> np.ndarray:
        """Return what the controller was given as a picture of the film's height."""
        picture = lay_out(self.drawn or self.seen(cameras))
        width = round(picture.shape[1] * FILM_SIZE / picture.shape[0])
        return np.asarray(Image.fromarray(picture).resize((width, FILM_SIZE)))


def _encoded(frames: Iterator[np.ndarray]) -> bytes:
    """Return an MP4's bytes."""
    with TemporaryDirectory() as folder:
        path = Path(folder) / "film.mp4"
        write_video(path, frames)
        return path.read_bytes()
