"""Memory and time of reading batches for the diffusion model: `python benchmarks/bench_reading.py`.

From kept shards and from a stream, of a dataset and of the same one several times over, each in a
process of its own. Memory is what only the process holds (RssAnon): pages of mapped shards are not,
the system takes them back when it likes. Needs Linux.

    --demos DIR      demonstrations
    --view-size N    pixels of their views (default 64)
    --times N ...    how often they are taken (default 1 4)
    --batches N      read in each process (default 40), of eight samples
    --json FILE      also write the numbers to a file
"""

from __future__ import annotations

import argparse
import multiprocessing
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from rich.console import Console
from rich.table import Table

from genima_lite.datasets.demonstrations import Recorded, recorded
from genima_lite.datasets.shards import Shards
from genima_lite.diffusion.augment import AugmentConfig
from genima_lite.diffusion.data import DrawingData, PictureSettings, make_demonstrations
from genima_lite.diffusion.stream import DemonstrationStream
from genima_lite.files import write_json

FRAMES_EACH = 20
BATCH = 8


@dataclass(frozen=True)
class Reading:
    """What is read."""

    demos: Path
    view_size: int
    times: int
    shards: Path | None
    """Folder in which they are kept; `None` for a stream."""

    @property
    def settings(self) -> PictureSettings:
        tasks = tuple(sorted({each.episode.task for each in recorded([self.demos])}))
        return PictureSettings(tasks, self.view_size, augment=AugmentConfig(share=1.0))

    @property
    def episodes(self) -> list[Recorded]:
        return [each for _ in range(self.times) for each in recorded([self.demos])]


@dataclass(frozen=True)
class Measured:
    """How it went: MiB that the process holds alone, and seconds of the processor."""

    before: float
    opened: float
    read: float
    seconds_a_sample: float


def make(reading: Reading) -> int:
    """Keep shards; return how many rows."""
    assert reading.shards is not None
    episodes = reading.episodes
    for _ in make_demonstrations(reading.shards, episodes, reading.settings, FRAMES_EACH, "bench"):
        pass
    return len(Shards(reading.shards))


def measure(reading: Reading, batches: int) -> Measured:
    """Read batches in this process."""
    before = held()
    data = opened(reading)
    after, begun = held(), time.process_time()
    for number in range(batches):
        data.batch(np.random.default_rng(number), BATCH)
    taken = time.process_time() - begun
    return Measured(before, after, held(), taken / batches / BATCH)


def opened(reading: Reading) -> DrawingData:
    name = "demonstrations"
    if reading.shards is not None:
        return DrawingData({name: Shards(reading.shards)}, {name: 1.0})
    stream = DemonstrationStream(reading.episodes, reading.settings, FRAMES_EACH)
    return DrawingData({}, {name: 1.0}, streams={name: stream})


def held() -> float:
    """Return MiB that this process holds and no file does."""
    lines = Path("/proc/self/status").read_text().splitlines()
    (line,) = [line for line in lines if line.startswith("RssAnon:")]
    return int(line.split()[1]) / 1024


def main() -> None:
    words = parsed()
    fresh = multiprocessing.get_context("spawn").Pool(1, maxtasksperchild=1)
    rows = []
    with TemporaryDirectory() as kept, fresh:
        for shards in (Path(kept), None):
            for times in words.times:
                folder = None if shards is None else shards / str(times)
                reading = Reading(words.demos, words.view_size, times, folder)
                many = len(reading.episodes)
                of = f"{fresh.apply(make, (reading,))} rows" if shards else f"{many} episodes"
                found = fresh.apply(measure, (reading, words.batches))
                source = "kept shards" if shards else "stream"
                rows.append({"source": source, "of": of, **asdict(found)})
    show(rows)
    if words.json is not None:
        write_json(words.json, rows)


def show(rows: list[dict]) -> None:
    table = Table("source", "of", "MiB before", "opened", "batches read", "ms a sample")
    for row in rows:
        numbers = [f"{row[name]:.1f}" for name in ("before", "opened", "read")]
        table.add_row(row["source"], row["of"], *numbers, f"{1000 * row['seconds_a_sample']:.1f}")
    Console().print(table)


def parsed() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--demos", type=Path, required=True)
    parser.add_argument("--view-size", type=int, default=64)
    parser.add_argument("--times", type=int, nargs="+", default=[1, 4])
    parser.add_argument("--batches", type=int, default=40)
    parser.add_argument("--json", type=Path)
    return parser.parse_args()


if __name__ == "__main__":
    main()
