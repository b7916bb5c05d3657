"""Checks of the course's exercises: they test properties and name the likely mistake.

One module a notebook, one function an exercise: `check_NAME(attempt, seed=0)` calls what the
student wrote, prints one line if it is right and raises `CheckFailed` with a hint if it is not. The
seed draws the examples, so that an instructor's hidden test is the same check on other numbers.
"""

from genima_lite.checks.verdict import CheckFailed, close, compare, expect, passed

__all__ = ["CheckFailed", "close", "compare", "expect", "passed"]
