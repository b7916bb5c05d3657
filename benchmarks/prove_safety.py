"""Try to get a command past the safety filter that an arm does not allow.

    python benchmarks/prove_safety.py --outputs 1000000 --robots fer,fr3 --seed 1 --out runs/proof

Adversaries make chunks: jumps, oscillation at the sampling rate, bursts of NaN, stale chunks,
pushes into the ends of the ranges, the table and a zone, other shapes, huge numbers. What the
filter lets through is sampled at 1 kHz; positions and their first three differences are compared
with the robot's own limits, at 250 Hz elbow, wrist, hand and tip with the workspace, and at 50 Hz
links with each other. At random moments the arm is stopped in the midst of a motion, at random
speeds. Any excess ends the run with exit code 1.

The rows come in parts of 10,000, each with a generator of its own. With `--out` each finished part
is kept, and a run that was stopped goes on; parts of another filter are refused.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, field
from importlib.metadata import version
from pathlib import Path

import numpy as np

from genima_lite import locks, panda, schema
from genima_lite.envs.arm import limits, motion, safety, workspace
from genima_lite.envs.arm.limits import ROBOTS, ArmLimits
from genima_lite.envs.arm.safety import Halted, SafetyFilter, Stream
from genima_lite.envs.arm.twin import itself
from genima_lite.envs.arm.twin.itself import Itself
from genima_lite.envs.arm.workspace import Workspace, Zone
from genima_lite.files import write_json
from genima_lite.panda import HOME, to_franka
from genima_lite.provenance import claim, fingerprint

WORKSPACE = Workspace(keep_out=(Zone((0.3, -0.1, 0.75), (0.4, 0.1, 1.1), "post"),))
PERIOD, EACH, ITSELF_EACH = 0.001, 4, 20
"""Seconds between samples; of how many one is looked at for the workspace, and for the arm touching
itself."""

ITSELF = Itself()

PART = 10_000
"""Rows offered with one generator."""

Chunk = Callable[[np.random.Generator, np.ndarray], object]

FR3_OFFSET = np.array([0.30, 0.20, 0.20, 0.30, 0.35, 0.35, 0.35])
FR3_SLOPE = np.array([12.0, 5.17, 7.00, 8.00, 34.0, 11.0, 34.0])
FR3_ENDS = np.array(
    [
        [-2.7501, -1.7918, -2.9065, -3.0481, -2.8101, 0.54092, -3.0196],
        [2.7501, 1.7918, 2.9065, -0.1458, 2.8101, 4.5205, 3.0196],
    ]
)
"""The limits of velocity that shrink towards the ends, from Franka's documentation of the FR3."""


def walk(rng: np.random.Generator, q: np.ndarray) -> np.ndarray:
    scale = rng.choice([0.01, 0.05, 0.15, 0.19])
    return _with_gripper(q + np.cumsum(rng.uniform(-scale, scale, (10, 7)), axis=0), rng)


def smooth(rng: np.random.Generator, q: np.ndarray) -> np.ndarray:
    steps = np.linspace(0, 1, 21)[1:, None] ** 2
    return _with_gripper(q + steps * rng.uniform(-1, 1, 7), rng)


def oscillation(rng: np.random.Generator, q: np.ndarray) -> np.ndarray:
    signs = np.where(np.arange(10) % 2, 1.0, -1.0)[:, None]
    return _with_gripper(q + signs * rng.uniform(0, 0.1, 7), rng)


def push(rng: np.random.Generator, q: np.ndarray) -> np.ndarray:
    stride = rng.uniform(0.05, 0.2) * rng.choice([-1, 0, 1], 7)
    return _with_gripper(q + np.arange(1, 16)[:, None] * stride, rng)


def dive(rng: np.random.Generator, q: np.ndarray) -> np.ndarray:
    stride = np.zeros(7)
    stride[[0, 1, 3, 5]] = rng.uniform([-0.05, 0, -0.05, -0.05], [0.05, 0.12, 0.12, 0.05])
    return _with_gripper(q + np.arange(1, 16)[:, None] * stride, rng)


def jump(rng: np.random.Generator, q: np.ndarray) -> np.ndarray:
    rows = _with_gripper(np.repeat(q[None], 10, axis=0), rng)
    rows[rng.integers(10), rng.integers(7)] += rng.choice([-1, 1]) * rng.uniform(0.15, 3)
    return rows


def nan_burst(rng: np.random.Generator, q: np.ndarray) -> np.ndarray:
    rows = walk(rng, q)
    rows[rng.random(rows.shape) < 0.05] = rng.choice([np.nan, np.inf, -np.inf])
    return rows


def huge(rng: np.random.Generator, q: np.ndarray) -> np.ndarray:
    rows = walk(rng, q)
    rows[rng.integers(10), rng.integers(8)] = rng.choice([1e300, -1e300, 1e9, 180.0, 5e-324])
    return rows


def shape(rng: np.random.Generator, q: np.ndarray) -> object:
    return [np.zeros((0, 8)), np.zeros(8), np.zeros((4, 7)), "rows", None, [[1, 2], [3]]][
        rng.integers(6)
    ]


def stale(rng: np.random.Generator, q: np.ndarray) -> np.ndarray:
    return smooth(rng, q + rng.normal(0, 0.05, 7))


ADVERSARIES: dict[str, tuple[Chunk, float]] = {
    "walk": (walk, 4),
    "smooth": (smooth, 4),
    "oscillation": (oscillation, 4),
    "push": (push, 3),
    "dive": (dive, 3),
    "stale": (stale, 3),
    "jump": (jump, 1),
    "nan burst": (nan_burst, 1),
    "huge": (huge, 1),
    "shape": (shape, 0.5),
}


def _with_gripper(joints: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    return np.column_stack([joints, rng.uniform(-1, 2, len(joints))])


class Judge:
    """Compares what an arm would be sent with its documented limits, sample by sample."""

    def __init__(self, limits: ArmLimits):
        self._limits, self._tail = limits, np.zeros((0, 7))
        self._waiting: list[np.ndarray] = []
        self._count = 0
        self.samples, self.used = 0, dict.fromkeys(("v", "a", "j"), 0.0)
        self.nearest = self.apart = np.inf

    def see(self, joints: np.ndarray) -> None:
        """Take joints (n, 7) that are sent one after another."""
        self._waiting.append(joints)
        self._count += len(joints)
        if self._count >= 2000:
            self.judge()

    def rest(self) -> None:
        """The arm rests, and somebody may carry it elsewhere: no differences across this."""
        self.judge()
        self._tail = np.zeros((0, 7))

    def judge(self) -> None:
        """Judge what was seen; the last three samples stay for the next differences."""
        new, limits = np.vstack([np.zeros((0, 7)), *self._waiting]), self._limits
        self._waiting, self._count = [], 0
        if not len(new):
            return
        path = np.vstack([self._tail, new])
        assert (new > limits.lower).all(), "below a joint's range"
        assert (new < limits.upper).all(), "above a joint's range"
        for order, name in enumerate(("velocity", "acceleration", "jerk"), 1):
            rates = np.abs(np.diff(path, order, axis=0)) / PERIOD**order
            share = float((rates / getattr(limits, name)).max(initial=0.0))
            self.used[name[0]] = max(self.used[name[0]], share)
            assert share < 1, f"{share:.4f} of the limit of {name}"
        if limits.model == "fr3":
            _shrinking(path)
        some = new[::EACH]
        clear = float(WORKSPACE.clearance(some).min())
        self.nearest = min(self.nearest, clear)
        assert clear >= 0, f"{WORKSPACE.complaint(some)}"
        apart = ITSELF.clearance(new[::ITSELF_EACH])
        self.apart = min(self.apart, apart)
        assert apart >= 0, f"the arm reaches {-apart * 1e3:.1f} mm into itself"
        self.samples += len(new)
        self._tail = path[-3:]


def _shrinking(path: np.ndarray) -> None:
    """Check the FR3's limits of velocity that depend on the position."""
    velocity = np.diff(path, axis=0) / PERIOD
    room = np.abs(FR3_ENDS[:, None] - path[1:])
    top = np.sqrt(FR3_SLOPE * room) - FR3_OFFSET
    assert (velocity < top[1]).all(), "faster than the FR3 allows near an upper end"
    assert (-velocity < top[0]).all(), "faster than the FR3 allows near a lower end"


class Trial:
    """One arm, one filter, and adversaries that drive it."""

    def __init__(self, robot: str, seed: int | list[int]):
        self._rng, self._limits = np.random.default_rng(seed), ROBOTS[robot]
        self.judge, self._stream = Judge(self._limits), Stream(PERIOD)
        self.rows: Counter[str] = Counter()
        self.passed: Counter[str] = Counter()
        self.halts = self.stops = 0
        names, weights = zip(*((k, w) for k, (_, w) in ADVERSARIES.items()), strict=True)
        self._names, self._weights = names, np.array(weights) / sum(weights)
        self._start(to_franka(HOME))

    def _start(self, joints: np.ndarray) -> None:
        speed = float(self._rng.choice([1.0, 0.5, 0.2], p=[0.8, 0.1, 0.1]))
        self._filter = SafetyFilter(self._limits, WORKSPACE, speed, itself=ITSELF.clearance)
        self._filter.begin(joints)

    def chunk(self) -> int:
        """Let one adversary act; return how many rows it made."""
        name = str(self._rng.choice(self._names, p=self._weights))
        here = self._filter.state.joints
        rows = ADVERSARIES[name][0](self._rng, here)
        count = len(rows) if isinstance(rows, np.ndarray) and rows.ndim == 2 else 1
        self.rows[name] += max(count, 1)
        try:
            given = self._filter.check(rows, here + self._rng.normal(0, 0.005, 7))
            for k, row in enumerate(given):
                after = given[k + 1, :7] if k + 1 < len(given) else None
                if self._stopped(self._filter.follow(row[:7], after)):
                    return count
                self.passed[name] += 1
        except Halted:
            self.halts += 1
            self._rest(self._filter.coast())
        return max(count, 1)

    def _stopped(self, motion) -> bool:
        """Send a motion; sometimes stop in its midst."""
        times, states = self._stream.samples(motion)
        if not len(times) or self._rng.random() > 0.01:
            self.judge.see(states[:, 0])
            return False
        at = self._rng.integers(len(times))
        self.judge.see(states[: at + 1, 0])
        self.stops += 1
        self._stream.restart()
        self._rest(self._filter.stop(motion, times[at], "at random"))
        return True

    def _rest(self, pieces) -> None:
        """Come to rest; a person lets the arm go on, and sometimes carries it home."""
        for piece, start in pieces:
            self.judge.see(self._stream.samples(piece, start)[1][:, 0])
        self.judge.see(self._filter.state.joints[None])
        self.judge.rest()
        self._stream.restart()
        home = self._rng.random() < 0.3
        self._start(to_franka(HOME) if home else self._filter.state.joints)


def prove(robot: str, outputs: int, seed: int | list[int]) -> Trial:
    """Offer that many rows; an `AssertionError` names an excess."""
    trial, done = Trial(robot, seed), 0
    while done < outputs:
        done += trial.chunk()
    trial.judge.judge()
    return trial


@dataclass(frozen=True)
class Part:
    """What came of some rows, none of which was beyond a limit."""

    rows: dict[str, int] = field(default_factory=dict)
    """Offered, by adversary."""
    passed: dict[str, int] = field(default_factory=dict)
    """Of these, by adversary."""
    halts: int = 0
    stops: int = 0
    samples: int = 0
    used: dict[str, float] = field(default_factory=dict)
    """Largest shares of the limits of velocity, acceleration and jerk."""
    nearest: float = np.inf
    """Metres to what is forbidden."""
    apart: float = np.inf
    """Metres between two links."""
    seconds: float = 0.0
    """Of computing."""

    def __add__(self, other: Part) -> Part:
        """Return both together."""
        return Part(
            dict(Counter(self.rows) + Counter(other.rows)),
            dict(Counter(self.passed) + Counter(other.passed)),
            self.halts + other.halts,
            self.stops + other.stops,
            self.samples + other.samples,
            {name: max(used, self.used.get(name, 0.0)) for name, used in other.used.items()},
            min(self.nearest, other.nearest),
            min(self.apart, other.apart),
            self.seconds + other.seconds,
        )


def proven(robot: str, seed: int, number: int) -> Part:
    """Offer one part's rows; an `AssertionError` names an excess."""
    start = time.process_time()
    trial = prove(robot, PART, [seed, number])
    judge, seconds = trial.judge, time.process_time() - start
    counts = dict(trial.rows), dict(trial.passed), trial.halts, trial.stops
    return Part(*counts, judge.samples, judge.used, judge.nearest, judge.apart, seconds)


def parts(robot: str, count: int, seed: int, out: Path | None) -> Iterator[Part]:
    """Yield a robot's parts, those that are there and those that are made."""
    for number in range(count):
        path = None if out is None else out / f"{robot}_{number:04d}.json"
        if path is not None and path.exists():
            yield schema.read(Part, path)
            continue
        part = proven(robot, seed, number)
        if path is not None:
            write_json(path, asdict(part))
        yield part


def made_from(seed: int) -> dict[str, object]:
    """Return all that a part's result comes from."""
    modules = (limits, motion, safety, workspace, itself, panda)
    code = fingerprint(__file__, *(str(module.__file__) for module in modules))
    packages = {name: version(name) for name in ("mujoco", "numpy", "ruckig")}
    return {"code": code, "packages": packages, "seed": seed, "part": PART}


def told(robot: str, total: Part) -> str:
    """Return a robot's result."""
    return (
        f"{robot}: {sum(total.rows.values())} rows offered, {sum(total.passed.values())} passed, "
        f"{total.halts} halts, {total.stops} stops; {total.samples} samples at 1 kHz, none "
        f"beyond a limit; largest shares {total.used}; nearest {total.nearest * 1e3:.1f} mm, "
        f"links {total.apart * 1e3:.1f} mm apart; {total.seconds:.0f} s\n  "
        + ", ".join(f"{name} {total.passed.get(name, 0)}/{total.rows[name]}" for name in total.rows)
    )


def run(robots: list[str], outputs: int, seed: int, out: Path | None) -> int:
    """Offer so many rows to each robot, part by part in turn; return the exit code."""
    count, totals = -(-outputs // PART), dict.fromkeys(robots, Part())
    going = {robot: parts(robot, count, seed, out) for robot in robots}
    for number in range(count):
        for robot in robots:
            try:
                totals[robot] += next(going[robot])
            except AssertionError as excess:
                print(f"{robot}, seed {seed}, part {number}: {excess}")
                return 1
            print(f"{robot}: {number + 1} of {count} parts, no excess", file=sys.stderr, flush=True)
    for robot in robots:
        print(told(robot, totals[robot]))
    return 0


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--outputs", type=int, default=1_000_000, help="rows offered a robot")
    parser.add_argument("--robots", default="fer,fr3")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--out", type=Path, help="folder for finished parts")
    chosen = parser.parse_args()
    arguments = chosen.robots.split(","), chosen.outputs, chosen.seed, chosen.out
    if chosen.out is None:
        return run(*arguments)
    claim(chosen.out, made_from(chosen.seed))
    with locks.writing(chosen.out):
        return run(*arguments)


if __name__ == "__main__":
    sys.exit(main())
