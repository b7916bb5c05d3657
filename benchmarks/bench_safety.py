"""How long the safety filter takes for a row, in microseconds.

    python benchmarks/bench_safety.py --rows 2000

A row lasts 50 ms; the robot's own loop of 1 ms does not wait for it, since the driver streams
motions that are known to their end.
"""

from __future__ import annotations

import argparse
import time

import numpy as np

from genima_lite.envs.arm.limits import ROBOTS, ArmLimits
from genima_lite.envs.arm.safety import SafetyFilter
from genima_lite.envs.arm.workspace import Workspace, Zone
from genima_lite.panda import HOME, to_franka

POST = Zone((0.3, -0.1, 0.75), (0.4, 0.1, 1.1), "post")


def seconds_a_row(limits: ArmLimits, rows: int) -> np.ndarray:
    """Return the seconds (rows,) that `check` and `follow` took together, a row."""
    rng, took = np.random.default_rng(0), []
    while len(took) < rows:
        found = SafetyFilter(limits, Workspace(keep_out=(POST,)))
        found.begin(to_franka(HOME))
        way = np.linspace(0, 1, 21)[1:, None] ** 2 * rng.uniform(-0.4, 0.4, 7)
        chunk = np.column_stack([to_franka(HOME) + way, np.ones(20)])
        start = time.perf_counter()
        given = found.check(chunk, to_franka(HOME))
        checked = (time.perf_counter() - start) / len(given)
        for k in range(len(given) - 1):
            start = time.perf_counter()
            found.follow(given[k, :7], given[k + 1, :7])
            took.append(checked + time.perf_counter() - start)
    return np.array(took)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=int, default=2000)
    rows = parser.parse_args().rows
    for name, limits in ROBOTS.items():
        took = 1e6 * seconds_a_row(limits, rows)
        p50, p99 = np.percentile(took, [50, 99])
        print(f"{name}: median {p50:.0f} us a row, 99 % below {p99:.0f} us, n = {len(took)}")


if __name__ == "__main__":
    main()
