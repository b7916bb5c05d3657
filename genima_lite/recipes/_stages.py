"""Runs the stages of a long job in two processes, with one progress bar each and an estimate."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, wait
from dataclasses import dataclass, field
from multiprocessing import get_context
from typing import Any

from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeElapsedColumn

from genima_lite.console import errors, label_column, shown
from genima_lite.workers import pool

Report = Callable[[int, int], None]
"""Called with what is done and how much there is in all."""


@dataclass(frozen=True)
class Stage:
    """One part of a job.

    Attributes:
        name: for the bar and for `needs` of others.
        run: a function of a module, called as `run(*arguments, report)` in another process.
        arguments: picklable.
        minutes: what it is expected to take on one core.
        needs: names of the stages that must be over before.
    """

    name: str
    run: Callable[..., None]
    arguments: tuple[Any, ...]
    minutes: float
    needs: tuple[str, ...] = field(default=())


def run_stages(stages: Sequence[Stage], processes: int = 2) -> dict[str, float]:
    """Run all stages, the longest that can start first; return the seconds each one took.

    Every process computes on one core: two threads that share busy cores wait for each other.

    Raises:
        Exception: of the first stage that fails; those that run are finished first.
        UserError: no processes.
    """
    os.environ.setdefault("LP_NUM_THREADS", "0")  # of the software renderer
    reports = get_context("spawn").Queue()
    with pool(processes, _begin, reports) as executor, _bars() as bars:
        return _Schedule(stages, executor, reports, bars).run(processes)


def _begin(reports: Any) -> None:
    """Get a worker ready: where it reports to, and one thread."""
    global _reports
    _reports = reports
    import torch

    torch.set_num_threads(1)


_reports: Any = None
"""In a worker, the queue that takes what stages report."""


def _bars() -> Progress:
    columns = (label_column(), BarColumn(), TaskProgressColumn())
    remaining = TextColumn("{task.fields[note]}")
    return Progress(*columns, TimeElapsedColumn(), remaining, console=errors)


def _run(stage: Stage) -> float:
    """Run one stage here; return its seconds."""
    start = time.monotonic()
    stage.run(*stage.arguments, lambda done, total: _reports.put((stage.name, done, total)))
    return time.monotonic() - start


class _Schedule:
    """What waits, what runs, and what is done."""

    def __init__(self, stages: Sequence[Stage], pool: Any, reports: Any, bars: Progress):
        self._stages = {stage.name: stage for stage in stages}
        self._waiting = sorted(stages, key=lambda stage: -stage.minutes)
        self._pool, self._reports, self._bars = pool, reports, bars
        self._running: dict[Future[float], str] = {}
        self._share = dict.fromkeys(self._stages, 0.0)
        self._seconds: dict[str, float] = {}
        self._start = time.monotonic()
        self._all = bars.add_task("all", total=1.0, note="")
        self._rows: dict[str, Any] = {}

    def run(self, processes: int) -> dict[str, float]:
        """Run until nothing is left."""
        while self._waiting or self._running:
            for stage in [s for s in self._waiting if set(s.needs) <= set(self._seconds)]:
                if len(self._running) < processes:
                    self._begin(stage)
            over, _ = wait(self._running, timeout=0.5, return_when=FIRST_COMPLETED)
            self._show(processes)
            for future in over:
                self._end(future)
        self._show(processes)
        return self._seconds

    def _begin(self, stage: Stage) -> None:
        self._waiting.remove(stage)
        self._rows[stage.name] = self._bars.add_task(f"  {shown(stage.name)}", total=1.0, note="")
        self._running[self._pool.submit(_run, stage)] = stage.name

    def _end(self, future: Future[float]) -> None:
        name = self._running.pop(future)
        self._seconds[name] = future.result()
        self._share[name] = 1.0
        self._bars.remove_task(self._rows.pop(name))

    def _show(self, processes: int) -> None:
        """Bring the bars up to date."""
        while not self._reports.empty():
            name, done, total = self._reports.get()
            self._share[name] = max(self._share[name], min(done / max(total, 1), 1.0))
        for name, row in self._rows.items():
            self._bars.update(row, completed=self._share[name])
        expected = {name: stage.minutes for name, stage in self._stages.items()}
        done = sum(expected[name] * share for name, share in self._share.items())
        total = sum(expected.values())
        left = self._minutes_left(done, total, processes)
        self._bars.update(self._all, completed=done / total, note=f"about {left:.0f} min left")

    def _minutes_left(self, done: float, total: float, processes: int) -> float:
        """Return minutes to go: the expected ones, corrected by the pace so far."""
        passed = (time.monotonic() - self._start) / 60
        pace = min(max(passed * processes / done, 0.3), 5) if passed > 0.5 and done > 0 else 1.0
        return pace * (total - done) / processes
