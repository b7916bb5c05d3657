"""Runs diffusers' example `train_controlnet.py` as it is, and measures its steps.

`python benchmarks/controlnet_example.py RESULT SCRIPT ...`: what follows SCRIPT are its arguments.
RESULT, a JSON file, gets the seconds of every step after the first, and the GiB that were needed.
`bench_paper_training.py --script` calls it. The script wants the package `datasets`, and of
torchvision four transforms; where that cannot be imported, those below take their place, for this
one process.
"""

from __future__ import annotations

import importlib.machinery
import json
import runpy
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from types import ModuleType
from typing import Any

import accelerate
import diffusers
import numpy as np
import torch
import transformers
from PIL import Image

from genima_lite.training.devices import memory


class Resize:
    """The shorter side to some pixels."""

    def __init__(self, size: int, interpolation: object = None):
        self.size = size

    def __call__(self, picture: Image.Image) -> Image.Image:
        scale = self.size / min(picture.size)
        width, height = (round(scale * side) for side in picture.size)
        return picture.resize((width, height), Image.Resampling.BILINEAR)


class CenterCrop:
    def __init__(self, size: int):
        self.size = size

    def __call__(self, picture: Image.Image) -> Image.Image:
        left, top = ((side - self.size) // 2 for side in picture.size)
        return picture.crop((left, top, left + self.size, top + self.size))


class ToTensor:
    """(3, H, W) float32 in [0, 1]."""

    def __call__(self, picture: Image.Image) -> torch.Tensor:
        return torch.from_numpy(np.asarray(picture) / np.float32(255)).permute(2, 0, 1)


class Normalize:
    def __init__(self, mean: Sequence[float], std: Sequence[float]):
        self.mean, self.std = mean[0], std[0]

    def __call__(self, picture: torch.Tensor) -> torch.Tensor:
        return (picture - self.mean) / self.std


class Compose:
    def __init__(self, steps: Sequence[Callable[[Any], Any]]):
        self.steps = steps

    def __call__(self, picture: Any) -> Any:
        for step in self.steps:
            picture = step(picture)
        return picture


def stand_in() -> bool:
    """Let the transforms above be torchvision's if there is none; return whether they are."""
    try:
        import torchvision  # noqa: F401

        return False
    except (ImportError, RuntimeError, OSError):  # absent, or of another torch
        pass
    made, transforms = ModuleType("torchvision"), ModuleType("torchvision.transforms")
    made.__spec__ = importlib.machinery.ModuleSpec("torchvision", None)
    for each in (Resize, CenterCrop, ToTensor, Normalize, Compose):
        setattr(transforms, each.__name__, each)
    transforms.InterpolationMode = type("InterpolationMode", (), {"BILINEAR": "bilinear"})
    made.transforms = transforms
    sys.modules.update({"torchvision": made, "torchvision.transforms": transforms})
    return True


def main() -> None:
    result, script = Path(sys.argv[1]), sys.argv[2]
    sys.argv = sys.argv[2:]
    assert diffusers, transformers  # they look for torchvision when they are imported
    stood_in, times = stand_in(), []
    log = accelerate.Accelerator.log

    def noted(self: Any, values: dict, step: int | None = None, **more: Any) -> None:
        times.append(time.perf_counter())  # the loss was read: the device has finished the step
        log(self, values, step=step, **more)

    accelerate.Accelerator.log = noted
    runpy.run_path(script, run_name="__main__")
    device = "cuda" if torch.cuda.is_initialized() else "cpu"
    said = {"seconds": np.diff(times).tolist(), "gib": memory(torch.device(device))}
    result.write_text(json.dumps({**said, "transforms": "stand-in" if stood_in else "torchvision"}))


if __name__ == "__main__":
    main()
