"""Would finer views or a wider network draw better? `python benchmarks/compare_sizes.py`.

Makes a base model and fine-tunes it, from nothing and with as many samples, for each of

    base    views of 64 pixels, 64 and 128 channels: the shipped sizes
    fine    views of 96 pixels, the same channels
    wide    views of 64 pixels, 128 and 256 channels

and scores drawings of the same held-out decisions: how far off spheres are, and how many are
missed, of all, of those of which half or more shows ("whole") and of the others ("rims"). Pixels
are of 64 whatever the view's size, so that rows compare. Killed and started again it goes on.

    --out DIR        keeps everything (default runs/sizes)
    --arms A,B       which (default all three)
    --scenes N       random scenes of the base model (default 2048)
    --base-steps N   of the base model, the last 3 of 10 without weights (default 600)
    --episodes N     demonstrations a task (default 10)
    --perturbed-states N  single decisions beside them (default 4096)
    --grounding N     pictures in which the thing that the prompt names is painted (default 512)
    --steps N        of fine-tuning (default 1000)
    --batch N        pictures a step, of both trainings (default 16)
    --device D       cpu or cuda (default cpu)
    --workers N      processes that collect demonstrations (default 1)
    --picture FILE   writes a PNG of three decisions: seen, each arm's drawing, the truth
"""

from __future__ import annotations

import argparse
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from PIL import Image
from rich.console import Console
from rich.table import Column, Table

from genima_lite.datasets.demonstrations import read_demos
from genima_lite.demos.collect import CollectSettings, collect
from genima_lite.diffusion.agent import DiffusionAgent
from genima_lite.diffusion.augment import AugmentConfig
from genima_lite.diffusion.base import preset
from genima_lite.diffusion.finetune import DrawingMixture, FinetuneConfig, finetune
from genima_lite.diffusion.metadata import load_metadata
from genima_lite.diffusion.pretrain import PretrainConfig, pretrain
from genima_lite.diffusion.step import StepConfig
from genima_lite.diffusion.train import AdapterConfig
from genima_lite.diffusion.validate import DrawingScore, decision_examples, score_drawings
from genima_lite.envs.api import task_names
from genima_lite.files import write_json
from genima_lite.tiling import tile
from genima_lite.training.precision import fast_precision

SHIPPED_VIEW = 64
HELD_OUT = CollectSettings(seed=5000)
DEMOS = CollectSettings(seed=20)
HELD_OUT_EPISODES = 6
SAVE_EVERY = 500
SHOWN = 3
STEP = StepConfig(noise_power=3000.0, beta=0.05)
MIXTURE = DrawingMixture(demonstrations=1600, perturbed_states=4096, grounding=512)
"""All pictures alike, of 80 demonstrations with 20 frames each."""


@dataclass(frozen=True)
class Arm:
    """What differs."""

    view_size: int
    channels: tuple[int, int]


ARMS = {"base": Arm(64, (64, 128)), "fine": Arm(96, (64, 128)), "wide": Arm(64, (128, 256))}


def dataset(out: Path, settings: CollectSettings, episodes: int, size: int, workers: int) -> Path:
    """Collect a dataset, if that is not done yet, and return its folder."""
    folder = out / f"seed{settings.seed}_{size}"
    for _ in collect(folder, task_names(), episodes, replace(settings, image_size=size), workers):
        pass
    return folder


def base_config(words: argparse.Namespace, arm: Arm) -> PretrainConfig:
    """Return how an arm's base model is made."""
    even = max(1, 3 * words.base_steps // 10)
    sizes = replace(preset("small", 2 * arm.view_size), channels=arm.channels)
    config = PretrainConfig(tuple(task_names()), sizes, words.scenes, even_steps=even)
    training = replace(
        config.training,
        steps=max(1, words.base_steps - even),
        batch_size=words.batch,
        precision=fast_precision(words.device),
        save_every=SAVE_EVERY,
    )
    return replace(config, training=training)


def tuning_config(words: argparse.Namespace, arm: Arm, base: Path, demos: Path) -> FinetuneConfig:
    """Return how an arm is fine-tuned."""
    config = FinetuneConfig(
        base=str(base),
        tasks=tuple(task_names()),
        demos=(str(demos),),
        view_size=arm.view_size,
        perturbed_states=words.perturbed_states,
        grounding=words.grounding,
        mixture=MIXTURE,
        augment=AugmentConfig(share=0.0),
        adapter=AdapterConfig(step=STEP),
    )
    training = replace(
        config.training,
        steps=words.steps,
        batch_size=words.batch,
        ema=0.998,
        precision=fast_precision(words.device),
        save_every=SAVE_EVERY,
    )
    return replace(config, training=training)


def train(words: argparse.Namespace, name: str) -> Path:
    """Train an arm, if that is not done yet, and return its folder."""
    arm, out, base = ARMS[name], words.out / name, words.out / f"{name}_base"
    pretrain(base, base_config(words, arm), device=words.device)
    demos = dataset(words.out, DEMOS, words.episodes, arm.view_size, words.workers)
    finetune(out, tuning_config(words, arm, base, demos), device=words.device)
    return out


def scored(words: argparse.Namespace, name: str) -> tuple[DrawingScore, list[list[np.ndarray]]]:
    """Train an arm; return its score, in pixels of 64, and what it saw, drew and should have."""
    folder, size = train(words, name), ARMS[name].view_size
    held_out = dataset(words.out, HELD_OUT, HELD_OUT_EPISODES, size, words.workers)
    examples = decision_examples(read_demos(held_out))
    score, drawn = score_drawings(DiffusionAgent.load(folder), examples)
    scale = SHIPPED_VIEW / size
    by_joint = {joint: scale * pixels for joint, pixels in score.by_joint.items()}
    shown = [
        [
            _enlarged(tile(views))
            for views in (examples[i].views, drawn[i], examples[i].expert_targets.views)
        ]
        for i in np.linspace(0, len(examples) - 1, SHOWN).astype(int)
    ]
    return replace(score, pixels=scale * score.pixels, by_joint=by_joint), shown


def _enlarged(picture: np.ndarray) -> np.ndarray:
    """Return a picture with each pixel a square, views of 64 and of 96 pixels alike in size."""
    return np.asarray(Image.fromarray(picture).resize((384, 384), Image.Resampling.NEAREST))


def side_by_side(arms: list[list[list[np.ndarray]]]) -> np.ndarray:
    """Return a row of each decision: seen by the first arm, drawn by each, true."""
    rows = [[of[0][0], *(each[1] for each in of), of[0][2]] for of in zip(*arms, strict=True)]
    return np.vstack([np.hstack(row) for row in rows])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=Path("runs/sizes"))
    parser.add_argument("--arms", default=",".join(ARMS))
    parser.add_argument("--scenes", type=int, default=2048)
    parser.add_argument("--base-steps", type=int, default=600)
    parser.add_argument("--episodes", type=int, default=10)
    parser.add_argument("--perturbed-states", type=int, default=4096)
    parser.add_argument("--grounding", type=int, default=512)
    parser.add_argument("--steps", type=int, default=1000)
    parser.add_argument("--batch", type=int, default=16)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--picture", type=Path)
    words = parser.parse_args()
    pictures = []
    measured = ("minutes", "pixels", "gripper", "missed", "95 %", "whole", "rims", "mm")
    table = Table(Column("arm", no_wrap=True), *measured)
    for name in words.arms.split(","):
        score, shown = scored(words, name)
        pictures.append(shown)
        minutes = load_metadata(words.out / name).minutes
        mm = f"{score.millimetres:.0f}"
        pixels = (f"{score.pixels:.2f}", f"{score.by_joint['gripper']:.2f}")
        low, high = (100 * share for share in score.misses_interval)
        missed = (f"{score.misses:.1%}", f"{low:.1f} to {high:.1f}")
        shares = (f"{score.misses_shown:.1%}", f"{score.misses_rims:.1%}")
        table.add_row(name, f"{minutes:.1f}", *pixels, *missed, *shares, mm)
        write_json(words.out / f"{name}.json", vars(score))
    Console().print(table)
    if words.picture is not None:
        Image.fromarray(side_by_side(pictures)).save(words.picture)


if __name__ == "__main__":
    main()
