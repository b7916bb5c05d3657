"""How well spheres are found again: `python benchmarks/score_find_spheres.py DATASET`.

Draws the targets of random frames of a dataset on their own views, finds them, and compares
with the truth: once for all spheres whose centre is in view and of which anything shows, once
for those of which a quarter shows. Also counts detections in the same views without targets.

    --frames N       frames of each episode (default 10)
    --seed N         of the choice of frames (default 0)
    --blur SIGMA     soften the pictures first, in 64ths of their width (default 0)
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.table import Table
from scipy.ndimage import gaussian_filter

from genima_lite.cameras import Camera
from genima_lite.demos import iterate_episodes, read_episode
from genima_lite.observation import Demo
from genima_lite.targets import (
    JOINTS,
    FoundSphere,
    TargetViews,
    ViewScore,
    draw_targets_of,
    find_spheres,
    plausible_radii,
    position_errors,
    score_view,
)


def find(view: np.ndarray, camera: Camera, name: str, blur: float) -> dict[str, FoundSphere]:
    sigma = blur * view.shape[1] / 64
    soft = gaussian_filter(view.astype(np.float32), (sigma, sigma, 0)) if sigma else view
    radii = plausible_radii(name, camera.intrinsics)
    return find_spheres(np.rint(soft).astype(np.uint8), camera.intrinsics, radii)


class Tally:
    """What was found in all views so far."""

    def __init__(self) -> None:
        self.scores: dict[tuple[str, float], list[ViewScore]] = {}
        self.metres: list[np.ndarray] = []
        self.plain: list[bool] = []

    def add(self, demo: Demo, drawn: TargetViews, blur: float) -> None:
        found, cameras = {}, {}
        for name, view in drawn.views.items():
            camera = cameras[name] = Camera.from_observation(demo[drawn.frame], name)
            found[name] = find(view, camera, name, blur)
            kind = "wrist camera" if name == "wrist" else "fixed cameras"
            for share in (0.0, 0.25):
                score = score_view(
                    found[name], drawn.labels[name], drawn.joints.gripper_open, share
                )
                self.scores.setdefault((kind, share), []).append(score)
            self.plain.append(bool(find(demo[drawn.frame].image(name), camera, name, blur)))
        self.metres.append(position_errors(found, cameras, drawn.joints))

    def print(self) -> None:
        table = Table("views", "share that shows", "spheres", "missed", "px median", "px 95 %",
                      "invented", "gripper right")  # fmt: skip
        for (kind, share), scores in sorted(self.scores.items()):
            errors = np.concatenate([score.errors for score in scores])
            expected = sum(int(score.expected.sum()) for score in scores)
            missed = sum(int(score.missed.sum()) for score in scores)
            invented = sum(int(score.invented.sum()) for score in scores)
            right = [score.gripper_right for score in scores if score.gripper_right is not None]
            median, most = np.nanpercentile(errors, [50, 95])
            table.add_row(kind, f">= {share:.0%}" if share else "any", str(expected),
                          f"{missed / max(expected, 1):.2%}", f"{median:.3f}", f"{most:.2f}",
                          str(invented), f"{np.mean(right):.1%}")  # fmt: skip
        console = Console()
        console.print(table)
        metres = np.stack(self.metres)
        for joint, values in zip(JOINTS, metres.T, strict=True):
            seen = values[np.isfinite(values)]
            text = "never in two views"
            if len(seen):
                text = (
                    f"median {1e3 * np.median(seen):.1f}, 95 % {1e3 * np.percentile(seen, 95):.1f}"
                )
            console.print(f"{joint}: mm {text}, placed in {len(seen)} of {len(values)} frames")
        share = np.mean(self.plain)
        console.print(f"views without targets, with a detection: {share:.1%} of {len(self.plain)}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("dataset", type=Path)
    parser.add_argument("--frames", type=int, default=10)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--blur", type=float, default=0.0)
    words = parser.parse_args()
    rng, tally = np.random.default_rng(words.seed), Tally()
    for episode in iterate_episodes(words.dataset):
        demo = read_episode(episode.path)
        count = min(words.frames, len(demo))
        frames = rng.choice(len(demo), count, replace=False).tolist()
        for drawn in draw_targets_of(demo, frames):
            tally.add(demo, drawn, words.blur)
    tally.print()


if __name__ == "__main__":
    main()
