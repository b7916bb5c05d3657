"""Which settings of a training fit GPUs with less memory: `python benchmarks/bench_memory.py`.

SD-Turbo's and SDXL-Turbo's architectures, random weights, 512 pixels, bfloat16, latents kept, as in
`bench_paper_training.py`. Torch may take no more of the GPU at hand than a smaller one has; of
several batch sizes the first that fits is kept. Wants bitsandbytes for the rows with it.

    --device D       cuda, or cpu to try the script: nothing is limited there
    --tiny           tiny networks and one row of each architecture, to try the script
    --json FILE      also write the numbers to a file
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import torch
from bench_paper_training import forget, options, ours
from rich.console import Console
from rich.table import Table

from genima_lite.files import write_json

LEFT = 0.6
"""GiB of each that are not torch's: the driver's, and what other programs hold."""
STEPS = "--steps 5"


@dataclass(frozen=True)
class Recipe:
    """A GPU, settings as `bench_paper_training.py` takes them, and batch sizes, largest first."""

    gigabytes: int
    settings: str
    batches: Sequence[int]

    @property
    def limit(self) -> float:
        """GiB that torch may take."""
        return self.gigabytes / 1.073741824 - LEFT


SMALL = "--adapter controlnet-lora --checkpointing"
EIGHT_BITS = "--optimizer adamw8bit"
RECIPES = (
    Recipe(8, SMALL, (4, 2, 1)),
    Recipe(8, f"--checkpointing {EIGHT_BITS}", (2, 1)),
    Recipe(12, "", (3, 2, 1)),
    Recipe(12, EIGHT_BITS, (4, 3, 2)),
    Recipe(16, "", (6, 5, 4)),
    Recipe(16, "--checkpointing", (24, 16, 8)),
    Recipe(24, "", (14, 12, 10)),
    Recipe(40, "", (28, 26, 24)),
    Recipe(16, f"--xl {SMALL}", (2, 1)),
    Recipe(24, f"--xl {SMALL}", (8, 4, 2)),
    Recipe(24, f"--xl --checkpointing {EIGHT_BITS}", (2, 1)),
    Recipe(40, "--xl", (4, 2, 1)),
    Recipe(40, f"--xl {EIGHT_BITS}", (8, 6, 4)),
)


def row(recipe: Recipe, device: str, tiny: bool) -> dict:
    """Return what was measured with the largest batch that fits; `batch` is `None` if none does."""
    found = {**asdict(recipe), "batch": None}
    if device == "cuda":
        whole = torch.cuda.get_device_properties(device).total_memory
        torch.cuda.set_per_process_memory_fraction(min(1.0, recipe.limit * 2**30 / whole))
    words = options().parse_args([*recipe.settings.split(), *STEPS.split(), "--device", device])
    words.tiny, words.side = tiny, 128 if tiny else 512
    for size in recipe.batches:
        try:
            speed, gibibytes = ours(words, size)
        except torch.cuda.OutOfMemoryError:
            continue
        finally:
            forget()
        return {**found, "batch": size, "a_second": speed, "gib": gibibytes}
    return found


def main() -> None:
    words = parsed()
    rows = []
    for recipe in (RECIPES[2], RECIPES[-2]) if words.tiny else RECIPES:
        rows.append(row(recipe, words.device, words.tiny))
        if words.json is not None:
            write_json(words.json, rows)
    table = Table("GB", "settings", "batch", "GiB", "pictures a second")
    for each in rows:
        fits = each["batch"] is not None
        measured = (f"{each[name]:.2f}" if fits else "does not fit" for name in ("gib", "a_second"))
        table.add_row(str(each["gigabytes"]), each["settings"], str(each["batch"]), *measured)
    Console().print(table)


def parsed() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--device", default="cuda")
    parser.add_argument("--tiny", action="store_true")
    parser.add_argument("--json", type=Path)
    return parser.parse_args()


if __name__ == "__main__":
    main()
