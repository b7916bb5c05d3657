"""Other books, as thick, deep and high as the known ones."""

from __future__ import annotations

from genima_lite.envs.bench.shapes import rounded_box
from genima_lite.envs.bench.tasks.put_books_on_bookshelf import HALF, PutBooksOnBookshelf, library

_X, _Y, _Z = HALF
_FELT = f'<geom class="collision" type="box" size="{_X} {_Y} {_Z}" mass="0.2"/>'


def _binder(color: str) -> str:
    """Return a ring binder: closed on all sides, with a large label and a hole in its back."""
    labels = "".join(
        f'<geom class="visual" type="box" size="0.0004 0.032 0.03" material="pages" '
        f'pos="{side * _X} 0 0.012"/>'
        for side in (-1, 1)
    )
    return f"""
        <geom class="visual" type="mesh" mesh="case" material="{color}"/>
        {_FELT}
        {labels}
        <geom class="visual" type="box" size="0.011 0.0006 0.022" pos="0 -{_Y} 0.026"
          material="pages"/>
        <geom class="visual" type="cylinder" size="0.0085 0.0008" pos="0 -{_Y} -0.036"
          euler="1.5708 0 0" material="dark"/>"""


def _round_back(color: str) -> str:
    """Return an old book: a round back with four bands, covers, and pages that stand back."""
    bands = "".join(
        f'<geom class="visual" type="cylinder" size="{_X + 0.001} 0.003" '
        f'pos="0 {_X - _Y} {height}" material="metal"/>'
        for height in (-0.045, -0.015, 0.015, 0.045)
    )
    return f"""
        <geom class="visual" type="box" size="{_X - 0.004} {_Y - 0.016} {_Z - 0.008}" pos="0 0 0"
          material="pages"/>
        <geom class="visual" type="mesh" mesh="case" pos="{_X - 0.002} 0.0075 0"
          material="{color}"/>
        <geom class="visual" type="mesh" mesh="case" pos="{0.002 - _X} 0.0075 0"
          material="{color}"/>
        <geom class="visual" type="cylinder" size="{_X} {_Z}" pos="0 {_X - _Y} 0"
          material="{color}"/>
        {_FELT}
        {bands}"""


class RingBinders(PutBooksOnBookshelf):
    """Ring binders before a white shelf."""

    mjcf = library(
        book=_binder,
        assets=rounded_box("case", HALF, 0.003),
        shelf="0.85 0.85 0.83",
    )


class OldBooks(PutBooksOnBookshelf):
    """Books with round backs and yellowed pages before a dark green shelf."""

    mjcf = library(
        book=_round_back,
        assets=rounded_box("case", (0.002, _Y - 0.0075, _Z), 0.0015),
        shelf="0.13 0.24 0.2",
        pages="0.8 0.62 0.3",
    )
