"""Checks of notebook 05: LoRA in a layer, its bytes and gradients, merging, ranks, a fair table."""

from __future__ import annotations

import tracemalloc
from collections.abc import Callable
from typing import Any

import numpy as np

from genima_lite.checks.verdict import compare, expect, passed

Attempt = Callable[..., Any]


def check_lora_linear(attempt: Attempt, seed: int = 0) -> None:
    """Check `lora_linear(x, weight, down, up, alpha)`: (B, I), (O, I), (r, I), (O, r) to (B, O)."""
    rng = np.random.default_rng(seed)
    x, weight = rng.normal(size=(5, 4)), rng.normal(size=(6, 4))
    for rank, alpha in ((2, 2.0), (2, 6.0), (3, 1.5)):
        down, up = rng.normal(size=(rank, 4)), rng.normal(size=(6, rank))
        given = [each.copy() for each in (x, weight, down, up)]
        base, learned = x @ weight.T, x @ down.T @ up.T
        mistakes = {
            "the frozen weight is gone: LoRA is *added* to what it says": alpha / rank * learned,
            "alpha counts alpha / rank times: divide by the rank, the rows of `down`": (
                base + alpha * learned
            ),
            "alpha is left out: what is learned counts alpha / rank times": base + learned,
            "only what is learned is scaled, not the frozen weight": (
                alpha / rank * (base + learned)
            ),
            "times rank / alpha: the other way round": base + rank / alpha * learned,
        }
        hint = "x Wᵀ, and alpha / rank times (x downᵀ) upᵀ"
        compare(attempt(*given, alpha), base + alpha / rank * learned, mistakes, hint)
        for each, before in zip(given, (x, weight, down, up), strict=True):
            expect((each == before).all(), "an argument was overwritten: make a new array")
        still = attempt(x.copy(), weight.copy(), down, np.zeros_like(up), alpha)
        compare(still, base, {}, "with `up` at zero it must be the frozen layer, untouched")
    _small_matrices(attempt, rng)
    passed("a frozen layer, and beside it a narrow one that starts at nothing")


def _small_matrices(attempt: Attempt, rng: np.random.Generator, size: int = 400) -> None:
    """Refuse an answer that makes a matrix as large as the weight."""
    x, weight = rng.normal(size=(2, size)), rng.normal(size=(size, size))
    down, up = rng.normal(size=(2, size)), rng.normal(size=(size, 2))
    traced = tracemalloc.is_tracing()
    if not traced:
        tracemalloc.start()
    try:
        before = tracemalloc.get_traced_memory()[0]
        tracemalloc.reset_peak()
        attempt(x, weight, down, up, 2.0)
        made = tracemalloc.get_traced_memory()[1] - before
    finally:
        if not traced:
            tracemalloc.stop()
    expect(
        made < weight.nbytes / 2,
        "the numbers are right, but a matrix as large as `weight` was made on the way: first "
        "`x @ down.T`, then the rest",
    )


def check_training_bytes(attempt: Attempt, seed: int = 0) -> None:
    """Check `training_bytes(layers, rank)`: pairs (out, in) and a rank to a whole number."""
    rng = np.random.default_rng(seed)
    layers = [(int(o), int(i)) for o, i in rng.integers(20, 200, (4, 2))]
    frozen = sum(o * i for o, i in layers)
    for rank in (1, 4, 16):
        learned = rank * sum(o + i for o, i in layers)
        mistakes = {
            "the two matrices have rank x in and out x rank numbers: their sum, not a product": (
                2 * frozen + 16 * rank * frozen
            ),
            "the frozen weights must lie in memory too: 2 bytes each": 16 * learned,
            "what learns also needs its gradient and AdamW's two averages: 16 bytes in all": (
                2 * frozen + 4 * learned
            ),
            "AdamW keeps *two* numbers for each weight": 2 * frozen + 12 * learned,
            "what is frozen needs no gradient and no average": 16 * (frozen + learned),
            "frozen weights are kept in half precision: 2 bytes each": 4 * frozen + 16 * learned,
            "one of the two matrices is missing": 2 * frozen
            + 16 * rank * sum(o for o, _ in layers),
        }
        hint = "2 out in for each frozen layer, 16 rank (out + in) for its LoRA"
        compare(attempt(list(layers), rank), 2 * frozen + 16 * learned, mistakes, hint)
    passed("memory by counting, before anything runs out of it")


def check_who_learns(attempt: Attempt, seed: int = 0) -> None:
    """Check `who_learns(z, w, up, down, frozen)`: of y = z (w + up down) x, to a set of names."""
    w = float(np.random.default_rng(seed).choice([0.5, 0.75, 1.5]))
    nothing: set[str] = set()
    cases: tuple[tuple[tuple[float, float, float, float], set[str], set[str], str], ...] = (
        (
            (0.0, w, 0.0, 0.25),
            nothing,
            {"z"},
            "all fresh: only the zero convolution has a gradient, that of y by z, w + up down; to "
            "`up` and `down` nothing passes back through a z that is zero",
        ),
        (
            (0.0, w, 0.0, 0.25),
            {"z"},
            nothing,
            "the zero convolution is frozen at zero: nothing learns, now or ever",
        ),
        (
            (0.5, w, 0.0, 0.25),
            nothing,
            {"z", "up"},
            "a step later: `up` learns, `down` stands behind an `up` that is zero",
        ),
        ((0.5, w, 0.5, 0.25), {"z"}, {"up", "down"}, "what is frozen does not learn"),
        (
            (0.5, w, 0.0, 0.0),
            {"z"},
            nothing,
            "both factors start at zero: each waits for the other; `down` must start at random",
        ),
        (
            (0.5, -0.125, 0.5, 0.25),
            nothing,
            {"up", "down"},
            "w + up down is zero here, and so is the gradient of what it is multiplied by",
        ),
    )
    for values, frozen, wanted, said in cases:
        found = attempt(*values, set(frozen))
        expect(found is not None, "the function returned nothing: is there a `return`?")
        answer = ", ".join(sorted(found)) or "nobody"
        expect(set(found) == wanted, f"{said}; you say: {answer}")
    passed("who waits for whom: the reason why zero convolutions train along with LoRA")


def check_change_left(attempt: Attempt, seed: int = 0) -> None:
    """Check `change_left(drawn, now, later)`: three (H, W, 3) uint8 to a number."""
    rng = np.random.default_rng(seed)
    now = rng.integers(60, 190, (12, 12, 3)).astype(np.uint8)
    later = now.copy()
    later[2:5, 3:8, 1] += 50  # one colour alone
    later[8:, 2:6] -= 55
    later[5, 9:], later[6, 9:] = now[5, 9:] + 24, now[6, 9:] + 23  # just enough, and just not
    noise = rng.integers(-20, 21, now.shape)
    drawn = np.clip((now.astype(int) + 2 * later.astype(int)) // 3 + noise, 0, 255)
    drawn = drawn.astype(np.uint8)

    def away(one: np.ndarray, other: np.ndarray) -> np.ndarray:
        return np.abs(one.astype(float) - other)

    moved = away(now, later).max(-1) >= 24
    wraps = [np.abs(each - later).astype(float)[moved].mean() for each in (drawn, now)]
    errors, changes = away(drawn, later), away(now, later)
    every = moved[..., None] & (changes >= 24)
    mistakes = {
        "uint8 minus uint8 wraps around at 0: turn the pictures into floats first": (
            wraps[0] / wraps[1]
        ),
        "only pixels that change count: the others only dilute it": errors.mean() / changes.mean(),
        "a pixel that changes in one colour counts with all three": (
            errors[every].mean() / changes[every].mean()
        ),
        "24 levels are enough: `>=`, not `>`": _ratio(errors, changes, changes.max(-1) > 24),
        "one colour that differs is enough: take the largest of the three, not their mean": (
            _ratio(errors, changes, changes.mean(-1) >= 24)
        ),
        "divide by what copying would get, the change itself": errors[moved].mean(),
        "the other way round: a good drawing leaves little": (
            changes[moved].mean() / errors[moved].mean()
        ),
        "measure the drawing against the later picture, not against the present one": (
            away(drawn, now)[moved].mean() / changes[moved].mean()
        ),
    }
    hint = "of the pixels that change: mean |drawn - later| over mean |now - later|"
    wanted = errors[moved].mean() / changes[moved].mean()
    compare(attempt(drawn.copy(), now.copy(), later.copy()), wanted, mistakes, hint)
    one = attempt(now.copy(), now.copy(), later.copy())
    compare(one, 1.0, {}, "the present picture handed back leaves all of the change: 1")
    passed("1 is a copy, 0 is the future")


def _ratio(errors: np.ndarray, changes: np.ndarray, chosen: np.ndarray) -> float:
    return float(errors[chosen].mean() / changes[chosen].mean())


def check_fair_winner(attempt: Attempt, seed: int = 0) -> None:
    """Check `fair_winner(one, other)`: two rows of the table to "one", "other" or `None`."""
    decisions = int(np.random.default_rng(seed).integers(20, 60))

    def row(missed: float | None, low: float, high: float, samples: int = 960, n: int = 0) -> dict:
        interval = None if missed is None else (low, high)
        counts = {"samples": samples, "decisions": n or decisions}
        return {"missed": missed, "missed_interval": interval, **counts}

    good, bad = row(0.3, 0.25, 0.35), row(0.6, 0.55, 0.66)
    between = row(0.4, 0.33, 0.47)
    longer, others = row(0.1, 0.05, 0.15, samples=9600), row(0.1, 0.05, 0.15, n=200)
    unmeasured = row(None, 0, 0)
    cases = (
        (good, bad, "one", "fewer missed spheres are better"),
        (bad, good, "other", "fewer missed spheres are better, whichever row comes first"),
        (good, between, None, "the intervals overlap: no winner, however nice the numbers look"),
        (bad, longer, None, "one saw ten times as many samples: that compares patience"),
        (others, bad, None, "they drew other decisions: perhaps easier ones"),
        (good, unmeasured, None, "nothing is measured where a target has no spheres"),
        (unmeasured, bad, None, "nothing is measured where a target has no spheres"),
    )
    for one, other, wanted, said in cases:
        found = attempt(dict(one), dict(other))
        expect(found == wanted, f"{said}; wanted {wanted!r}, you say {found!r}")
    passed("a table is an argument, and you know when it is one")


def check_merged(attempt: Attempt, seed: int = 0) -> None:
    """Check `merged(weight, down, up, alpha, share)`: (O, I), (r, I), (O, r) to (O, I)."""
    rng = np.random.default_rng(seed)
    weight, down, up = (rng.normal(size=size) for size in ((5, 4), (2, 4), (5, 2)))
    change = up @ down
    for alpha, share in ((2.0, 1.0), (6.0, 1.0), (6.0, 0.5), (6.0, 0.0), (1.0, 1.5)):
        scale = share * alpha / 2
        mistakes = {
            "`share` is left out": weight + alpha / 2 * change,
            "alpha counts alpha / rank times here, too": weight + share * alpha * change,
            "the share goes once onto the product, not onto both factors": (
                weight + share**2 * alpha / 2 * change
            ),
            "that moves *between* two networks: the frozen weight stays whole": (
                (1 - share) * weight + scale * change
            ),
            "the frozen weight is missing": scale * change,
        }
        given = weight.copy()
        found = attempt(given, down.copy(), up.copy(), alpha, share)
        compare(found, weight + scale * change, mistakes, "weight + share alpha / rank (up down)")
        expect(
            (given == weight).all(),
            "the weight itself was changed (`+=`): merged a second time it would be fused twice",
        )
    passed("merged: the same function, and no second layer to compute")


def check_added(attempt: Attempt, seed: int = 0) -> None:
    """Check `added(one, other)`: two (down, up, scale) to one (down, up), their changes' sum."""
    rng = np.random.default_rng(seed)
    for ranks in ((2, 2), (1, 3)):
        one, other = (
            (rng.normal(size=(r, 6)), rng.normal(size=(7, r)), float(scale))
            for r, scale in zip(ranks, (0.5, 2.0), strict=True)
        )
        found = attempt(one, other)
        expect(
            isinstance(found, tuple | list) and len(found) == 2,
            "return two matrices: the new `down` and the new `up`",
        )
        down, up = (np.asarray(each, float) for each in found)
        expect(
            down.ndim == up.ndim == 2 and up.shape == (7, len(down)) and down.shape[1] == 6,
            f"`down` has shape {down.shape}, `up` {up.shape}: they must be (rank, 6) and (7, rank)",
        )
        (a, b, s), (c, d, t) = one, other
        mistakes = {
            "the two scales are lost: put each into one of its factors": b @ a + d @ c,
            "a scale must go into one of the factors, not into both": s**2 * b @ a + t**2 * d @ c,
            "the scales are swapped": t * b @ a + s * d @ c,
        }
        if ranks[0] == ranks[1]:
            mistakes |= {
                "adding the factors multiplies each LoRA with the other one, too: "
                "(B + D)(A + C) is not BA + DC": (s * b + t * d) @ (a + c),
                "adding the factors multiplies each LoRA with the other one, too": (b + d)
                @ (a + c),
            }
        wanted = s * b @ a + t * d @ c
        compare(up @ down, wanted, mistakes, "`up @ down` must be the sum of both scaled changes")
        expect(len(down) == sum(ranks), "the ranks add up: stack the rows, and the columns")
    passed("two LoRAs are one of the sum of their ranks")


def check_smallest_rank(attempt: Attempt, seed: int = 0) -> None:
    """Check `smallest_rank(change, share)`: (O, I) and a share of its squares to a rank."""
    rng = np.random.default_rng(seed)
    left, _ = np.linalg.qr(rng.normal(size=(9, 6)))
    right, _ = np.linalg.qr(rng.normal(size=(7, 6)))
    values = np.array([4.0, 3.0, 2.0, 1.0, 1.0, 0.5])
    change = left @ np.diag(values) @ right.T
    squares, sizes = (np.cumsum(each) / each.sum() for each in (values**2, values))
    for share in (0.4, 0.7, 0.9, 0.95, 0.999):
        wanted = int((squares < share).sum()) + 1
        found = attempt(change.copy(), share)
        expect(found is not None, "the function returned nothing: is there a `return`?")
        expect(int(found) == found and 1 <= found <= 7, "a rank is a whole number from 1 on")
        mistakes = {
            "how many are *below* the share: one more is needed": wanted - 1,
            "shares are of the squares: square the singular values first": (
                int((sizes < share).sum()) + 1
            ),
            "that is the rank of all of it: how many does the share need?": 6,
        }
        hint = "sum the squared singular values, largest first, until the share is reached"
        compare(found, wanted, mistakes, hint)
    passed("how much of a change fits into a rank")
