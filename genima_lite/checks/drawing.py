"""Checks of notebook 04: captions, zero convolutions, loss weights, missed spheres, copying."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from genima_lite.checks.verdict import bools, close, compare, expect, named, passed
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

    def of_the_next(instruction: str) -> str:
        return task_prompt(asked[(asked.index(instruction) + 1) % len(asked)])

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
        (
            task_prompt,
            half,
            {"mismatch"},
            "one instruction of five has another prompt in evaluation: compare all five",
        ),
        (
            task_prompt,
            of_the_next,
            {"mismatch"},
            "the same five prompts, dealt to other instructions: compare one instruction at a time",
        ),
        (str.upper, str.upper, set(), "prompts may look like anything that tells them apart"),
    )
    for train, evaluation, wanted, said in cases:
        found = named(attempt(train, evaluation, list(asked)))
        expect(found == wanted, f"{said}; you found {sorted(found) or 'none'}")
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
        "the gradient of W comes first, then that of x": np.zeros(4),
        "W being zero does not make its gradient zero: y changes as soon as W does": np.zeros(
            (3, 4)
        ),
        "transposed: row o, column i is how y[o] changes with W[o, i], times g[o]": np.outer(x, g),
        "that is W's gradient for x = 1: each column needs its x": np.outer(g, np.ones(4)),
    }
    compare(found[0], np.outer(g, x), mistakes, "dL/dW is the outer product of g and x")
    hint = "x enters the loss through W alone, and W is zero: its gradient is Wᵀ g = 0"
    shapes = {"the gradient in x has x's shape, (I,), not that of g": np.zeros(3)}
    compare(found[1], np.zeros(4), shapes, hint)
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
            "zero_in gets the condition alone; x goes into the copy as it is": (
                base(x) + zero_out(copy(zero_in(x + condition)))
            ),
            "the condition goes through `copy`, not through `base` a second time": (
                base(x) + zero_out(base(x + zero_in(condition)))
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
    for weight in (8.0, 30.0, 0.0):
        w = 1 + weight * changed
        mistakes = {
            "divide by the sum of the weights, else a larger weight also makes larger steps": (
                (error * w).mean()
            ),
            "the others count too, with weight 1": error[changed].mean(),
            "that is the plain mean: pixels that change count more": error.mean(),
            "`error` is the error already: do not square it": (error**2 * w).sum() / w.sum(),
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
        for weight in (3.0, 8.0):
            wanted = (1 + weight) * p / (1 + weight * p)
            mistakes = {
                "where no sphere is the weight is 1; where one is, it is 1 + weight": (
                    weight * p / (weight * p + 1 - p)
                ),
                "a strength beyond 1? Divide by the weights' sum": (1 + weight) * p,
                "1 is no mean of 0 and 1: cut nothing, divide by the weights' sum": (
                    min(1.0, (1 + weight) * p)
                ),
                "that is the mean: the weight pulls it up": p,
                "0 or 1 is best for the error's size; for its square a mean is": (
                    float(p > 1 / (2 + weight))
                ),
            }
            hint = "weigh 1 with (1 + weight) p and 0 with 1 - p, and divide by both together"
            compare(attempt(float(p), weight), wanted, mistakes, hint)
        close(attempt(float(p), 0.0), p, "without a weight the best drawing is the mean, p", 1e-6)
    passed("the weight makes the network bolder, in a way that one can compute")


def check_missed(attempt: Attempt, seed: int = 0) -> None:
    """Check `missed(found, true, radii, shares)`: (S, 2), (S, 2), (S,), (S,) to (S,) bool."""
    rng = np.random.default_rng(seed)
    true = rng.uniform(10, 50, (9, 2))
    radii = np.array([3.0, 3.0, 3.0, 0.4, 4.0, 4.0, 2.0, 3.0, 4.0])
    around = rng.uniform(0, 2 * np.pi, 9)
    around[[1, 7]] = np.pi / 4  # column and row are off by the same
    away = np.array([0.5, 3.4, np.nan, 0.8, 9.0, np.nan, 1.9, 5.0, 9.0])
    found = true + away[:, None] * np.stack([np.cos(around), np.sin(around)], 1)
    shares = np.array([1.0, 0.6, 0.9, 1.0, 0.2, 0.1, 0.3, 0.8, 0.25])

    def only(*numbers: int) -> np.ndarray:
        return np.isin(np.arange(9), numbers)

    wanted = only(1, 2, 7, 8)
    given = attempt(found.copy(), true.copy(), radii.copy(), shares.copy())
    mistakes = {
        "a sphere that was not found is NaN, and NaN > r is False: ask for `not (distance <= r)`": (
            only(1, 7, 8)
        ),
        "spheres of which less than a quarter shows do not count as missed": (
            only(1, 2, 4, 5, 7, 8)
        ),
        "a tiny sphere may be a pixel off: at least 1 pixel is allowed": (only(1, 2, 3, 7, 8)),
        "a quarter is enough: only *less* than a quarter does not count": only(1, 2, 7),
        "`radii` are radii, not diameters": only(2, 8),
        "the distance is a norm over column and row, not the larger of the two": only(2, 7, 8),
        "the other way round: true means missed": ~wanted,
        "true means missed, not found": only(0, 3, 6),
    }
    bools(given, "return bools: the mask itself")
    compare(given, wanted, mistakes, "missed: visible to a quarter, and not found within a radius")
    passed("not found is missed, and rims do not count")


def check_copies(attempt: Attempt, seed: int = 0) -> None:
    """Check `copies(drawn, arm, goal, least)`: (N, 3) three times, metres, to a share."""
    rng = np.random.default_rng(seed)
    arm = rng.uniform(-0.3, 0.3, (10, 3))
    way = rng.normal(size=(10, 3))
    way /= np.linalg.norm(way, axis=1, keepdims=True)
    far = np.array([0.1, 0.1, 0.1, 0.1, 0.1, 0.1, 0.01, 0.01, 0.1, 0.01])
    share = np.array([0.1, 0.25, 0.9, 0.95, 1.1, 0.8, 3.0, 0.1, np.nan, np.nan])
    goal = arm + far[:, None] * way
    drawn = arm + (far * share)[:, None] * way
    mistakes = {
        "drawings in which no gripper was found are no evidence: leave them out": 2 / 7,
        "where the goal is nearer than `least`, copying and drawing right look the same": 3 / 8,
        "a drawing is a copy if it lies nearer to the *arm* than to the goal": 4 / 6,
        "a share of the ways that count, not of all": 2 / 10,
        "it is the *goal* that must be `least` away from the arm, not the drawing": 1 / 6,
    }
    found = attempt(drawn.copy(), arm.copy(), goal.copy(), 0.02)
    compare(
        found,
        2 / 6,
        mistakes,
        "norms with axis=1; of the ways of `least` or more, the share nearer to the arm",
    )
    passed("a number for causal confusion")
