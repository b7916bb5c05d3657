"""Checks of notebook 04: captions, zero convolutions, loss weights, missed spheres, copying."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from genima_lite.checks.verdict import close, compare, expect, passed
from genima_lite.diffusion.prompts import task_prompt

Attempt = Callable[..., Any]


def check_caption_faults(attempt: Attempt, seed: int = 0) -> None:
    """Check `caption_faults(train_prompt, eval_prompt, instructions)`: to a set of words.

    "blind": two instructions have one training prompt; "mismatch": training and evaluation give
    one instruction two prompts.
    """
    colors = np.random.default_rng(seed).permutation(["red", "lime", "navy", "teal", "pink"])
    asked = [f"push the {color} button" for color in colors]

    def blind(instruction: str) -> str:
        return "tiled perspectives of a robot arm"

    def half(instruction: str) -> str:
        return task_prompt(instruction if instruction != asked[-1] else asked[0])

    cases: tuple[tuple[Any, Any, set[str], str], ...] = (
        (task_prompt, task_prompt, set(), "training and evaluation agree and tell apart: no fault"),
        (
            blind,
            task_prompt,
            {"blind", "mismatch"},
            "the reference's bug: one caption for all in training, the instruction in evaluation",
        ),
        (blind, blind, {"blind"}, "the same caption for all, in both: blind, but no mismatch"),
        (
            task_prompt,
            str.upper,
            {"mismatch"},
            "the prompts tell apart, but evaluation's are others than training's",
        ),
        (
            half,
            half,
            {"blind"},
            "only two of five instructions share a prompt: compare all with all, not neighbours",
        ),
    )
    for train, evaluation, wanted, said in cases:
        found = attempt(train, evaluation, list(asked))
        expect(found is not None, "the function returned nothing: is there a `return`?")
        expect(set(found) == wanted, f"{said}; you found {sorted(found) or 'none'}")
    passed("this test would have found the bug on the first day")


def check_zero_gradients(attempt: Attempt, seed: int = 0) -> None:
    """Check `zero_gradients(x, g)`: of y = W x at W = 0, (I,) and (O,) to (O, I) and (I,)."""
    rng = np.random.default_rng(seed)
    x, g = rng.normal(size=4), rng.normal(size=3)
    found = attempt(x.copy(), g.copy())
    expect(
        isinstance(found, tuple | list) and len(found) == 2,
        "return two things: the gradient of W, then that of x",
    )
    mistakes = {
        "W being zero does not make its gradient zero: y changes as soon as W does": np.zeros(
            (3, 4)
        ),
        "transposed: row o, column i is how y[o] changes with W[o, i], times g[o]": np.outer(x, g),
        "that is W's gradient for x = 1: each column needs its x": np.outer(g, np.ones(4)),
    }
    compare(found[0], np.outer(g, x), mistakes, "dL/dW is the outer product of g and x")
    hint = "x enters the loss through W alone, and W is zero: its gradient is Wᵀ g = 0"
    close(found[1], np.zeros(4), hint)
    passed("the weights learn at once, what lies behind them a step later")


def check_controlled(attempt: Attempt, seed: int = 0) -> None:
    """Check `controlled(base, copy, zero_in, zero_out, x, condition)`, all arrays of one shape."""
    x, condition = np.random.default_rng(seed).normal(size=(2, 5))
    scales = (0.0, 0.0), (0.5, 0.0), (0.5, 2.0), (0.0, 2.0)
    for in_scale, out_scale in scales:

        def base(value: np.ndarray) -> np.ndarray:
            return np.tanh(value)

        def copy(value: np.ndarray) -> np.ndarray:
            return np.tanh(value) + 1

        def zero_in(value: np.ndarray, by: float = in_scale) -> np.ndarray:
            return by * value

        def zero_out(value: np.ndarray, by: float = out_scale) -> np.ndarray:
            return by * value

        found = attempt(base, copy, zero_in, zero_out, x.copy(), condition.copy())
        wanted = base(x) + zero_out(copy(x + zero_in(condition)))
        if out_scale == 0:
            hint = "as long as zero_out gives 0, the result must be the base's own, untouched"
            close(found, base(x), hint)
        mistakes = {
            "the copy sees the condition alone: it needs x as well, `x + zero_in(condition)`": (
                base(x) + zero_out(copy(zero_in(condition)))
            ),
            "the condition goes in without its zero convolution": (
                base(x) + zero_out(copy(x + condition))
            ),
            "the base is frozen and sees x alone: the condition goes into the copy": (
                base(x + zero_in(condition)) + zero_out(copy(x))
            ),
            "what the copy says must be *added* to what the base says": (
                zero_out(copy(x + zero_in(condition)))
            ),
            "the condition is left out: the copy must see it": base(x) + zero_out(copy(x)),
        }
        mistakes = mistakes if in_scale and out_scale else {}
        compare(found, wanted, mistakes, "base(x) + zero_out(copy(x + zero_in(condition)))")
    passed("at first it is the base, and the condition has a way in")


def check_weighted_loss(attempt: Attempt, seed: int = 0) -> None:
    """Check `weighted_loss(error, changed, weight)`: (B, ...) numbers and bools to a number."""
    rng = np.random.default_rng(seed)
    error, changed = rng.uniform(size=(2, 6, 6)), rng.random((2, 6, 6)) < 0.1
    changed[0, 0, 0] = True
    for weight in (0.0, 8.0, 30.0):
        w = 1 + weight * changed
        mistakes = {
            "divide by the sum of the weights, else a larger weight also makes larger steps": (
                (error * w).mean()
            ),
            "the others count too, with weight 1": error[changed].mean(),
            "the weight is *added* to 1: changed pixels count 1 + weight": (
                (error * np.where(changed, max(weight, 1e-9), 1)).sum()
                / np.where(changed, max(weight, 1e-9), 1).sum()
            ),
            "it is the changed pixels that count more": (
                (error * (1 + weight * ~changed)).sum() / (1 + weight * ~changed).sum()
            ),
        }
        found = attempt(error.copy(), changed.copy(), weight)
        wanted = (error * w).sum() / w.sum()
        hint = "the mean of the errors, weighted by 1 + weight where something changed"
        compare(found, wanted, mistakes if weight else {}, hint)
    passed("a weighted mean: the scale of the loss stays")


def check_drawn_strength(attempt: Attempt, seed: int = 0) -> None:
    """Check `drawn_strength(p, weight)`: the best constant drawing of an unsure pixel."""
    for p in np.random.default_rng(seed).uniform(0.05, 0.95, 4):
        close(attempt(float(p), 0.0), p, "without a weight the best drawing is the mean, p", 1e-6)
        for weight in (3.0, 8.0):
            wanted = (1 + weight) * p / (1 + weight * p)
            mistakes = {
                "where no sphere is the weight is 1; where one is, it is 1 + weight": (
                    weight * p / (weight * p + 1 - p)
                ),
                "a strength beyond 1? Divide by the weights' sum": (1 + weight) * p,
                "that is the mean: the weight pulls it up": p,
            }
            hint = "weigh 1 with (1 + weight) p and 0 with 1 - p, and divide by both together"
            compare(attempt(float(p), weight), wanted, mistakes, hint)
    passed("the weight makes the network bolder, in a way that one can compute")


def check_missed(attempt: Attempt, seed: int = 0) -> None:
    """Check `missed(found, true, radii, shares)`: (S, 2), (S, 2), (S,), (S,) to (S,) bool."""
    rng = np.random.default_rng(seed)
    true, radii = rng.uniform(10, 50, (7, 2)), np.array([3.0, 3.0, 3.0, 0.4, 4.0, 4.0, 2.0])
    around = rng.uniform(0, 2 * np.pi, 7)
    away = np.array([0.5, 3.4, np.nan, 0.8, 9.0, np.nan, 1.9])
    found = true + away[:, None] * np.stack([np.cos(around), np.sin(around)], 1)
    shares = np.array([1.0, 0.6, 0.9, 1.0, 0.2, 0.1, 0.3])
    wanted = np.array([False, True, True, False, False, False, False])
    given = attempt(found.copy(), true.copy(), radii.copy(), shares.copy())
    mistakes = {
        "a sphere that was not found is NaN, and NaN > r is False: ask for `not (distance <= r)`": (
            np.array([False, True, False, False, False, False, False])
        ),
        "spheres of which less than a quarter shows do not count as missed": (
            np.array([False, True, True, False, True, True, False])
        ),
        "a tiny sphere may be a pixel off: at least 1 pixel is allowed": (
            np.array([False, True, True, True, False, False, False])
        ),
        "the other way round: true means missed": ~wanted,
    }
    compare(given, wanted, mistakes, "missed: visible to a quarter, and not found within a radius")
    passed("not found is missed, and rims do not count")


def check_copies(attempt: Attempt, seed: int = 0) -> None:
    """Check `copies(drawn, arm, goal, least)`: (N, 3) three times, metres, to a share."""
    rng = np.random.default_rng(seed)
    arm = rng.uniform(-0.3, 0.3, (10, 3))
    way = rng.normal(size=(10, 3))
    way /= np.linalg.norm(way, axis=1, keepdims=True)
    far = np.array([0.1, 0.1, 0.1, 0.1, 0.1, 0.1, 0.01, 0.01, 0.1, 0.01])
    share = np.array([0.1, 0.2, 0.9, 0.95, 1.1, 0.8, 0.0, 0.1, np.nan, np.nan])
    goal = arm + far[:, None] * way
    drawn = arm + (far * share)[:, None] * way
    mistakes = {
        "drawings in which no gripper was found are no evidence: leave them out": 2 / 7,
        "where the goal is nearer than `least`, copying and drawing right look the same": 4 / 8,
        "a drawing is a copy if it lies nearer to the *arm* than to the goal": 4 / 6,
        "a share of the ways that count, not of all": 2 / 10,
    }
    found = attempt(drawn.copy(), arm.copy(), goal.copy(), 0.02)
    compare(found, 2 / 6, mistakes, "of the ways of `least` or more: the share nearer to the arm")
    passed("a number for causal confusion")
