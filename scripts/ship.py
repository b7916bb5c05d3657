"""Put trained models into data/, without checkpoints, logs and caches.

    python scripts/ship.py --base DIR --diffusion DIR --controller DIR --act DIR

Each is a folder that a training command wrote; those that are not given stay as they are. Cards
(README.md) are written by hand and stay too.
"""

from __future__ import annotations

import argparse
import json
import shutil
from pathlib import Path

from genima_lite.files import write_json
from genima_lite.shipped import DATA

PIPELINE = (
    *("model_index.json", "genima.json", "validation.json", "scheduler", "text_encoder"),
    *("tokenizer", "unet", "controlnet", "vae"),
)
CONTROLLER = ("controller.json", "controller.safetensors")
PLACES = {
    "base": ("mini-turbo", PIPELINE),
    "diffusion": ("genima/diffusion", PIPELINE),
    "controller": ("genima/controller", CONTROLLER),
    "act": ("act", CONTROLLER),
}


def ship(source: Path, target: Path, names: tuple[str, ...]) -> None:
    """Copy the named files and folders of a training."""
    target.mkdir(parents=True, exist_ok=True)
    for name in names:
        if (source / name).is_dir():
            shutil.rmtree(target / name, ignore_errors=True)
            shutil.copytree(source / name, target / name)
        elif (source / name).exists():
            shutil.copyfile(source / name, target / name)
    for path in target.rglob("config.json"):
        forget_origin(path)


def forget_origin(path: Path) -> None:
    """Take the folder from which a network was loaded out of its configuration."""
    config = json.loads(path.read_text(encoding="utf-8"))
    if config.pop("_name_or_path", None):
        write_json(path, config)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    for name in PLACES:
        parser.add_argument(f"--{name}", type=Path)
    args = vars(parser.parse_args())
    for name, (place, files) in PLACES.items():
        if args[name] is not None:
            ship(args[name], DATA / place, files)
            print(DATA / place)


if __name__ == "__main__":
    main()
