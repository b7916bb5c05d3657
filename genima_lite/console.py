"""What the command line shows: progress bars, tables, errors."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, TypeVar

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TaskID,
    TextColumn,
    TimeRemainingColumn,
)
from rich.table import Table

T = TypeVar("T")

console = Console()
errors = Console(stderr=True)


def progress(items: Iterable[T], total: int, label: str) -> Iterator[T]:
    """Show a progress bar on stderr while passing items on."""
    columns = (TextColumn(label), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=errors) as bar:
        job = bar.add_task(label, total=total)
        for item in items:
            yield item
            bar.advance(job)


@contextmanager
def training_bars() -> Iterator[Callable[[str, int, int, float | None], None]]:
    """Yield a function `report(stage, done, total, loss)` that shows a bar for each stage.

    Where stderr is no terminal it prints a line every 50 steps instead.
    """
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
    with Progress(*columns, TimeRemainingColumn(), console=errors) as bars:
        rows: dict[str, TaskID] = {}

        def report(stage: str, done: int, total: int, loss: float | None = None) -> None:
            said = stage if loss is None else f"{stage}, loss {loss:.4f}"
            if stage not in rows:
                rows[stage] = bars.add_task(said, total=total)
            bars.update(rows[stage], completed=done, total=total, description=said)
            if not bars.console.is_terminal and done % 50 == 0:
                console.print(f"{said}: {done} of {total}")

        yield report


def success_table(policy: str, summary: Mapping[str, Any]) -> Table:
    """Return the table of success rates of `genima_lite.evaluation.statistics.summarize`.

    Columns for refusals (failures in which the policy could not go on) and errors (episodes that
    count as nothing) are there if there are any.
    """
    table = Table(title=f"success of '{policy}', 95 % Wilson intervals, median steps")
    table.add_column("task", no_wrap=True, min_width=max(map(len, summary)))
    odd = [name for name in ("refused", "errors") if any(row[name] for row in summary.values())]
    for heading in ("success", "n", "rate", "interval", "steps", *odd):
        table.add_column(heading, justify="right", no_wrap=True)
    for task, row in summary.items():
        table.add_row(task, *_cells(row), *(str(row[name]) for name in odd))
    return table


def _cells(row: Mapping[str, Any]) -> list[str]:
    low, high = row["interval_95"]
    if not row["n"]:
        return ["0", "0", "", "", ""]
    counts = [str(row["successes"]), str(row["n"]), f"{row['rate']:.1%}"]
    return [*counts, f"{low:.1%} to {high:.1%}", f"{row['median_steps']:.0f}"]
