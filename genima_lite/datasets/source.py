"""Sources of samples, and their weighted mixture.

A source gives samples; whatever it learns from, demonstrations or what is made beside them, lies
behind the same call. A mixture deals a batch among named sources by the weights of the
configuration, and there are no others.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from typing import Any, Generic, Protocol, TypeVar

import numpy as np

from genima_lite.errors import UserError
from genima_lite.observation import Demo

S = TypeVar("S")
S_co = TypeVar("S_co", covariant=True)

Segment = tuple[Demo, list[str]]
"""A demonstration from now to the next target, and sentences that ask for it. Of its frames only
the first needs pictures; the last is the target."""


class Source(Protocol[S_co]):
    """Makes samples; the same generator state makes the same samples."""

    def sample(self, rng: np.random.Generator, count: int) -> S_co:
        """Return `count` samples."""


class Mixture(Generic[S]):
    """A source that deals every batch among others by their weights.

    Of `n` samples a source with share `w` gives `w n`, rounded up or down at random such that it
    is right on average.

    Args:
        sources: by name.
        weights: by name, of at least these sources; they count relative to their sum. A source
            that is not there has weight 0.
        join: makes one batch of several, in the order of the sources.

    Raises:
        UserError: a weight for a source that is not there, a source without a weight, a negative
            weight, or nothing at all; the message names it.
    """

    def __init__(
        self,
        sources: Mapping[str, Source[S]],
        weights: Mapping[str, float],
        join: Callable[[Sequence[S]], S],
    ):
        check_weights(weights, sources)
        total = sum(weights.values())
        self.sources = dict(sources)
        self.shares = {name: weights[name] / total for name in sources}
        self._join = join

    def sample(self, rng: np.random.Generator, count: int) -> S:
        """Return `count` samples, those of the first source first."""
        counts = deal(rng, np.array(list(self.shares.values())), count)
        parts = [
            source.sample(rng, int(some))
            for source, some in zip(self.sources.values(), counts, strict=True)
            if some
        ]
        return self._join(parts)


def deal(rng: np.random.Generator, shares: np.ndarray, count: int) -> np.ndarray:
    """Return how many of `count` samples each source gives, (n,) int, by shares (n,) that add to 1.

    All are `shares * count`, rounded up or down; the same random number rounds all, so that they
    add up.
    """
    ends = np.cumsum(shares) * count
    whole = np.rint(ends)
    ends = np.where(np.abs(ends - whole) < 1e-9 * count, whole, ends)
    ends[-1] = count
    return np.diff(np.floor(ends + rng.random()).astype(int), prepend=0)


def check_weights(weights: Mapping[str, float], present: Mapping[str, Any] | Sequence[str]) -> None:
    """Refuse weights that do not fit the sources that are there.

    Raises:
        UserError: see `Mixture`.
    """
    for name, weight in weights.items():
        if not weight >= 0 or weight == float("inf"):
            raise UserError(f"mixture: the weight of {name} is {weight}; give 0 or more")
        if weight and name not in present:
            raise UserError(
                f"mixture: {name} has weight {weight}, but there is no such source; ask for some, "
                "or set its weight to 0"
            )
    for name in present:
        if not weights.get(name):
            raise UserError(
                f"mixture: {name} is there, but its weight is 0; give it a weight, or leave it out"
            )
    if not present:
        raise UserError("mixture: nothing to learn from; give at least one source")


def weights_of(mixture: Any) -> dict[str, float]:
    """Return the weights of a mixture's dataclass by the names of its sources."""
    return {name: float(weight) for name, weight in asdict(mixture).items()}
