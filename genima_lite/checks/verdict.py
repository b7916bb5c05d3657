"""How a check says what it found."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np


class CheckFailed(AssertionError):
    """An attempt is not right yet; the message says what to look at."""

    def _render_traceback_(self) -> list[str]:
        """Return what a notebook shows instead of a traceback: only the hint."""
        return [f"\N{BALLOT X} {self}"]


def expect(condition: Any, hint: str) -> None:
    """Raise `CheckFailed` with a hint unless the condition holds."""
    if not condition:
        raise CheckFailed(hint)


def close(found: Any, wanted: Any, hint: str, tolerance: float = 1e-6) -> None:
    """Raise `CheckFailed` unless two arrays have one shape and agree; NaN agrees with NaN.

    Args:
        found: what the attempt returned.
        wanted: the truth.
        hint: said if the numbers differ; another sentence is said if the shapes do.
        tolerance: largest absolute difference.
    """
    expect(found is not None, "the function returned nothing: is there a `return`?")
    found, wanted = np.asarray(found, dtype=float), np.asarray(wanted, dtype=float)
    expect(
        found.shape == wanted.shape,
        f"the result has shape {found.shape}, it should be {wanted.shape}",
    )
    expect(np.allclose(found, wanted, rtol=0, atol=tolerance, equal_nan=True), hint)


def named(found: Any) -> set[str]:
    """Return an attempt's set of names; raise `CheckFailed` if it returned something else."""
    expect(found is not None, "the function returned nothing: is there a `return`?")
    expect(
        isinstance(found, set | frozenset),
        f"return a set, `set()` if there is nothing in it, not a {type(found).__name__}",
    )
    return set(found)


def bools(found: Any, hint: str) -> None:
    """Raise `CheckFailed` with a hint unless an array holds bools."""
    expect(np.asarray(found).dtype == bool, hint)


def passed(praise: str) -> None:
    """Print that an attempt is right."""
    print(f"\N{CHECK MARK} {praise}")


def compare(
    found: Any, wanted: Any, mistakes: Mapping[str, Any], hint: str, tolerance: float = 1e-6
) -> None:
    """Raise `CheckFailed` unless two arrays agree, with the hint of the likely mistake.

    Args:
        found: what the attempt returned.
        wanted: the truth.
        mistakes: what likely mistakes give, each by its hint; those of another shape too.
        hint: said if it is none of them.
        tolerance: largest absolute difference.
    """
    expect(found is not None, "the function returned nothing: is there a `return`?")
    found, wanted = np.asarray(found, dtype=float), np.asarray(wanted, dtype=float)
    if not _same(found, wanted, tolerance):
        for mistake, result in mistakes.items():
            expect(not _same(found, np.asarray(result, float), max(tolerance, 1e-5)), mistake)
    close(found, wanted, hint, tolerance)


def _same(one: np.ndarray, other: np.ndarray, tolerance: float) -> bool:
    return one.shape == other.shape and np.allclose(one, other, 0, tolerance, equal_nan=True)
