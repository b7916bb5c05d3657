"""The pages that people read first: short where they must be, without a broken link."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
PAGES = [
    *(ROOT / name for name in ("README.md", "CONTRIBUTING.md")),
    *sorted((ROOT / "docs").glob("*.md")),
    *sorted((ROOT / "data").rglob("*.md")),
    *(ROOT / "notebooks/README.md", ROOT / "solutions/README.md"),
]
# Written in parts, so that this file does not hold what it looks for.
BANNED = re.compile("|".join(("sess" + "ion", "/wo" + "rk/", "/t" + "mp/")), re.IGNORECASE)
FENCE = re.compile(r"^(```|~~~).*?^\1", re.DOTALL | re.MULTILINE)
LINK = re.compile(r"\]\(([^)\s]+)\)")
NAMED_FILE = re.compile(r"`((?:genima_lite|benchmarks|scripts|tests)/[\w./]*)`")

pages = pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))


def anchors(text: str) -> set[str]:
    """Return the anchors that GitHub gives a page's headings."""
    headings = re.findall(r"^#+ (.+?)\s*$", FENCE.sub("", text), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def broken_links(page: Path) -> list[str]:
    """Return a page's relative links to files or headings that do not exist."""
    links = LINK.findall(FENCE.sub("", page.read_text(encoding="utf-8")))
    return [link for link in links if ":" not in link and not leads_somewhere(page, link)]


def leads_somewhere(page: Path, link: str) -> bool:
    """Return whether a relative link's file, and its heading if it names one, exist."""
    path, _, anchor = link.partition("#")
    target = page.parent / path if path else page
    if not target.exists():
        return False
    return not anchor or anchor in anchors(target.read_text(encoding="utf-8"))


def test_the_front_page_is_short():
    assert len((ROOT / "README.md").read_text(encoding="utf-8").splitlines()) <= 160


@pages
def test_relative_links_lead_to_a_file_and_a_heading(page):
    assert broken_links(page) == []


@pages
def test_files_named_in_the_text_exist(page):
    named = NAMED_FILE.findall(page.read_text(encoding="utf-8"))
    assert [name for name in named if not (ROOT / name).exists()] == []


@pages
def test_no_page_speaks_of_where_it_was_written(page):
    assert BANNED.findall(page.read_text(encoding="utf-8")) == []


@pytest.mark.parametrize("link", ["nowhere.md", "#no-heading", "other.md#no-heading"])
def test_a_broken_link_is_found(link, tmp_path):
    (tmp_path / "other.md").write_text("# One heading\n")
    good = "[a](other.md) [b](other.md#one-heading) [c](#does-it-work) [d](https://example.org/x)"
    page = tmp_path / "page.md"
    code = "```\n[in code](nowhere.md)\n```"
    page.write_text(f"# Does it *work*?\n\n{good}\n\n{code}\n\n[x]({link})\n")
    assert broken_links(page) == [link]


def test_every_card_names_its_recipe():
    cards = {"act": "act", "mini-turbo": "mini-turbo"}
    cards |= {"genima/diffusion": "shipped", "genima/controller": "shipped"}
    for folder, recipe in cards.items():
        text = (ROOT / "data" / folder / "README.md").read_text(encoding="utf-8")
        assert re.search(rf"`recipe: {recipe}, version \d+`", text), folder
