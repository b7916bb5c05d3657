"""Can a figure be read? Text of 8 points in the column of the site, no meaning in colour alone."""

from __future__ import annotations

from itertools import combinations

from matplotlib.artist import Artist
from matplotlib.colors import to_rgba_array
from matplotlib.legend import Legend
from matplotlib.lines import Line2D
from matplotlib.text import Text

from genima_lite.viz.figure import COLUMN, LEAST_POINTS, NARROW, Figure


def problems(figure: Figure) -> list[str]:
    """Return what is wrong with a figure that was shown."""
    shown = COLUMN / max(float(figure.get_size_inches()[0]), NARROW)
    small = [
        f"“{text.get_text()}” at {text.get_fontsize() * shown:.1f} points"
        for text in figure.findobj(Text)
        if text.get_text() and text.get_fontsize() * shown < LEAST_POINTS - 0.05
    ]
    legends = [each.get_legend() for each in figure.axes] + list(figure.legends)
    alike = [
        f"{name} and {other_name} differ in nothing but colour"
        for legend in legends
        if legend
        for (name, one), (other_name, other) in combinations(_marks(legend), 2)
        if _colour(one) != _colour(other) and _look(one) == _look(other)
    ]
    if len(figure.described()) <= 10:
        alike.append(f"says “{figure.described()}” to those who do not see it")
    return small + alike


def _marks(legend: Legend) -> list[tuple[str, Artist]]:
    names = [text.get_text() for text in legend.get_texts()]
    return list(zip(names, legend.legend_handles, strict=True))


def _colour(handle: Artist) -> tuple[float, ...]:
    colour = handle.get_color() if isinstance(handle, Line2D) else handle.get_facecolor()
    return tuple(to_rgba_array(colour)[0])


def _look(handle: Artist) -> object:
    """Return what is left of a legend's mark without colours."""
    if isinstance(handle, Line2D):
        return handle.get_linestyle(), str(handle.get_marker())
    if hasattr(handle, "get_paths"):
        return [path.vertices.round(3).tolist() for path in handle.get_paths()]
    return handle.get_hatch()
