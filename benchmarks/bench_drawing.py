"""Milliseconds a decision of `DiffusionAgent` by setting: `python benchmarks/bench_drawing.py`.

SD-Turbo's architecture with random weights: what is drawn means nothing, the time is the same. The
difference is the largest of any pixel from the first row's picture, in levels of 255.

    --device D       cpu or cuda (default cpu)
    --model DIR      a trained model in place of it, in single precision: data/genima/diffusion
    --size N         pixels along each side of the tiled picture (default 512)
    --rounds N       pictures measured (default 10)
    --tiny           tiny networks, to try the script
    --compile        also compiled (minutes)
    --json FILE      also write the numbers to a file
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch
from diffusers import AutoencoderTiny
from rich.console import Console
from rich.table import Table
from sd_turbo_sizes import sd_turbo, with_controlnet

from genima_lite.diffusion.agent import DiffusionAgent
from genima_lite.diffusion.speed import DrawingSpeed
from genima_lite.files import write_json

PROMPT = "tiled perspectives of a robot arm executing 'push the red button'"

COLUMNS = ("setting", "steps", "milliseconds", "difference", "same_again")


def main() -> None:
    words = parsed()
    picture = np.random.default_rng(0).integers(0, 256, (words.size, words.size, 3), np.uint8)
    rows, first = [], {}
    for name, agent in trained(words) if words.model else settings(words):
        for steps in (1, 5, 10):
            agent.sampling_steps = steps
            drawn, again = (agent.draw_tiled(picture, PROMPT) for _ in range(2))
            away = np.abs(drawn.astype(int) - first.setdefault(steps, drawn).astype(int)).max()
            taken = milliseconds(agent, picture, words)
            rows.append((name, steps, taken, int(away), bool((again == drawn).all())))
            if words.json is not None:
                write_json(words.json, [dict(zip(COLUMNS, row, strict=True)) for row in rows])
    show(rows)


def trained(words: argparse.Namespace) -> Iterator[tuple[str, DiffusionAgent]]:
    """Yield settings of a trained model by name."""
    for compiled in (False, True)[: 1 + words.compile]:
        speed = DrawingSpeed(half=False, compile=compiled)
        agent = DiffusionAgent.load(words.model, device=words.device, speed=speed)
        yield f"float32{', compiled' if compiled else ''}", agent


def settings(words: argparse.Namespace) -> Iterator[tuple[str, DiffusionAgent]]:
    """Yield settings of random networks by name; on a GPU they go to half on the way."""
    torch.manual_seed(0)
    whole = with_controlnet(sd_turbo(words.device, words.tiny))
    yield "float32, AutoencoderKL", DiffusionAgent(whole)
    dtype = torch.float16 if words.device == "cuda" else torch.float32
    name = str(dtype).removeprefix("torch.")
    for network in (whole.unet, whole.controlnet):
        network.to(dtype)
    if dtype == torch.float16:
        yield f"{name}, AutoencoderKL", DiffusionAgent(whole)
    whole.decoder = AutoencoderTiny().to(words.device, dtype).eval()
    yield f"{name}, AutoencoderTiny (random)", DiffusionAgent(whole)
    if words.compile:
        compiled = DiffusionAgent(whole, compile=True)
        yield f"{name}, AutoencoderTiny (random), compiled", compiled


def milliseconds(agent: DiffusionAgent, picture: np.ndarray, words: argparse.Namespace) -> float:
    """Return the median time of a picture; copying it to the processor waits for the device."""
    taken = []
    for seed in range(words.rounds):
        begun = time.perf_counter()
        agent.draw_tiled(picture, PROMPT, seed)
        taken.append(1000 * (time.perf_counter() - begun))
    return float(np.median(taken))


def show(rows: list[tuple]) -> None:
    table = Table(
        "setting", "steps", "ms a picture", "largest difference", "same seed, same picture"
    )
    for name, steps, taken, away, same in rows:
        table.add_row(name, str(steps), f"{taken:.1f}", str(away), "yes" if same else "NO")
    Console().print(table)


def parsed() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--model", type=Path)
    parser.add_argument("--size", type=int, default=512)
    parser.add_argument("--rounds", type=int, default=10)
    parser.add_argument("--tiny", action="store_true")
    parser.add_argument("--compile", action="store_true")
    parser.add_argument("--json", type=Path)
    return parser.parse_args()


if __name__ == "__main__":
    main()
