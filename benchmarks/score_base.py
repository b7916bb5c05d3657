"""Does the base model draw the colours that a caption names? `python benchmarks/score_base.py`.

Captions of random scenes that it was not trained on; pictures sampled with the stock pipeline. For
each colour word, the share of pixels with its hue is compared between pictures whose caption has
the word and those whose caption has not: 0.5 is chance, 1.0 means the former always have more. The
same number on the true pictures says how well the measure can do.

    --captions N   how many (default 96)
    --steps A,B    sampling steps to try (default 1,4)
    --guidance G   classifier-free guidance (default 3; 1 is none)
    --base DIR     a model in Stable Diffusion's format (default the shipped mini-turbo)
    --picture PNG  also write true pictures beside sampled ones
"""

from __future__ import annotations

import argparse
import colorsys
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from rich.console import Console

from genima_lite.diffusion.base import load_pipeline
from genima_lite.diffusion.prompts import scene_caption
from genima_lite.envs.api import make_random_scenes, task_names
from genima_lite.rlbench import COLORS
from genima_lite.shipped import shipped

HUES = {
    name: colorsys.rgb_to_hsv(*rgb)[0]
    for name, rgb in COLORS.items()
    if colorsys.rgb_to_hsv(*rgb)[1] == 1 and name not in ("orange", "yellow", "olive", "maroon")
}
"""Hues of the saturated colours that wood does not have."""


def hue_share(picture: np.ndarray, hue: float) -> float:
    """Return the share of a picture's pixels (H, W, 3) uint8 that have a hue."""
    hsv = np.asarray(Image.fromarray(picture).convert("HSV"), float) / 255
    away = np.abs((hsv[..., 0] - hue + 0.5) % 1 - 0.5)
    return float(((away < 0.04) & (hsv[..., 1] > 0.4) & (hsv[..., 2] > 0.15)).mean())


def binding(pictures: Sequence[np.ndarray], captions: Sequence[str]) -> tuple[float, int]:
    """Return how often a picture with the word has more of the hue than one without, and of n."""
    wins = pairs = 0.0
    for name, hue in HUES.items():
        named = np.array([f", {name} " in caption for caption in captions])
        shares = np.array([hue_share(picture, hue) for picture in pictures])
        difference = shares[named][:, None] - shares[~named][None]
        wins += (difference > 0).sum() + 0.5 * (difference == 0).sum()
        pairs += difference.size
    return float(wins / pairs), int(pairs)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--captions", type=int, default=96)
    parser.add_argument("--steps", default="1,4")
    parser.add_argument("--guidance", type=float, default=3.0)
    parser.add_argument("--base", type=Path, default=shipped("mini-turbo"))
    parser.add_argument("--picture", type=Path)
    words = parser.parse_args()
    rng, scenes = np.random.RandomState(10**6), []
    for task in task_names():
        maker = make_random_scenes(task, 64)
        scenes += [maker.draw(rng) for _ in range(words.captions // len(task_names()))]
        maker.close()
    true, captions = [scene[0] for scene in scenes], [scene_caption(scene[2]) for scene in scenes]
    columns = [true]
    console, pipeline = Console(), load_pipeline(words.base)
    console.print("true pictures: {:.2f} ({} pairs)".format(*binding(true, captions)))
    for steps in map(int, words.steps.split(",")):
        drawn = [
            sample(pipeline, caption, steps, words.guidance, i)
            for i, caption in enumerate(captions)
        ]
        console.print("{} steps: {:.2f} ({} pairs)".format(steps, *binding(drawn, captions)))
        columns.append(drawn)
    if words.picture is not None:
        shown = np.linspace(0, len(true) - 1, 8).astype(int)
        rows = [np.hstack([column[i] for column in columns]) for i in shown]
        Image.fromarray(np.vstack(rows)).save(words.picture)


def sample(pipeline: object, caption: str, steps: int, guidance: float, seed: int) -> np.ndarray:
    """Return the stock pipeline's picture of a caption, (128, 128, 3) uint8."""
    generator = torch.Generator().manual_seed(seed)
    options = {"height": 128, "width": 128, "guidance_scale": guidance, "output_type": "np"}
    out = pipeline(caption, num_inference_steps=steps, generator=generator, **options)  # type: ignore[operator]
    return (out.images[0] * 255).round().astype(np.uint8)


if __name__ == "__main__":
    main()
