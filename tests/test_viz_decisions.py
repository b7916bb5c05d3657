"""Figures of decisions and outcomes show the given pictures and numbers."""

import io

import numpy as np
import pytest
from PIL import Image

from genima_lite.errors import UserError
from genima_lite.tiling import TILE_ORDER
from genima_lite.viz.method import method_figure
from genima_lite.viz.outcomes import SOLVED, outcome_figure
from genima_lite.viz.tiles import show_side_by_side, show_views


def views(value):
    return {camera: np.full((16, 16, 3), value, np.uint8) for camera in TILE_ORDER}


def pixels(figure):
    return np.asarray(Image.open(io.BytesIO(figure.png())).convert("RGB"))


def test_sets_of_views_lie_side_by_side_with_their_titles():
    figure = show_side_by_side({"seen": views(40), "costs 5 $": views(200)})
    assert [axes.get_title() for axes in figure.axes] == ["seen", r"costs 5 \$"]
    shown = pixels(figure)
    half = shown.shape[1] // 2
    assert np.median(shown[60:, :half]) == 40
    assert np.median(shown[60:, half:]) == 200
    assert show_views(views(9)).axes[0].get_title() == ""


def test_a_missing_view_is_named():
    with pytest.raises(UserError, match=f"'drawn' has no view of the {TILE_ORDER[2]}"):
        show_side_by_side({"drawn": {c: v for c, v in views(1).items() if c != TILE_ORDER[2]}})
    with pytest.raises(UserError, match="nothing"):
        show_side_by_side({})


def test_the_method_plots_every_joints_turn():
    actions = np.cumsum(np.full((20, 8), 0.1), axis=0)
    figure = method_figure(views(1), views(2), actions, views(3), "push the button")
    lines = figure.axes[2].get_lines()
    assert len(lines) == 7
    np.testing.assert_allclose(lines[6].get_ydata()[-1], 1.9)
    assert any("push the button" in text.get_text() for text in figure.texts)


def test_outcomes_have_a_cell_an_episode_filled_where_it_was_solved():
    episodes = {("lamp_on", 1): True, ("lamp_on", 3): False, ("press_switch", 1): True}
    figure = outcome_figure({"oracle": episodes, "genima": dict.fromkeys(episodes, False)})
    (axes,) = figure.axes
    solved = [p.get_xy() for p in axes.patches if p.get_facecolor()[2] > 0.6 > p.get_facecolor()[0]]
    assert SOLVED == "#0072B2"
    assert sorted((int(x), int(y)) for x, y in solved) == [(0, 0), (2, 0)]
    texts = [text.get_text() for text in axes.texts]
    assert texts.count("✓") == 2
    assert texts.count("✗") == 4
    assert texts.count("lamp_on") == 1


def test_policies_must_have_had_the_same_episodes():
    with pytest.raises(UserError, match="'act' was not tried"):
        outcome_figure({"oracle": {("lamp_on", 1): True}, "act": {("lamp_on", 3): True}})
    with pytest.raises(UserError, match="no outcomes"):
        outcome_figure({})
