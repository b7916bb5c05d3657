"""A page of plain HTML and the files beside it; whatever text goes in is escaped."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from html import escape
from pathlib import Path

import numpy as np
from PIL import Image

from genima_lite.files import written_whole
from genima_lite.viz.figure import NOTEBOOK_DPI, Figure

STYLE = """
:root { color-scheme: light; --film: 13rem; }
body { font: 1rem/1.55 system-ui, sans-serif; color: #222; background: #fff;
  max-width: 66rem; margin: 0 auto; padding: 1rem 1rem 4rem; }
h1 { font-size: 1.7rem; line-height: 1.2; margin: 1rem 0 0.4rem; }
h2 { font-size: 1.25rem; margin: 2.6rem 0 0.4rem; padding-top: 0.8rem; border-top: 2px solid #222; }
h3 { font-size: 1.02rem; margin: 1.6rem 0 0.3rem; }
p { max-width: 44rem; margin: 0.4rem 0 0.8rem; }
figure { margin: 0.8rem 0 1.4rem; }
figcaption { color: #555; font-size: 0.9rem; max-width: 44rem; padding-top: 0.4rem; }
.scroll { overflow-x: auto; }
table { border-collapse: collapse; font-variant-numeric: tabular-nums; }
th, td { text-align: right; padding: 0.3rem 0.7rem; border-bottom: 1px solid #ddd;
  vertical-align: top; }
th { font-weight: 600; }
thead th { border-bottom: 2px solid #222; }
th:first-child { text-align: left; padding-left: 0; }
tbody th { font-weight: 400; }
table.words :is(th, td) { text-align: left; white-space: nowrap; }
tr.total > * { border-top: 2px solid #222; font-weight: 600; }
td small { display: block; color: #555; font-weight: 400; white-space: nowrap; }
img { display: block; height: auto; }
.chart img { max-width: 100%; }
.strip img { max-width: none; }
.films { display: flex; flex-wrap: wrap; gap: 1rem; align-items: flex-start; }
.films figure { margin: 0; }
.films video { display: block; width: 100%; height: auto; background: #eee; }
details { margin: 0.6rem 0; }
summary { cursor: pointer; color: #0b5a94; padding: 0.2rem 0; }
code { font: 0.85rem/1.4 ui-monospace, monospace; display: block; white-space: pre;
  overflow-x: auto; padding: 0.2rem 0; }
@media (max-width: 40rem) {
  th, td { padding: 0.3rem; font-size: 0.9rem; }
  td small { white-space: normal; }
  :root { --film: 9.6rem; }
}
"""

REM_PER_INCH = 5.4
"""All figures are shown at one scale, so that their letters are equally large."""


class Assets:
    """The files that a page shows, all in its folder; names are safe and never the same twice."""

    def __init__(self, folder: Path):
        self._folder = folder
        self._taken: set[str] = set()

    def figure(self, stem: str, figure: Figure) -> str:
        """Write a figure as PNG and return its file name."""
        name = self._name(stem, ".png")
        with written_whole(self._folder / name) as partial:
            figure.savefig(partial, dpi=NOTEBOOK_DPI)
        return name

    def picture(self, stem: str, pixels: np.ndarray) -> str:
        """Write a picture (H, W, 3) uint8 as PNG and return its file name."""
        name = self._name(stem, ".png")
        with written_whole(self._folder / name) as partial:
            Image.fromarray(pixels).save(partial)
        return name

    def film(self, stem: str, content: bytes) -> str:
        """Write an MP4 and return its file name."""
        name = self._name(stem, ".mp4")
        with written_whole(self._folder / name) as partial:
            partial.write_bytes(content)
        return name

    def _name(self, stem: str, suffix: str) -> str:
        base = re.sub(r"[^A-Za-z0-9_-]+", "_", stem)[:80]
        name, count = base + suffix, 1
        while name.lower() in self._taken:
            count += 1
            name = f"{base}_{count}{suffix}"
        self._taken.add(name.lower())
        return name


def page(title: str, lead: str, body: Iterable[str]) -> str:
    """Return a whole page; `body` is HTML, one section after another."""
    return (
        '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{escape(title)}</title>\n<style>{STYLE}</style>\n</head>\n<body>\n"
        f"<h1>{escape(title)}</h1>\n{paragraph(lead)}" + "".join(body) + "</body>\n</html>\n"
    )


def section(title: str, *body: str) -> str:
    """Return a section; `body` is HTML."""
    return f"<section>\n<h2>{escape(title)}</h2>\n" + "".join(body) + "</section>\n"


def heading(text: str) -> str:
    """Return a heading within a section."""
    return f"<h3>{escape(text)}</h3>\n"


def paragraph(text: str) -> str:
    """Return a paragraph."""
    return f"<p>{escape(text)}</p>\n"


def code(text: str) -> str:
    """Return a line of code within a paragraph of its own."""
    return f"<p><code>{escape(text)}</code></p>\n"


def details(summary: str, *body: str) -> str:
    """Return what is folded away behind a line; `body` is HTML."""
    return f"<details><summary>{escape(summary)}</summary>\n" + "".join(body) + "</details>\n"


def image(name: str, alt: str, caption: str, inches: float, kind: str = "chart") -> str:
    """Return a figure with its caption.

    Args:
        name: its file.
        alt: what it is, for those who cannot see it.
        caption: what to look at.
        inches: the figure's width.
        kind: "chart" shrinks on a narrow screen, "strip" is scrolled there.
    """
    width = f"width: {inches * REM_PER_INCH:.2f}rem"
    picture = f'<img src="{escape(name)}" alt="{escape(alt)}" style="{width}" loading="lazy">'
    if kind == "strip":
        picture = f'<div class="scroll"><a href="{escape(name)}">{picture}</a></div>'
    return f'<figure class="{kind}">{picture}\n{_caption(caption)}</figure>\n'


def film(name: str, poster: str, size: tuple[int, int], caption: str) -> str:
    """Return a video of `size` (height, width) pixels; nothing is loaded before it is played."""
    height, width = size
    shown = f"width: min(100%, calc({width / height:.3f} * var(--film)))"
    return (
        f'<figure style="{shown}"><video src="{escape(name)}" poster="{escape(poster)}" '
        f'width="{width}" height="{height}" controls muted playsinline preload="none"></video>\n'
        f"{_caption(caption)}</figure>\n"
    )


def _caption(text: str) -> str:
    return f"<figcaption>{escape(text)}</figcaption>"


def films(*each: str) -> str:
    """Lay videos out side by side, as many as there is room for."""
    return '<div class="films">\n' + "".join(each) + "</div>\n"


Cell = str | tuple[str, str]
"""What is in a table's cell; of two texts the second is small and below the first."""


def table(
    head: Sequence[str], rows: Iterable[Sequence[Cell]], caption: str, kind: str = "numbers"
) -> str:
    """Return a table whose first column names its rows.

    `kind` is "numbers"; "total", which sets the last row apart; or "words", aligned to the left.
    """
    lines = [_row(row) for row in rows]
    if kind == "total" and lines:
        lines[-1] = lines[-1].replace("<tr>", '<tr class="total">', 1)
    names = "".join(f'<th scope="col">{escape(name)}</th>' for name in head)
    body = "".join(lines)
    return (
        f'<figure><div class="scroll"><table class="{kind}">\n'
        f"<thead><tr>{names}</tr></thead>\n<tbody>\n{body}</tbody></table></div>\n"
        f"{_caption(caption)}</figure>\n"
    )


def _row(cells: Sequence[Cell]) -> str:
    first, *others = (_cell(cell) for cell in cells)
    values = "".join(f"<td>{cell}</td>" for cell in others)
    return f'<tr><th scope="row">{first}</th>{values}</tr>\n'


def _cell(cell: Cell) -> str:
    if isinstance(cell, str):
        return escape(cell)
    return f"{escape(cell[0])}<small>{escape(cell[1])}</small>"
