"""How a check says what it found."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
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


def called(attempt: Callable[..., Any], *given: Any) -> Any:
    """Return what an attempt returns, given copies of arrays, and refuse one that changes them."""
    copies = [each.copy() if isinstance(each, np.ndarray) else each for each in given]
    found = attempt(*copies)
    for copy, each in zip(copies, given, strict=True):
        same = not isinstance(each, np.ndarray) or copy.tobytes() == each.tobytes()
        expect(same, "your function changed the array it was given: copy it first")
    return found


@contextmanager
def without(place: Any, name: str, hint: str) -> Iterator[None]:
    """Refuse, with a hint, the use of a function that an exercise is about to replace.

    Args:
        place: the module or class that holds it.
        name: the function's.
        hint: said to who calls it meanwhile.
    """
    before = getattr(place, name)

    def refused(*given: Any, **named: Any) -> Any:
        raise CheckFailed(hint)

    setattr(place, name, refused)
    try:
        yield
    finally:
        setattr(place, name, before)
