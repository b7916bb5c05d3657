"""Ways to fine-tune the base, side by side on one budget: `python benchmarks/compare_adapters.py`.

Trains each adapter of `genima_lite.diffusion.adapters` for as many steps on the same pictures and
scores drawings of held-out decisions. Killed and started again it goes on.

Options of `fine_tunings.py` (default 600 steps, in runs/adapters), and

    --adapters A,B   which (default the five that fit a base like mini-turbo)
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from fine_tunings import compare, options, tasks_of

from genima_lite.diffusion.adapters import ADAPTERS
from genima_lite.diffusion.finetune import FinetuneConfig, finetune
from genima_lite.diffusion.train import AdapterConfig
from genima_lite.training.precision import fast_precision

FITTING = [name for name in ADAPTERS if name not in ("base", "concat-lora")]
"""Those that neither make a base nor want one that reads the picture already."""


def trained(words: argparse.Namespace) -> Iterator[tuple[dict[str, str], Path]]:
    """Train each that is not trained yet; yield what tells it apart, and its folder."""
    for adapter in words.adapters.split(","):
        config = FinetuneConfig(
            str(words.base), tasks_of(words), (str(words.demos),), adapter=AdapterConfig(adapter)
        )
        training = replace(config.training, steps=words.steps, precision=fast_precision())
        finetune(words.out / adapter, replace(config, training=training))
        yield {"adapter": adapter}, words.out / adapter


def main() -> None:
    parser = options("runs/adapters", 600)
    parser.add_argument("--adapters", default=",".join(FITTING))
    words = parser.parse_args()
    compare(words, trained(words), "adapters.json")


if __name__ == "__main__":
    main()
