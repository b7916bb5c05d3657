"""Make the course's notebooks from their sources: `make notebooks`.

Each `notebooks/source/NN_name.py` (jupytext's percent format) becomes

- `solutions/NN_name.ipynb`: solved, run, with a paragraph on why for each exercise;
- `notebooks/NN_name.ipynb`: the student's, with stubs, and the same pictures;
- with `--nbgrader FOLDER`, a course of nbgrader: its settings, and
  `FOLDER/source/NN_name/NN_name.ipynb`, from which `nbgrader generate_assignment` makes what
  students get.

An exercise is four cells that name it; a part that is missing stops the build:

    # %% [markdown] exercise="project" difficulty=2 minutes=10
    # %% solution="project"         BEGIN SOLUTION, END SOLUTION around what students write
    # %% check="project" points=2   the visible check; BEGIN HIDDEN TESTS, END HIDDEN TESTS
    # %% [markdown] why="project"   only in solutions/

    python scripts/notebooks.py [NAMES] [--check] [--again] [--nbgrader FOLDER]

Where only texts have changed, outputs are kept. `--check` writes nothing and fails if a committed
notebook is not what its source makes; `--again` runs also those whose code has not changed.
"""

from __future__ import annotations

import argparse
import base64
import copy
import io
import re
import sys
from pathlib import Path
from typing import Any

import jupytext
import nbformat
from nbclient import NotebookClient
from nbgrader.preprocessors import ClearHiddenTests, ClearSolutions
from PIL import Image

ROOT = Path(__file__).resolve().parents[1]
SOURCES, STUDENT, SOLVED = ROOT / "notebooks/source", ROOT / "notebooks", ROOT / "solutions"
PARTS = ("exercise", "solution", "check", "why")
KERNEL = {"display_name": "Python 3", "language": "python", "name": "python3"}
PROJECT, VERSION = "genima-lite/genima-lite", "main"
"""Where the repository is; Colab and Binder take this branch of it."""

INSTALL = f"""from importlib.util import find_spec

if find_spec("genima_lite") is None:  # on Colab
    from IPython import get_ipython

    wanted = "genima-lite[models,notebooks] @ git+https://github.com/{PROJECT}@{VERSION}"
    get_ipython().run_line_magic("pip", f"install -q '{{wanted}}'")

"""
WITH_ARM = ("09_a_real_arm",)
"""Notebooks that need the extra `arm` as well."""

BADGES = """[![Open in Colab](https://colab.research.google.com/assets/colab-badge.svg)](\
https://colab.research.google.com/github/{project}/blob/{version}/notebooks/{name}.ipynb) \
[![Open in Binder](https://mybinder.org/badge_logo.svg)](\
https://mybinder.org/v2/gh/{project}/{version}?labpath=notebooks%2F{name}.ipynb)
"""
NBGRADER_CONFIG = """\
from pathlib import Path

c = get_config()
c.CourseDirectory.course_id = "genima"
c.CourseDirectory.root = str(Path(__file__).parent)
c.Exchange.root = str(Path(__file__).parent / "exchange")
c.ExecutePreprocessor.timeout = 600
"""
"""Where the course and the folder lie through which assignments go to students and come back."""

AFRESH = """\
import sys

for name in [each for each in sys.modules if each.startswith("genima_lite.checks")]:
    del sys.modules[name]"""
"""Forgets the checks as they may have become."""

CODE_STUB = "# YOUR CODE HERE\nraise NotImplementedError()"
PICTURE = re.compile(r"(?<=data:image/png;base64,)[A-Za-z0-9+/=]+")
"""The PNG in base64 of a picture that is shown as HTML."""

MOST_BYTES = 1_500_000
"""Of a committed notebook."""


class SourceError(Exception):
    """A source that breaks the course's rules."""


def read_source(path: Path) -> nbformat.NotebookNode:
    """Return a source as a notebook with nbgrader's metadata and cell names that stay.

    Raises:
        SourceError: an exercise with a part missing.
    """
    notebook = jupytext.read(path)
    notebook.metadata = nbformat.from_dict({"kernelspec": KERNEL})
    notebook.nbformat, notebook.nbformat_minor = 4, 5
    check_exercises(path.name, notebook.cells)
    checks = [cell.metadata for cell in notebook.cells if "check" in cell.metadata]
    points = {check["check"]: check["points"] for check in checks}
    _add_launch(notebook.cells, path.stem)
    for number, cell in enumerate(notebook.cells):
        if "exercise" in cell.metadata:
            cell.source = _with_effort(cell, points[cell.metadata["exercise"]])
        cell.metadata = nbformat.from_dict(_metadata(cell.metadata))
        cell.id = f"cell-{path.name[:2]}-{number:03d}"
    return notebook


def _metadata(given: dict[str, Any]) -> dict[str, Any]:
    """Return a cell's metadata: its part of an exercise in nbgrader's words, and tags."""
    kept: dict[str, Any] = {name: given[name] for name in PARTS if name in given}
    tags = list(given.get("tags", []))
    for part in ("exercise", "check", "why"):
        if part in given:
            tags.append(part)
    if "solution" in given or "check" in given:
        graded = "check" in given
        kept["nbgrader"] = {
            "grade": graded,
            "grade_id": f"{given['check']}-check" if graded else given["solution"],
            "locked": graded,
            "schema_version": 3,
            "solution": not graded,
            "task": False,
        }
        if graded:
            kept["nbgrader"]["points"] = int(given["points"])
    if tags:
        kept["tags"] = tags
    return kept


def _add_launch(cells: list[Any], name: str) -> None:
    """Put launch buttons below the title, and the installation into the set-up cell."""
    setup = [cell for cell in cells if "setup" in cell.metadata.get("tags", [])]
    if not cells or not cells[0].source.startswith("# ") or len(setup) != 1:
        raise SourceError(f"{name}: a title first, and one cell tagged setup")
    title, _, text = cells[0].source.partition("\n")
    badges = BADGES.format(project=PROJECT, version=VERSION, name=name)
    cells[0].source = f"{title}\n\n{badges}{text}"
    install = INSTALL.replace("[models", "[arm,models") if name in WITH_ARM else INSTALL
    setup[0].source = install + setup[0].source


def _with_effort(task: Any, points: int) -> str:
    """Return an exercise's text with a line below its title: difficulty, minutes, points."""
    title, _, text = task.source.partition("\n")
    difficulty, minutes = int(task.metadata["difficulty"]), task.metadata["minutes"]
    dots = "●" * difficulty + "○" * (3 - difficulty)
    worth = f"{points} point{'s' * (points != 1)}"
    return f"{title}\n\n*difficulty {dots} · about {minutes} minutes · {worth}*\n{text}"


def check_exercises(name: str, cells: list[Any]) -> None:
    """Raise `SourceError` unless every exercise is whole: see the top of this file."""
    found = [(p, c.metadata[p], c) for c in cells for p in PARTS if p in c.metadata]
    names = list(dict.fromkeys(exercise for _, exercise, _ in found))
    for exercise in names:
        parts = [(part, cell) for part, of, cell in found if of == exercise]
        if [part for part, _ in parts] != list(PARTS):
            raise SourceError(f"{name}: exercise '{exercise}' has {[p for p, _ in parts]}")
        task, solution, check, _ = (cell for _, cell in parts)
        wanted = {
            "a title": task.source.startswith("### "),
            "difficulty (1 to 3) and minutes": task.metadata.get("difficulty") in (1, 2, 3)
            and "minutes" in task.metadata,
            "hints in <details>": "<details>" in task.source,
            "BEGIN and END SOLUTION": _region(solution.source, "SOLUTION"),
            "points": "points" in check.metadata,
            "BEGIN and END HIDDEN TESTS": _region(check.source, "HIDDEN TESTS"),
        }
        for what, there in wanted.items():
            if not there:
                raise SourceError(f"{name}: exercise '{exercise}' lacks {what}")


def _region(source: str, kind: str) -> bool:
    return source.count(f"### BEGIN {kind}") == source.count(f"### END {kind}") == 1


def solved(notebook: nbformat.NotebookNode) -> nbformat.NotebookNode:
    """Return the solutions notebook: all but the graders' marks."""
    made = copy.deepcopy(notebook)
    for cell in made.cells:
        if "check" in cell.metadata:
            cell.source = _without_region(cell.source, "HIDDEN TESTS")
    return made


def student(notebook: nbformat.NotebookNode) -> nbformat.NotebookNode:
    """Return the student's notebook: stubs, no reasons, no outputs of exercises.

    A check that still waits for its answer does not stop "Run All": Jupyter goes on after a cell
    tagged `raises-exception`.
    """
    made = nbgrader_source(notebook)
    for preprocessor in (
        ClearSolutions(code_stub={"python": CODE_STUB}, enforce_metadata=True),
        ClearHiddenTests(enforce_metadata=True),
    ):
        made, _ = preprocessor.preprocess(made, {})
    for cell in made.cells:
        if "solution" in cell.metadata or "check" in cell.metadata:
            cell.outputs, cell.execution_count = [], None
        if "check" in cell.metadata:
            cell.metadata["tags"] = [*cell.metadata.get("tags", []), "raises-exception"]
    return made


def nbgrader_source(notebook: nbformat.NotebookNode) -> nbformat.NotebookNode:
    """Return the notebook from which nbgrader makes an assignment: everything but the reasons.

    Hidden tests read the checks anew from their files, so that a submission that puts others in
    their place gets no marks for it.
    """
    made = copy.deepcopy(notebook)
    made.cells = [cell for cell in made.cells if "why" not in cell.metadata]
    for cell in made.cells:
        imports = re.findall(r"^from genima_lite\.checks.*$", cell.source, re.MULTILINE)
        if "check" in cell.metadata and imports:
            begin = "### BEGIN HIDDEN TESTS\n"
            afresh = "\n".join([AFRESH, *imports, ""])
            cell.source = cell.source.replace(begin, begin + afresh)
    return made


def _without_region(source: str, kind: str) -> str:
    pattern = rf"\n*[ \t]*### BEGIN {kind}.*?### END {kind}"
    return re.sub(pattern, "", source, flags=re.DOTALL)


def run(notebook: nbformat.NotebookNode) -> nbformat.NotebookNode:
    """Run a notebook in `notebooks/` and return it with outputs, pictures made small."""
    made = copy.deepcopy(notebook)
    client = NotebookClient(
        made, timeout=600, resources={"metadata": {"path": str(STUDENT)}}, record_timing=False
    )
    client.execute()
    made.metadata = nbformat.from_dict(
        {k: v for k, v in made.metadata.items() if k in ("kernelspec", "widgets")}
    )
    for output in (o for c in made.cells for o in c.get("outputs", [])):
        if "text/html" in (data := output.get("data", {})):
            data["text/html"] = PICTURE.sub(lambda found: _smaller(found[0]), data["text/html"])
    return made


def _smaller(png: str) -> str:
    """Return a picture in 256 colours if that takes fewer bytes; base64 PNG in and out."""
    picture = Image.open(io.BytesIO(base64.b64decode(png))).convert("RGB")
    buffer = io.BytesIO()
    # an octree keeps colours of few pixels, such as a joint's marker; median cut mixes them
    picture.quantize(256, method=Image.Quantize.FASTOCTREE).save(buffer, "png", optimize=True)
    small = base64.b64encode(buffer.getvalue()).decode()
    return small if len(small) < len(png) else png


def as_it_ran(wanted: nbformat.NotebookNode, written: Path) -> nbformat.NotebookNode | None:
    """Return a written notebook if its code is the wanted one's, else nothing.

    Texts may differ, and the set-up, which installs on Colab what is installed here.
    """
    if not written.exists():
        return None
    ran = nbformat.read(written, 4)
    return ran if _code(ran) == _code(wanted) else None


def _code(notebook: nbformat.NotebookNode) -> list[tuple[str, str]]:
    cells = [cell for cell in notebook.cells if cell.cell_type == "code"]
    return [(c.id, "" if "setup" in c.metadata.get("tags", []) else c.source) for c in cells]


def with_outputs(wanted: nbformat.NotebookNode, ran: nbformat.NotebookNode) -> Any:
    """Return a notebook whose cells have the outputs of the same cells of one that was run."""
    outputs = {cell.id: cell for cell in ran.cells}
    made = copy.deepcopy(wanted)
    for cell in made.cells:
        if cell.cell_type == "code":
            cell.outputs = outputs[cell.id].outputs
            cell.execution_count = outputs[cell.id].execution_count
    made.metadata = ran.metadata
    return made


def same(one: nbformat.NotebookNode, other: nbformat.NotebookNode) -> bool:
    """Return whether two notebooks agree in everything but outputs."""
    return [_bare(cell) for cell in one.cells] == [_bare(cell) for cell in other.cells]


def _bare(cell: Any) -> tuple[Any, ...]:
    metadata = {k: v for k, v in cell.metadata.items() if k != "execution"}
    return cell.id, cell.cell_type, cell.source, metadata


def drift(path: Path) -> list[str]:
    """Return what is wrong with the committed notebooks of a source."""
    notebook, name = read_source(path), path.with_suffix(".ipynb").name
    problems = []
    for folder, wanted in ((SOLVED, solved(notebook)), (STUDENT, student(notebook))):
        committed = folder / name
        if not committed.exists():
            problems.append(f"{folder.name}/{name} is missing")
        elif not same(nbformat.read(committed, 4), wanted):
            problems.append(f"{folder.name}/{name} is not what {path.name} makes")
        elif committed.stat().st_size > MOST_BYTES:
            problems.append(f"{folder.name}/{name} is larger than {MOST_BYTES} bytes")
    return problems


def make(path: Path, again: bool = False) -> None:
    """Write both notebooks of a source; run it if its code is not the one that ran last."""
    notebook, name = read_source(path), path.with_suffix(".ipynb").name
    ran = None if again else as_it_ran(solved(notebook), SOLVED / name)
    if ran is None:
        print(f"running {path.name}", flush=True)
        ran = run(solved(notebook))
    write(with_outputs(solved(notebook), ran), SOLVED / name)
    write(student(with_outputs(notebook, ran)), STUDENT / name)


def write(notebook: nbformat.NotebookNode, path: Path) -> None:
    """Write a notebook whole or not at all."""
    nbformat.validate(notebook)
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f".{path.name}.partial")
    nbformat.write(notebook, partial)
    partial.replace(path)


def write_course(paths: list[Path], folder: Path) -> None:
    """Write nbgrader's source folder, and its settings and exchange unless they are there."""
    for path in paths:
        notebook = nbgrader_source(read_source(path))
        write(notebook, folder / "source" / path.stem / f"{path.stem}.ipynb")
    if not (folder / "nbgrader_config.py").exists():
        (folder / "nbgrader_config.py").write_text(NBGRADER_CONFIG)
        (folder / "exchange").mkdir(exist_ok=True)
        (folder / "exchange").chmod(0o777)  # nbgrader refuses one that students cannot write to


def main() -> int:
    words = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    words.add_argument("names", nargs="*", help="such as 02; all without")
    words.add_argument("--check", action="store_true", help="write nothing, fail on drift")
    words.add_argument("--again", action="store_true", help="run all, whatever changed")
    words.add_argument("--nbgrader", type=Path, help="write an nbgrader course's source folder")
    given = words.parse_args()
    paths = [
        path
        for path in sorted(SOURCES.glob("[0-9][0-9]_*.py"))
        if not given.names or any(path.name.startswith(name) for name in given.names)
    ]
    problems = []
    if given.nbgrader:
        write_course(paths, given.nbgrader)
        return 0
    for path in paths:
        if given.check:
            problems += drift(path)
        elif given.again or drift(path):
            make(path, given.again)
    for problem in problems:
        print(f"{problem}: run `make notebooks`", file=sys.stderr)
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
