"""An instructor's way through nbgrader: release, collect, autograde."""

import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

nbformat = pytest.importorskip("nbformat")
pytest.importorskip("nbgrader")

ROOT = Path(__file__).resolve().parents[1]
ONE_ACCOUNT = "c.ExchangeCollect.check_owner = False\n"
"""What a test needs beyond the settings that come with a course: it is all students at once."""


@dataclass(frozen=True)
class Case:
    """A notebook, its marks, and a submission with mistakes."""

    source: Path
    full: int
    mistakes: dict[str, tuple[str, str]]
    """By exercise: what stands in the solution, and what the student writes instead."""
    partial: int

    @property
    def name(self) -> str:
        return self.source.stem

    def wrong(self, solutions: dict[str, str]) -> dict[str, str]:
        answers = dict(solutions)
        for exercise, (right, wrong) in self.mistakes.items():
            assert answers[exercise].count(right) == 1
            answers[exercise] = answers[exercise].replace(right, wrong)
        return answers


CASES = [
    Case(
        Path(__file__).parent / "data/notebooks/98_two_exercises.py",
        full=5,
        mistakes={"halve": ("x / 2", "x // 2")},
        partial=2,
    ),
    Case(
        ROOT / "notebooks/source/02_rendering_joint_targets.py",
        full=14,
        mistakes={
            "project": ("np.linalg.inv(pose)", "pose"),
            "target_of": ("frame > t", "frame >= t"),
            "nearest_point": ("b + across @ origin", "b + origin"),
        },
        partial=7,
    ),
]
ALL = [
    Case(
        ROOT / "notebooks/source/07_closing_the_loop.py",
        full=15,
        mistakes={
            "coverage": ("range(n + 1)", "range(n)"),
            "sign_test": ("min(1.0, 2 * tail)", "tail"),
        },
        partial=10,
    ),
    Case(
        ROOT / "notebooks/source/08_robustness_and_rlbench.py",
        full=19,
        mistakes={
            "kept": (
                "changed[rows].sum(axis=1) / clean[rows]",
                "changed[rows].sum(axis=1) / clean",
            ),
            "believed": ("assumed.unproject(pixel", "stands.unproject(pixel"),
            "metres": ("high, middle, low = ", "low, middle, high = "),
        },
        partial=12,
    ),
]
"""Further ones, minutes each: NBGRADER_ALL=1 runs them, too."""


class Course:
    """A course of one assignment, as `scripts/notebooks.py --nbgrader` made it."""

    def __init__(self, folder: Path, name: str):
        self.root, self.home, self.name = folder / "course", folder, name
        with (self.root / "nbgrader_config.py").open("a") as config:
            config.write(ONE_ACCOUNT)

    def call(self, *words: str, folder: Path | None = None) -> str:
        own = {"HOME": str(self.home), "JUPYTER_CONFIG_DIR": str(self.root)}
        done = subprocess.run(
            [sys.executable, "-m", "nbgrader", *words],
            cwd=folder or self.root,
            env={**os.environ, **own},
            capture_output=True,
            text=True,
            timeout=900,
            check=False,
        )
        assert done.returncode == 0, done.stderr[-3000:]
        return done.stdout + done.stderr

    def submit(self, student: str, answers: dict[str, str]) -> None:
        """Fetch the assignment, put answers into its solution cells, hand it in."""
        desk = self.home / student
        desk.mkdir()
        self.call("fetch_assignment", self.name, folder=desk)
        path = desk / self.name / f"{self.name}.ipynb"
        notebook = nbformat.read(path, 4)
        for cell in notebook.cells:
            if cell.metadata.get("solution") in answers:
                cell.source = answers[cell.metadata["solution"]]
        nbformat.write(notebook, path)
        self.call("submit", self.name, folder=desk)
        # The exchange knows students by their accounts, of which a test has one.
        inbound = self.root / "exchange/genima/inbound"
        (mine,) = (each for each in inbound.iterdir() if not each.name.startswith("student-"))
        mine.rename(inbound / f"student-{student}+{mine.name.partition('+')[2]}")

    def marks(self) -> dict[str, float]:
        from nbgrader.api import Gradebook

        with Gradebook(f"sqlite:///{self.root / 'gradebook.db'}") as book:
            return {
                each.student.id.partition("-")[2]: each.score
                for each in book.assignment_submissions(self.name)
            }


@pytest.mark.slow
@pytest.mark.notebook
@pytest.mark.parametrize(
    "case", CASES + ALL * bool(os.environ.get("NBGRADER_ALL")), ids=lambda case: case.name
)
def test_full_zero_and_partial_marks(tmp_path, monkeypatch, case):
    sys.path.insert(0, str(ROOT / "scripts"))
    import notebooks

    # nbgrader calls alembic by its name
    monkeypatch.setenv("PATH", f"{Path(sys.executable).parent}:{os.environ['PATH']}")
    monkeypatch.setenv("GENIMA_FAST", "1")
    monkeypatch.setattr(notebooks, "SOURCES", case.source.parent)
    folder = str(tmp_path / "course")
    monkeypatch.setattr(sys, "argv", ["notebooks.py", case.name, "--nbgrader", folder])
    cells = notebooks.read_source(case.source).cells
    solutions = {c.metadata["solution"]: c.source for c in cells if "solution" in c.metadata}
    assert notebooks.main() == 0
    course = Course(tmp_path, case.name)
    course.call("generate_assignment", case.name)
    released = nbformat.read(course.root / "release" / case.name / f"{case.name}.ipynb", 4)
    code = "\n".join(cell.source for cell in released.cells if cell.cell_type == "code")
    assert "BEGIN" not in code
    for solution in solutions.values():
        answer = solution.partition("### BEGIN SOLUTION\n")[2].partition("### END")[0]
        assert answer.strip()
        assert answer.strip() not in code
    course.call("release_assignment", case.name)
    course.submit("solved", solutions)
    course.submit("empty", {})
    course.submit("wrong", case.wrong(solutions))
    course.call("collect", case.name)
    course.call("autograde", case.name, "--force")
    assert course.marks() == {"solved": case.full, "empty": 0, "wrong": case.partial}
