"""Measure what training and drawing at the paper's scale take on a GPU, and print tables of it.

`python scripts/measure_gpu.py` runs, each in a process of its own: the benchmarks of training, of
drawing and of the settings that fit GPUs with less memory, the tests with the marker `gpu`, and
training compiled. SD-Turbo's architecture with random weights: nothing is downloaded, and of this
repository `benchmarks`, `genima_lite`, `scripts` and `tests` are enough. A part that fails or runs
out of time says so, and the others go on.

    --out DIR        gets tables.md, and numbers and log of each part (default runs/gpu)
    --minutes N      for all of it (default 10)
    --script PATH    also diffusers' own examples/controlnet/train_controlnet.py; wants `datasets`
    --device D       cuda or cpu (default cuda)
    --tiny           tiny networks, to try the script
"""

from __future__ import annotations

import argparse
import json
import platform
import subprocess
import sys
import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
Row = dict[str, Any]


@dataclass(frozen=True)
class Part:
    """What is run."""

    name: str
    arguments: Sequence[str]
    """Of Python."""

    def run(self, out: Path, seconds: float) -> str:
        """Run it and keep its log; return how it ended."""
        if seconds < 1:
            return "not begun: the time is up"
        command = [sys.executable, *self.arguments]
        with (out / f"{self.name}.log").open("wb") as log:
            try:
                done = subprocess.run(
                    command, cwd=ROOT, stdout=log, stderr=log, timeout=seconds, check=False
                )
            except subprocess.TimeoutExpired:
                return "stopped: the time is up"
        return "done" if done.returncode == 0 else f"failed (see {self.name}.log)"

    def rows(self, out: Path) -> list[Row]:
        """Return what it measured, as far as it came."""
        path = out / f"{self.name}.json"
        return json.loads(path.read_text(encoding="utf-8")) if path.exists() else []


def parts(words: argparse.Namespace) -> Iterator[Part]:
    """Yield the parts, those that matter most first."""
    how = ["--device", words.device, *(["--tiny"] if words.tiny else [])]
    few = ["--steps", "2", "--batches", "2"] if words.tiny else []
    training, eight = "benchmarks/bench_paper_training.py", ["--batches", "8"]
    yield _part(words, "training", training, *how, *few)
    if words.script is not None:
        script = ["--script", str(words.script.resolve())]
        yield _part(words, "example", training, *how, *eight, *few, *script)
    graphs = ["--compile"] if words.device == "cuda" else []
    small = ["--size", "128", "--rounds", "2"] if words.tiny else []
    yield _part(words, "drawing", "benchmarks/bench_drawing.py", *how, *small, *graphs)
    yield _part(words, "memory", "benchmarks/bench_memory.py", *how)
    yield Part("tests", ["-m", "pytest", "-q", "-m", "gpu", *marked()])
    if words.device == "cuda":
        yield _part(words, "compiled", training, *how, *eight, *few, "--ours", "--compile")


def marked() -> list[str]:
    """Return the files with tests for a GPU."""
    files = sorted((ROOT / "tests").glob("test_*.py"))
    found = [path for path in files if "mark.gpu" in path.read_text(encoding="utf-8")]
    return [str(path.relative_to(ROOT)) for path in found]


def _part(words: argparse.Namespace, name: str, *arguments: str) -> Part:
    return Part(name, [*arguments, "--json", str(words.out.resolve() / f"{name}.json")])


def tables(ended: dict[str, str], rows: dict[str, list[Row]]) -> Iterator[str]:
    """Yield lines of Markdown.

    Args:
        ended: how each part ended.
        rows: what each measured.
    """
    yield from ("## Training", "")
    heads = ("loop", "batch", "ms a step", "pictures a second", "peak GiB", "ours is faster, times")
    runs = [rows.get(part, []) for part in ("training", "example", "compiled")]
    yield from table(heads, (cells for run in runs for cells in _training(run)))
    yield from ("", "## Drawing", "")
    heads = ("setting", "steps", "ms", "largest difference of a pixel", "same again")
    names = ("setting", "steps", "milliseconds", "difference", "same_again")
    drawing = rows.get("drawing", [])
    yield from table(heads, ([_said(row[name]) for name in names] for row in drawing))
    yield from ("", "## Memory", "")
    heads = ("GPU, GB", "settings", "batch", "peak GiB", "pictures a second")
    yield from table(heads, map(_memory, rows.get("memory", [])))
    yield from ("", "## Parts", "")
    yield from table(("part", "how it ended"), ended.items())


def _training(rows: Sequence[Row]) -> Iterator[list[str]]:
    for row in rows:
        first = next(each for each in rows if each["batch"] == row["batch"])
        step, times = 1000 * row["batch"] / row["a_second"], first["a_second"] / row["a_second"]
        measured = (step, row["a_second"], row["gib"], times)
        yield [row["loop"], str(row["batch"]), *map(_said, measured)]


def _memory(row: Row) -> list[str]:
    settings = f"`{row['settings']}`" if row["settings"] else ""
    measured = (row["batch"], row.get("gib"), row.get("a_second"))
    return [str(row["gigabytes"]), settings, *map(_said, measured)]


def _said(value: Any) -> str:
    """Return a cell; what was not measured did not fit the memory."""
    if value is None:
        return "does not fit"
    if isinstance(value, bool):
        return "yes" if value else "NO"
    if isinstance(value, float):
        return f"{value:.0f}" if value >= 100 else f"{value:.3g}"
    return str(value)


def table(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> Iterator[str]:
    """Yield the lines of a table in Markdown."""
    yield f"| {' | '.join(heads)} |"
    yield "|" + "---|" * len(heads)
    for row in rows:
        yield f"| {' | '.join(row)} |"


def machine(device: str) -> str:
    """Return what it was measured on."""
    if device != "cuda":
        return f"{platform.processor() or platform.machine()}, no GPU"
    asked = ["nvidia-smi", "--query-gpu=name,memory.total,driver_version", "--format=csv,noheader"]
    return subprocess.run(asked, capture_output=True, text=True, check=True).stdout.strip()


def main() -> None:
    words = parsed()
    words.out.mkdir(parents=True, exist_ok=True)
    end = time.monotonic() + 60 * words.minutes
    ended: dict[str, str] = {}
    rows: dict[str, list[Row]] = {}
    for part in parts(words):
        begun = time.monotonic()
        how = part.run(words.out, end - begun)
        ended[part.name] = f"{how}, {time.monotonic() - begun:.0f} s"
        rows[part.name] = part.rows(words.out)
        print(f"{part.name}: {ended[part.name]}", flush=True)
        text = "\n".join([f"# {machine(words.device)}", "", *tables(ended, rows)])
        (words.out / "tables.md").write_text(text + "\n", encoding="utf-8")
    print((words.out / "tables.md").read_text(encoding="utf-8"))


def parsed() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--out", type=Path, default=Path("runs/gpu"))
    parser.add_argument("--minutes", type=float, default=10.0)
    parser.add_argument("--script", type=Path)
    parser.add_argument("--device", default="cuda")
    parser.add_argument("--tiny", action="store_true")
    return parser.parse_args()


if __name__ == "__main__":
    main()
