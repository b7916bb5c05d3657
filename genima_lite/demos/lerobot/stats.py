"""`meta/stats.json`: extent, mean and quantiles of each feature, with which policies normalise."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

_QUANTILES = {"q01": 0.01, "q10": 0.1, "q50": 0.5, "q90": 0.9, "q99": 0.99}
_PICTURES = 20
"""How many of an episode are looked at."""

Stats = dict[str, np.ndarray]


def stats_of(values: np.ndarray) -> Stats:
    """Return the statistics of one episode's values (T, n), each (n,) but `count` (1,)."""
    found = {
        "min": values.min(axis=0),
        "max": values.max(axis=0),
        "mean": values.mean(axis=0),
        "std": values.std(axis=0),
        "count": np.array([len(values)]),
    }
    return found | {name: np.quantile(values, q, axis=0) for name, q in _QUANTILES.items()}


def stats_of_pictures(pictures: Sequence[np.ndarray]) -> Stats:
    """Return the statistics of pictures (H, W, 3) uint8 by channel, from 0 to 1, each (3, 1, 1)."""
    some = pictures[:: max(1, len(pictures) // _PICTURES)]
    values = np.concatenate([each.reshape(-1, 3) for each in some]) / 255.0
    found = stats_of(values)
    shaped = {name: each.reshape(-1, 1, 1) for name, each in found.items() if name != "count"}
    return shaped | {"count": np.array([len(some)])}


def merged(episodes: Sequence[Stats]) -> Stats:
    """Return the statistics of all episodes; quantiles are means of theirs, as in LeRobot."""
    counts = np.array([int(each["count"][0]) for each in episodes], np.float64)

    def mean(name: str) -> np.ndarray:
        return np.average([each[name] for each in episodes], axis=0, weights=counts)

    means = np.array([each["mean"] for each in episodes])
    spread = np.array([each["std"] for each in episodes]) ** 2 + (means - mean("mean")) ** 2
    found = {
        "min": np.min([each["min"] for each in episodes], axis=0),
        "max": np.max([each["max"] for each in episodes], axis=0),
        "mean": mean("mean"),
        "std": np.sqrt(np.average(spread, axis=0, weights=counts)),
        "count": np.array([int(counts.sum())]),
    }
    return found | {name: mean(name) for name in _QUANTILES}


def plain(stats: Mapping[str, Stats]) -> dict[str, dict[str, Any]]:
    """Return statistics by feature as JSON has them."""
    return {
        feature: {name: value.tolist() for name, value in each.items()}
        for feature, each in stats.items()
    }
