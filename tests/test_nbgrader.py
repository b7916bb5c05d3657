"""An instructor's way through nbgrader: release, collect, autograde."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

nbformat = pytest.importorskip("nbformat")
pytest.importorskip("nbgrader")

ROOT = Path(__file__).resolve().parents[1]
NAME = "98_two_exercises"
SOURCE = Path(__file__).parent / "data/notebooks" / f"{NAME}.py"
CONFIG = """
c = get_config()
c.CourseDirectory.course_id = "genima"
c.CourseDirectory.root = {root!r}
c.Exchange.root = {exchange!r}
c.ExchangeCollect.check_owner = False
c.ExecutePreprocessor.timeout = 120
"""


class Course:
    """A course in a folder, its exchange beside it."""

    def __init__(self, folder: Path):
        self.root, self.home = folder / "course", folder
        exchange = folder / "exchange"
        for made in (self.root, exchange):
            made.mkdir()
        exchange.chmod(0o777)
        config = CONFIG.format(root=str(self.root), exchange=str(exchange))
        (self.root / "nbgrader_config.py").write_text(config)

    def call(self, *words: str, folder: Path | None = None) -> str:
        own = {"HOME": str(self.home), "JUPYTER_CONFIG_DIR": str(self.root)}
        done = subprocess.run(
            [sys.executable, "-m", "nbgrader", *words],
            cwd=folder or self.root,
            env={**os.environ, **own},
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )
        assert done.returncode == 0, done.stderr[-3000:]
        return done.stdout + done.stderr

    def submit(self, student: str, answers: dict[str, str]) -> None:
        """Fetch the assignment, put answers into its solution cells, hand it in."""
        desk = self.home / student
        desk.mkdir()
        self.call("fetch_assignment", NAME, folder=desk)
        path = desk / NAME / f"{NAME}.ipynb"
        notebook = nbformat.read(path, 4)
        for cell in notebook.cells:
            if cell.metadata.get("solution") in answers:
                cell.source = answers[cell.metadata["solution"]]
        nbformat.write(notebook, path)
        self.call("submit", NAME, folder=desk)
        # The exchange knows students by their accounts, of which a test has one.
        inbound = self.home / "exchange/genima/inbound"
        (mine,) = (each for each in inbound.iterdir() if not each.name.startswith("student-"))
        mine.rename(inbound / f"student-{student}+{mine.name.partition('+')[2]}")

    def marks(self) -> dict[str, float]:
        from nbgrader.api import Gradebook

        with Gradebook(f"sqlite:///{self.root / 'gradebook.db'}") as book:
            return {
                each.student.id.partition("-")[2]: each.score
                for each in book.assignment_submissions(NAME)
            }


@pytest.fixture(scope="module")
def solutions() -> dict[str, str]:
    sys.path.insert(0, str(ROOT / "scripts"))
    import notebooks as course

    cells = course.read_source(SOURCE).cells
    return {c.metadata["solution"]: c.source for c in cells if "solution" in c.metadata}


@pytest.mark.slow
@pytest.mark.notebook
def test_full_zero_and_partial_marks(tmp_path, monkeypatch, solutions):
    import notebooks

    # nbgrader calls alembic by its name
    monkeypatch.setenv("PATH", f"{Path(sys.executable).parent}:{os.environ['PATH']}")
    monkeypatch.setattr(notebooks, "SOURCES", SOURCE.parent)
    monkeypatch.setattr(sys, "argv", ["notebooks.py", "--nbgrader", str(tmp_path / "course")])
    course = Course(tmp_path)
    assert notebooks.main() == 0
    course.call("generate_assignment", NAME)
    released = (course.root / "release" / NAME / f"{NAME}.ipynb").read_text()
    assert "BEGIN" not in released
    assert json.dumps(solutions["double"].splitlines()[3])[1:-1] not in released
    course.call("release_assignment", NAME)
    course.submit("solved", solutions)
    course.submit("empty", {})
    course.submit("wrong", {**solutions, "halve": "def halve(x):\n    return x // 2"})
    course.call("collect", NAME)
    course.call("autograde", NAME, "--force")
    assert course.marks() == {"solved": 5, "empty": 0, "wrong": 2}
