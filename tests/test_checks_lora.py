"""Checks of notebook 05: they accept its solutions and name what is wrong with wrong answers."""

import numpy as np
import pytest

pytest.importorskip("diffusers")
pytest.importorskip("jupytext")

from genima_lite.checks import lora
from tests.exercises import Exercises

EXERCISES = Exercises("05_lora_and_the_alternatives", lora, np=np)


@pytest.mark.parametrize("name", EXERCISES.cells)
def test_solutions_pass_and_stubs_do_not(name, capsys):
    EXERCISES.accept(name, capsys)


def numbers(layers):
    return sum(o * i for o, i in layers), sum(o + i for o, i in layers)


def overwritten(weight, down, up, alpha, share):
    weight += share * alpha / len(down) * (up @ down)
    return weight


def lower(one, other):
    if None in (one["missed"], other["missed"]):
        return None
    return "one" if one["missed"] < other["missed"] else "other"


def apart(one, other):
    if None in (one["missed"], other["missed"]):
        return None
    if one["missed_interval"][1] < other["missed_interval"][0]:
        return "one"
    return "other" if other["missed_interval"][1] < one["missed_interval"][0] else None


def error(drawn, now, later):
    return np.abs(drawn.astype(float) - later).mean() / np.abs(now.astype(float) - later).mean()


def wrapped(drawn, now, later):
    moved = np.abs(now.astype(float) - later).max(-1) >= 24
    return np.abs(drawn - later)[moved].mean() / np.abs(now - later)[moved].mean()


def changed(threshold, of=np.max):
    def attempt(drawn, now, later):
        moved = threshold(of(np.abs(now.astype(float) - later), axis=-1))
        left, whole = (np.abs(each.astype(float) - later)[moved].mean() for each in (drawn, now))
        return left / whole

    return attempt


def rank_of(values, share):
    return int((np.cumsum(values) / values.sum() < share).sum()) + 1


def singular(change):
    return np.linalg.svd(change, compute_uv=False)


def stacked(one, other):
    return np.vstack([one[0], other[0]]), np.hstack([one[1], other[1]])


def summed(one, other):
    if len(one[0]) != len(other[0]):
        return stacked(one, other)
    return one[0] + other[0], one[2] * one[1] + other[2] * other[1]


WRONG = [
    ("lora_linear", lambda x, w, d, u, a: x @ w.T + a * (x @ d.T @ u.T), "divide by the rank"),
    ("lora_linear", lambda x, w, d, u, a: x @ w.T + x @ d.T @ u.T, "alpha is left out"),
    ("lora_linear", lambda x, w, d, u, a: a / len(d) * (x @ d.T @ u.T), "frozen"),
    ("lora_linear", lambda *given: None, "return"),
    ("lora_linear", lambda x, w, d, u, a: x @ (w + a / len(d) * (u @ d)).T, "as large as"),
    ("training_bytes", lambda ls, r: 16 * r * numbers(ls)[1], "frozen weights must lie"),
    (
        "training_bytes",
        lambda ls, r: 2 * numbers(ls)[0] + 4 * r * numbers(ls)[1],
        "two averages",
    ),
    (
        "training_bytes",
        lambda ls, r: 2 * numbers(ls)[0] + 16 * r * numbers(ls)[0],
        "not a product",
    ),
    ("who_learns", lambda z, w, u, d, frozen: {"z", "up", "down"} - frozen, "all fresh"),
    ("who_learns", lambda z, w, u, d, frozen: {"z"}, "frozen at zero"),
    ("who_learns", lambda *given: None, "return"),
    ("change_left", wrapped, "wraps around"),
    ("change_left", error, "dilute"),
    ("change_left", changed(lambda away: away > 24), ">="),
    ("change_left", changed(lambda away: away >= 24, np.mean), "largest of the three"),
    ("fair_winner", lower, "intervals overlap"),
    ("fair_winner", apart, "ten times as many"),
    ("fair_winner", lambda one, other: None, "fewer missed"),
    ("merged", lambda w, d, u, a, s: w + s * a * (u @ d), "alpha / rank"),
    ("merged", overwritten, "fused twice"),
    ("merged", lambda w, d, u, a, s: (1 - s) * w + s * a / len(d) * (u @ d), "weight|whole"),
    ("merged", lambda w, d, u, a, s: w + s * s * a / len(d) * (u @ d), "both factors"),
    ("added", stacked, "scales are lost"),
    ("added", summed, "multiplies each LoRA"),
    ("added", lambda one, other: one[0], "two matrices"),
    ("smallest_rank", lambda c, s: rank_of(singular(c), s), "square"),
    ("smallest_rank", lambda c, s: max(rank_of(singular(c) ** 2, s) - 1, 1), "one more"),
    ("smallest_rank", lambda c, s: int(np.linalg.matrix_rank(c)), "all of it"),
]


@pytest.mark.parametrize(("name", "attempt", "hint"), WRONG)
def test_a_wrong_answer_is_refused_with_its_hint(name, attempt, hint):
    EXERCISES.refuse(name, attempt, hint)
