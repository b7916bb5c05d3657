"""Checks of notebook 08: twins, shares kept, moved cameras, RLBench's files, ends, units."""

from __future__ import annotations

import io
import pickle
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np

from genima_lite.cameras import Camera, intrinsics_of
from genima_lite.checks.verdict import CheckFailed, called, close, compare, expect, passed
from genima_lite.demos.images import encode_image
from genima_lite.demos.pickler import dump_demo
from genima_lite.observation import Demo, Observation
from genima_lite.transforms import pose_matrix

Attempt = Callable[..., Any]


def check_twin(attempt: Attempt, seed: int = 0) -> None:
    """Check `twin(seed, place, changes, strength)`: where things stand, and changes by name."""

    def place(rng: np.random.Generator) -> np.ndarray:
        return rng.uniform(-1, 1, (3, 2))

    def draw(rng: np.random.Generator) -> np.ndarray:
        return rng.uniform(-1, 1, (3, 2))

    names = ("light", "table", "tiger")

    def made(which: Sequence[str], number: int = seed + 5, strength: float = 1.0) -> Any:
        return attempt(number, place, dict.fromkeys(which, draw), strength)

    found = made(names)
    pair = isinstance(found, tuple | list) and len(found) == 2 and isinstance(found[1], dict)
    expect(pair, "return two things: where the pieces stand, and the changes by name")
    placed, changes = found
    expect(set(changes) == set(names), f"a change for each of {', '.join(names)}, by name")
    hint = (
        "the pieces stand elsewhere when a change is switched on: place them with a generator "
        "that no change draws from"
    )
    close(made(())[0], placed, hint)
    close(made(names, strength=0.3)[0], placed, "the pieces stand elsewhere at another strength")
    expect(not np.allclose(made(names, seed + 6)[0], placed), "another seed is another scene")
    _check_changes(made, names, placed, changes, seed)
    _check_own_process(attempt, lambda: made(names)[1], changes)
    passed("a twin: the same scene in everything but the one change")


def _check_changes(
    made: Callable[..., Any],
    names: Sequence[str],
    placed: np.ndarray,
    changes: dict[str, np.ndarray],
    seed: int,
) -> None:
    """Check that a change depends on the seed and its own name, and in proportion on strength."""
    for name in names:
        alone = made((name,))[1][name]
        close(alone, changes[name], f"what '{name}' does depends on which others are switched on")
    backwards = made(names[::-1])[1]
    for name in names:
        close(backwards[name], changes[name], "the order in which changes are listed matters")
        half = made(names, strength=0.5)[1][name]
        close(half, 0.5 * np.asarray(changes[name]), "half the strength, half of the same change")
        other = made(names, seed + 6)[1][name]
        expect(not np.allclose(other, changes[name]), f"'{name}' is the same for every seed")
        expect(
            not np.allclose(changes[name], placed),
            f"'{name}' draws the very numbers that placed the pieces: its seed must be another one",
        )
    for one, other in (("light", "table"), ("table", "tiger")):
        expect(
            not np.allclose(changes[one], changes[other]),
            f"'{one}' and '{other}' draw the same numbers: each needs a generator of its own, "
            "made of the seed *and* its whole name",
        )


def _check_own_process(
    attempt: Attempt, again: Callable[[], Any], changes: dict[str, np.ndarray]
) -> None:
    """Check that nothing depends on `hash`, which is another one in every process."""
    space = getattr(attempt, "__globals__", {})
    before = space.get("hash", hash)
    space["hash"] = lambda text: before(text) ^ 0x5A5A
    try:
        found = again()
    finally:
        space["hash"] = before
    for name, change in changes.items():
        hint = "`hash` of a text is another number in every process: take zlib.crc32"
        close(found[name], change, hint)


def check_kept(attempt: Attempt, seed: int = 0) -> None:
    """Check `kept(clean, changed, rng)`: two (N,) bool to a share and its 95 % interval."""
    rng = np.random.default_rng(seed)
    clean = rng.random(200) < 0.8
    changed = np.where(rng.random(200) < 0.7, clean, rng.random(200) < 0.3)
    found = attempt(clean.copy(), changed.copy(), np.random.default_rng(seed))
    triple = isinstance(found, tuple | list | np.ndarray) and len(found) == 3
    expect(triple, "return three numbers: the share, its lower and its upper end")
    share = changed.sum() / clean.sum()
    mistakes = {
        "that is the rate in the changed scene: kept is relative to what was solved before": (
            changed.mean()
        ),
        "count every success in the changed scene, also where the clean one failed: else luck "
        "counts on one side only": (clean & changed).sum() / clean.sum(),
        "that is what was lost": 1 - share,
        "that is in per cent: 1 is all of it": 100 * share,
        "that is the difference of the rates: kept is their ratio": changed.mean() - clean.mean(),
        "upside down: solved in changed scenes, divided by solved in clean ones": 1 / share,
    }
    hint = (
        "solved in changed scenes, divided by solved in clean ones, of the scenes as they are: "
        "those drawn again are for the interval's ends only"
    )
    compare(found[0], share, mistakes, hint)
    expect(found[1] <= found[0] <= found[2], "the interval's lower end first, then the upper one")
    _check_pairs_stay(attempt, seed)
    _check_ends(attempt, clean, changed, seed)
    _check_no_formula(attempt, seed)
    passed("a share, and how far to trust it")


def _check_ends(attempt: Attempt, clean: np.ndarray, changed: np.ndarray, seed: int) -> None:
    """Check the interval's ends, each a mean over several generators, and how much they differ."""
    generators = [np.random.default_rng([seed, number]) for number in range(8)]
    ends = np.array([attempt(clean.copy(), changed.copy(), rng)[1:] for rng in generators])
    low, high = ends.mean(axis=0)
    wanted = _bootstrapped(clean, changed)
    shown = f"the interval is {low:.3f} to {high:.3f}; resampling scenes gives about "
    hint = (
        f"{shown}{wanted[0]:.3f} to {wanted[1]:.3f}: as many scenes as there are, with "
        "replacement, and the quantiles 0.025 and 0.975"
    )
    close((low, high), wanted, hint, 0.006)
    hint = "draw with the `rng` that is given: another one gives other ends, a little"
    expect((np.ptp(ends, axis=0) > 0).any(), hint)
    expect(ends.std(axis=0).max() < 0.008, "the ends differ much each time: draw 2000 times")


def _check_no_formula(attempt: Attempt, seed: int) -> None:
    """Check an interval that is not symmetric, and one that reaches beyond 1."""
    numbers = np.arange(24)
    few = attempt(numbers < 16, numbers % 8 == 0, np.random.default_rng(seed))
    expect(few[1] >= 0, "a share below 0? Take quantiles of the shares, no mean and deviation")
    more = attempt(numbers % 2 == 0, numbers % 3 > 0, np.random.default_rng(seed))
    expect(more[0] > 1 and more[2] > 1, "a share may be above 1: do not cut it off")


def _check_pairs_stay(attempt: Attempt, seed: int) -> None:
    half = np.arange(60) % 2 == 0
    same = attempt(half, half.copy(), np.random.default_rng(seed))
    expect(
        np.allclose(same, 1.0),
        "where nothing changes, every resample keeps exactly 1: draw the *scenes*, and take both "
        f"outcomes of each, not two separate draws (here {same[1]:.2f} to {same[2]:.2f})",
    )


def _bootstrapped(clean: np.ndarray, changed: np.ndarray) -> np.ndarray:
    rows = np.random.default_rng(99).integers(len(clean), size=(20_000, len(clean)))
    return np.quantile(changed[rows].sum(1) / clean[rows].sum(1), [0.025, 0.975])


def check_believed(attempt: Attempt, seed: int = 0) -> None:
    """Check `believed(point, stands, assumed)`: a point (3,) and two cameras to a point (3,)."""
    rng = np.random.default_rng(seed)
    turn = np.array([1.0, 0.02, 0.01, 0.03]) / np.linalg.norm([1.0, 0.02, 0.01, 0.03])
    assumed = Camera(intrinsics_of(0.7, 64), pose_matrix([0.1, 0.2, 1.4], turn))
    shift, spin = rng.uniform(-0.1, 0.1, 3), np.array([1.0, *rng.uniform(-0.03, 0.03, 3)])
    moved = pose_matrix(shift + [0.1, 0.2, 1.4], spin / np.linalg.norm(spin))
    stands = Camera(intrinsics_of(0.7, 64), moved)
    middle = assumed.unproject(np.array([32.0, 32.0]), np.array(1.1))
    point = middle + rng.uniform(-0.1, 0.1, 3)
    pixel, depth = stands.project(point)
    wrong_pixel, wrong_depth = assumed.project(point)
    mistakes = {
        "you went there and back through the same camera: the picture is taken by the one that "
        "stands there, and read with the one that is assumed": point,
        "the other way round: the picture is taken by the camera that stands there": (
            stands.unproject(wrong_pixel, wrong_depth)
        ),
        "the depth, too, is seen by the camera that stands there": (
            assumed.unproject(pixel, wrong_depth)
        ),
    }
    found = called(attempt, point, stands, assumed)
    wanted = assumed.unproject(pixel, depth)
    compare(found, wanted, mistakes, "project with one camera, unproject with the other", 1e-9)
    passed("where a policy believes to see it that knows its cameras by heart")


def check_whose(attempt: Attempt, seed: int = 0) -> None:
    """Check `whose(clean, changed, oracle_clean, oracle_changed)`: (N,) bool to counts."""
    rng = np.random.default_rng(seed)
    clean, changed, before, after = (rng.random(80) < share for share in (0.8, 0.5, 0.85, 0.75))
    clean[:3], changed[:3], before[:3], after[:3] = True, False, (1, 1, 0), (1, 0, 0)
    found = attempt(clean.copy(), changed.copy(), before.copy(), after.copy())
    expect(isinstance(found, dict), "return a dictionary: drawing, following, unknown")
    names = {"drawing", "following", "unknown"}
    expect(set(found) == names, f"three names: {', '.join(sorted(names))}")
    lost = clean & ~changed
    wanted = {
        "drawing": lost & before & after,
        "following": lost & before & ~after,
        "unknown": lost & ~before,
    }
    numbers = all(np.ndim(each) == 0 for each in found.values())
    expect(numbers, "count the episodes: a number each, not which ones")
    got = {name: int(found[name]) for name in wanted}
    failed = int((~changed).sum())
    expect(
        sum(got.values()) != failed or failed == int(lost.sum()),
        "count only what the change *cost*: episodes that were solved in the clean scene",
    )
    lucky = int((lost & after).sum())
    expect(
        got["drawing"] != lucky or lucky == int(wanted["drawing"].sum()),
        "where true targets solve the changed scene and fail in the clean one, they were lucky: "
        "that is unknown, not the drawing's fault",
    )
    by_rates = int(lost.sum()) - (int(before.sum()) - int(after.sum()))
    expect(
        got["drawing"] != by_rates or by_rates == int(wanted["drawing"].sum()),
        "differences of totals hide pairs: look at each episode's twin",
    )
    hint = {
        "drawing": "the same controller solves the changed scene, and solved the clean one, with "
        "true targets: then the drawing is to blame",
        "following": "true targets were enough in the clean scene and are not in the changed one",
        "unknown": "where true targets fail even in the clean scene they say nothing",
    }
    for name, rows in wanted.items():
        expect(got[name] == int(rows.sum()), f"{name}: {int(rows.sum())} episodes, not "
               f"{got[name]}: {hint[name]}")  # fmt: skip
    passed("blame, episode by episode")


NEEDED = (
    ("rlbench.demo", "Demo"),
    ("rlbench.backend.observation", "Observation"),
    ("numpy", "ndarray"),
    ("numpy", "dtype"),
    ("numpy.core.multiarray", "_reconstruct"),
    ("numpy._core.multiarray", "_reconstruct"),
)
"""All that the pickles of RLBench's demonstrations name, of NumPy 1 and 2."""

EVIL = (
    (("os", "system"), "it runs any command"),
    (("posix", "system"), "`os.system` has another name on Linux: a list of what is *forbidden* "
     "is never complete, list what is allowed"),
    (("builtins", "eval"), "it runs any code"),
    (("numpy.testing", "runstring"), "NumPy has functions that run text as code: allow names, "
     "not packages"),
    (("numpy", "load"), "it reads another file, and pickles in it: allow names, not packages"),
    (("rlbench.utils", "name_to_task_class"), "nothing of RLBench but the two classes"),
    (("rlbench.demo", "Demo.__init__.__globals__"), "a name may have dots, and lead from a "
     "harmless class to anything: compare whole names"),
    (("rlbench.demo", "os"), "modules carry along what they import: allow pairs of both names"),
    (("numpy", "_reconstruct"), "each name belongs to one module: allow pairs"),
)  # fmt: skip
"""Names that a pickle must not reach, and why."""


def check_allowed(attempt: Attempt, seed: int = 0) -> None:
    """Check `allowed(module, name)`: whether a pickle may name it."""
    rng = np.random.default_rng(seed)
    for which in rng.permutation(len(NEEDED)):
        pair = NEEDED[which]
        answer = attempt(*pair)
        expect(answer is not None, "the function returned nothing: is there a `return`?")
        why = "NumPy 2 calls its core `numpy._core`" if "_core." in pair[0] else "its pickles do"
        expect(answer, f"RLBench's files need {'.'.join(pair)}: {why}")
    for (module, name), why in EVIL:
        expect(not attempt(module, name), f"{module}.{name} gets through: {why}")
    for module, _ in NEEDED:
        name = f"new_in_{rng.integers(1000)}"
        expect(not attempt(module, name), f"{module}.{name} gets through: allow names")
    _check_reads(attempt)
    passed("two classes and an array: all else stays outside")


def _check_reads(allowed: Attempt) -> None:
    class Reader(pickle.Unpickler):
        def find_class(self, module: str, name: str) -> Any:
            if not allowed(module, name):
                raise CheckFailed(f"a demonstration needs {module}.{name}")
            if module.startswith("rlbench"):
                return type(name, (), {})
            return super().find_class(module, name)

    frame = Observation()
    frame.joint_positions = np.zeros(7)
    demo = Demo()
    demo._observations = [frame]
    read = Reader(io.BytesIO(dump_demo(demo))).load()
    expect(len(read._observations) == 1, "a demonstration of one frame comes back with another")


def check_metres(attempt: Attempt, seed: int = 0) -> None:
    """Check `metres(pixels, near, far)`: (H, W, 3) uint8 to (H, W) metres."""
    rng = np.random.default_rng(seed)
    near, far = 0.01, float(rng.uniform(3.0, 4.5))
    fraction = rng.uniform(0.1, 0.9, (4, 5)).astype(np.float32)
    pixels = encode_image(fraction, "depth")
    try:
        found = called(attempt, pixels, near, far)
    except OverflowError:
        raise CheckFailed("a byte ends at 255: make the pixels larger integers first") from None
    high, middle, low = np.moveaxis(pixels.astype(np.float64), -1, 0)
    stored = 65536 * high + 256 * middle + low
    share = stored / (2**24 - 1)
    backwards = (65536 * low + 256 * middle + high) / (2**24 - 1)
    with np.errstate(over="ignore"):
        wrapped = pixels[..., 2] / (2**24 - 1)
    mistakes = {
        "the bytes the other way round: depth has its *high* byte in red (masks have the low one)":
            near + backwards * (far - near),
        "that is a fraction between the planes: near is 0, far is 1": share,
        "fraction 0 lies at the near plane, not at the camera": share * far,
        "the fraction runs from near to far: `far - near` apart": near + share * far,
        "a byte ends at 255, and 65536 times it wrapped around: make integers first":
            near + wrapped * (far - near),
        "sixteen bits end at 65535, and 65536 times the red byte is more: take larger integers":
            near + (256 * middle + low) / (2**24 - 1) * (far - near),
        "a byte has 256 values, 0 to 255: the red one counts 256 * 256 steps":
            near + (255**2 * high + 255 * middle + low) / 255**3 * (far - near),
        "no OpenGL here: the fraction is of the way in metres, nothing is divided by depth":
            near * far / (far - share * (far - near)),
        "three bytes count to 2**24 - 1, and 65536 times the red one is most of it":
            near + high / 255 * (far - near),
    }  # fmt: skip
    compare(found, near + share * (far - near), mistakes, "n = 65536 R + 256 G + B", 2e-6)
    passed("a sixteen-millionth of the way, a quarter of a micrometre")


def check_audit(attempt: Attempt, seed: int = 0) -> None:
    """Check `audit(rule, gripper)`: frames without a target ahead, and changes nobody is told."""
    rng = np.random.default_rng(seed)
    length = int(rng.integers(50, 70))
    last, early = np.ones(length), np.ones(length)
    last[-1], early[30:] = 0, 0
    blink = np.ones(length)
    blink[20:26] = 0

    def plain(t: int, length: int) -> int:
        return min(t + 20, length - 1)

    def reference(t: int, length: int) -> int | None:
        return min(t + 20, length - 2) if t < length - 2 else None

    def sparse(t: int, length: int) -> int:
        return min(30 * (t // 30 + 1), length - 1)

    def late(t: int, length: int) -> int | None:
        return min(t + 20, length - 1) if t >= 30 else None

    opens = early.copy()
    opens[-1] = 1
    cases: Iterable[tuple[Callable[..., Any], np.ndarray, list[int], list[int], str]] = (
        (plain, last, [length - 1], [], "the paper's rule, a gripper that closes last"),
        (reference, last, [length - 2, length - 1], [length - 1], "the reference code's rule, "
         "a gripper that closes in the last frame"),
        (plain, early, [length - 1], [], "a gripper that closes in the middle"),
        (sparse, blink, [length - 1], [20], "targets every 30 frames, and a gripper that closes "
         "and opens between two of them"),
        (late, early, [*range(30), length - 1], [30], "a rule that draws nothing before frame 30, "
         "in which the gripper closes: who is told then is told too late"),
        (reference, opens, [length - 2, length - 1], [length - 1], "the reference code's rule, a "
         "gripper that closes in frame 30 and opens in the last one"),
    )  # fmt: skip
    for rule, gripper, idle, unseen, said in cases:
        try:
            found = attempt(rule, gripper.copy())
        except TypeError as error:
            if "NoneType" not in str(error):
                raise
            raise CheckFailed("a rule may return None: look for it before comparing") from None
        pair = isinstance(found, tuple | list) and len(found) == 2
        expect(pair, "return two lists: frames without a target ahead, and changes not told")
        got = [sorted(int(each) for each in part) for part in found]
        wrong = f"{said}: without a target ahead are {idle}, not {got[0]}"
        if got[0] == [each for each in idle if rule(each, length) is None]:
            wrong += ". A target that is the frame itself is none ahead"
        expect(got[0] == idle, wrong)
        changes = (np.flatnonzero(np.diff(gripper)) + 1).tolist()
        wrong = f"{said}: not told in time are {unseen}, not {got[1]} (changes: {changes})"
        if got[1] and [each + 1 for each in got[1]] == unseen:
            wrong += ". The change is in the first frame that differs: np.diff counts from there"
        elif set(got[1]) - set(unseen):
            wrong += ". It is enough if *some* earlier frame's target has the new gripper"
        elif set(unseen) - set(got[1]):
            wrong += ". A target counts that lies at or after the change and has the new gripper"
        expect(got[1] == unseen, wrong)
    passed("nothing happens that no picture announced")


def check_units(attempt: Attempt, seed: int = 0) -> None:
    """Check `units(one, other, n)`: rates (T,) in per cent to difference and two errors."""
    rng = np.random.default_rng(seed)
    one, other = rng.uniform(10, 95, (2, 25))
    n = int(rng.integers(50, 150))
    found = attempt(one.copy(), other.copy(), n)
    triple = isinstance(found, tuple | list | np.ndarray) and len(found) == 3
    expect(triple, "return three numbers: the mean difference, and two standard errors")
    gap = one - other
    mistakes = {
        "the other way round: `one - other`": -gap.mean(),
        "per cent in, per cent out: do not divide by 100": gap.mean() / 100,
    }
    hint = "the mean of the first's rates minus the mean of the other's"
    compare(found[0], gap.mean(), mistakes, hint)
    variance = one * (100 - one) + other * (100 - other)
    fixed, such = np.sqrt((variance / n).sum()) / 25, gap.std(ddof=1) / 5
    mistakes = {
        "that is a variance: an error is its root": fixed**2,
        "that is half an interval: return the standard error itself": 1.96 * fixed,
        "each rate is of n episodes: divide its variance by n": fixed * np.sqrt(n),
        "the two errors the other way round: these tasks first, then tasks like these": such,
        "the variance of a mean: divide the root of the *sum* by the number of tasks": (
            np.sqrt((variance / n).sum())
        ),
        "variances add up, standard errors do not": np.sqrt(variance / n).mean(),
        "both policies are uncertain: add the variances of both": (
            np.sqrt((one * (100 - one) / n).sum()) / 25
        ),
        "one task's error, not that of a mean of 25": np.sqrt((variance / n).mean()),
    }
    hint = "of a rate p in per cent the variance is p (100 - p) / n; then that of a mean"
    compare(found[1], fixed, mistakes, hint)
    mistakes = {
        "differences were *taken* from tasks: divide by the number of tasks less one (ddof=1)": (
            gap.std() / 5
        ),
        "that is how much tasks differ; their mean is surer by the root of 25": gap.std(ddof=1),
        "the same tasks for both: take differences first, task by task": (
            np.sqrt((one.var(ddof=1) + other.var(ddof=1)) / 25)
        ),
    }
    compare(found[2], such, mistakes, "the standard error of the differences' mean")
    passed("two questions, two errors")
