"""Checks of notebook 06: chunks, masked loss, dead weights, the decoder, KL, keypoints, FiLM,
ensembling.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from genima_lite.checks.verdict import CheckFailed, bools, close, compare, expect, named, passed
from genima_lite.controller.ensemble import TemporalEnsemble

Attempt = Callable[..., Any]


def check_chunk(attempt: Attempt, seed: int = 0) -> None:
    """Check `chunk(actions, frame, horizon)`: (T, 8) to (K, 8) and which are real, (K,) bool."""
    rng = np.random.default_rng(seed)
    actions, horizon = rng.uniform(0.2, 1, (12, 8)), 5
    for frame in (3, 9, 11, 7):
        found = attempt(actions.copy(), frame, horizon)
        pair = isinstance(found, tuple | list) and len(found) == 2
        expect(pair, "return two arrays: the actions, and which of them are real")
        rows = frame + np.arange(horizon)
        wanted, valid = actions[np.minimum(rows, 11)], rows < 12
        padded = np.concatenate([actions, np.zeros((horizon, 8))])
        mistakes = {
            "padding with zeros asks for a posture that joint 4 cannot take: repeat the last": (
                padded[rows]
            ),
            "the chunk begins at `frame` itself, not one later": actions[np.minimum(rows + 1, 11)],
            "the padding is the *last* action, not the first ones again": actions[rows % 12],
            "near the end it is shorter than K: repeat the last action": actions[rows[valid]],
        }
        mistakes = {hint: wrong for hint, wrong in mistakes.items() if not _alike(wrong, wanted)}
        compare(found[0], wanted, mistakes, "the next K actions, the last one repeated")
        bools(found[1], "the second array says true or false: bools")
        real = np.asarray(found[1], float)
        masks = {
            "the other way round: true where the action is real": ~valid,
            "the last action of the episode is real as well": rows < 11,
            "one too many: the episode's last action is row T - 1": rows < 13,
            "padding is not real: true only where the episode has an action": rows >= 0,
        }
        masks = {hint: wrong for hint, wrong in masks.items() if not _alike(wrong, valid)}
        compare(real, valid, masks, "real are the steps that the episode has")
    passed("K actions from every frame, and the loss will know which are real")


def _alike(one: np.ndarray, other: np.ndarray) -> bool:
    return one.shape == other.shape and bool((one == other).all())


def check_masked_l1(attempt: Attempt, seed: int = 0) -> None:
    """Check `masked_l1(predicted, actions, valid)`: (B, K, 7) twice and (B, K) bool to a number."""
    rng = np.random.default_rng(seed)
    predicted, actions = rng.normal(size=(2, 4, 6, 7))
    valid = np.arange(6) < np.array([[6], [1], [2], [5]])
    away = np.abs(predicted - actions)
    mistakes = {
        "padding dilutes it: divide by the number of valid numbers, not of all": (
            (away * valid[..., None]).mean()
        ),
        "padded actions count: use `valid`": away.mean(),
        "a mean of means: an episode's last frame would count as much as a whole chunk": (
            np.mean([each[mask].mean() for each, mask in zip(away, valid, strict=True)])
        ),
        "there are seven joints in each valid step: divide by them too": (
            away[valid].sum() / valid.sum()
        ),
        "L1 is the absolute error, not its square": (away[valid] ** 2).mean(),
        "errors of both signs cancel: take `np.abs` first": (predicted - actions)[valid].mean(),
    }
    found = attempt(predicted.copy(), actions.copy(), valid.copy())
    compare(found, away[valid].mean(), mistakes, "the mean of |error| over all valid numbers")
    zero = attempt(predicted.copy(), actions.copy(), np.zeros_like(valid))
    expect(np.isfinite(float(zero)), "with nothing valid the result is NaN: divide by at least 1")
    passed("every real joint of every real step counts the same")


def check_dead(attempt: Attempt, seed: int = 0) -> None:
    """Check `dead(gradients)`: arrays or None by name to the set of names that do not learn."""
    rng = np.random.default_rng(seed)
    sparse = np.zeros(5)
    sparse[rng.integers(5)] = -1e-9
    gradients = {
        "encoder.weight": rng.normal(size=(3, 3)),
        "decoder.1.weight": np.zeros((3, 3)),
        "padding_head.weight": None,
        "embedding.weight": sparse,
        "balanced.bias": np.array([0.5, -0.5]),
    }
    names = named(attempt({k: None if v is None else v.copy() for k, v in gradients.items()}))
    expect(
        "padding_head.weight" in names,
        "a gradient of None means that the weight never entered the loss: that is dead too",
    )
    expect("decoder.1.weight" in names, "a gradient that is zero everywhere is dead")
    expect(
        "balanced.bias" not in names,
        "a gradient may sum to zero and still be alive: look at every number",
    )
    expect("embedding.weight" not in names, "one number that is not zero is enough, however small")
    expect(names == {"decoder.1.weight", "padding_head.weight"}, f"you found {sorted(names)}")
    passed("weights that nothing teaches are found by name")


def check_decode(attempt: Attempt, seed: int = 0) -> None:
    """Check `decode(layers, norm, queries, memory)`: functions and arrays to an array."""
    queries, memory = np.random.default_rng(seed).normal(size=(2, 4))
    for depth in (3, 1):
        layers = [
            lambda value, read, by=by: np.tanh(value + by * read) for by in (0.5, -1.0, 2.0)[:depth]
        ]

        def norm(value: np.ndarray) -> np.ndarray:
            return 2 * value

        out, outputs, side = queries, [], []
        normed, read, back = queries, memory, queries
        for layer, other in zip(layers, layers[::-1], strict=True):
            side.append(layer(queries, memory))
            normed, read, back = (
                norm(layer(normed, memory)),
                layer(queries, read),
                other(back, memory),
            )
            out = layer(out, memory)
            outputs.append(out)
        mistakes = {
            "that is the first layer's output: ACT's own bug. The others would never learn": (
                norm(outputs[0])
            ),
            "each layer reads what the layer before it wrote, not the queries": norm(side[-1]),
            "the norm at the end is missing": outputs[-1],
            "the norm comes once, after the last layer, not after each": normed,
            "it is the *queries* that go from layer to layer; the memory stays": norm(read),
            "the first layer comes first": norm(back),
            "all layers are averaged: only the last one speaks": norm(np.mean(outputs, axis=0)),
        }
        found = attempt(layers, norm, queries.copy(), memory.copy())
        mistakes = mistakes if depth > 1 else {}
        compare(found, norm(out), mistakes, "one layer after the other, then the norm")
    passed("the last layer speaks, and every layer learns")


def check_kl(attempt: Attempt, seed: int = 0) -> None:
    """Check `kl(mean, log_variance)`: (B, Z) twice to a number."""
    rng = np.random.default_rng(seed)
    mean, log_variance = rng.normal(size=(2, 3, 5))
    terms = 0.5 * (np.exp(log_variance) + mean**2 - 1 - log_variance)
    mistakes = {
        "sum over the Z numbers of z, mean over the batch: else the weight depends on Z": (
            terms.mean()
        ),
        "mean over the batch, not the sum": terms.sum(),
        "the factor ½": 2 * terms.sum(1).mean(),
        "the network says the *logarithm* of the variance: take its exp": (
            0.5 * (log_variance + mean**2 - 1 - np.log(np.abs(log_variance)))
        )
        .sum(1)
        .mean(),
        "exp(log variance) is the variance already: do not square it": (
            0.5 * (np.exp(2 * log_variance) + mean**2 - 1 - log_variance)
        )
        .sum(1)
        .mean(),
    }
    mistakes |= {
        "a distance is never negative: the sign": -terms.sum(1).mean(),
        "log_variance is log σ², not log σ: its exp is σ² already": (
            (0.5 * (np.exp(2 * log_variance) + mean**2 - 1 - 2 * log_variance)).sum(1).mean()
        ),
        "σ² is the exp of log_variance, not of half of it": (
            (0.5 * (np.exp(log_variance / 2) + mean**2 - 1 - log_variance)).sum(1).mean()
        ),
        "NaN: log_variance is a logarithm already, and may be negative: take its exp": np.nan,
    }
    found = attempt(mean.copy(), log_variance.copy())
    compare(found, terms.sum(1).mean(), mistakes, "½ (var + mean² - 1 - log var), summed over z")
    close(attempt(np.zeros((3, 5)), np.zeros((3, 5))), 0.0, "of the prior itself it is 0")
    passed("how far the style strays from what inference will use")


def check_soft_argmax(attempt: Attempt, seed: int = 0) -> None:
    """Check `soft_argmax(heat)`: (h, w) scores to (column, row) as shares of the picture."""
    rng = np.random.default_rng(seed)
    heat = rng.normal(size=(6, 8))
    row, column = int(rng.integers(1, 5)), int(rng.integers(1, 4))
    heat[row, column], heat[row, column + 1] = 9.0, 8.0
    weights = np.exp(heat - heat.max())
    weights /= weights.sum()
    rows, columns = (np.arange(6) + 0.5) / 6, (np.arange(8) + 0.5) / 8
    wanted = np.array([weights.sum(0) @ columns, weights.sum(1) @ rows])
    mistakes = {
        "row and column are swapped: column (x) comes first": wanted[::-1],
        "half a cell off: cell i has its middle at (i + 0.5) / n": wanted - [0.5 / 8, 0.5 / 6],
        "that is the best cell's middle: it jumps from cell to cell and has no gradient": (
            np.array([columns[column], rows[row]])
        ),
        "as shares of the picture, not in cells": wanted * [8, 6],
        "shares of the picture, not numbers of cells": wanted * [8, 6] - 0.5,
        "from 0 to 1 over the cells' middles, as `linspace` does, shifts all but the centre": (
            np.array([weights.sum(0) @ np.linspace(0, 1, 8), weights.sum(1) @ np.linspace(0, 1, 6)])
        ),
        "the scores are no weights yet: softmax over *all* cells": (
            np.array([heat.sum(0) @ columns, heat.sum(1) @ rows]) / heat.sum()
        ),
    }
    compare(attempt(heat.copy()), wanted, mistakes, "softmax over all cells, mean of their middles")
    large = np.asarray(attempt(100 * heat), float)
    expect(np.isfinite(large).all(), "large scores overflow in exp: subtract the largest one first")
    passed("a place between the cells, with a gradient")


def check_film(attempt: Attempt, seed: int = 0) -> None:
    """Check `film(maps, scale, shift)`: (B, C, h, w), (B, C), (B, C) to (B, C, h, w)."""
    rng = np.random.default_rng(seed)
    size = 4  # all alike, so that a wrong broadcast raises no error
    maps, (scale, shift) = rng.normal(size=(size,) * 4), rng.normal(size=(2, size, size))
    same = np.zeros((size, size))
    found = attempt(maps.copy(), same.copy(), same.copy())
    close(found, maps, "scale 0 and shift 0 must change nothing: multiply by 1 + scale")
    mistakes = {
        "numpy lined up the last axes: (B, C) must become (B, C, 1, 1)": (1 + scale) * maps + shift,
        "scale and shift are swapped": (
            (1 + shift[..., None, None]) * maps + scale[..., None, None]
        ),
        "the shift is not scaled: (1 + scale) x + shift": (
            (1 + scale[..., None, None]) * (maps + shift[..., None, None])
        ),
        "each sample has its own scale and shift: these are the first one's for all": (
            (1 + scale[0, :, None, None]) * maps + shift[0, :, None, None]
        ),
        "one number a channel of the same sample, not of the batch": (
            (1 + scale[None, :, :, None]) * maps + shift[None, :, :, None]
        ),
    }
    wanted = (1 + scale[..., None, None]) * maps + shift[..., None, None]
    found = attempt(maps.copy(), scale.copy(), shift.copy())
    compare(found, wanted, mistakes, "(1 + scale) x + shift, one number a channel")
    passed("a sentence turns feature maps up and down")


def check_ensemble(attempt: Attempt, seed: int = 0) -> None:
    """Check `ensemble(chunks, step, decay)`: [(first step, (K, 8)), ...] to (8,)."""
    rng = np.random.default_rng(seed)
    chunks = [(first, rng.normal(size=(5, 8))) for first in (0, 2, 3, 4)]
    chunks[1][1][2, 3] = 0.0  # an angle of exactly zero at step 4
    library = TemporalEnsemble(0.5)
    given: Mapping[int, np.ndarray] = dict(chunks)
    for step in range(5):
        if step in given:
            library.add(given[step])
        wanted = library.next()
    rows = np.stack([chunk[4 - first] for first, chunk in chunks])
    old = np.exp(-0.5 * np.arange(4))
    kept = (rows != 0).all(1)
    mistakes = {
        "the oldest counts most: i = 0 is the oldest chunk": old[::-1] @ rows / old.sum(),
        "the weights do not add up to 1: divide by their sum": old @ rows,
        "an action with an exact zero was left out, ACT's own bug: zero is an angle": (
            old[kept] @ rows[kept] / old[kept].sum()
        ),
        "a row with an exact zero in it was left out, ACT's own bug: zero is an angle": (
            old[: kept.sum()] @ rows[kept] / old[: kept.sum()].sum()
        ),
        "a plain mean: use the weights": rows.mean(0),
        "i numbers the chunks, 0 for the oldest; it is no age in steps": (
            _weighted(np.exp(-0.5 * np.array([4, 2, 1, 0])), rows)
        ),
        "all chunks that reach the step speak, not the newest alone": rows[-1],
        "row step - first of each chunk speaks about `step`": (
            old @ np.stack([chunk[0] for _, chunk in chunks]) / old.sum()
        ),
    }
    copies = [(first, chunk.copy()) for first, chunk in chunks]
    compare(attempt(copies, 4, 0.5), wanted, mistakes, "weigh what each chunk says about this step")
    hint = "at step 6 the first chunk has ended: only those that reach the step speak"
    try:
        later = attempt([(first, chunk.copy()) for first, chunk in chunks], 6, 0.5)
    except IndexError:
        raise CheckFailed(hint) from None
    rows = np.stack([chunk[6 - first] for first, chunk in chunks if 6 - first < 5])
    close(later, _weighted(np.exp(-0.5 * np.arange(len(rows))), rows), hint)
    passed("every chunk that reaches the step has its say, the oldest most")


def _weighted(weights: np.ndarray, rows: np.ndarray) -> np.ndarray:
    return np.asarray(weights @ rows / weights.sum())
