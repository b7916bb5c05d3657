"""What can keep the real RLBench from running, for `genima-lite doctor`.

Each failure that was seen or read in RLBench, PyRep or CoppeliaSim is one small check with its
mend. They are made only where something of RLBench is there; nothing of it is imported.
"""

from __future__ import annotations

import ctypes.util
import os
import platform
import shutil
import sys
from collections.abc import Callable
from pathlib import Path

from genima_lite.doctor import Check, installed, package_folder
from genima_lite.envs.rlbench.catalogue import VARIATIONS
from genima_lite.envs.rlbench.display import answers

INSTALL = "scripts/install_rlbench.sh   (what is done is skipped)"
LIBRARIES = {"GL": "libgl1", "Xrender": "libxrender1", "xkbcommon-x11": "libxkbcommon-x11-0"}
"""Libraries that CoppeliaSim loads, and their packages in Debian and Ubuntu."""

LICENCE = "allowOldEduRelease=7501"


def check_system() -> Check:
    """Linux on x86_64: there is no other CoppeliaSim 4.1 that PyRep can drive."""
    ok = sys.platform == "linux" and platform.machine() == "x86_64"
    remedy = "" if ok else "use Linux on x86_64, for example in scripts/rlbench.Dockerfile"
    return _check("system", ok, f"{sys.platform} {platform.machine()}", remedy)


def check_traces() -> Check:
    """What PyRep's build writes into CoppeliaSim; a cached wheel or a moved folder lacks it."""
    root = Path(os.environ.get("COPPELIASIM_ROOT", ""))
    setting = root / "system/usrset.txt"
    lacking = []
    if not setting.is_file() or LICENCE not in setting.read_text(errors="replace"):
        lacking.append(f"{LICENCE} in system/usrset.txt")
    lacking += [name for name in ("libcoppeliaSim.so.1", "simAddOnScript_PyRep.lua")
                if not (root / name).exists()]  # fmt: skip
    if not lacking:
        return _check("PyRep's files", True, "all three in CoppeliaSim's folder")
    remedy = INSTALL
    if root.is_dir() and not os.access(root, os.W_OK):
        remedy = f"make {root} writable, then {INSTALL}"
    return _check("PyRep's files", False, f"CoppeliaSim lacks {', '.join(lacking)}", remedy)


def check_display() -> Check:
    """An X server, or Xvfb to start one: without, CoppeliaSim aborts and Python says nothing."""
    display = os.environ.get("DISPLAY", "")
    if display and answers(display):
        return _check("display", True, f"{display} answers")
    said = f"DISPLAY={display} does not answer" if display else "DISPLAY is not set"
    if shutil.which("Xvfb"):
        return _check("display", True, f"{said}; Xvfb is started for each simulator (software GL)")
    return _check("display", False, f"{said}, and there is no Xvfb", "apt install xvfb")


def check_qt() -> Check:
    """A package with which CoppeliaSim's Qt crashes, and a setting that is taken away."""
    if installed("opencv-python") and not installed("opencv-python-headless"):
        remedy = "pip uninstall opencv-python && pip install 'opencv-python-headless<5'"
        return _check("Qt", False, "opencv-python brings a Qt of its own", remedy)
    if platform_plugin := os.environ.get("QT_QPA_PLATFORM"):
        said = f"QT_QPA_PLATFORM={platform_plugin} is taken away for the simulator, which crashes"
        return _check("Qt", True, f"{said} with it at the first picture")
    return _check("Qt", True, "nothing in its way")


def check_libraries() -> Check:
    """System libraries without which CoppeliaSim's library cannot be loaded."""
    lacking = [package for name, package in LIBRARIES.items() if not ctypes.util.find_library(name)]
    remedy = f"apt install {' '.join(lacking)}" if lacking else ""
    return _check("X libraries", not lacking, f"missing {', '.join(lacking)}" if lacking
                  else "found", remedy)  # fmt: skip


def check_needed_packages() -> Check:
    """What RLBench imports without asking for it: gymnasium, and PyRep's cffi."""
    lacking = [name for name in ("gymnasium", "cffi", "natsort", "pyquaternion")
               if installed(name) is None]  # fmt: skip
    remedy = f"pip install {' '.join(lacking)}" if lacking else ""
    said = f"missing {', '.join(lacking)}" if lacking else "found"
    return _check("RLBench's packages", not lacking, said, remedy)


def check_models() -> Check:
    """RLBench's files of tasks and scene: an installation without package data lacks them."""
    folder = package_folder("rlbench")
    if folder is None:
        return _check("RLBench's models", False, "RLBench is not installed", INSTALL)
    lacking = [name for name in VARIATIONS if not (folder / f"task_ttms/{name}.ttm").is_file()]
    if not (folder / "task_design.ttt").is_file():
        lacking.insert(0, "the scene task_design.ttt")
    if lacking:
        remedy = "install RLBench from a whole clone: a mirror may leave large files out"
        return _check("RLBench's models", False, f"missing {', '.join(lacking)}", remedy)
    return _check("RLBench's models", True, f"scene and {len(VARIATIONS)} tasks")


def check_masks() -> Check:
    """NumPy 2 cannot read RLBench's stored masks with RLBench's own reader; ours can."""
    major = int((installed("numpy") or "0").split(".")[0])
    said = "RLBench's own reader raises OverflowError on stored masks; ours reads them"
    return _check("stored masks", True, said if major >= 2 else "NumPy 1: background reads 65535")


def check_colosseum() -> Check:
    """The Colosseum's package: its models and what it imports, or another project's of its name."""
    folder = package_folder("colosseum")
    if folder is None:
        return _check("Colosseum", True, "not installed, and not needed")
    if not (folder / "assets/configs").is_dir():
        said = "the package `colosseum` that is installed is another project of that name"
        return _check("Colosseum", False, said, "pip uninstall colosseum, if you want the other")
    if installed("omegaconf") is None:
        return _check("Colosseum", False, "it needs omegaconf", "pip install omegaconf")
    names = sorted(file.stem for file in (folder / "assets/configs").glob("*.yaml"))
    lacking = [n for n in names if not (folder / f"rlbench/task_ttms/{n}.ttm").is_file()]
    if lacking:
        remedy = "install it from a whole clone: a mirror may leave large files out"
        return _check("Colosseum", False, f"models missing: {', '.join(lacking)}", remedy)
    ours = [name for name in names if name in VARIATIONS]
    return _check("Colosseum", True, f"{len(ours)} of the paper's tasks: {', '.join(ours)}")


CHECKS: tuple[Callable[[], Check], ...] = (
    check_system,
    check_traces,
    check_display,
    check_qt,
    check_libraries,
    check_needed_packages,
    check_models,
    check_masks,
    check_colosseum,
)


def rlbench_checks() -> list[Check]:
    """Run all checks where CoppeliaSim or RLBench is there; none where neither is."""
    there = os.environ.get("COPPELIASIM_ROOT") or package_folder("rlbench")
    return [check() for check in CHECKS] if there else []


def _check(name: str, ok: bool, detail: str, remedy: str = "") -> Check:
    return Check(name, ok, False, detail, remedy)
