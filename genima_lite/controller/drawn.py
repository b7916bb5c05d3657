"""Samples whose targets a diffusion model has drawn, so that the controller knows its hand.

Deviation from the paper, where the controller is trained on perfectly drawn targets over random
backgrounds only: a small model's spheres are soft, pale or smeared between two keypoints, and no
filter imitates that as well as the model itself. Labels stay the true ones.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np

from genima_lite.controller.sources import DemoSource, Samples
from genima_lite.diffusion.agent import DiffusionAgent
from genima_lite.errors import UserError
from genima_lite.files import written_whole


class DrawnSource:
    """Samples of some frames of demonstrations with a model's drawings of them.

    Args:
        demos: the demonstrations; what it corrupts is not seen, but its noise on joints counts.
        numbers: (N,) which of its frames.
        pictures: (N, V, H, W, 3) uint8, their drawings.
    """

    def __init__(self, demos: DemoSource, numbers: np.ndarray, pictures: np.ndarray):
        if len(numbers) != len(pictures) or not len(numbers):
            raise UserError(f"{len(pictures)} drawings for {len(numbers)} frames")
        self._demos, self._numbers, self._pictures = demos, numbers, pictures

    def sample(self, rng: np.random.Generator, count: int) -> Samples:
        """Return samples of random frames."""
        chosen = rng.integers(len(self._numbers), size=count)
        samples = self._demos.at(rng, self._numbers[chosen].tolist())
        return replace(samples, drawn=replace(samples.drawn, views=self._pictures[chosen]))


def draw_frames(
    path: Path,
    demos: DemoSource,
    agent: DiffusionAgent,
    count: int,
    seed: int = 0,
    report: Callable[[int, int], None] = lambda *_: None,
) -> tuple[np.ndarray, np.ndarray]:
    """Let a model draw frames at which a policy decides; what is drawn already is read again.

    Between decisions no policy looks, and there a model draws worse: a picture does not tell how
    far a motion has come.

    Args:
        path: an npz file that keeps the drawings.
        demos: whose frames.
        agent: draws them.
        count: how many frames, at most.
        seed: of the choice of frames, and of the noise.
        report: called with drawings done and all.

    Returns:
        Frame numbers (N,) and drawings (N, V, H, W, 3) uint8.

    Raises:
        UserError: the file holds drawings of another number of frames.
    """
    if path.exists():
        with np.load(path, allow_pickle=False) as kept:
            if "of" not in kept or int(kept["of"]) != len(demos):
                raise UserError(
                    f"{path}: drawings of other demonstrations; give the same ones as before, or "
                    "train into another folder"
                )
            return kept["numbers"], kept["pictures"]
    rng = np.random.default_rng(seed)
    numbers = rng.permutation(demos.decisions())[:count]
    pictures = []
    for i, number in enumerate(numbers.tolist()):
        views, instruction = demos.seen(number, rng)
        drawn = agent.draw(views, instruction, seed + i)
        pictures.append(np.stack([drawn[camera] for camera in views]))
        report(i + 1, len(numbers))
    stacked = np.stack(pictures)
    path.parent.mkdir(parents=True, exist_ok=True)
    with written_whole(path) as partial:
        np.savez(partial, numbers=numbers, pictures=stacked, of=len(demos))
    return numbers, stacked
