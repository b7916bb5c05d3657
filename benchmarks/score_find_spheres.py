"""How well spheres are found again: `python benchmarks/score_find_spheres.py DATASET`.

Draws the targets of random frames of a dataset on their own views, corrupts the pictures as a
diffusion model does, finds the spheres, and compares with the truth: one row for each way of
corruption, for the fixed cameras and the wrist's, over spheres whose centre is in view and of which
at least a quarter shows. "false" is the share of views with a detection before anything is drawn.

    --frames N       frames of each episode (default 10)
    --episodes N     at most so many episodes, drawn at random (default all)
    --seed N         of the choice of episodes and frames, and of the noise (default 0)
    --corrupt B/P/N    one row instead of the usual ones; may be given again. Standard deviation of
                     a blur in 64ths of the width, share of background in the spheres' colours,
                     standard deviation of noise in levels of 255: 0.7/0.2/6
"""

from __future__ import annotations

import argparse
from collections import defaultdict
from pathlib import Path
from typing import NamedTuple

import numpy as np
from rich.console import Console
from rich.table import Table
from scipy.ndimage import gaussian_filter

from genima_lite.cameras import Camera
from genima_lite.demos import iterate_episodes, read_episode
from genima_lite.targets import (
    FoundSphere,
    ViewScore,
    draw_targets_of,
    find_spheres,
    plausible_radii,
    score_view,
)

LEAST_SHARE = 0.25


class Corruption(NamedTuple):
    """Blur in 64ths of the width, share of background, noise in levels."""

    blur: float
    pale: float
    noise: float

    @classmethod
    def parse(cls, text: str) -> Corruption:
        blur, pale, noise = map(float, text.split("/"))
        return cls(blur, pale, noise)

    def apply(self, drawn: np.ndarray, plain: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        """Return `drawn` (H, W, 3) corrupted; `plain` is the same view without targets."""
        picture = (1 - self.pale) * drawn.astype(np.float32) + self.pale * plain
        sigma = self.blur * drawn.shape[1] / 64
        picture = gaussian_filter(picture, (sigma, sigma, 0)) if sigma else picture
        picture = picture + rng.normal(0, self.noise, picture.shape)
        return np.rint(np.clip(picture, 0, 255)).astype(np.uint8)


USUAL = (
    Corruption(0, 0, 0),
    Corruption(0.5, 0, 0),
    Corruption(0.7, 0, 0),
    Corruption(1.0, 0, 0),
    Corruption(0.7, 0.2, 6),
    Corruption(0.7, 0.3, 6),
)


def find(view: np.ndarray, camera: Camera, name: str) -> dict[str, FoundSphere]:
    return find_spheres(view, camera.intrinsics, plausible_radii(name, camera.intrinsics))


class Tally:
    """What was found with one way of corruption."""

    def __init__(self) -> None:
        self.scores: dict[str, list[ViewScore]] = defaultdict(list)
        self.false: dict[str, list[bool]] = defaultdict(list)

    def row(self, kind: str) -> list[str]:
        scores = self.scores[kind]
        errors = np.concatenate([score.errors for score in scores])
        expected = sum(int(score.expected.sum()) for score in scores)
        missed = sum(int(score.missed.sum()) for score in scores)
        invented = sum(int(score.invented.sum()) for score in scores)
        right = [score.gripper_right for score in scores if score.gripper_right is not None]
        median, most = np.nanpercentile(errors, [50, 95])
        return [str(expected), f"{missed / max(expected, 1):.2%}", f"{median:.3f}",
                f"{most:.2f}", str(invented), f"{np.mean(right):.1%}",
                f"{np.mean(self.false[kind]):.1%}", str(len(scores))]  # fmt: skip


def measure(
    episodes: list[Path], frames: int, corruptions: list[Corruption], seed: int
) -> dict[Corruption, Tally]:
    rng, tallies = np.random.default_rng(seed), {corrupt: Tally() for corrupt in corruptions}
    for path in episodes:
        demo = read_episode(path)
        chosen = rng.choice(len(demo), min(frames, len(demo)), replace=False).tolist()
        for drawn in draw_targets_of(demo, chosen):
            for name, view in drawn.views.items():
                camera = Camera.from_observation(demo[drawn.frame], name)
                plain, kind = demo[drawn.frame].image(name), "wrist" if name == "wrist" else "fixed"
                for corrupt, tally in tallies.items():
                    found = find(corrupt.apply(view, plain, rng), camera, name)
                    score = score_view(
                        found, drawn.labels[name], drawn.joints.gripper_open, LEAST_SHARE
                    )
                    tally.scores[kind].append(score)
                    without = find(corrupt.apply(plain, plain, rng), camera, name)
                    tally.false[kind].append(bool(without))
    return tallies


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("dataset", type=Path)
    parser.add_argument("--frames", type=int, default=10)
    parser.add_argument("--episodes", type=int)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--corrupt", type=Corruption.parse, action="append")
    words = parser.parse_args()
    paths = [episode.path for episode in iterate_episodes(words.dataset)]
    order = np.random.default_rng(words.seed).permutation(len(paths))[: words.episodes]
    episodes = [paths[i] for i in sorted(order)]
    tallies = measure(episodes, words.frames, words.corrupt or list(USUAL), words.seed)
    table = Table("blur", "pale", "noise", "cameras", "spheres", "missed", "px median", "px 95 %",
                  "invented", "gripper right", "false", "views")  # fmt: skip
    for kind in ("fixed", "wrist"):
        for corrupt, tally in tallies.items():
            table.add_row(*(f"{value:g}" for value in corrupt), kind, *tally.row(kind))
    Console().print(table)


if __name__ == "__main__":
    main()
