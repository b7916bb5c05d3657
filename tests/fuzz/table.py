"""What came of the variants: counts by kind, and why some damages cannot be noticed."""

from collections import Counter
from collections.abc import Iterable

from .run import FAILURES, WORST_FIRST, Outcome

EXPLAINED: dict[str, str] = {}
"""By kind of damage, why it need not be refused, or cannot be."""


def failures(outcomes: Iterable[Outcome]) -> list[Outcome]:
    """Return the variants that must not be: failures, and silence that nobody has explained."""
    return [
        each
        for each in outcomes
        if each.outcome in FAILURES or (each.outcome == "accepted" and each.damage not in EXPLAINED)
    ]


def render(outcomes: list[Outcome]) -> str:
    """Return counts by kind and outcome, the rarest columns first, as text."""
    counts: dict[str, Counter[str]] = {}
    for each in outcomes:
        counts.setdefault(each.damage, Counter())[each.outcome] += 1
    shown = [name for name in WORST_FIRST if any(count[name] for count in counts.values())]
    width = max(map(len, counts), default=4)
    lines = ["".ljust(width) + "".join(name.rjust(11) for name in shown)]
    for kind in sorted(counts):
        lines.append(kind.ljust(width) + _cells(counts[kind], shown))
    total = sum(counts.values(), Counter())
    lines.append(f"all {len(outcomes)}".ljust(width) + _cells(total, shown))
    silent = sorted({each.damage for each in outcomes if each.outcome == "accepted"})
    lines += [f"accepted, {kind}: {EXPLAINED.get(kind, 'NOT EXPLAINED')}" for kind in silent]
    return "\n".join(lines)


def _cells(count: Counter[str], shown: list[str]) -> str:
    return "".join((str(count[name]) if count[name] else ".").rjust(11) for name in shown)
