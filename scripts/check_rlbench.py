"""Runs what every environment must do on the real RLBench, and prints a table for a bug report.

    python scripts/check_rlbench.py                          push_button, two cameras
    python scripts/check_rlbench.py --tasks open_drawer,lamp_on --image-size 128
    python scripts/check_rlbench.py --demonstrations         one of each of the 25 tasks, with times

Run it in the environment that scripts/install_rlbench.sh made. The exit code is 1 if one failed.
Nothing is written.
"""

from __future__ import annotations

import argparse
import importlib.metadata
import os
import platform
import sys
import time
from collections.abc import Iterator
from contextlib import closing
from functools import partial
from typing import Any

from genima_lite.doctor import run_checks
from genima_lite.envs.api import EnvSpec, check_task, make_env, task_names
from genima_lite.envs.contract import CONTRACT
from genima_lite.errors import NotReady

BACKEND = "rlbench"


def versions() -> str:
    """Return what this was run with."""
    names = ("numpy", "gymnasium", "pyrep", "rlbench", "cffi")
    found = []
    for name in names:
        try:
            found.append(f"{name} {importlib.metadata.version(name)}")
        except importlib.metadata.PackageNotFoundError:
            found.append(f"{name} -")
    display = os.environ.get("DISPLAY", "none, Xvfb is started")
    system = f"{platform.platform()}; display {display}"
    return f"Python {platform.python_version()}, {', '.join(found)}; {system}"


def tried(run: Any) -> tuple[str, float]:
    """Return "" or what went wrong, and the seconds that it took.

    Raises:
        NotReady: something is missing on this machine; other checks would say so again.
    """
    began = time.perf_counter()
    try:
        run()
        said = ""
    except NotReady:
        raise
    except Exception as error:
        said = f"{type(error).__name__}: {error}"
    return said, time.perf_counter() - began


def checks(tasks: list[str], demonstrations: bool, size: int) -> Iterator[tuple[str, str, float]]:
    """Yield name, fault and seconds of each check as soon as it is done.

    Raises:
        NotReady: see `tried`.
    """
    for task in tasks:
        if demonstrations:
            yield demonstration(task, size)
            continue
        spec = EnvSpec(task, ("front", "wrist"), size, depth=True, mask=True, backend=BACKEND)
        with closing(make_env(spec)) as env:
            for check in CONTRACT:
                yield (f"{task}: {check.__name__}", *tried(partial(check, env)))


def demonstration(task: str, size: int) -> tuple[str, str, float]:
    """Return task, fault and seconds of one live demonstration whose commands are then executed.

    Raises:
        NotReady: see `tried`.
    """
    with closing(make_env(EnvSpec(task, ("front",), size, backend=BACKEND))) as env:
        env_: Any = env

        def run() -> None:
            env_.reset(seed=1)
            (commands,) = env_.expert_stretches()
            outcome = env_.execute(commands)
            steps = f"after {outcome.steps} of {len(commands)} steps"
            assert outcome.success, f"its commands do not solve it again {steps}"

        return (f"{task}: demonstration", *tried(run))


def main() -> int:
    """Check and print; return the exit code."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tasks", default="", help="names with commas; by default push_button")
    parser.add_argument("--image-size", type=int, default=64)
    parser.add_argument("--demonstrations", action="store_true", help="instead, of each task")
    given = parser.parse_args()
    everything = task_names(BACKEND) if given.demonstrations else ["push_button"]
    tasks = [check_task(name, BACKEND) for name in given.tasks.split(",") if name] or everything
    print(versions())
    for check in run_checks():
        if not check.ok and check.name in ("CoppeliaSim", "PyRep", "RLBench", "display"):
            print(f"doctor: {check.name}: {check.detail}")
    print(f"{'':4s} {'s':>6s}  check")
    failed = 0
    try:
        for name, fault, seconds in checks(tasks, given.demonstrations, given.image_size):
            failed += bool(fault)
            print(f"{'FAIL' if fault else 'ok':4s} {seconds:6.1f}  {name}  {fault}", flush=True)
    except NotReady as error:
        print(f"FAIL         {error}")
        return 1
    print(f"{failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
