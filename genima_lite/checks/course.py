"""What every notebook of the course begins with."""

from __future__ import annotations

import getpass
import os
import platform
import tempfile
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import numpy as np

from genima_lite.checks import whole_cells

SHOWN = ("genima-lite", "numpy", "mujoco", "torch", "diffusers")
"""Packages whose versions a notebook prints."""


def fast() -> bool:
    """Return whether loops are to be short: the environment variable GENIMA_FAST is 1.

    Tests set it. It changes how often a notebook repeats something, never what it does.
    """
    return os.environ.get("GENIMA_FAST") == "1"


def begin(seed: int = 0) -> np.random.Generator:
    """Print versions and the seed, seed torch if it is installed, and return a generator.

    From now on, errors of cells that were split or deleted say so.
    """
    whole_cells.watch()
    print(f"Python {platform.python_version()}", *map(_named, SHOWN), sep=" · ")
    print(f"seed {seed}" + (" · short loops (GENIMA_FAST=1)" if fast() else ""))
    try:
        import torch
    except ImportError:
        return np.random.default_rng(seed)
    torch.manual_seed(seed)
    torch.set_num_threads(1)  # small networks; more threads on busy cores make them slower
    return np.random.default_rng(seed)


def _named(package: str) -> str:
    try:
        return f"{package} {version(package)}"
    except PackageNotFoundError:
        return f"no {package}"


def real_arm(what: str) -> str | None:
    """Return a real arm's address, from the environment variable GENIMA_ARM; without one, print
    that a cell skips itself, and return `None`.

    Args:
        what: the cell would do, for the sentence.
    """
    address = os.environ.get("GENIMA_ARM") or None
    if address is None:
        print(f"Skipped, no arm here. With its address in GENIMA_ARM, this cell {what}.")
    return address


def workspace(name: str) -> Path:
    """Return a folder in which a notebook's training goes on where it was stopped.

    It lies in the system's folder for temporary files; with short loops it is a new one.
    """
    if fast():
        return Path(tempfile.mkdtemp(prefix=f"genima-lite-{name}-"))
    folder = Path(tempfile.gettempdir()) / f"genima-lite-{getpass.getuser()}" / name
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def stored_rlbench() -> Path | None:
    """Return the folder of a demonstration that RLBench made, packed as `genima_lite.demos.packed`
    says; say in a sentence if there is none.

    One comes with the repository, and not with the package.
    """
    folder = Path(__file__).resolve().parents[2] / "tests/data/real_rlbench"
    if folder.is_dir():
        return folder
    print("No demonstration of RLBench here: clone the repository, and this cell reads one.")
    return None


def rlbench_runs() -> bool:
    """Return whether RLBench can run here; say what is missing in a sentence if it cannot."""
    from genima_lite.doctor import check_coppeliasim, check_pyrep, check_rlbench

    missing = [c for c in (check_coppeliasim(), check_pyrep(), check_rlbench()) if not c.ok]
    if missing:
        names = " and ".join(each.name for each in missing)
        print(f"Skipped: RLBench does not run here ({names} missing; see docs/rlbench.md).")
    return not missing
