"""The site builds without a warning, and its pages hold the notebooks' pictures."""

import sys
from pathlib import Path

import pytest

pytest.importorskip("sphinx")
pytest.importorskip("myst_nb")

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "scripts"))
import build_site as site

from tests.pages import pictures


def test_the_site_builds_and_every_notebook_is_a_page(tmp_path):
    site.gather(tmp_path / "pages")
    assert site.build(tmp_path / "pages", tmp_path / "site") == 0
    for notebook in (ROOT / "notebooks").glob("[0-9]*.ipynb"):
        page = (tmp_path / "site/notebooks" / f"{notebook.stem}.html").read_text()
        assert page.count("<img") >= 4
        assert f"notebooks/{notebook.stem}.html" in (tmp_path / "site/index.html").read_text()
    loop = (tmp_path / "site/notebooks/07_closing_the_loop.html").read_text()
    assert "<mfrac>" in (tmp_path / "site/notebooks/00_start_here.html").read_text()  # no script
    robust = (tmp_path / "site/notebooks/08_robustness_and_rlbench.html").read_text()
    stills = [each for each in pictures(robust) if each.startswith("four views, and spheres that")]
    assert len(stills) == 1
    assert "jupyter-widgets" not in robust
    assert [each for each in pictures(loop) if each.startswith("Which of three policies solved")]


def test_a_broken_link_fails_the_build(tmp_path):
    site.gather(tmp_path / "pages")
    with (tmp_path / "pages/instructors.md").open("a") as page:
        page.write("\n[nowhere](nowhere.md)\n")
    assert site.build(tmp_path / "pages", tmp_path / "site") != 0
