"""What perturbations cost policies: the page of a grid of evaluations.

Every cell of the grid (a policy under a condition) has the same episodes, so that each is compared
with its clean twin, and policies with each other, episode by episode.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import combinations
from pathlib import Path
from typing import Any

from genima_lite.evaluation import pages
from genima_lite.evaluation.pages import Assets
from genima_lite.evaluation.recording import Recording
from genima_lite.evaluation.report import produced_by
from genima_lite.evaluation.statistics import EpisodeResult, paired, wilson_interval
from genima_lite.files import write_json, written_whole
from genima_lite.viz.report_figures import success_figure
from genima_lite.viz.robustness_strip import robustness_strip

CLEAN, ALL = "clean", "all together"
"""Names of the conditions without and with all perturbations."""

Cells = Mapping[str, Mapping[str, Sequence[EpisodeResult]]]
"""Results by policy and condition."""


def summary_of(cells: Cells) -> dict[str, dict[str, dict[str, Any]]]:
    """Return by policy and condition, JSON-able: `successes`, `n`, `rate`, `interval_95` (Wilson);
    `kept`, the share of the clean successes that is left, `None` where there were none; and `lost`,
    `won` and `p`, compared with the clean twins.
    """
    return {
        policy: {name: _row(results, row[CLEAN]) for name, results in row.items()}
        for policy, row in cells.items()
    }


def write_robustness(
    folder: Path,
    cells: Cells,
    strips: Mapping[str, Mapping[str, Mapping[str, Recording]]],
    settings: Mapping[str, Any],
) -> Path:
    """Write `robustness.html`, its figures and `results.json`; return the page's path.

    Args:
        folder: must be there.
        cells: the results; every policy has the condition `CLEAN`, and all have the same episodes.
        strips: by policy that draws, by condition and task, an episode that was recorded.
        settings: JSON-able, how the grid was run.

    Raises:
        UserError: cells with different episodes.
    """
    summary, between = summary_of(cells), _between(cells)
    content = {"settings": settings, "summary": summary, "between_policies": between}
    write_json(folder / "results.json", {**content, "produced_by": produced_by()})
    assets = Assets(folder)
    sections = [
        _success(summary, assets),
        _policies(between),
        *(_drawn(policy, rows, assets) for policy, rows in strips.items()),
        _settings(settings),
    ]
    path = folder / "robustness.html"
    with written_whole(path) as partial:
        partial.write_text(pages.page("Robustness", _lead(cells), sections), encoding="utf-8")
    return path


def _row(results: Sequence[EpisodeResult], clean: Sequence[EpisodeResult]) -> dict[str, Any]:
    solved, before = _outcomes(results), _outcomes(clean)
    successes, n = sum(solved.values()), len(solved)
    compared = paired(solved, before)
    return {
        "successes": successes,
        "n": n,
        "rate": successes / n,
        "interval_95": wilson_interval(successes, n),
        "kept": successes / sum(before.values()) if any(before.values()) else None,
        **vars(compared),
    }


def _outcomes(results: Sequence[EpisodeResult]) -> dict[Any, bool]:
    """Return by episode whether it was solved; errors are no results."""
    return {(e.task, e.variation, e.seed): e.success for e in results if e.error is None}


def _between(cells: Cells) -> list[dict[str, Any]]:
    """Return every pair of policies under each condition, compared episode by episode."""
    found = []
    for one, other in combinations(cells, 2):
        for condition in cells[one]:
            results = (_outcomes(cells[policy][condition]) for policy in (one, other))
            which = {"condition": condition, "one": one, "other": other}
            found.append({**which, **vars(paired(*results))})
    return found


def _lead(cells: Cells) -> str:
    conditions = len(next(iter(cells.values())))
    episodes = sum(len(results) for row in cells.values() for results in row.values())
    return (
        f"{', '.join(cells)} in clean scenes and under {conditions - 1} changes of what they look "
        f"like; {episodes} closed-loop episodes. A changed scene has its pieces where its clean "
        "twin has them. Every number is also in results.json."
    )


def _success(summary: Mapping[str, Mapping[str, Mapping[str, Any]]], assets: Assets) -> str:
    figure = success_figure(summary)
    inches = float(figure.get_size_inches()[0])
    caption = "Share of episodes that were solved, all tasks together, with 95 % Wilson intervals."
    name = assets.figure("robustness", figure)
    conditions = list(next(iter(summary.values())))
    rows = [[_words(c), *(_cell(summary[policy][c]) for policy in summary)] for c in conditions]
    note = (
        "Success rate; below it solved / tried and how much of the clean success is left. In "
        "brackets: the p-value of a sign test against the clean twins, where it is below 0.05."
    )
    return pages.section(
        "Success",
        pages.image(name, "success under each perturbation", caption, inches),
        pages.table(["condition", *summary], rows, note),
    )


def _cell(row: Mapping[str, Any]) -> pages.Cell:
    kept = "" if row["kept"] is None else f", {row['kept']:.0%} left"
    sure = f" (p {row['p']:.2g})" if row["p"] < 0.05 else ""
    return f"{row['rate']:.0%}", f"{row['successes']}/{row['n']}{kept}{sure}"


def _policies(between: Sequence[Mapping[str, Any]]) -> str:
    """Return what sets policies apart."""
    if not between:
        return ""
    rows = [
        [_words(row["condition"]), f"{row['one']} and {row['other']}"]
        + [str(row["won"]), str(row["lost"]), f"{row['p']:.2g}"]
        for row in between
    ]
    caption = "Episodes that only the first, and only the second policy solves; sign test."
    head = ["condition", "policies", "only the first", "only the second", "p"]
    return pages.section("Policies side by side", pages.table(head, rows, caption, "words"))


def _drawn(policy: str, rows: Mapping[str, Mapping[str, Recording]], assets: Assets) -> str:
    """Return a strip for each perturbation: the clean scene, the perturbed one, the drawing."""
    body = []
    for condition, perturbed in rows.items():
        if condition == CLEAN:
            continue
        figure = robustness_strip(rows[CLEAN], perturbed)
        name, inches = assets.figure(f"{policy}_{condition}", figure), figure.get_size_inches()[0]
        caption = f"{_words(condition)}: the first decision of a task's first episode."
        body += [pages.heading(_words(condition))]
        body += [pages.image(name, f"{policy}, {condition}", caption, float(inches), "strip")]
    return pages.section(f"What {policy} drew", *body)


def _settings(settings: Mapping[str, Any]) -> str:
    """Return how the grid was run."""
    rows = [[name, _shown(value)] for name, value in {**settings, **produced_by()}.items()]
    caption = "The grid's settings, and what it was run on."
    return pages.section(
        "What produced this", pages.table(["what", "which"], rows, caption, "words")
    )


def _shown(value: Any) -> str:
    return ", ".join(map(str, value)) if isinstance(value, list | tuple) else str(value)


def _words(name: str) -> str:
    return name.replace("_", " ")
