"""Make a variant of the course, for marks: `python scripts/variants.py FOLDER --seed 7`.

The seed chooses for each exercise another contract, where there is one (another unit, order or
meaning; `genima_lite/checks/variants.py`), and the numbers of the hidden tests. A solution that is
copied from solutions/ fails there. With `--task` the scenes that 07 and 08 look at are those of
another task.

    python scripts/variants.py FOLDER [NAMES] --seed 7 [--task press_switch] [--hints 1]

FOLDER becomes a course of nbgrader (docs/instructors.md). In FOLDER/variants are the sources with
the variants' own solutions; keep the seed and that folder to yourself.
"""

from __future__ import annotations

import argparse
import re
import zlib
from pathlib import Path
from typing import Any

import jupytext
import numpy as np

import notebooks
from genima_lite.checks.variants import TWISTS, Twist
from genima_lite.envs.api import check_task
from genima_lite.errors import UserError

SCENES = {
    "07_closing_the_loop": 'PolicyFactory("genima")("play_jenga")',
    "08_robustness_and_rlbench": '"open_drawer"',
}
"""By notebook, code with the task of its scenes."""


def chosen(exercise: str, seed: int) -> tuple[str, Twist] | None:
    """Return the variant of an exercise (a key of `TWISTS`), and its name; `None` without any."""
    options = sorted(TWISTS.get(exercise, {}))
    if not options:
        return None
    rng = np.random.default_rng([seed, zlib.crc32(exercise.encode())])
    name = options[int(rng.integers(len(options)))]
    return name, TWISTS[exercise][name]


def _of(number: str, cell: Any, seed: int) -> tuple[str, Twist] | None:
    """Return the variant of the exercise that a cell belongs to."""
    (name,) = (cell.metadata[part] for part in notebooks.PARTS if part in cell.metadata)
    return chosen(f"{number} {name}", seed)


def edited(source: str, edits: tuple[tuple[str, str], ...], where: str) -> str:
    """Return a text with all edits.

    Raises:
        UserError: something to edit does not stand there once.
    """
    for old, new in edits:
        if source.count(old) != 1:
            raise UserError(f"{where}: {old!r} stands there {source.count(old)} times, not once")
        source = source.replace(old, new)
    return source


def vary(number: str, cells: list[Any], seed: int, hints: int | None = None) -> list[str]:
    """Change a source's exercises; return the names of those that have another contract.

    Args:
        number: the notebook's, such as "02".
        cells: of the source.
        seed: of the variant.
        hints: how many an exercise keeps; `None`: all.
    """
    varied = []
    for cell in cells:
        if "exercise" in cell.metadata:
            _vary_text(number, cell, seed, hints)
        elif "solution" in cell.metadata and (found := _of(number, cell, seed)):
            name = cell.metadata["solution"]
            cell.source = edited(cell.source, found[1].edits, f"exercise '{name}'")
            varied.append(name)
        elif "check" in cell.metadata:
            _vary_check(number, cell, seed)
    return varied


def _vary_text(number: str, cell: Any, seed: int, hints: int | None) -> None:
    """Say the other contract at the end of an exercise's text, above its hints."""
    text, mark, folded = cell.source.partition("<details>")
    blocks = re.findall(r"<details>.*?</details>", mark + folded, re.DOTALL)
    if found := _of(number, cell, seed):
        text += f"**In your variant:** {found[1].says}\n\n"
        text += (
            "(Hints, and what the checks say, are of the public version: mind the difference.)\n\n"
        )
    cell.source = text + "\n".join(blocks if hints is None else blocks[:hints])


def _vary_check(number: str, cell: Any, seed: int) -> None:
    """Let a check test the other contract, with other numbers in its hidden tests."""
    name = cell.metadata["check"]
    hidden = int(np.random.default_rng([seed, zlib.crc32(name.encode()), 1]).integers(2, 10_000))
    cell.source = cell.source.replace("seed=1)", f"seed={hidden})")
    if found := _of(number, cell, seed):
        call = rf"check_{name}\((\w+)"
        wrapped = rf'check_{name}(in_variant("{number} {name}", "{found[0]}", \1)'
        body = re.sub(call, wrapped, cell.source)
        cell.source = f"from genima_lite.checks.variants import in_variant\n{body}"


def other_task(name: str, cells: list[Any], task: str) -> None:
    """Let a notebook look at another task's scenes, where that is possible."""
    code = SCENES.get(name)
    plain = [
        c for c in cells if c.cell_type == "code" and not set(c.metadata) & set(notebooks.PARTS)
    ]
    for cell in plain if code else ():
        old = re.findall(r'"([a-z_]+)"', code)[-1]
        cell.source = cell.source.replace(code, code.replace(old, task))
        cell.source = cell.source.replace("# NBVAL_CHECK_OUTPUT\n", "")


def main() -> int:
    words = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    words.add_argument("folder", type=Path, help="becomes an nbgrader course")
    words.add_argument("names", nargs="*", help="such as 02; all without")
    words.add_argument("--seed", type=int, required=True, help="of the variant; keep it secret")
    words.add_argument("--task", help="whose scenes 07 and 08 look at")
    words.add_argument("--hints", type=int, help="how many hints an exercise keeps; all without")
    given = words.parse_args()
    if given.task:
        check_task(given.task)
    made = []
    for path in sorted(notebooks.SOURCES.glob("[0-9][0-9]_*.py")):
        if given.names and not path.name.startswith(tuple(given.names)):
            continue
        source = jupytext.read(path)
        varied = vary(path.name[:2], source.cells, given.seed, given.hints)
        if given.task:
            other_task(path.stem, source.cells, given.task)
        made.append(given.folder / "variants" / path.name)
        made[-1].parent.mkdir(parents=True, exist_ok=True)
        jupytext.write(source, made[-1], fmt="py:percent")
        print(f"{path.stem}: {len(varied)} with another contract: {', '.join(varied) or 'none'}")
    notebooks.write_course(made, given.folder)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
