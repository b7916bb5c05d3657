"""Samples drawn from demonstrations when a batch wants them: nothing is kept in memory or on disk.

For datasets whose shards would not fit the disk, and for views that are cropped and coloured anew
each time. Of an episode the states are read, and one frame's four views.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch

from genima_lite.datasets.demonstrations import Recorded, check_recorded
from genima_lite.diffusion.batch import DrawingBatch, concatenate
from genima_lite.diffusion.data import PictureSettings, choose_frames, frame_pictures
from genima_lite.diffusion.prompts import task_prompt
from genima_lite.errors import UserError
from genima_lite.targets.views import demo_targets


class DemonstrationStream:
    """Frames of recorded demonstrations with their targets, chosen as shards choose theirs.

    Args:
        episodes: each as likely as the others.
        settings: how they are shown.
        frames_each: a frame is one of as many of its episode, those of decisions first.

    Attributes:
        said: all prompts.

    Raises:
        UserError: no demonstrations, or one cannot be learned from.
    """

    def __init__(self, episodes: Sequence[Recorded], settings: PictureSettings, frames_each: int):
        if not episodes:
            raise UserError("no demonstrations to learn from")
        check_recorded(episodes, size=settings.view_size)
        self._episodes, self._settings, self._each = list(episodes), settings, frames_each
        sentences = (sentence for each in episodes for sentence in each.sentences)
        self.said = tuple(dict.fromkeys(task_prompt(sentence) for sentence in sentences))
        self._numbers: dict[str, int] = {}

    def number(self, prompts: Sequence[str]) -> DemonstrationStream:
        """Tell which number each prompt has in batches; return this source."""
        self._numbers = {prompt: number for number, prompt in enumerate(prompts)}
        return self

    @property
    def picture_size(self) -> tuple[int, int]:
        """Height and width of the tiled pictures."""
        return 2 * self._settings.view_size, 2 * self._settings.view_size

    def sample(self, rng: np.random.Generator, count: int) -> DrawingBatch:
        """Return `count` samples.

        Raises:
            UserError: an episode that changed since the run began, and is broken now.
        """
        chosen = rng.integers(len(self._episodes), size=count)
        return concatenate([self._one(self._episodes[number], rng) for number in chosen])

    def _one(self, episode: Recorded, rng: np.random.Generator) -> DrawingBatch:
        how = self._settings
        targets = demo_targets(episode.states(), keyframes=how.keyframes)
        frames = choose_frames(targets, self._each, rng)
        frame = frames[int(rng.integers(len(frames)))]
        drawn = frame_pictures(
            episode, targets, [frame], rng, how.augment, how.keyframes, how.target
        )
        said = torch.tensor([self._numbers[prompt] for prompt in drawn.prompts])
        pictures = (torch.from_numpy(each) for each in (drawn.pictures, drawn.conditions))
        return DrawingBatch(said, *pictures)
