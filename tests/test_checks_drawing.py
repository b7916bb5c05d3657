"""Checks of notebook 04: they accept its solutions and name what is wrong with wrong answers."""

from itertools import pairwise

import numpy as np
import pytest

pytest.importorskip("diffusers")
pytest.importorskip("jupytext")

from genima_lite.checks import drawing
from tests.exercises import Exercises

EXERCISES = Exercises("04_controlnet", drawing, np=np)


@pytest.mark.parametrize("name", EXERCISES.cells)
def test_solutions_pass_and_stubs_do_not(name, capsys):
    EXERCISES.accept(name, capsys)


def neighbours(train, evaluation, asked):
    faults = set()
    if any(train(a) == train(b) for a, b in pairwise(asked)):
        faults.add("blind")
    if any(train(each) != evaluation(each) for each in asked):
        faults.add("mismatch")
    return faults


def norm(found, true):
    return np.linalg.norm(found - true, axis=1)


def copied(drawn, arm, goal, least, known=True, far=True, swapped=False):
    counts = np.ones(len(drawn), bool)
    if known:
        counts &= np.isfinite(drawn).all(1)
    if far:
        counts &= norm(goal, arm) >= least
    near = norm(drawn, arm) < norm(drawn, goal)
    return (near != swapped)[counts].mean()


WRONG = [
    ("caption_faults", lambda train, evaluation, asked: set(), "the reference's bug"),
    ("caption_faults", neighbours, "compare all with all"),
    ("caption_faults", lambda *given: None, "return"),
    ("zero_gradients", lambda x, g: (np.zeros((3, 4)), np.zeros(4)), "does not make"),
    ("zero_gradients", lambda x, g: (np.outer(x, g), np.zeros(4)), "shape|transposed"),
    ("zero_gradients", lambda x, g: (np.outer(g, x), np.ones(4)), "W is zero"),
    ("controlled", lambda b, c, i, o, x, y: b(x) + c(x + i(y)), "untouched"),
    ("controlled", lambda b, c, i, o, x, y: b(x) + o(c(i(y))), "x as well"),
    ("controlled", lambda b, c, i, o, x, y: b(x) + o(c(x)), "left out"),
    ("controlled", lambda b, c, i, o, x, y: b(x) + o(c(x + y)), "zero_out|without its zero"),
    ("weighted_loss", lambda e, c, w: (e * (1 + w * c)).mean(), "sum of the weights"),
    ("weighted_loss", lambda e, c, w: e[c].mean(), "others count|weighted"),
    ("weighted_loss", lambda e, c, w: e.mean(), "weighted"),
    ("drawn_strength", lambda p, w: p, "pulls it up"),
    ("drawn_strength", lambda p, w: w * p / (w * p + 1 - p), "without a weight"),
    ("drawn_strength", lambda p, w: (1 + w) * p, "beyond 1"),
    ("missed", lambda f, t, r, s: (norm(f, t) > np.maximum(r, 1)) & (s >= 0.25), "NaN"),
    ("missed", lambda f, t, r, s: ~(norm(f, t) <= np.maximum(r, 1)), "less than a quarter"),
    ("missed", lambda f, t, r, s: ~(norm(f, t) <= r) & (s >= 0.25), "at least 1 pixel"),
    ("copies", lambda *a: copied(*a, known=False), "no evidence"),
    ("copies", lambda *a: copied(*a, far=False), "look the same"),
    ("copies", lambda *a: copied(*a, swapped=True), "nearer to the .arm"),
]


@pytest.mark.parametrize(("name", "attempt", "hint"), WRONG)
def test_a_wrong_answer_is_refused_with_its_hint(name, attempt, hint):
    EXERCISES.refuse(name, attempt, hint)
