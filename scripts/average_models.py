"""Average the networks of models that were fine-tuned from one another (Wortsman et al., 2022).

    python scripts/average_models.py OUT SHARE=DIR SHARE=DIR ...

Shares must add up to 1. All else in OUT is copied from the first folder.
"""

from __future__ import annotations

import argparse
import shutil
from pathlib import Path

from safetensors.torch import load_file, save_file

NETWORKS = ("unet", "controlnet")
FILE = "diffusion_pytorch_model.safetensors"


def average(out: Path, models: list[tuple[float, Path]]) -> None:
    """Write the weighted mean of half-precision weights, computed in single precision."""
    shutil.copytree(models[0][1], out, ignore=shutil.ignore_patterns("training.pt", "logs", "*.md"))
    for network in NETWORKS:
        weights = [(share, load_file(folder / network / FILE)) for share, folder in models]
        names = weights[0][1]
        mean = {name: sum(s * each[name].float() for s, each in weights).half() for name in names}
        save_file(mean, out / network / FILE, metadata={"format": "pt"})


def shared(word: str) -> tuple[float, Path]:
    """Parse SHARE=DIR."""
    share, _, folder = word.partition("=")
    return float(share), Path(folder)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("out", type=Path)
    parser.add_argument("models", nargs="+", type=shared)
    words = parser.parse_args()
    if words.out.exists():
        parser.error(f"{words.out} is there already; choose another folder")
    if abs(sum(share for share, _ in words.models) - 1) > 1e-6:
        parser.error("the shares do not add up to 1")
    average(words.out, words.models)


if __name__ == "__main__":
    main()
