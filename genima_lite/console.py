"""What the command line shows: lines, progress bars, tables, errors.

Whatever comes from files, folders or arguments is shown as text: neither control characters nor
rich's markup in it do anything.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, TypeVar

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    ProgressColumn,
    TaskID,
    TextColumn,
    TimeRemainingColumn,
)
from rich.table import Table
from rich.text import Text

from genima_lite.errors import shortened

T = TypeVar("T")


class Terminal(Console):
    """A console that is silent when nobody reads it any more, so that the work goes on."""

    def on_broken_pipe(self) -> None:
        """Write into nothing from now on."""
        silence(self.file)


def silence(stream: Any) -> None:
    """Let a stream write into nothing."""
    nothing = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nothing, stream.fileno())
    os.close(nothing)


console = Terminal()
errors = Terminal(stderr=True)


def shown(text: object) -> str:
    r"""Return text as any terminal may have it: what is not printable by its code, as `\x1b`.

    Such are escape sequences, marks that turn the direction of writing, and names of files that are
    not UTF-8. Ends of lines and tabs stay.
    """
    return "".join(c if c.isprintable() or c in "\n\t" else _code(c) for c in str(text))


def _code(character: str) -> str:
    return character.encode("unicode_escape").decode("ascii")


def say(text: object) -> None:
    """Print a line, or several."""
    console.print(shown(text), markup=False, emoji=False, soft_wrap=True)


def complain(text: object, word: str = "error") -> None:
    """Print one line on stderr, after a word such as "error" or "warning"."""
    line = shown(shortened(" ".join(str(text).split("\n"))))
    errors.print(Text.assemble((f"{word}:", "bold red"), f" {line}"), soft_wrap=True)


def label_column(label: str = "{task.description}") -> ProgressColumn:
    """Return the column of a progress bar that names it."""
    return TextColumn(label, markup=False)


def progress(items: Iterable[T], total: int, label: str) -> Iterator[T]:
    """Show a progress bar on stderr while passing items on."""
    columns = (label_column(), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=errors) as bar:
        job = bar.add_task(shown(label), total=total)
        for item in items:
            yield item
            bar.advance(job)


@contextmanager
def training_bars() -> Iterator[Callable[[str, int, int, float | None], None]]:
    """Yield a function `report(stage, done, total, loss)` that shows a bar for each stage.

    Where stderr is no terminal it prints a line every 50 steps instead.
    """
    columns = (label_column(), BarColumn(), MofNCompleteColumn())
    with Progress(*columns, TimeRemainingColumn(), console=errors) as bars:
        rows: dict[str, TaskID] = {}

        def report(stage: str, done: int, total: int, loss: float | None = None) -> None:
            said = shown(stage if loss is None else f"{stage}, loss {loss:.4f}")
            if stage not in rows:
                rows[stage] = bars.add_task(said, total=total)
            bars.update(rows[stage], completed=done, total=total, description=said)
            if not bars.console.is_terminal and done % 50 == 0:
                say(f"{said}: {done} of {total}")

        yield report


def success_table(policy: str, summary: Mapping[str, Any]) -> Table:
    """Return the table of success rates of `genima_lite.evaluation.statistics.summarize`.

    Columns for refusals (failures in which the policy could not go on) and errors (episodes that
    count as nothing) are there if there are any.
    """
    title = Text(f"success of '{shown(policy)}', 95 % Wilson intervals, median steps")
    table = Table(title=title)
    table.add_column("task", no_wrap=True, min_width=max(map(len, summary)))
    odd = [name for name in ("refused", "errors") if any(row[name] for row in summary.values())]
    for heading in ("success", "n", "rate", "interval", "steps", *odd):
        table.add_column(heading, justify="right", no_wrap=True)
    for task, row in summary.items():
        table.add_row(Text(shown(task)), *_cells(row), *(str(row[name]) for name in odd))
    return table


def robustness_table(summary: Mapping[str, Mapping[str, Any]]) -> Table:
    """Return the table of `genima_lite.evaluation.robustness.summary_of`."""
    table = Table(title=Text("solved of tried, with the share of the clean success that is left"))
    table.add_column("condition", no_wrap=True)
    for policy in summary:
        table.add_column(Text(shown(policy)), justify="right", no_wrap=True)
    for condition in next(iter(summary.values())):
        rows = [row[condition] for row in summary.values()]
        table.add_row(Text(shown(condition)), *map(_kept, rows))
    return table


def _kept(row: Mapping[str, Any]) -> str:
    share = "" if row["kept"] is None else f" ({row['kept']:.0%})"
    return f"{row['successes']} of {row['n']}{share}"


def _cells(row: Mapping[str, Any]) -> list[str]:
    low, high = row["interval_95"]
    if not row["n"]:
        return ["0", "0", "", "", ""]
    counts = [str(row["successes"]), str(row["n"]), f"{row['rate']:.1%}"]
    return [*counts, f"{low:.1%} to {high:.1%}", f"{row['median_steps']:.0f}"]
