"""Figures can be read: no text too small in the site's column, a marker beside each colour."""

import numpy as np
import pytest
from matplotlib.text import Text

from genima_lite.viz.closing import visited_figure
from genima_lite.viz.figure import COLUMN, LEAST_POINTS, Figure
from genima_lite.viz.learning import curves_figure
from genima_lite.viz.outcomes import outcome_figure
from genima_lite.viz.report_figures import success_figure
from tests.readable import problems


def shown_points(figure):
    """Return the sizes of a figure's texts, in points, as they are in the site's column."""
    figure.png()
    figure.draw_without_rendering()
    scale = COLUMN / float(figure.get_size_inches()[0])
    return [text.get_fontsize() * scale for text in figure.findobj(Text) if text.get_text()]


def wide():
    figure = Figure(figsize=(12, 3), layout="constrained")
    axes = figure.add_subplot()
    axes.plot(np.arange(40), np.arange(40), label="one")
    axes.set_xlabel("x", fontsize=6)
    axes.tick_params(labelsize=5)
    axes.legend(fontsize=7)
    return figure


def outcomes():
    episodes = [("push_button", 2001 + 2 * i) for i in range(14)]
    return outcome_figure({name: dict.fromkeys(episodes, True) for name in ("act", "genima")})


@pytest.mark.parametrize("make", [wide, outcomes])
def test_no_text_is_too_small_in_the_column(make):
    points = shown_points(make())
    assert len(points) > 5
    assert min(points) > LEAST_POINTS - 0.05


def test_text_that_is_large_enough_stays():
    figure = Figure(figsize=(5, 3))
    axes = figure.add_subplot()
    axes.set_title("title", fontsize=13)
    axes.tick_params(labelsize=9)
    figure.png()
    assert axes.title.get_fontsize() == 13
    assert {each.get_fontsize() for each in axes.get_xticklabels()} == {9}


def test_what_cannot_be_read_is_found():
    figure = wide()
    figure.axes[0].plot([1, 2], label="two")
    figure.axes[0].legend(fontsize=7)
    found = problems(figure)
    assert "one and two differ in nothing but colour" in found
    assert [each for each in found if each.startswith("“two” at 4.5 points")]
    assert "says “x” to those who do not see it" in found
    figure.axes[0].lines[1].set_marker("o")
    figure.axes[0].legend()
    figure.png()
    assert problems(figure.saying("two lines that rise")) == []


def rates(rate):
    return {"n": 10, "rate": rate, "interval_95": (rate - 0.1, rate + 0.1)}


@pytest.mark.parametrize(
    "figure",
    [
        curves_figure({name: [1, 2, 3] for name in "abcd"}, [1, 2, 3], ("x", "y")),
        success_figure({name: {"task": rates(0.5)} for name in "abcd"}),
        visited_figure({name: np.zeros((3, 3)) for name in "abcd"}),
    ],
)
def test_each_colour_has_a_marker_of_its_own(figure):
    lines = [line for line in figure.axes[0].lines if not line.get_label().startswith("_")]
    assert len(lines) == 4
    assert len({line.get_marker() for line in lines}) == len({line.get_color() for line in lines})
    assert len({line.get_marker() for line in lines}) == 4
