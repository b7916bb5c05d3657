"""Average the networks of models that go back to one (Wortsman et al., 2022).

Two diffusion models, or two controllers, of which one was trained on from the other, or both from
a third.

    python scripts/average_models.py OUT SHARE=DIR SHARE=DIR ...

Shares must add up to 1. All else in OUT is copied from the first folder.
"""

from __future__ import annotations

import argparse
import shutil
from pathlib import Path

from safetensors.torch import load_file, save_file

from genima_lite.controller.checkpoint import METADATA, WEIGHTS, load_config, save_controller
from genima_lite.files import read_json

NETWORK = "diffusion_pytorch_model.safetensors"
NETWORKS = (f"unet/{NETWORK}", f"controlnet/{NETWORK}", WEIGHTS)
LEFT = ("training.*", "provenance.json", "logs", "data", "keypoints", "weighed", "*.md")


def average(out: Path, models: list[tuple[float, Path]]) -> None:
    """Write the weighted mean of networks, computed in single precision, in their own precision."""
    shutil.copytree(models[0][1], out, ignore=shutil.ignore_patterns(*LEFT))
    for file in (name for name in NETWORKS if (out / name).exists()):
        weights = [(share, load_file(folder / file)) for share, folder in models]
        mean = {
            name: sum(share * each[name].float() for share, each in weights).to(first.dtype)
            for name, first in weights[0][1].items()
        }
        if file == WEIGHTS:
            said = read_json(out / METADATA)  # but what only holds for the first one's weights
            others = {n: each for n, each in said.items() if n not in ("config", "fingerprint")}
            save_controller(out, load_config(out), mean, others)
        else:
            save_file(mean, out / file, metadata={"format": "pt"})


def shared(word: str) -> tuple[float, Path]:
    """Parse SHARE=DIR."""
    share, _, folder = word.partition("=")
    return float(share), Path(folder)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("out", type=Path)
    parser.add_argument("models", nargs="+", type=shared)
    args = parser.parse_args()
    if args.out.exists():
        parser.error(f"{args.out} is there already; choose another folder")
    if abs(sum(share for share, _ in args.models) - 1) > 1e-6:
        parser.error("the shares do not add up to 1")
    average(args.out, args.models)


if __name__ == "__main__":
    main()
