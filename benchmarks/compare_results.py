"""Is one policy better than another? `python benchmarks/compare_results.py ONE.json OTHER.json`.

Compares two results of `genima-lite eval --json` episode by episode: the same task and seed is the
same scene. Of the episodes that only one of them solves, chance gives each half (sign test).

    ONE, OTHER  each a file, or several with commas: one run in components
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Hashable
from pathlib import Path

from rich.console import Console
from rich.table import Table

from genima_lite.errors import UserError
from genima_lite.evaluation.statistics import paired, wilson_interval

Outcomes = dict[Hashable, bool]


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


def row(one: Outcomes, other: Outcomes) -> list[str]:
    """Return the cells of one line: successes with Wilson intervals, won, lost, p."""
    compared = paired(one, other)
    cells = []
    for each in (one, other):
        low, high = wilson_interval(sum(each.values()), len(each))
        cells += [f"{sum(each.values())} of {len(each)}", f"{low:.1%} to {high:.1%}"]
    return [*cells, str(compared.won), str(compared.lost), f"{compared.p:.2g}"]


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
