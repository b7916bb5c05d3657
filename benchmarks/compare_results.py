"""Is one policy better than another? `python benchmarks/compare_results.py ONE.json OTHER.json`.

Compares two results of `genima-lite eval --json` episode by episode: the same task and seed is the
same scene. Of the episodes that only one of them solves, chance gives each half (sign test).

    ONE, OTHER  each a file, or several with commas: one run in components
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from rich.console import Console
from rich.table import Table
from scipy.stats import binomtest

from genima_lite.errors import UserError
from genima_lite.evaluation.statistics import wilson_interval

Outcomes = dict[tuple[str, int], bool]


def load(names: str) -> Outcomes:
    """Return whether each task's episode of each seed was solved."""
    found: Outcomes = {}
    for name in names.split(","):
        try:
            episodes = json.loads(Path(name).read_text(encoding="utf-8"))["episodes"]
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise UserError(
                f"{name}: not a result of 'genima-lite eval --json' ({error})"
            ) from error
        found |= {(each["task"], each["seed"]): bool(each["success"]) for each in episodes}
    return found


def compare(one: Outcomes, other: Outcomes) -> tuple[int, int, float]:
    """Return how many episodes only the one and only the other solves, and the sign test's p.

    Raises:
        UserError: they are not the same episodes.
    """
    if different := set(one) ^ set(other):
        task, seed = min(different)
        raise UserError(f"{len(different)} episodes are in one result only, such as {task} {seed}")
    won = sum(one[key] and not other[key] for key in one)
    lost = sum(other[key] and not one[key] for key in one)
    return won, lost, float(binomtest(won, won + lost).pvalue) if won + lost else 1.0


def row(one: Outcomes, other: Outcomes) -> list[str]:
    """Return the cells of one line: successes with Wilson intervals, won, lost, p."""
    won, lost, p = compare(one, other)
    cells = []
    for each in (one, other):
        low, high = wilson_interval(sum(each.values()), len(each))
        cells += [f"{sum(each.values())} of {len(each)}", f"{low:.1%} to {high:.1%}"]
    return [*cells, str(won), str(lost), f"{p:.2g}"]


def main() -> None:
    """Compare and print a table."""
    parser = argparse.ArgumentParser(description="compare two results episode by episode")
    parser.add_argument("one")
    parser.add_argument("other")
    args = parser.parse_args()
    try:
        one, other = load(args.one), load(args.other)
        table = Table("task", "one", "95 %", "other", "95 %", "won", "lost", "p")
        for task in sorted({task for task, _ in one}):
            components = ({k: v for k, v in each.items() if k[0] == task} for each in (one, other))
            table.add_row(task, *row(*components))
        table.add_row("all", *row(one, other))
    except UserError as error:
        parser.error(str(error))
    table.columns[0].no_wrap = True
    Console().print(table)


if __name__ == "__main__":
    main()
