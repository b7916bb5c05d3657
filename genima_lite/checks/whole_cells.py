"""Says in a notebook that an exercise's cell was split, deleted or not written yet.

A student who splits a solution's cell meets errors that speak of something else: an indent in one
half, a missing name in the check. The functions here tell the cause beside them.
"""

from __future__ import annotations

from typing import Any

_WAY_OUT = (
    "put the whole function back into the one cell that came with the exercise (select its parts, "
    "Edit > Merge Selected Cells), and run it"
)


def watch() -> None:
    """Watch the cells of the notebook that calls this; does nothing outside a notebook."""
    try:
        from IPython import get_ipython
    except ImportError:
        return
    shell = get_ipython()
    if shell is not None and _say_cause not in shell.events.callbacks["post_run_cell"]:
        shell.events.register("post_run_cell", _say_cause)


def _say_cause(result: Any) -> None:
    """Print the likely cause of a cell's error below it."""
    error = result.error_before_exec or result.error_in_exec
    if looks_split(error):
        print(f"\N{BALLOT X} this looks like a part of a function: was the cell split? {_WAY_OUT}")
    elif isinstance(error, NameError) and lacks_an_answer(result.info.raw_cell, error):
        cause = "the exercise's cell was not run, was split, or was deleted"
        print(f"\N{BALLOT X} there is no '{error.name}': {cause}: {_WAY_OUT}")
    elif isinstance(error, NotImplementedError) and "genima_lite.checks" in result.info.raw_cell:
        print("\N{BALLOT X} not written yet: the exercise above waits for you; the rest goes on")


def lacks_an_answer(cell: str, error: NameError) -> bool:
    """Return whether a cell is a check, and a name that it tests is missing."""
    return "genima_lite.checks" in cell and f"{error.name}" in cell


def looks_split(error: BaseException | None) -> bool:
    """Return whether an error comes from a function's head without body, or body without head."""
    if isinstance(error, IndentationError):
        return True
    hints = ("outside function", "incomplete input")  # the latter is what a notebook says of a head
    return isinstance(error, SyntaxError) and any(hint in str(error.msg) for hint in hints)
