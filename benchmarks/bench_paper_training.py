"""Pictures a second of training a ControlNet: ours, and a loop that encodes in each step.

`python benchmarks/bench_paper_training.py --device cuda`. Both have the same networks (SD-Turbo's
architecture, random weights, a frozen base), batch, precision and optimiser. Ours is `Trainer` with
`Drawing` as recipes run them, latents kept; the other does in each step what diffusers' example
`train_controlnet.py` does: encode pictures and prompts, add noise, predict, step. `--script` runs
that example itself as a third, in a process of its own (`controlnet_example.py`), on a folder with
the same weights and 64 random pictures.

    --device D       cpu or cuda (default cpu)
    --batches N ...  batch sizes (default 2 8 16)
    --steps N        steps measured, after three that are not (default 20)
    --ours           only ours
    --adapter NAME   that ours trains (default frozen: a ControlNet on a frozen base)
    --optimizer NAME of ours (default adamw; adamw8bit wants bitsandbytes)
    --checkpointing  with gradient checkpointing
    --compile        ours compiled (minutes, once for each batch size)
    --xl             SDXL-Turbo's architecture (only ours)
    --tiny           tiny networks and pictures, to try the script
    --script PATH    of diffusers' examples/controlnet/train_controlnet.py; wants `datasets`
    --workers N      processes that read its pictures (default 4)
    --json FILE      also write the numbers to a file
"""

from __future__ import annotations

import argparse
import gc
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import torch
import torch.nn.functional as F
from diffusers import DDPMScheduler
from PIL import Image
from rich.console import Console
from rich.table import Table
from sd_turbo_sizes import sd_turbo, sdxl_turbo

from genima_lite.diffusion.adapters import prepare
from genima_lite.diffusion.batch import DrawingBatch
from genima_lite.diffusion.components import Components, as_condition, encode_pictures
from genima_lite.diffusion.pipelines import pipeline_of
from genima_lite.diffusion.step import StepConfig
from genima_lite.diffusion.train import AdapterConfig, Drawing
from genima_lite.files import write_json
from genima_lite.training.config import TrainingConfig
from genima_lite.training.devices import memory
from genima_lite.training.loop import Trainer

PROMPTS = ("", "tiled perspectives of a robot arm executing 'push the red button'")
WARM = 3


class Kept:
    """Random pictures with latents, as shards give them."""

    def __init__(self, side: int):
        rng = np.random.default_rng(0)
        pictures = rng.integers(0, 256, (64, side, side, 3), np.uint8)
        self.pictures = torch.from_numpy(pictures)
        self.latents = torch.randn(64, 4, side // 8, side // 8).half()

    def batch(self, rng: np.random.Generator, size: int) -> DrawingBatch:
        chosen = torch.from_numpy(rng.integers(64, size=size))
        latents, prompts = self.latents[chosen], torch.ones(size, dtype=torch.int64)
        return DrawingBatch(prompts, None, self.pictures[chosen], latents, latents)


def base(words: argparse.Namespace) -> Components:
    """Return a frozen base in bfloat16."""
    torch.manual_seed(0)
    components = (sdxl_turbo if words.xl else sd_turbo)(words.device, words.tiny)
    components.unet.bfloat16()
    return components


def ours(words: argparse.Namespace, size: int) -> tuple[float, float]:
    """Return pictures a second, and GiB."""
    config = TrainingConfig(
        steps=WARM + words.steps,
        batch_size=size,
        learning_rate=1e-5,
        ema=0.0,
        precision="bfloat16",
        optimizer=words.optimizer,
        save_every=10**6,
    )
    step = StepConfig(noise_power=1, changed_weight=0)
    adapter = AdapterConfig(
        words.adapter,
        gradient_checkpointing=words.checkpointing,
        compile=words.compile,
        step=step,
    )
    trainee = Drawing(base(words), PROMPTS, adapter, config)
    with TemporaryDirectory() as out:
        trainer = Trainer(trainee, Kept(words.side), config, out, {}, device=words.device)
        steps = trainer.run()
        return measured(words, size, lambda: next(steps))


def encoding(words: argparse.Namespace, size: int) -> tuple[float, float]:
    """Return the same of a loop that encodes in each step."""
    components, data = base(words), Kept(words.side)
    weights = [p for group in prepare(components, "frozen").values() for p in group]
    if words.checkpointing:
        components.controlnet.enable_gradient_checkpointing()
        components.unet.enable_gradient_checkpointing()
    components.controlnet.train()
    optimizer = torch.optim.AdamW(weights, lr=1e-5, weight_decay=0.01, fused=True)
    noiser = DDPMScheduler(beta_schedule="scaled_linear")
    ids = torch.zeros(size, components.tokenizer.model_max_length, dtype=torch.int64)
    rng, device = np.random.default_rng(0), words.device

    def step() -> float:
        batch = data.batch(rng, size).to(device)
        with torch.no_grad():
            latents = encode_pictures(components, batch.conditions)
            text = components.text_encoder(ids.to(device))[0]
        noise = torch.randn_like(latents)
        t = torch.randint(0, 1000, (size,), device=device)
        noisy, seen = noiser.add_noise(latents, noise, t), as_condition(batch.conditions, device)
        with torch.autocast(torch.device(device).type, torch.bfloat16):
            down, middle = components.controlnet(noisy, t, text, seen, return_dict=False)
            found = components.unet(
                noisy,
                t,
                text,
                down_block_additional_residuals=down,
                mid_block_additional_residual=middle,
            ).sample
        loss = F.mse_loss(found.float(), noise)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(weights, 1.0)
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)
        return loss.item()

    return measured(words, size, step)


def example(words: argparse.Namespace, size: int) -> tuple[float, float]:
    """Return the same of diffusers' own example."""
    if words.device == "cuda":
        torch.cuda.empty_cache()
    with TemporaryDirectory() as made:
        folder, data, result = (Path(made) / name for name in ("base", "data", "result.json"))
        pipeline_of(base(words)).save_pretrained(folder)
        write_pictures(data, words.side)
        given = {
            "pretrained_model_name_or_path": folder, "train_data_dir": data,
            "image_column": "image", "conditioning_image_column": "conditioning_image",
            "caption_column": "text", "output_dir": Path(made) / "out", "seed": 0,
            "resolution": words.side, "train_batch_size": size, "learning_rate": 1e-5,
            "max_train_steps": WARM + words.steps, "mixed_precision": "bf16",
            "dataloader_num_workers": words.workers, "checkpointing_steps": 10**6,
        }  # fmt: skip
        command = [sys.executable, str(Path(__file__).with_name("controlnet_example.py"))]
        command += [str(result), str(words.script)]
        command += [f"--{name}={value}" for name, value in given.items()]
        command += ["--gradient_checkpointing"] if words.checkpointing else []
        cpu = {"ACCELERATE_USE_CPU": "true"} if words.device == "cpu" else {}
        subprocess.run(command, env={**os.environ, "HF_HOME": made, **cpu}, check=True)
        found = json.loads(result.read_text())
    return size / float(np.mean(found["seconds"][WARM - 1 :])), found["gib"]


def write_pictures(folder: Path, side: int) -> None:
    """Write a dataset as `datasets` reads it: pictures, conditions, captions."""
    folder.mkdir()
    lines = []
    for number, picture in enumerate(Kept(side).pictures.numpy()):
        for kind in ("picture", "condition"):
            Image.fromarray(picture).save(folder / f"{kind}{number}.png")
        names = {"file_name": f"picture{number}.png"}
        names["conditioning_image_file_name"] = f"condition{number}.png"
        lines.append(json.dumps({**names, "text": PROMPTS[1]}))
    (folder / "metadata.jsonl").write_text("\n".join(lines))


def measured(
    words: argparse.Namespace, size: int, step: Callable[[], object]
) -> tuple[float, float]:
    """Return pictures a second and GiB; every step ends with a number that waits for the device."""
    device = torch.device(words.device)
    if device.type == "cuda":
        torch.cuda.reset_peak_memory_stats(device)
    for _ in range(WARM):
        step()
    begun = time.perf_counter()
    for _ in range(words.steps):
        step()
    return size * words.steps / (time.perf_counter() - begun), memory(device)


def main() -> None:
    words = parsed()
    rows = []
    for size in words.batches:
        loops = {f"ours, latents kept{', compiled' if words.compile else ''}": ours}
        if not (words.ours or words.xl):
            loops["encoded each step"] = encoding
        if words.script is not None:
            loops["diffusers' example"] = example
        for name, run in loops.items():
            speed, gibibytes = run(words, size)
            rows.append({"loop": name, "batch": size, "a_second": speed, "gib": gibibytes})
            if words.json is not None:
                write_json(words.json, rows)
            forget()
    show(rows)


def forget() -> None:
    """Give back what a run left in a GPU."""
    gc.collect()
    if torch.cuda.is_available():
        torch.cuda.empty_cache()


def show(rows: list[dict]) -> None:
    table = Table("loop", "batch", "pictures a second", "GiB", "ours is faster, times")
    for row in rows:
        mine = next(each for each in rows if each["batch"] == row["batch"])
        numbers = (f"{row['a_second']:.2f}", f"{row['gib']:.1f}")
        ratio = f"{mine['a_second'] / row['a_second']:.2f}"
        table.add_row(row["loop"], str(row["batch"]), *numbers, ratio)
    Console().print(table)


def parsed() -> argparse.Namespace:
    parser = options()
    words = parser.parse_args()
    words.side = 128 if words.tiny else 512
    return words


def options() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--batches", type=int, nargs="+", default=[2, 8, 16])
    parser.add_argument("--steps", type=int, default=20)
    parser.add_argument("--ours", action="store_true")
    parser.add_argument("--adapter", default="frozen")
    parser.add_argument("--optimizer", default="adamw")
    parser.add_argument("--checkpointing", action="store_true")
    parser.add_argument("--compile", action="store_true")
    parser.add_argument("--xl", action="store_true")
    parser.add_argument("--tiny", action="store_true")
    parser.add_argument("--script", type=Path)
    parser.add_argument("--workers", type=int, default=4)
    parser.add_argument("--json", type=Path)
    return parser


if __name__ == "__main__":
    main()
