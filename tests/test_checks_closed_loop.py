"""Checks of notebook 07: they accept its solutions and name what is wrong with wrong answers."""

from math import comb

import numpy as np
import pytest

pytest.importorskip("jupytext")
pytest.importorskip("torch")

from genima_lite.checks import closed_loop
from genima_lite.evaluation.statistics import wilson_interval
from tests.exercises import Exercises

USED = {"np": np, "wilson_interval": wilson_interval}
EXERCISES = Exercises("07_closing_the_loop", closed_loop, **USED)


@pytest.mark.parametrize("name", EXERCISES.cells)
def test_solutions_pass_and_stubs_do_not(name, capsys):
    EXERCISES.accept(name, capsys)


def probability(k, n, p=0.5):
    return comb(n, k) * p**k * (1 - p) ** (n - k)


def holds(interval, p, k, n):
    low, high = interval(k, n)
    return low <= p <= high


def equally(interval, p, n):
    return np.mean([holds(interval, p, k, n) for k in range(n + 1)])


def one_too_few(interval, p, n):
    return sum(probability(k, n, p) for k in range(n) if holds(interval, p, k, n))


def missing(interval, p, n):
    return sum(probability(k, n, p) for k in range(n + 1) if not holds(interval, p, k, n))


def covered_from(interval, p, n, first):
    return sum(probability(k, n, p) for k in range(first, n + 1) if holds(interval, p, k, n))


def without_orders(interval, p, n):
    return sum(p**k * (1 - p) ** (n - k) for k in range(n + 1) if holds(interval, p, k, n))


def whole_width(rate, half):
    for n in range(1, 10_000):
        low, high = wilson_interval(round(rate * n), n)
        if high - low <= half:
            break
    return n


def checked(good, one, other, message="not the same episodes"):
    if not good(one, other):
        raise ValueError(message)
    return only_common(one, other)


def by_position(one, other):
    if len(one) != len(other):
        raise ValueError("lengths")
    both = list(zip(one.values(), other.values(), strict=True))
    return sum(a and not b for a, b in both), sum(b and not a for a, b in both)


def by_episode(one, other):
    return sum(one[k] and not other[k] for k in one), sum(other[k] and not one[k] for k in one)


def only_common(one, other):
    keys = set(one) & set(other)
    return sum(one[k] and not other[k] for k in keys), sum(other[k] and not one[k] for k in keys)


def one_sided(won, lost):
    return sum(probability(k, won + lost) for k in range(min(won, lost) + 1))


def doubled(won, lost):
    return 2 * one_sided(won, lost)


def distances(one, other):
    return np.linalg.norm(one - other, axis=1)


def rolled_out(
    env, policy, expert, seeds, helped, rng, label="expert", late=False, always=None, once=False
):
    data = []
    for seed in seeds:
        state, done = env.reset(seed), False
        actor = expert if rng.random() < helped else policy
        while not done:
            before = state
            if not once:
                actor = expert if rng.random() < helped else policy
            action = (always or actor)(state)
            named = expert(before) if label == "expert" else action
            state, done = env.step(action)
            data.append((state if late else before, named))
    return data


def imitation(env, policy, expert, *rest):
    return rolled_out(env, policy, expert, *rest, always=expert)


def faults(one, other, budget=True, trained=True):
    found = set()
    if set(one["seeds"]) != set(other["seeds"]) or set(one["tasks"]) != set(other["tasks"]):
        found.add("scenes")
    if trained and any(s % 2 == 0 for s in [*one["seeds"], *other["seeds"]]):
        found.add("trained")
    if set(one["chosen_on"]) & set(one["seeds"]) or set(other["chosen_on"]) & set(other["seeds"]):
        found.add("chosen")
    if one["errors"] or other["errors"]:
        found.add("errors")
    if budget and other["hours"] > 2 * one["hours"]:
        found.add("budget")
    return found


WRONG = [
    ("coverage", equally, "equally likely"),
    ("coverage", one_too_few, "k = n"),
    ("coverage", missing, "miss"),
    ("coverage", lambda *a: covered_from(*a, 1), "k = 0"),
    ("coverage", lambda interval, p, n: 1.0, "the true p"),
    ("coverage", without_orders, "orders"),
    ("needed", lambda rate, half: 5, "episodes give|too few"),
    ("needed", lambda rate, half: 5000, "are enough"),
    ("needed", lambda rate, half: None, "return"),
    ("needed", whole_width, "halve"),
    ("needed", lambda rate, half: int(np.ceil(1.96**2 * rate * (1 - rate) / half**2)), "naive"),
    ("pairs", by_position, "different orders"),
    ("pairs", lambda one, other: by_episode(other, one), "only the .first"),
    ("pairs", by_episode, "KeyError"),
    ("pairs", only_common, "cannot be paired"),
    ("pairs", lambda *a: checked(lambda one, two: len(one) == len(two), *a), "not the same"),
    ("pairs", lambda *a: checked(lambda one, two: set(one) <= set(two), *a), "one more"),
    ("pairs", lambda *a: checked(lambda one, two: list(one) == list(two), *a), "another order"),
    ("pairs", lambda *a: checked(lambda one, two: set(one) == set(two), *a, ""), "is empty"),
    ("sign_test", one_sided, "two-sided"),
    ("sign_test", doubled, "p is 1"),
    ("sign_test", lambda won, lost: probability(won, won + lost), "exactly this outcome"),
    ("sign_test", lambda won, lost: 2 * probability(won, won + lost), "twice the probability"),
    ("sign_test", lambda won, lost: min(1.0, 2 * one_sided(max(won, lost), won)), "smaller"),
    ("split", lambda t, d, r: (np.nanmedian(distances(r, d)), 0.0), "comes first"),
    ("split", lambda t, d, r: (1000 * np.nanmedian(distances(d, t)), 0.0), "millimetres"),
    ("split", lambda t, d, r: (np.median(distances(np.nan_to_num(d), t)), 0.0), "0 is a place"),
    ("split", lambda t, d, r: (np.median(distances(d, t)), 0.0), "leave it out"),
    ("split", lambda t, d, r: (np.nanmean(distances(d, t)), 0.0), "not the mean"),
    (
        "split",
        lambda t, d, r: (
            np.nanmedian(distances(d, t)),
            np.median(distances(r, t)[[0, 1, 3, 4, 5, 6]]),
        ),
        "never saw",
    ),
    ("dagger", imitation, "policy must act"),
    ("dagger", lambda *a: rolled_out(*a, label="own"), "the .expert. would do"),
    ("dagger", lambda *a: rolled_out(*a, late=True), "before"),
    ("dagger", lambda *a: rolled_out(*a, once=True), "not once an episode"),
    ("dagger", lambda *a: rolled_out(*a)[:-1], "the last one"),
    ("unfair", lambda *a: [], "a set"),
    ("unfair", lambda one, other: faults({**one, "errors": 0}, other), "left out of the first"),
    ("unfair", lambda one, other: faults(one, {**other, "chosen_on": []}), "the second was"),
    ("unfair", lambda *a: set(), "other scenes"),
    ("unfair", lambda *a: faults(*a, budget=False), "sixteen times"),
    ("unfair", faults, "the other way"),
    ("unfair", lambda *a: faults(*a, trained=False), "training scenes"),
]


@pytest.mark.parametrize(("name", "attempt", "hint"), WRONG)
def test_a_wrong_answer_is_refused_with_its_hint(name, attempt, hint):
    EXERCISES.refuse(name, attempt, hint)
