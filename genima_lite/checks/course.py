"""What every notebook of the course begins with."""

from __future__ import annotations

import os
import platform
from importlib.metadata import PackageNotFoundError, version

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
    os.environ.setdefault("TRANSFORMERS_VERBOSITY", "error")  # nothing about absent torchvision
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
