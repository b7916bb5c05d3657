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


def first_only(train, evaluation, asked):
    faults = {"blind"} if len(set(map(train, asked))) < len(asked) else set()
    return faults | ({"mismatch"} if train(asked[0]) != evaluation(asked[0]) else set())


def as_sets(train, evaluation, asked):
    prompts, others = set(map(train, asked)), set(map(evaluation, asked))
    faults = {"blind"} if len(prompts) < len(asked) else set()
    return faults | ({"mismatch"} if prompts != others else set())


def must_quote(train, evaluation, asked):
    faults = {"blind"} if any(each not in train(each) for each in asked) else set()
    if len(set(map(train, asked))) < len(asked):
        faults.add("blind")
    return faults | ({"mismatch"} if any(train(x) != evaluation(x) for x in asked) else set())


def norm(found, true):
    return np.linalg.norm(found - true, axis=1)


def outside(found, true, radii):
    return ~(norm(found, true) <= np.maximum(radii, 1))


def far_drawings(drawn, arm, goal, least):
    counts = norm(drawn, arm) >= least
    return (norm(drawn, arm) < norm(drawn, goal))[counts].mean()


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
    ("caption_faults", lambda *given: [], "a set"),
    ("caption_faults", first_only, "compare all five"),
    ("caption_faults", as_sets, "one instruction at a time"),
    ("caption_faults", must_quote, "look like anything"),
    ("zero_gradients", lambda x, g: (np.zeros((3, 4)), np.zeros(4)), "does not make"),
    ("zero_gradients", lambda x, g: (np.outer(x, g), np.zeros(4)), "shape|transposed"),
    ("zero_gradients", lambda x, g: (np.outer(g, x), np.ones(4)), "W is zero"),
    ("zero_gradients", lambda x, g: (np.zeros(4), np.outer(g, x)), "comes first"),
    ("zero_gradients", lambda x, g: (np.outer(g, x), np.zeros(3)), "x's shape"),
    ("controlled", lambda b, c, i, o, x, y: b(x) + c(x + i(y)), "untouched"),
    ("controlled", lambda b, c, i, o, x, y: b(x) + o(c(i(y))), "x as well"),
    ("controlled", lambda b, c, i, o, x, y: b(x) + o(c(x)), "left out"),
    ("controlled", lambda b, c, i, o, x, y: b(x) + o(c(x + y)), "zero_out|without its zero"),
    ("controlled", lambda b, c, i, o, x, y: b(x) + o(c(i(x + y))), "the condition alone"),
    ("controlled", lambda b, c, i, o, x, y: b(x) + o(b(x + i(y))), "a second time"),
    ("weighted_loss", lambda e, c, w: (e * (1 + w * c)).mean(), "sum of the weights"),
    ("weighted_loss", lambda e, c, w: e[c].mean(), "others count|weighted"),
    ("weighted_loss", lambda e, c, w: e.mean(), "plain mean"),
    ("weighted_loss", lambda e, c, w: np.average(e, weights=np.where(c, w, 1)), "added"),
    ("weighted_loss", lambda e, c, w: np.average(e**2, weights=1 + w * c), "do not square"),
    ("drawn_strength", lambda p, w: p, "pulls it up"),
    ("drawn_strength", lambda p, w: w * p / (w * p + 1 - p), "where no sphere is"),
    ("drawn_strength", lambda p, w: min(1.0, (1 + w) * p), "no mean of 0 and 1"),
    ("drawn_strength", lambda p, w: (1 + w) * p, "beyond 1"),
    ("missed", lambda f, t, r, s: (norm(f, t) > np.maximum(r, 1)) & (s >= 0.25), "NaN"),
    ("missed", lambda f, t, r, s: ~(norm(f, t) <= np.maximum(r, 1)), "less than a quarter"),
    ("missed", lambda f, t, r, s: ~(norm(f, t) <= r) & (s >= 0.25), "at least 1 pixel"),
    ("missed", lambda f, t, r, s: outside(f, t, 2 * r) & (s >= 0.25), "not diameters"),
    ("missed", lambda f, t, r, s: outside(f, t, r) & (s > 0.25), "a quarter is enough"),
    ("missed", lambda f, t, r, s: (outside(f, t, r) & (s >= 0.25)).astype(int), "bools"),
    ("missed", lambda f, t, r, s: ~outside(f, t, r) & (s >= 0.25), "not found"),
    (
        "missed",
        lambda f, t, r, s: ~(abs(f - t).max(1) <= np.maximum(r, 1)) & (s >= 0.25),
        "not the larger of the two",
    ),
    ("copies", far_drawings, "not the drawing"),
    ("copies", lambda *a: copied(*a, known=False), "no evidence"),
    ("copies", lambda *a: copied(*a, far=False), "look the same"),
    ("copies", lambda *a: copied(*a, swapped=True), "nearer to the .arm"),
]


@pytest.mark.parametrize(("name", "attempt", "hint"), WRONG)
def test_a_wrong_answer_is_refused_with_its_hint(name, attempt, hint):
    EXERCISES.refuse(name, attempt, hint)
