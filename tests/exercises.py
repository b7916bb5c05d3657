"""Exercises of a notebook's source, as the tests of their checks need them."""

from pathlib import Path
from types import ModuleType
from typing import Any

import jupytext
import pytest

from genima_lite.checks import CheckFailed

SOURCES = Path(__file__).parents[1] / "notebooks/source"


class Exercises:
    """What students write in a notebook, and the checks of it.

    Args:
        name: of the source, without its ending.
        checks: the module with a `check_NAME` for each exercise.
        space: names that solutions use and earlier cells define.
    """

    def __init__(self, name: str, checks: ModuleType, **space: Any):
        self.checks, self.space = checks, space
        self.cells = {
            cell.metadata["solution"]: cell.source
            for cell in jupytext.read(SOURCES / f"{name}.py").cells
            if "solution" in cell.metadata
        }

    def check(self, name: str) -> Any:
        return getattr(self.checks, f"check_{name}")

    def solution(self, name: str) -> Any:
        return self._defined(name, self.cells[name])

    def stub(self, name: str) -> Any:
        head, _, rest = self.cells[name].partition("### BEGIN SOLUTION")
        rest = rest.partition("### END SOLUTION")[2]
        return self._defined(name, f"{head}raise NotImplementedError{rest}")

    def accept(self, name: str, capsys: Any, seeds: tuple[int, ...] = (0, 1, 7)) -> None:
        """Assert that a solution passes and its stub does not, whatever the seed."""
        for seed in seeds:
            self.check(name)(self.solution(name), seed)
            assert capsys.readouterr().out.count("\n") == 1
        with pytest.raises(NotImplementedError):
            self.check(name)(self.stub(name))

    def refuse(self, name: str, attempt: Any, hint: str) -> None:
        """Assert that a wrong answer is refused with its hint."""
        with pytest.raises(CheckFailed, match=hint):
            self.check(name)(attempt)

    def _defined(self, name: str, source: str) -> Any:
        space = dict(self.space)
        exec(source, space)
        return space[name]
