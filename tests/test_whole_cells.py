"""A split or deleted cell of an exercise is named as the cause of the errors that follow."""

from pathlib import Path

import pytest

nbformat = pytest.importorskip("nbformat")
nbclient = pytest.importorskip("nbclient")

from genima_lite.checks.whole_cells import lacks_an_answer, looks_split

BEGIN = "from genima_lite.checks.course import begin\nrng = begin()"
HEAD = 'def double(x):\n    """Return twice x."""\n'
BODY = "    return 2 * x\n"
CHECK = "from genima_lite.checks import close\nclose(double(2), 4, 'is it twice as much?')"


def outputs_of(cells, folder: Path) -> list[str]:
    """Return all that each cell of a notebook shows, as text."""
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(c) for c in cells])
    nbclient.NotebookClient(notebook, timeout=240, allow_errors=True).execute(cwd=str(folder))
    return [
        "\n".join(out.get("text", "") + "\n".join(out.get("traceback", [])) for out in cell.outputs)
        for cell in notebook.cells
    ]


@pytest.mark.slow
@pytest.mark.notebook
def test_a_notebook_says_what_was_split_or_deleted_and_else_nothing(tmp_path):
    half, rest, missing, whole, right, other = outputs_of(
        [BEGIN, "def double(x):", BODY, CHECK, HEAD + BODY, CHECK, "print(nowhere)"], tmp_path
    )[1:]
    assert "was the cell split?" in half
    assert "was the cell split?" in rest
    assert "there is no 'double'" in missing
    assert "Merge Selected Cells" in missing
    assert whole == ""
    assert "NameError" not in right
    assert "NameError" in other
    assert "\N{BALLOT X}" not in other


@pytest.mark.parametrize(
    ("source", "split"),
    [
        (HEAD + BODY, False),
        ("def double(x):", True),
        ("return 2 * x", True),
        ("    return 2 * x", True),
        ("double(2", False),
    ],
)
def test_a_part_of_a_function_is_told_from_other_mistakes(source, split):
    error = None
    try:
        compile(source, "cell", "exec")
    except SyntaxError as found:
        error = found
    assert looks_split(error) == split


def test_only_checks_miss_answers():
    missing = NameError("name 'double' is not defined", name="double")
    assert lacks_an_answer(CHECK, missing)
    assert not lacks_an_answer("print(double(2))", missing)
