"""Who does not see a figure is told what it shows: in JupyterLab, on nbconvert's pages, live."""

import sys
from pathlib import Path

import pytest

nbformat = pytest.importorskip("nbformat")
nbclient = pytest.importorskip("nbclient")
nbconvert = pytest.importorskip("nbconvert")
pytest.importorskip("ipywidgets")

from tests.pages import pictures

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "scripts"))
import notebooks as course

BOTH = [
    pytest.param(path, id=f"{folder}-{path.stem[:2]}")
    for folder in ("notebooks", "solutions")
    for path in sorted((ROOT / folder).glob("[0-9]*.ipynb"))
]
SHOWS = """
import numpy as np
from genima_lite.viz.figure import Figure
from genima_lite.viz.widgets import Playground, slider

figure = Figure(figsize=(3, 2))
figure.add_subplot().plot([1, 2], [2, 1])
figure.saying('a line that "falls" & falls')
"""
MOVES = """
Playground(
    lambda x: (np.full((8, 8, 3), int(x), np.uint8), f"x = {x}"),
    {"x": slider("x", 0, 9, 4, 1)},
    "a shade",
)
"""


def page(notebook):
    """Return the page that plain `jupyter nbconvert --to html` makes."""
    return nbconvert.HTMLExporter().from_notebook_node(notebook)[0]


def html_of_outputs(notebook):
    shown = (o for c in notebook.cells for o in c.get("outputs", []) if "data" in o)
    return "".join(output.data.get("text/html", "") for output in shown)


@pytest.mark.parametrize("path", BOTH)
def test_each_stored_picture_has_a_text(path):
    notebook = nbformat.read(path, 4)
    said = pictures(html_of_outputs(notebook))
    assert len(said) >= 4
    assert min(map(len, said)) > 10
    shown = [o.data for c in notebook.cells for o in c.get("outputs", []) if "data" in o]
    # of a bare picture JupyterLab and nbconvert show no text
    assert not [data for data in shown if "image/png" in data]


def test_a_page_by_nbconvert_says_all_that_is_stored():
    notebook = nbformat.read(ROOT / "notebooks/00_start_here.ipynb", 4)
    notebook.metadata.pop("widgets", None)  # no kernel, and nothing to load widgets from
    said = pictures(page(notebook))
    assert said == ["Open in Colab", "Open in Binder", *pictures(html_of_outputs(notebook))]


def test_what_is_run_now_says_what_it_shows_and_its_picture_is_made_small():
    cells = [nbformat.v4.new_code_cell(source) for source in (SHOWS, MOVES)]
    ran = course.run(nbformat.v4.new_notebook(cells=cells))
    stored = [each.outputs[0].data["text/html"] for each in ran.cells]
    assert pictures("".join(stored)) == ['a line that "falls" & falls', "a shade: x = 4.0"]
    ran.metadata.pop("widgets")
    assert pictures(page(ran)) == pictures("".join(stored))
