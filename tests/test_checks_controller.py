"""Checks of notebook 06: they accept its solutions and name what is wrong with wrong answers."""

import numpy as np
import pytest

pytest.importorskip("torch")
pytest.importorskip("jupytext")

from genima_lite.checks import controller
from tests.exercises import Exercises

EXERCISES = Exercises("06_the_act_controller", controller, np=np)


@pytest.mark.parametrize("name", EXERCISES.cells)
def test_solutions_pass_and_stubs_do_not(name, capsys):
    EXERCISES.accept(name, capsys)


def padded_with_zeros(actions, frame, horizon):
    rows = frame + np.arange(horizon)
    return np.concatenate([actions, np.zeros((horizon, 8))])[rows], rows < len(actions)


def chunked(actions, frame, horizon, first=0, last=0):
    rows = frame + np.arange(horizon)
    return actions[np.minimum(rows + first, len(actions) - 1)], rows < len(actions) - last


def away(predicted, actions):
    return np.abs(predicted - actions)


def first_layer(layers, norm, queries, memory, said=0):
    outputs = []
    for layer in layers:
        queries = layer(queries, memory)
        outputs.append(queries)
    return norm(np.stack(outputs)[said])


def normed_each_time(layers, norm, queries, memory):
    for layer in layers:
        queries = norm(layer(queries, memory))
    return queries


def last_of(layers, queries, memory):
    for layer in layers:
        memory = layer(queries, memory)
    return memory


def terms(mean, log_variance):
    return 0.5 * (np.exp(log_variance) + mean**2 - 1 - log_variance)


def place(heat, offset=0.5, swapped=False, hard=False):
    weights = np.exp(heat - heat.max())
    if hard:
        weights = (heat == heat.max()).astype(float)
    weights /= weights.sum()
    rows, columns = ((np.arange(n) + offset) / n for n in heat.shape)
    found = np.array([weights.sum(0) @ columns, weights.sum(1) @ rows])
    return found[::-1] if swapped else found


def spoken(chunks, step, decay, newest=False, zeros=True, divided=True):
    rows = np.stack([c[step - first] for first, c in chunks if step - first < len(c)])
    if not zeros:
        rows = rows[(rows != 0).all(1)]
    weights = np.exp(-decay * np.arange(len(rows)))
    weights = weights[::-1] if newest else weights
    return weights @ rows / (weights.sum() if divided else 1.0)


def forgets_that_chunks_end(chunks, step, decay):
    rows = np.stack([c[min(step - first, len(c) - 1)] for first, c in chunks])
    weights = np.exp(-decay * np.arange(len(rows)))
    return weights @ rows / weights.sum()


def by_age(chunks, step, decay):
    rows = [(step - first, c[step - first]) for first, c in chunks if step - first < len(c)]
    weights = np.exp(-decay * np.array([age for age, _ in rows]))
    return weights @ np.stack([row for _, row in rows]) / weights.sum()


def beyond_the_end(chunks, step, decay):
    rows = np.stack([c[step - first] for first, c in chunks])
    weights = np.exp(-decay * np.arange(len(rows)))
    return weights @ rows / weights.sum()


def wide(array):
    return array[..., None, None]


WRONG = [
    ("chunk", padded_with_zeros, "joint 4 cannot take"),
    ("chunk", lambda *a: chunked(*a, first=1), "not one later"),
    ("chunk", lambda *a: chunked(*a, last=1), "real as well"),
    ("chunk", lambda a, t, k: (a[t : t + k], np.ones(len(a[t : t + k]), bool)), "shorter than K"),
    ("chunk", lambda *a: chunked(*a, last=-1), "one too many"),
    ("chunk", lambda a, t, k: (chunked(a, t, k)[0], np.ones(k, bool)), "padding is not real"),
    ("chunk", lambda a, t, k: (np.resize(np.roll(a, -t, 0), (k, 8)), np.ones(k)), "again|bools"),
    ("masked_l1", lambda p, a, v: (p - a)[v].mean(), "signs cancel"),
    ("masked_l1", lambda p, a, v: (away(p, a) * v[..., None]).mean(), "dilutes"),
    ("masked_l1", lambda p, a, v: away(p, a).mean(), "padded actions count"),
    ("masked_l1", lambda p, a, v: away(p, a)[v].sum() / max(v.sum(), 1), "seven joints"),
    ("masked_l1", lambda p, a, v: (away(p, a)[v] ** 2).mean(), "not its square"),
    ("dead", lambda g: {n for n, v in g.items() if v is None}, "zero everywhere"),
    ("dead", lambda g: {n for n, v in g.items() if v is not None and not v.any()}, "None"),
    ("dead", lambda g: {n for n, v in g.items() if v is None or v.sum() == 0}, "sum to zero"),
    ("dead", lambda g: {n for n, v in g.items() if v is None or not v.all()}, "one number"),
    ("dead", lambda g: [n for n, v in g.items() if v is None], "a set"),
    ("decode", first_layer, "ACT's own bug"),
    ("decode", normed_each_time, "not after each"),
    ("decode", lambda layers, norm, q, m: norm(last_of(layers, q, m)), "memory stays"),
    ("decode", lambda layers, norm, q, m: first_layer(layers[::-1], norm, q, m, -1), "comes first"),
    ("decode", lambda layers, norm, q, m: norm(layers[-1](q, m)), "layer before it"),
    ("kl", lambda m, v: terms(m, v).mean(), "depends on Z"),
    ("kl", lambda m, v: terms(m, v).sum(), "not the sum"),
    ("kl", lambda m, v: 2 * terms(m, v).sum(1).mean(), "½"),
    ("kl", lambda m, v: terms(m, 2 * v).sum(1).mean(), "not log σ"),
    ("kl", lambda m, v: -terms(m, v).sum(1).mean(), "the sign"),
    ("kl", lambda m, v: np.nan, "NaN"),
    ("soft_argmax", lambda heat: place(heat, swapped=True), "swapped"),
    ("soft_argmax", lambda heat: place(heat, offset=0.0), "half a cell"),
    ("soft_argmax", lambda heat: place(heat, hard=True), "no gradient"),
    ("soft_argmax", lambda heat: place(heat) * heat.shape[::-1] - 0.5, "numbers of cells"),
    ("film", lambda x, scale, shift: (1 + wide(scale[:1])) * x + wide(shift[:1]), "first one's"),
    ("film", lambda x, scale, shift: wide(scale) * x + wide(shift), "1 . scale"),
    ("film", lambda x, scale, shift: (1 + scale) * x + shift, "lined up"),
    ("film", lambda x, scale, shift: (1 + wide(scale)) * (x + wide(shift)), "not scaled"),
    ("ensemble", lambda *a: spoken(*a, newest=True), "oldest counts most"),
    ("ensemble", lambda *a: spoken(*a, zeros=False), "exact zero"),
    ("ensemble", lambda *a: spoken(*a, divided=False), "add up to 1"),
    ("ensemble", forgets_that_chunks_end, "has ended"),
    ("ensemble", lambda chunks, *a: spoken(chunks[-1:], *a), "newest alone"),
    ("ensemble", by_age, "no age"),
    ("ensemble", beyond_the_end, "has ended"),
]


@pytest.mark.parametrize(("name", "attempt", "hint"), WRONG)
def test_a_wrong_answer_is_refused_with_its_hint(name, attempt, hint):
    EXERCISES.refuse(name, attempt, hint)


def test_a_soft_argmax_that_overflows_is_refused():
    def naive(heat):
        with np.errstate(over="ignore", invalid="ignore"):
            weights = np.exp(heat) / np.exp(heat).sum()
        rows, columns = ((np.arange(n) + 0.5) / n for n in heat.shape)
        return np.array([weights.sum(0) @ columns, weights.sum(1) @ rows])

    EXERCISES.refuse("soft_argmax", naive, "overflow")
