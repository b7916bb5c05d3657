"""The course's notebooks: made from one source, without leaks, and they run."""

import copy
import importlib
import os
import re
import sys
from pathlib import Path

import pytest

jupytext = pytest.importorskip("jupytext")
pytest.importorskip("nbgrader")
nbformat = pytest.importorskip("nbformat")
nbclient = pytest.importorskip("nbclient")

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "scripts"))
import notebooks as course

SOURCES = sorted((ROOT / "notebooks/source").glob("*.py"))
NAMES = [path.stem for path in SOURCES]

EXERCISE = """# %% [markdown]
# # Title

# %% tags=["setup"]
x = 1

# %% [markdown] exercise="double" difficulty=1 minutes=5
# ### Exercise 1: Double
# Twice.
#
# <details><summary>Hint</summary>add</details>

# %% solution="double"
def double(x):
    ### BEGIN SOLUTION
    return 2 * x
    ### END SOLUTION

# %% check="double" points=2
assert double(2) == 4
### BEGIN HIDDEN TESTS
assert double(3) == 6
### END HIDDEN TESTS

# %% [markdown] why="double"
# Since two.
"""


@pytest.fixture
def source(tmp_path, monkeypatch):
    """A course of one small notebook."""
    for name in ("notebooks", "solutions"):
        (tmp_path / name).mkdir()
    monkeypatch.setattr(course, "STUDENT", tmp_path / "notebooks")
    monkeypatch.setattr(course, "SOLVED", tmp_path / "solutions")
    path = tmp_path / "99_small.py"
    path.write_text(EXERCISE)
    return path


def code(notebook, part):
    return next(cell.source for cell in notebook.cells if part in cell.metadata)


# --- one source, two notebooks


@pytest.mark.parametrize("path", SOURCES, ids=NAMES)
def test_committed_notebooks_are_what_the_source_makes(path):
    assert course.drift(path) == []


def test_student_gets_stubs_and_the_reader_of_solutions_all(source):
    notebook = course.read_source(source)
    student, solved = course.student(notebook), course.solved(notebook)
    assert "raise NotImplementedError()" in code(student, "solution")
    assert "2 * x" not in nbformat.writes(student)
    assert "Since two" not in nbformat.writes(student)
    assert "double(3)" not in nbformat.writes(student)
    assert "2 * x" in code(solved, "solution")
    assert "double(3)" not in code(solved, "check")
    assert any("Since two" in cell.source for cell in solved.cells)
    assert "difficulty ●○○ · about 5 minutes · 2 points" in code(student, "exercise")


def test_hidden_tests_do_not_ask_a_check_that_was_put_in_the_place_of_ours():
    (path,) = (each for each in SOURCES if each.name.startswith("07"))
    cells = course.nbgrader_source(course.read_source(path)).cells
    (check,) = (c.source for c in cells if c.metadata.get("check") == "sign_test")
    forged = (
        "import genima_lite.checks.closed_loop as c\nc.check_sign_test = lambda *_, **__: None\n"
    )
    before = dict(sys.modules)
    try:
        with pytest.raises(AssertionError, match="smaller tail"):
            exec(forged + check, {"sign_test": lambda won, lost: 0.5 ** (won + lost)})
    finally:
        sys.modules.update(before)
        importlib.reload(sys.modules["genima_lite.checks.closed_loop"])


def test_drift_is_noticed_whatever_drifts(source):
    course.make(source)
    assert course.drift(source) == []
    source.write_text(EXERCISE.replace("Twice.", "Two times."))
    assert len(course.drift(source)) == 2
    course.make(source)
    committed = course.STUDENT / "99_small.ipynb"
    leaked = nbformat.read(committed, 4)
    leaked.cells[3].source = "def double(x):\n    return 2 * x"
    nbformat.write(leaked, committed)
    assert course.drift(source) == ["notebooks/99_small.ipynb is not what 99_small.py makes"]


def test_outputs_stay_where_only_texts_change(source, monkeypatch):
    source.write_text(EXERCISE.replace("x = 1", "print(11)") + '\n# %%\nprint("ran")\n')
    course.make(source)
    monkeypatch.setattr(course, "run", lambda _: pytest.fail("ran again"))
    source.write_text(source.read_text().replace("Since two", "As two").replace("11", "12"))
    course.make(source)
    assert course.drift(source) == []
    for folder in (course.STUDENT, course.SOLVED):
        cells = nbformat.read(folder / "99_small.ipynb", 4).cells
        assert [c.outputs[0].text for c in cells if c.get("outputs")] == ["11\n", "ran\n"]
    source.write_text(source.read_text().replace('"ran"', '"runs"'))
    with pytest.raises(pytest.fail.Exception, match="ran again"):
        course.make(source)


@pytest.mark.parametrize(
    ("old", "new", "hint"),
    [
        ("### BEGIN SOLUTION", "", "BEGIN and END SOLUTION"),
        ("### END HIDDEN TESTS", "", "HIDDEN TESTS"),
        (" difficulty=1", "", "difficulty"),
        ("<details>", "", "hints"),
        (" points=2", "", "points"),
        ('# %% [markdown] why="double"', "# %% [markdown]", "has"),
        ("# ### Exercise 1", "# Exercise 1", "title"),
    ],
)
def test_an_exercise_with_a_part_missing_stops_the_build(source, old, new, hint):
    source.write_text(EXERCISE.replace(old, new))
    with pytest.raises(course.SourceError, match=hint):
        course.read_source(source)


# --- the committed notebooks


@pytest.fixture(scope="module", params=NAMES)
def committed(request):
    """A student's and a solutions notebook."""
    file = f"{request.param}.ipynb"
    return nbformat.read(ROOT / "notebooks" / file, 4), nbformat.read(ROOT / "solutions" / file, 4)


def test_exercises_are_four_to_eight_and_their_checks_lie_right_below(committed):
    student, _ = committed
    kinds = [next((p for p in course.PARTS if p in c.metadata), None) for c in student.cells]
    exercises = [i for i, kind in enumerate(kinds) if kind == "exercise"]
    assert 4 <= len(exercises) <= 8
    for i in exercises:
        assert kinds[i : i + 3] == ["exercise", "solution", "check"]


def test_nothing_of_a_solution_is_in_the_students_notebook(committed):
    student, solved = committed
    # The last of the folded hints may hold a line: that is what it is for.
    open_text = "\n".join(
        re.sub(r"<details>.*?</details>", "", cell.source, flags=re.DOTALL)
        for cell in student.cells
    )
    for cell in solved.cells:
        if "solution" in cell.metadata:
            region = re.search(r"### BEGIN SOLUTION\n(.*?)### END", cell.source, re.DOTALL)
            lines = [line.strip() for line in region.group(1).splitlines()]
            assert region.group(1) not in open_text
            assert not [line for line in lines if len(line) > 25 and line in open_text]


def test_size(committed):
    for notebook in committed:
        assert len(nbformat.writes(notebook).encode()) < course.MOST_BYTES


def test_no_cell_failed_when_it_was_run(committed):
    for notebook in committed:
        outputs = [o for c in notebook.cells for o in c.get("outputs", [])]
        assert not [o for o in outputs if o.output_type == "error"]


def test_links_lead_somewhere(committed):
    for notebook in committed:
        text = "\n".join(c.source for c in notebook.cells if c.cell_type == "markdown")
        for link in re.findall(r"\]\(([^)#]+)[^)]*\)", text):
            if not link.startswith(("http", "attachment")):
                assert (ROOT / "notebooks" / link).exists(), link


def test_names_of_files_in_the_text_exist(committed):
    for notebook in committed:
        text = "\n".join(c.source for c in notebook.cells if c.cell_type == "markdown")
        for name in re.findall(r"`((?:genima_lite|benchmarks|data|docs)/[\w/]+(?:\.py|/)?)`", text):
            assert (ROOT / name).exists(), name


def test_the_table_for_teachers_counts_right():
    page = (ROOT / "docs/instructors.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| (\d\d) [^|]+\| (\d+) \| (\d+) \|", page, re.MULTILINE)
    assert len(rows) > 7
    for number, exercises, points in rows:
        (source,) = (path for path in SOURCES if path.name.startswith(number))
        checks = [c.metadata for c in jupytext.read(source).cells if "check" in c.metadata]
        worth = sum(each["points"] for each in checks)
        assert (len(checks), worth) == (int(exercises), int(points)), source.name


PAPER = {"3", "3.1", "3.2", "4", "5"}
"""The paper's sections that the course may point to: method, diffusion agent, controller,
experiments, limitations."""


def test_sections_of_the_paper_are_some_that_it_has(committed):
    for notebook in committed:
        text = "\n".join(c.source for c in notebook.cells if c.cell_type == "markdown")
        assert "Generative Image as Action Models" in text
        assert set(re.findall(r"[Pp]aper,? sections? (\d[\d.]*\d|\d)", text)) <= PAPER


@pytest.mark.notebook
@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES)
def test_students_notebook_runs_and_only_its_checks_wait_for_the_student(name):
    notebook = copy.deepcopy(nbformat.read(ROOT / "notebooks" / f"{name}.ipynb", 4))
    nbclient.NotebookClient(
        notebook,
        timeout=600,
        allow_errors=True,
        resources={"metadata": {"path": str(ROOT / "notebooks")}},
    ).execute(env={**os.environ, "GENIMA_FAST": "1"})
    failed = {
        cell.id: output.ename
        for cell in notebook.cells
        for output in cell.get("outputs", [])
        if output.output_type == "error"
    }
    waiting = {cell.id for cell in notebook.cells if "check" in cell.metadata}
    assert failed == dict.fromkeys(waiting, "NotImplementedError")
