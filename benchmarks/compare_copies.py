"""What keeping augmented pictures costs: `python benchmarks/compare_copies.py`.

Fine-tunes the base on the same demonstrations for as many steps, as the recipe `laptop` does, with
all views cropped and recoloured; once with each number of kept copies; 0 draws, crops and colours
anew for each batch. Scores drawings of held-out decisions. Killed and started again it goes on.

Options of `fine_tunings.py` (default 480 steps, in runs/copies), and

    --copies A,B     which (default 4,1,0)
    --seeds A,B      of training (default 0)
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from fine_tunings import compare, options, tasks_of

from genima_lite.diffusion.augment import AugmentConfig
from genima_lite.diffusion.finetune import DrawingMixture, FinetuneConfig, finetune
from genima_lite.recipes.laptop import Laptop


def config_of(words: argparse.Namespace, copies: int, seed: int) -> FinetuneConfig:
    """Return what is trained with some number of copies."""
    laptop = Laptop().diffusion
    training = replace(laptop.training, steps=words.steps, seed=seed)
    return replace(
        laptop,
        base=str(words.base),
        tasks=tasks_of(words),
        demos=(str(words.demos),),
        held_out=None,
        frames_each=20,
        copies=copies,
        perturbed_states=0,
        mixture=DrawingMixture(),
        augment=AugmentConfig(share=1.0),
        training=training,
    )


def trained(words: argparse.Namespace) -> Iterator[tuple[dict[str, int], Path]]:
    """Train each that is not trained yet; yield what tells it apart, and its folder."""
    for seed in map(int, words.seeds.split(",")):
        for copies in map(int, words.copies.split(",")):
            out = words.out / f"{copies}_copies_seed{seed}"
            finetune(out, config_of(words, copies, seed))
            yield {"copies": copies, "seed": seed}, out


def main() -> None:
    parser = options("runs/copies", 480)
    parser.add_argument("--copies", default="4,1,0")
    parser.add_argument("--seeds", default="0")
    words = parser.parse_args()
    compare(words, trained(words), "copies.json")


if __name__ == "__main__":
    main()
