"""A mixture deals every batch by the weights of the configuration, and by no others."""

from dataclasses import dataclass

import numpy as np
import pytest

from genima_lite.datasets.source import Mixture, deal, weights_of
from genima_lite.errors import UserError


@dataclass
class Named:
    """Gives its name and a random number."""

    name: str

    def sample(self, rng, count):
        return [(self.name, rng.random()) for _ in range(count)]


def join(parts):
    return [each for part in parts for each in part]


def mixture(**weights):
    return Mixture({name: Named(name) for name in weights}, weights, join)


def counts(samples):
    names = [name for name, _ in samples]
    return {name: names.count(name) for name in sorted(set(names))}


def test_whole_shares_are_dealt_exactly():
    mixed = mixture(demos=5, motions=3, drawings=2)
    for seed in range(50):
        rng = np.random.default_rng(seed)
        assert counts(mixed.sample(rng, 10)) == {"demos": 5, "drawings": 2, "motions": 3}
        assert counts(mixed.sample(rng, 200)) == {"demos": 100, "drawings": 40, "motions": 60}


def test_other_shares_are_rounded_and_right_on_average():
    """Of batches of eight a source of 3 % is in about every fourth one, and never twice."""
    shares, rng = np.array([0.62, 0.35, 0.03]), np.random.default_rng(0)
    dealt = np.array([deal(rng, shares, 8) for _ in range(20_000)])
    assert (dealt.sum(1) == 8).all()
    assert (np.abs(dealt - 8 * shares) < 1).all()
    np.testing.assert_allclose(dealt.mean(0), 8 * shares, atol=0.02)


def test_the_same_generator_state_gives_the_same_samples():
    mixed = mixture(a=0.3, b=0.7)
    one, two = (mixed.sample(np.random.default_rng(3), 5) for _ in range(2))
    assert one == two
    assert one != mixed.sample(np.random.default_rng(4), 5)


@pytest.mark.parametrize(
    ("weights", "present", "named"),
    [
        ({"demos": 1.0, "dagger": 0.5}, ["demos"], "dagger has weight 0.5, but there is no such"),
        ({"demos": 1.0, "dagger": 0.0}, ["demos", "dagger"], "dagger is there, but its weight is"),
        ({"demos": 1.0}, ["demos", "dagger"], "dagger is there, but its weight is"),
        ({"demos": -1.0}, ["demos"], "the weight of demos is -1.0"),
        ({"demos": float("nan")}, ["demos"], "the weight of demos is nan"),
        ({"demos": 0.0}, [], "nothing to learn from"),
    ],
)
def test_weights_that_do_not_fit_the_sources_are_refused_by_name(weights, present, named):
    with pytest.raises(UserError, match=named):
        Mixture({name: Named(name) for name in present}, weights, join)


def test_weights_come_from_a_dataclass():
    @dataclass(frozen=True)
    class Weights:
        demos: float = 1
        dagger: float = 0

    mixed = Mixture({"demos": Named("demos")}, weights_of(Weights()), join)
    assert mixed.shares == {"demos": 1.0}
