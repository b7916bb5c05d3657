"""What earlier runs with the same seed and the same code have found is not run again."""

import json
import sys
from collections.abc import Iterable
from pathlib import Path

from .outcome import Outcome

sys.path.insert(0, str(Path(__file__).parents[2] / "scripts"))

from code_digits import code_digits


def code() -> str:
    """Return digits that change with every line of the package and of this harness."""
    return code_digits("genima_lite", "tests/fuzz")


class Log:
    """A file with a line of JSON a variant.

    Args:
        path: of the file; it need not be there.
        seed: of the variants.
        of: the victims that are damaged; which damage a number means depends on them.
    """

    def __init__(self, path: Path, seed: int, of: Iterable[str]):
        self._path, self._is = path, {"seed": seed, "of": sorted(of), "code": code()}
        if path.exists() and not path.read_bytes().endswith(b"\n"):  # killed while it wrote
            self._append("\n")

    def add(self, outcome: Outcome) -> None:
        """Write down what became of a variant."""
        self._append(json.dumps({**self._is, **vars(outcome)}) + "\n")

    def kept(self) -> dict[int, Outcome]:
        """Return what is written of the same variants of the same code, by number."""
        if not self._path.exists():
            return {}
        lines = self._path.read_text(encoding="utf-8").splitlines()
        read = [each for line in lines if (each := _parsed(line))]
        same = [each for each in read if {k: each.pop(k, None) for k in self._is} == self._is]
        return {each["number"]: Outcome(**each) for each in same}

    def _append(self, text: str) -> None:
        with self._path.open("a", encoding="utf-8") as file:
            file.write(text)


def _parsed(line: str) -> dict:
    """Return what a line says; nothing if its run was killed while it wrote."""
    try:
        return json.loads(line)
    except ValueError:
        return {}
