"""Checks of notebook 07: coverage, episodes needed, pairs, sign test, blame, DAgger, fairness."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from scipy.stats import binom, binomtest

from genima_lite.checks.verdict import CheckFailed, close, compare, expect, named, passed
from genima_lite.evaluation.statistics import wilson_interval

Attempt = Callable[..., Any]


def check_coverage(attempt: Attempt, seed: int = 0) -> None:
    """Check `coverage(interval, p, n)`: the exact probability that an interval holds p."""
    rng = np.random.default_rng(seed)

    def naive(k: int, n: int) -> tuple[float, float]:
        rate = k / n
        half = 1.96 * (rate * (1 - rate) / n) ** 0.5
        return rate - half, rate + half

    for interval in (naive, wilson_interval):
        for p in (*rng.uniform(0.6, 0.97, 2), 0.05):
            n = int(rng.integers(8, 20))
            holds = np.array(
                [low <= p <= high for low, high in (interval(k, n) for k in range(n + 1))]
            )
            tries = np.arange(n + 1)
            chance = binom.pmf(tries, n, p)
            mistakes = {
                "outcomes are not equally likely: weigh each with its binomial probability": (
                    holds.mean()
                ),
                "k = n is an outcome, too: n + 1 of them": (holds * chance)[:-1].sum(),
                "k = 0 is an outcome, too: n + 1 of them": (holds * chance)[1:].sum(),
                "that is the probability to *miss* p": 1 - (holds * chance).sum(),
                "k successes come in `comb(n, k)` orders": (
                    holds * p**tries * (1 - p) ** tries[::-1]
                ).sum(),
                "ask whether the interval holds the true p; its own k / n it always holds": 1.0,
            }
            wanted = float((holds * chance).sum())
            mistakes = {k: v for k, v in mistakes.items() if abs(v - wanted) > 1e-4}
            found = attempt(interval, float(p), n)
            compare(found, wanted, mistakes, "sum the probabilities of the outcomes that hold p")
    passed("exact, without any simulation")


def check_needed(attempt: Attempt, seed: int = 0) -> None:
    """Check `needed(rate, half_width)`: the least n with Wilson's interval narrow enough."""
    rng = np.random.default_rng(seed)
    for rate in (0.5, float(rng.uniform(0.7, 0.95))):
        for half in (0.15, float(rng.uniform(0.05, 0.1))):
            found = attempt(rate, half)
            expect(found is not None, "the function returned nothing: is there a `return`?")
            expect(found == int(found), "a number of episodes is a whole number")

            def width(n: int, rate: float = rate) -> float:
                low, high = wilson_interval(round(rate * n), n)
                return (high - low) / 2

            if found > 1:
                wide = f"{found} episodes give ± {width(int(found)):.3f}, not ± {half:.3f} or less"
                expect(width(int(found)) <= half, wide)
            fewer = next(n for n in range(1, 100_000) if width(n) <= half)
            whole = next(n for n in range(1, 100_000) if 2 * width(n) <= half)
            expect(
                found != whole or whole == fewer, "that is for the whole width: halve high - low"
            )
            normal = np.ceil(1.96**2 * rate * (1 - rate) / half**2)
            expect(
                found != normal or normal == fewer,
                "that is the formula of the naive interval: try n = 1, 2, ... with Wilson's",
            )
            expect(found >= fewer, f"{found} is too few: is `half_width` half of the interval?")
            expect(
                found == fewer,
                f"{fewer} episodes are enough: the *first* n whose interval is narrow enough",
            )
    passed("four times the episodes for half the interval")


def check_pairs(attempt: Attempt, seed: int = 0) -> None:
    """Check `pairs(one, other)`: outcomes by episode to (won, lost)."""
    rng = np.random.default_rng(seed)
    episodes = [("push_button", 2001 + 2 * i) for i in range(8)] + [("lamp_on", 2001)]
    one = dict(
        zip(episodes, [True, True, True, True, False, False, True, False, True], strict=True)
    )
    two = dict(
        zip(episodes, [True, False, False, True, True, False, False, False, True], strict=True)
    )
    shuffled = {key: two[key] for key in (episodes[i] for i in rng.permutation(9))}
    while list(shuffled) == episodes or _in_order(one, shuffled) == (3, 1):
        shuffled = {key: two[key] for key in (episodes[i] for i in rng.permutation(9))}
    try:
        found = attempt(dict(one), dict(shuffled))
    except ValueError:
        raise CheckFailed("these are the same episodes in another order: compare sets") from None
    pair = isinstance(found, tuple | list) and len(found) == 2
    expect(pair, "return two numbers: won and lost")
    expect(
        tuple(found) != _in_order(one, shuffled),
        "the two dictionaries are in different orders: pair by the *episode*, not by position",
    )
    expect(tuple(found) != (1, 3), "won are those that only the *first* solves")
    expect(
        tuple(found) != (6, 4),
        "episodes that both solve, or none, say nothing: count those in which they differ",
    )
    expect(tuple(found) == (3, 1), f"here the first won 3 and lost 1, not {tuple(found)}")
    less = {key: value for key, value in two.items() if key != episodes[0]}
    more = {("lamp_on", 2003): True}
    _must_refuse(attempt, one, less, "the second lacks one")
    _must_refuse(attempt, one, two | more, "the second has one more")
    _must_refuse(attempt, one, less | more, "they are as many, but not the same")
    passed("the same scene on both sides, or no comparison")


def _must_refuse(attempt: Attempt, one: Any, other: Any, how: str) -> None:
    """Raise `CheckFailed` unless an attempt refuses results of other episodes, in words."""
    try:
        attempt(dict(one), dict(other))
    except ValueError as error:
        expect(str(error), "say in the ValueError what is wrong: it is empty")
    except KeyError:
        raise CheckFailed("say what is wrong: a ValueError, not a KeyError") from None
    else:
        raise CheckFailed(f"results of other episodes cannot be paired ({how}): raise ValueError")


def _in_order(one: dict[Any, bool], other: dict[Any, bool]) -> tuple[int, int]:
    both = list(zip(one.values(), other.values(), strict=True))
    return sum(a and not b for a, b in both), sum(b and not a for a, b in both)


def check_sign_test(attempt: Attempt, seed: int = 0) -> None:
    """Check `sign_test(won, lost)`: the two-sided p."""
    rng = np.random.default_rng(seed)
    cases = [(9, 1), (1, 9), (15, 36), tuple(int(x) for x in rng.integers(2, 12, 2))]
    for won, lost in cases:
        n, few = won + lost, min(won, lost)
        tail = float(binom.cdf(few, n, 0.5))
        wanted = binomtest(won, n).pvalue
        mistakes = {
            "two-sided: as far from the middle on the *other* side counts as well": tail,
            "as far *or farther*: the outcome itself belongs to the tail": (
                2 * float(binom.cdf(few - 1, n, 0.5))
            ),
            "not from 0 to `won`: to the *smaller* of the two, each k with comb(n, k) / 2**n": (
                min(1.0, 2 * float(binom.cdf(won, n, 0.5)))
            ),
            "that is twice the probability of exactly this outcome, not of the tails": (
                2 * float(binom.pmf(won, n, 0.5))
            ),
            "that is the probability of exactly this outcome, not of the tails": (
                float(binom.pmf(won, n, 0.5))
            ),
        }
        mistakes = {k: v for k, v in mistakes.items() if abs(v - wanted) > 1e-4}
        compare(attempt(won, lost), wanted, mistakes, "twice the smaller tail of a fair coin", 1e-6)
    close(attempt(4, 4), 1.0, "as many won as lost: p is 1, no more (both tails share the middle)")
    close(attempt(0, 0), 1.0, "no difference at all says nothing: p is 1")
    passed("a coin would do it this often")


def check_split(attempt: Attempt, seed: int = 0) -> None:
    """Check `split(true, drawn, reached)`: (N, 3) three times to two medians in metres."""
    rng = np.random.default_rng(seed)
    true, drawn, reached = rng.normal(size=(3, 7, 3))
    drawn[2] = np.nan
    found = attempt(true.copy(), drawn.copy(), reached.copy())
    pair = isinstance(found, tuple | list) and len(found) == 2
    expect(pair, "return two medians: of the drawing's error and of the following's")
    off = np.linalg.norm(drawn - true, axis=1)
    followed = np.linalg.norm(reached - drawn, axis=1)
    known = np.isfinite(off)
    mistakes = {
        "a decision without a drawn gripper is NaN: leave it out": np.nan,
        "leave out the rows without a drawn gripper: 0 is a place, too": (
            np.median(np.linalg.norm(np.nan_to_num(drawn) - true, axis=1))
        ),
        "the drawing's error comes first": np.median(followed[known]),
        "in metres, not in millimetres": 1000 * np.median(off[known]),
        "the median of the distances, not the distance of the median": (
            np.linalg.norm(np.median((drawn - true)[known], axis=0))
        ),
        "the median, not the mean: one wild drawing would decide": off[known].mean(),
        "the distance of two points is a norm over x, y, z": np.median(np.abs(drawn - true)[known]),
    }
    compare(found[0], np.median(off[known]), mistakes, "the drawing's error: drawn against true")
    mistakes = {
        "the controller never saw the true target: it can only follow what was *drawn*": (
            np.median(np.linalg.norm(reached - true, axis=1)[known])
        ),
        "a decision without a drawn gripper is NaN: leave it out": np.nan,
    }
    compare(
        found[1], np.median(followed[known]), mistakes, "following's error: reached against drawn"
    )
    passed("two errors that a success rate cannot tell apart")


class _PretendEnv:
    """An arm on a line: the state is a number, an action is added; ten steps an episode."""

    def __init__(self) -> None:
        self.states: list[float] = []
        self.actions: list[float] = []
        self.resets: list[int] = []
        self.state, self.left = 0.0, 0

    def reset(self, seed: int) -> float:
        self.resets.append(seed)
        self.state, self.left = float(seed), 10
        return self.state

    def step(self, action: float) -> tuple[float, bool]:
        expect(self.left > 0, "the loop goes on after the episode has ended")
        self.states.append(self.state)
        self.actions.append(float(action))
        self.state, self.left = self.state + action, self.left - 1
        return self.state, self.left == 0


def check_dagger(attempt: Attempt, seed: int = 0) -> None:
    """Check `dagger(env, policy, expert, seeds, helped, rng)`: to [(state, the expert's action)].

    `rng.random()` is asked once a step; below `helped` the expert acts, else the policy.
    """
    for helped in (0.0, 1.0, 0.4):
        env = _PretendEnv()
        data = attempt(env, _wrong_way, _home, [3, 8], helped, np.random.default_rng(seed))
        expect(data is not None, "the function returned nothing: is there a `return`?")
        expect(env.resets == [3, 8], "one episode for each seed: env.reset(seed)")
        expect(len(env.states) == 20, "run each episode until `done`")
        own = [a == _wrong_way(s) for s, a in zip(env.states, env.actions, strict=True)]
        if helped == 0.0:
            expect(
                all(own),
                "with helped = 0 the policy must act, at every step: where the *expert* leads, the "
                "policy's errors never do (that would be plain imitation)",
            )
        if helped == 1.0:
            expect(not any(own), "with helped = 1 the expert must act")
        if helped == 0.4:
            _check_coin(own, np.random.default_rng(seed).random(20) < helped)
        _check_labels(data, env)
    passed("the policy goes, the expert names")


def _check_coin(own: list[bool], helps: np.ndarray) -> None:
    """Compare who acted, the policy or not, in two episodes of ten steps with who should."""
    acts = ~np.array(own)
    each = all(len(set(part.tolist())) == 1 for part in (acts[:10], acts[10:]))
    right = bool((acts == helps).all())
    expect(right or not each, "ask `rng.random()` at every step, not once an episode")
    expect(right, "the expert acts where `rng.random() < helped`, asked once a step")


def _check_labels(data: Any, env: _PretendEnv) -> None:
    expect(
        len(data) == len(env.states),
        f"a pair for every step, {len(env.states)}, not {len(data)}: the last one too, and those "
        "where the expert acts",
    )
    states = np.array([float(state) for state, _ in data])
    labels = np.array([float(label) for _, label in data])
    wanted = np.array([_home(state) for state in env.states])
    expect(
        np.allclose(states, env.states),
        "keep the state in which the decision was made, from *before* the step",
    )
    expect(
        not np.allclose(labels, [_wrong_way(s) for s in env.states]),
        "the label is what the *expert* would do there, not what the policy did",
    )
    expect(np.allclose(labels, wanted), "the label is the expert's action for that very state")


def _home(state: float) -> float:
    return -0.5 * state


def _wrong_way(state: float) -> float:
    return 0.1 * state + 0.01


def check_unfair(attempt: Attempt, seed: int = 0) -> None:
    """Check `unfair(one, other)`: two runs' facts to the set of what makes them unfair."""
    rng = np.random.default_rng(seed)
    seeds = [2 * int(x) + 2001 for x in rng.permutation(50)[:6]]
    facts = {
        "tasks": ["push_button", "lamp_on"],
        "seeds": seeds,
        "chosen_on": [1, 3],
        "errors": 0,
        "hours": 16.0,
    }

    def run(**changes: Any) -> dict[str, Any]:
        return {**facts, **changes}

    even = [*seeds[:-1], seeds[-1] + 1]
    cases: tuple[tuple[dict[str, Any], dict[str, Any], set[str], str], ...] = (
        (run(), run(), set(), "nothing differs"),
        (
            run(),
            run(tasks=["lamp_on", "push_button"], seeds=seeds[::-1], hours=17.0),
            set(),
            "another order, and an hour of sixteen, are no fault",
        ),
        (run(), run(seeds=[s + 100 for s in seeds]), {"scenes"}, "other seeds are other scenes"),
        (run(), run(tasks=["lamp_on"]), {"scenes"}, "other tasks are other scenes"),
        (run(seeds=even), run(seeds=even), {"trained"}, "even seeds are training scenes"),
        (
            run(),
            run(seeds=even),
            {"scenes", "trained"},
            "other seeds, one of them even: two faults",
        ),
        (run(chosen_on=seeds), run(), {"chosen"}, "a version was chosen on these very seeds"),
        (run(), run(chosen_on=seeds), {"chosen"}, "the second was chosen on these very seeds"),
        (run(errors=2), run(), {"errors"}, "episodes with errors were left out of the first"),
        (run(), run(errors=2), {"errors"}, "episodes with errors were left out of one run"),
        (run(hours=8.0), run(hours=16.0), set(), "twice the hours, and not *more* than twice"),
        (run(hours=1.0), run(hours=16.0), {"budget"}, "sixteen times the training"),
        (run(hours=16.0), run(hours=1.0), {"budget"}, "sixteen times the training, the other way"),
    )
    for one, other, wanted, said in cases:
        found = named(attempt(dict(one), dict(other)))
        expect(found == wanted, f"{said}: {sorted(wanted) or 'no fault'}, not {sorted(found)}")
    passed("five ways to win without being better")
