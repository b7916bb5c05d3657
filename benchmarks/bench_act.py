"""Training steps of our ACT and of LeRobot's, of the same sizes on the same batches:

    python benchmarks/bench_act.py --lerobot lerobot-env/bin/python

    --lerobot PYTHON  interpreter of an environment with LeRobot (see below)
    --rounds N        rounds, in which the two take turns (default 5)
    --steps N         steps a round (default 3)
    --json FILE       also write the numbers to a file

A step is forward, loss, backward, clipping of the gradients and AdamW, on one thread, in seconds
of the processor, so that whatever else runs disturbs little. The batches are noise in the shapes of
the training data, made once and read by both. The two have in common: views, batch, ResNet-18 from
random weights, width, heads, feedforward, layers of encoder, decoder and the VAE's encoder, latent,
actions a chunk, dropout. What else differs:

- Ours normalises with group norm, which is trained; LeRobot's batch norm is frozen.
- Ours feeds all views through the ResNet at once, channels last; LeRobot one camera at a time.
- Ours has PyTorch's transformer layers, which normalise first; LeRobot's adds position codes in
  each layer, normalises last, and its attention returns its weights, so it cannot be fused.
- The loss on the gripper is a cross-entropy here, L1 there.
- Rows with "spheres: yes" have more to do than LeRobot: they also find the drawn spheres in each
  view and learn from their labels. FiLM (text) is off in all rows.

The ratio is LeRobot's seconds by ours, the median of the rounds. At 64 pixels ours is faster since
it takes all views at once and by `genima_lite.controller.convolution`. At 256 pixels two thirds of
a step are the same convolutions of the same library, and LeRobot's single views fit into the cache.

LeRobot's dependencies exclude the torch of this project, so it is installed without them, and the
list below is what its ACT imports. The ACT of release 0.6.1, which needs Python 3.12, differs from
that of 0.4.4 in what the loss is divided by.
"""

from __future__ import annotations

import argparse
import json
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from itertools import cycle
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import torch
from rich.box import SIMPLE
from rich.console import Console
from rich.table import Table
from safetensors.torch import save_file
from torch import Tensor
from torch.nn import functional as F

from genima_lite.controller.act import ACT
from genima_lite.controller.config import PRESETS, ControllerConfig
from genima_lite.controller.keypoint_heads import STATE
from genima_lite.controller.loss import Labels, controller_loss
from genima_lite.files import write_json
from genima_lite.targets.joints import JOINTS

OTHER_SCRIPT = Path(__file__).with_name("lerobot_act_step.py")
HOW_TO_INSTALL = """\
--lerobot must name an interpreter that has LeRobot: make a virtual environment for LeRobot with \
Python 3.11 and this project's torch, run "pip install --no-deps lerobot==0.4.4 \
torchvision==0.28.0" in it and "pip install \
accelerate av 'datasets<5' 'deepdiff<9' 'diffusers<0.36' draccus==0.10.0 einops 'gymnasium<2' \
'huggingface-hub<0.36' imageio pyserial", and give --lerobot ENV/bin/python"""


HEADINGS = ("size", "pixels", "batch", "spheres", "ours", "LeRobot", "ratio", "range")


@dataclass(frozen=True)
class Size:
    """What both networks are made of; `config` without spheres, the fair comparison."""

    config: ControllerConfig
    batch: int


RESNET18 = {"channels": (64, 128, 256, 512), "blocks": (2, 2, 2, 2)}
PLAIN = {"spheres": False, "text_features": 0, "proprio_dropout": 0.0}
SIZES = {
    "lite": Size(replace(PRESETS["lite"], **RESNET18, **PLAIN), 16),
    "resnet18-rgb": Size(replace(PRESETS["resnet18-rgb"], **PLAIN), 16),
    "paper": Size(replace(PRESETS["paper"], **PLAIN), 2),
}
"""By preset; `lite` with ResNet-18 for its own, smaller encoder."""


def make_batches(size: Size, count: int, seed: int = 0) -> dict[str, Tensor]:
    """Return batches of noise, by the names of our batches and labels, each (count, B, ...)."""
    config, rng = size.config, torch.Generator().manual_seed(seed)
    sizes = {"B": size.batch, "V": len(config.cameras), "S": len(JOINTS), "K": config.horizon}

    def noise(axes: str, *more: int) -> Tensor:
        return torch.rand(count, *(sizes[axis] for axis in axes), *more, generator=rng)

    return {
        "views": 2 * noise("BV", 3, config.image_size, config.image_size) - 1,
        "state": noise("B", STATE),
        "actions": noise("BK", STATE),
        "valid": noise("BK") < 0.9,
        "keypoints": noise("BVS", 2),
        "visible": noise("BVS") < 0.8,
        "axes": F.normalize(noise("BVS", 3) - 0.5, dim=-1),
        "opened": (noise("B") < 0.5).float(),
    }


def our_step(config: ControllerConfig, batches: dict[str, Tensor]) -> Callable[[], float]:
    """Return a function that trains our ACT on the next batch and returns the loss."""
    torch.manual_seed(0)
    model = ACT(config).train()
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-5, weight_decay=1e-4, fused=True)
    order = cycle(range(len(batches["views"])))

    def step() -> float:
        batch = {name: values[i] for i in (next(order),) for name, values in batches.items()}
        views, state = batch.pop("views"), batch.pop("state")
        labels = Labels(**batch)
        prediction = model(views, state, None, labels.actions, labels.valid)
        loss, _ = controller_loss(config, prediction, labels)
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        return loss.item()

    return step


def seconds(step: Callable[[], float], steps: int) -> float:
    """Return the seconds that one step takes."""
    begin = time.process_time()
    for _ in range(steps):
        step()
    return (time.process_time() - begin) / steps


class LeRobot:
    """LeRobot's half: another interpreter, which works only while it is asked for seconds."""

    def __init__(self, process: subprocess.Popen[str]):
        self._process = process
        self.about: dict[str, Any] = self._answer()

    def seconds(self, steps: int) -> float:
        """Return the seconds that one step takes."""
        assert self._process.stdin is not None
        print(steps, file=self._process.stdin, flush=True)
        return self._answer()

    def _answer(self) -> Any:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            sys.exit(f"{OTHER_SCRIPT.name} ended without an answer; what it said is above")
        return json.loads(line)


@contextmanager
def lerobot(python: str, config: ControllerConfig, batches: dict[str, Tensor]) -> Iterator[LeRobot]:
    """Give LeRobot's half, ready, and end it afterwards."""
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    with TemporaryDirectory() as folder:
        files = [f"{folder}/batches.safetensors", f"{folder}/config.json"]
        save_file(batches, files[0])
        write_json(files[1], config.to_dict())
        with subprocess.Popen([python, str(OTHER_SCRIPT), *files], **pipes) as process:
            yield LeRobot(process)


def compare(size: Size, python: str, rounds: int, steps: int) -> tuple[np.ndarray, dict[str, Any]]:
    """Return seconds a step, (rounds, 3): ours, ours with keypoints, LeRobot's; and its words."""
    batches = make_batches(size, count=steps)
    configs = (size.config, replace(size.config, spheres=True))
    ours = [our_step(config, batches) for config in configs]
    with lerobot(python, size.config, batches) as other:
        for step in ours:
            step()  # the first is slower
        measured = [
            [*(seconds(step, steps) for step in ours), other.seconds(steps)] for _ in range(rounds)
        ]
        return np.array(measured), other.about


def main() -> None:
    """Measure, print a table, write the numbers."""
    parser = argparse.ArgumentParser(description="our ACT beside LeRobot's, steps a second")
    parser.add_argument("--lerobot", metavar="PYTHON")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--steps", type=int, default=3)
    parser.add_argument("--json", type=Path)
    args = parser.parse_args()
    if not shutil.which(args.lerobot or ""):
        print(HOW_TO_INSTALL, file=sys.stderr)
        sys.exit(2)
    torch.set_num_threads(1)
    table = Table(*HEADINGS, box=SIMPLE, pad_edge=False, title="seconds of a training step")
    numbers = {}
    for name, size in SIZES.items():
        measured, about = compare(size, args.lerobot, args.rounds, args.steps)
        what = (name, str(size.config.image_size), str(size.batch))
        for ours, spheres in zip(measured.T, ("no", "yes"), strict=False):
            ratios = measured[:, 2] / ours
            found = (np.median(ours), np.median(measured[:, 2]), np.median(ratios))
            spread = f"{ratios.min():.2f}-{ratios.max():.2f}"
            table.add_row(*what, spheres, *(f"{x:.2f}" for x in found), spread)
        numbers[name] = {"seconds": measured.tolist(), "lerobot": about}
        table.caption = f"torch {torch.__version__}; LeRobot {about['lerobot']}, {about['torch']}"
    Console().print(table)
    if args.json is not None:
        write_json(args.json, numbers)


if __name__ == "__main__":
    main()
