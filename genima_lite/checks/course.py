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


def workspace(name: str) -> Path:
    """Return a folder in which a notebook's training goes on where it was stopped.

    It lies in the system's folder for temporary files; with short loops it is a new one.
    """
    if fast():
        return Path(tempfile.mkdtemp(prefix=f"genima-lite-{name}-"))
    folder = Path(tempfile.gettempdir()) / f"genima-lite-{getpass.getuser()}" / name
    folder.mkdir(parents=True, exist_ok=True)
    return folder
