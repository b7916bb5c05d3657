"""Checks of notebook 08: they accept its solutions and name what is wrong with wrong answers."""

from zlib import crc32

import numpy as np
import pytest

pytest.importorskip("jupytext")
pytest.importorskip("torch")

from genima_lite.checks import robustness
from genima_lite.evaluation.committed import committed_grid
from genima_lite.evaluation.paper import PAPER
from genima_lite.viz.robustness_figures import blame, difference_of, shares_kept
from tests.exercises import Exercises

EXERCISES = Exercises("08_robustness_and_rlbench", robustness, np=np)


@pytest.mark.parametrize("name", EXERCISES.cells)
def test_solutions_pass_and_stubs_do_not(name, capsys):
    EXERCISES.accept(name, capsys)


def test_the_library_computes_what_students_do():
    grid = committed_grid()
    clean, changed = (grid.solved("genima", name) for name in ("clean", "light"))
    row = shares_kept(clean, changed, seed=0)
    kept = EXERCISES.solution("kept")(clean, changed, np.random.default_rng(0))
    assert kept == pytest.approx((row["rate"], *row["interval_95"]))
    oracle = [grid.solved("oracle", name) for name in ("clean", "light")]
    assert EXERCISES.solution("whose")(clean, changed, *oracle) == blame(grid, "genima", "light")
    rates = np.array(list(PAPER.values())).T
    assert EXERCISES.solution("units")(*rates, 150) == difference_of(*rates, 150)


def shared_stream(seed, place, changes, strength):
    rng = np.random.default_rng(seed)
    changed = {name: strength * draw(rng) for name, draw in changes.items()}
    return place(rng), changed


def placed_first(seed, place, changes, strength):
    rng = np.random.default_rng(seed)
    placed = place(rng)
    return placed, {name: strength * draw(rng) for name, draw in changes.items()}


def named_by(number):
    def twin(seed, place, changes, strength):
        placed = place(np.random.default_rng(seed))
        return placed, {
            name: strength * draw(np.random.default_rng(number(seed, name)))
            for name, draw in changes.items()
        }

    return twin


def apart(clean, changed, rng):
    draw = (2000, len(clean))
    above, below = changed[rng.integers(len(clean), size=draw)], clean[rng.integers(200, size=draw)
                                                                       % len(clean)]  # fmt: skip
    ends = np.quantile(above.sum(1) / below.sum(1), [0.025, 0.975])
    return changed.sum() / clean.sum(), *ends


def narrow(clean, changed, rng):
    rows = rng.integers(len(clean), size=(2000, 20 * len(clean)))
    ends = np.quantile(changed[rows].sum(1) / clean[rows].sum(1), [0.025, 0.975])
    return changed.sum() / clean.sum(), *ends


def of_those(clean, changed, rng):
    return (clean & changed).sum() / clean.sum(), 0.0, 1.0


def ends_of(low, high, draws=2000):
    def attempt(clean, changed, rng):
        rows = rng.integers(len(clean), size=(draws, len(clean)))
        ends = np.quantile(changed[rows].sum(1) / clean[rows].sum(1), [low, high])
        return changed.sum() / clean.sum(), *ends

    return attempt


def right(name, *given):
    return EXERCISES.solution(name)(*given)


def cut_off(clean, changed, rng):
    return tuple(np.minimum(right("kept", clean, changed, rng), 1))


def normal(clean, changed, rng):
    rows = rng.integers(len(clean), size=(2000, len(clean)))
    share, spread = changed.sum() / clean.sum(), (changed[rows].sum(1) / clean[rows].sum(1)).std()
    return share, share - 1.96 * spread, share + 1.96 * spread


def own_numbers(clean, changed, rng):
    return right("kept", clean, changed, np.random.default_rng(0))


def which_ones(clean, changed, before, after):
    lost = clean & ~changed
    parts = (lost & before & after, lost & before & ~after, lost & ~before)
    return dict(zip(("drawing", "following", "unknown"), parts, strict=True))


def sixteen_bits(pixels, near, far):
    high, middle, low = np.moveaxis(pixels.astype(np.uint16), -1, 0)
    return near + (high * 256 * 256 + middle * 256 + low) / (2**24 - 1) * (far - near)


def hyperbolic(pixels, near, far):
    share = (right("metres", pixels, near, far) - near) / (far - near)
    return near * far / (far - share * (far - near))


def overwriting(pixels, near, far):
    found = right("metres", pixels, near, far)
    pixels[:] = 0
    return found


def whenever_told(rule, gripper):
    length = len(gripper)
    targets = [rule(t, length) for t in range(length)]
    changes = np.flatnonzero(np.diff(gripper)) + 1
    told = [[to for to in targets if to is not None and to >= c] for c in changes]
    unseen = [
        c for c, to in zip(changes, told, strict=True) if not (gripper[to] == gripper[c]).any()
    ]
    return idle_of(rule, gripper), unseen


def as_before(rule, gripper):
    length = len(gripper)
    targets = [rule(t, length) for t in range(length)]
    changes = np.flatnonzero(np.diff(gripper)) + 1
    told = [[to for to in targets[:c] if to is not None] for c in changes]
    unseen = [
        c for c, to in zip(changes, told, strict=True) if not (gripper[to] == gripper[c]).any()
    ]
    return idle_of(rule, gripper), unseen


def not_of_none(rule, gripper):
    length = len(gripper)
    return [t for t in range(length) if rule(t, length) <= t], []


def by_totals(clean, changed, before, after):
    lost, followed = (clean & ~changed).sum(), before.sum() - after.sum()
    return {"drawing": lost - followed, "following": followed, "unknown": 0}


def all_failures(clean, changed, before, after):
    return {
        "drawing": (~changed & before & after).sum(),
        "following": (~changed & before & ~after).sum(),
        "unknown": (~changed & ~before).sum(),
    }


def trusting(clean, changed, before, after):
    lost = clean & ~changed
    return {"drawing": (lost & after).sum(), "following": (lost & ~after).sum(), "unknown": 0}


def packages(module, name):
    return module in ("rlbench.demo", "rlbench.backend.observation") or module[:5] == "numpy"


def forbidden(module, name):
    return (module, name) not in {("os", "system"), ("builtins", "eval"), ("builtins", "exec")}


NAMES = {"Demo", "Observation", "ndarray", "dtype", "_reconstruct"}


def half(pair, module, name):
    return name in NAMES if pair == "name" else module.partition(".")[0] in ("numpy", "rlbench")


def first_part(module, name):
    return name.partition(".")[0] in NAMES


def numpy_1(module, name):
    return (module, name) in set(robustness.NEEDED) - {robustness.NEEDED[-1]}


def bytes_of(pixels):
    return np.moveaxis(pixels.astype(float), -1, 0)


def little_endian(pixels, near, far):
    low, middle, high = bytes_of(pixels)
    return near + (65536 * high + 256 * middle + low) / (2**24 - 1) * (far - near)


def no_near(pixels, near, far):
    high, middle, low = bytes_of(pixels)
    return (65536 * high + 256 * middle + low) / (2**24 - 1) * far


def in_bytes(pixels, near, far):
    high, middle, low = np.moveaxis(pixels, -1, 0)
    return near + (high * 65536 + middle * 256 + low) / (2**24 - 1) * (far - near)


def idle_of(rule, gripper):
    length = len(gripper)
    return [t for t in range(length) if rule(t, length) is None or rule(t, length) <= t]


def only_none(rule, gripper):
    length = len(gripper)
    return [t for t in range(length) if rule(t, length) is None], []


def never_a_target(rule, gripper):
    length = len(gripper)
    told = {rule(t, length) for t in range(length)}
    changes = np.flatnonzero(np.diff(gripper)) + 1
    return idle_of(rule, gripper), [c for c in changes if c not in told]


def any_later(rule, gripper):
    length = len(gripper)
    changes = np.flatnonzero(np.diff(gripper)) + 1
    targets = [rule(t, length) for t in range(length)]
    unseen = [c for c in changes if not any(to and to >= c for to in targets[:c])]
    return idle_of(rule, gripper), unseen


def summed(one, other, n):
    gap = one - other
    variance = (one * (100 - one) + other * (100 - other)) / n
    return gap.mean(), np.sqrt(variance.sum()), gap.std(ddof=1) / 5


def of_one(one, other, n):
    gap = one - other
    return gap.mean(), np.sqrt((one * (100 - one) / n).sum()) / 25, gap.std(ddof=1) / 5


def unpaired(one, other, n):
    right = EXERCISES.solution("units")(one, other, n)
    return right[0], right[1], np.sqrt((one.var(ddof=1) + other.var(ddof=1)) / 25)


def not_of_a_mean(one, other, n):
    right = EXERCISES.solution("units")(one, other, n)
    return right[0], right[1], (one - other).std(ddof=1)


WRONG = [
    ("twin", shared_stream, "stand elsewhere"),
    ("twin", placed_first, "which others are switched on"),
    ("twin", named_by(lambda seed, name: seed), "very numbers that placed"),
    ("twin", named_by(lambda seed, name: [seed, 7]), "draw the same numbers"),
    ("twin", named_by(lambda seed, name: [seed, len(name)]), "whole name"),
    ("twin", named_by(lambda seed, name: crc32(name.encode())), "for every seed"),
    ("twin", named_by(lambda seed, name: [seed, hash(name) % 2**32]), "every process"),
    ("kept", apart, "draw the .scenes"),
    ("kept", narrow, "as many scenes"),
    ("kept", of_those, "every success"),
    ("kept", lambda clean, changed, rng: (changed.mean(), 0, 1), "relative"),
    ("kept", ends_of(0.05, 0.95), "quantiles 0.025"),
    ("kept", ends_of(0.025, 0.975, 20), "0.025|2000 times"),
    ("kept", cut_off, "above 1"),
    ("kept", normal, "below 0"),
    ("kept", own_numbers, "that is given"),
    ("kept", lambda *given: tuple(100 * np.array(right("kept", *given))), "per cent"),
    ("believed", lambda p, stands, assumed: p, "same camera"),
    (
        "believed",
        lambda p, stands, assumed: stands.unproject(*assumed.project(p)),
        "the other way round",
    ),
    (
        "believed",
        lambda p, stands, assumed: assumed.unproject(stands.project(p)[0], assumed.project(p)[1]),
        "the depth, too",
    ),
    ("whose", by_totals, "differences of totals"),
    ("whose", all_failures, "only what the change"),
    ("whose", trusting, "lucky"),
    ("whose", which_ones, "a number each"),
    ("allowed", packages, "not packages"),
    ("allowed", forbidden, "gets through"),
    ("allowed", lambda *pair: half("name", *pair), "gets through: each name"),
    ("allowed", lambda *pair: half("module", *pair), "gets through"),
    ("allowed", first_part, "gets through"),
    ("allowed", numpy_1, "numpy._core"),
    ("metres", little_endian, "other way round"),
    ("metres", no_near, "near plane"),
    ("metres", in_bytes, "ends at 255"),
    ("metres", sixteen_bits, "65535"),
    ("metres", hyperbolic, "no OpenGL"),
    ("metres", overwriting, "changed the array"),
    ("audit", only_none, "frame itself"),
    ("audit", never_a_target, "some. earlier frame"),
    ("audit", any_later, "new gripper"),
    ("audit", whenever_told, "too late"),
    ("audit", as_before, "new gripper"),
    ("audit", not_of_none, "None"),
    ("units", lambda one, other, n: -np.array(right("units", one, other, n)), "way round"),
    (
        "units",
        lambda *given: right("units", *given) * np.array([1, 1.96, 1.96]),
        "half an interval",
    ),
    ("units", lambda *given: np.array(right("units", *given))[[0, 2, 1]], "two errors the other"),
    ("units", summed, "divide the root"),
    ("units", of_one, "both policies"),
    ("units", unpaired, "task by task"),
    ("units", not_of_a_mean, "surer"),
]


@pytest.mark.parametrize(("name", "attempt", "hint"), WRONG)
def test_a_wrong_answer_is_refused_with_its_hint(name, attempt, hint):
    EXERCISES.refuse(name, attempt, hint)
