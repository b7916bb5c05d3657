"""Figures of notebook 09 say what they show, in letters that can be read."""

import numpy as np
import pytest

from genima_lite.checks.real_arm import noisy_motions, pushed_at_a_wall
from genima_lite.viz.real_arm import (
    arrows_figure,
    border_figure,
    budget_figure,
    hand_eye_sketch,
    log_figure,
    wall_figure,
)

CLIP = {"event": "clip", "seconds": 1.0}


def bent(height):
    return np.concatenate([np.zeros(500), height * np.arange(500.0) / 500])


def figures():
    moved, shown, camera = noisy_motions(np.random.default_rng(0), 4, 0.0, 0.0)
    asked = np.full(200, 3.0)
    events = [
        *({**CLIP, "joint": joint} for joint in (5, 5, 8)),
        {"event": "halt", "seconds": 2.0, "why": "a jump"},
        {"event": "of another version", "seconds": 2.0},
    ]
    return {
        "A then X ends where": hand_eye_sketch(),
        "3 rotation vectors": arrows_figure(moved, shown, camera[:3, :3]),
        "Largest: a 1.0; b 2.0": border_figure({"a": bent(0.5), "b": bent(1.0)}, 1e6, 0.5),
        "wall at 1 rad": wall_figure(asked, *pushed_at_a_wall(asked, 1.0, 1.5, 4.0, 0.01), 1, 0.01),
        "slow 1.50 s": budget_figure({"quick": {"draw": 0.1}, "slow": {"draw": 1.5}}, 20, 0.05),
        "clip 2; clip of the gripper 1; halt 1; ended 0": log_figure(events),
    }


@pytest.mark.parametrize(("said", "figure"), figures().items(), ids=range(6))
def test_a_figure_says_what_it_shows_in_letters_that_can_be_read(said, figure):
    assert said in figure.alt
    assert figure.described() == figure.alt
    sizes = [text.get_fontsize() for axes in figure.axes for text in axes.texts]
    assert min([*sizes, 99]) >= figure.smallest_points()


def test_turned_by_x_the_arrows_end_together():
    moved, shown, camera = noisy_motions(np.random.default_rng(0), 4, 0.0, 0.0)
    left, right = arrows_figure(moved, shown, camera[:3, :3]).axes

    def ends(axes):
        return np.array([np.transpose(line.get_data_3d())[-1] for line in axes.lines[1::2]])

    for axes, together in ((left, False), (right, True)):
        of_a, of_b = ends(axes)[:3], ends(axes)[3:]
        assert np.allclose(of_a, of_b, atol=1e-6) == together
