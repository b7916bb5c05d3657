#!/usr/bin/env python3
"""Try the package under every supported Python: fresh environment, core install, quick tests.

    python scripts/python_matrix.py                all of 3.10 to 3.13 that are on this machine
    python scripts/python_matrix.py 3.10 3.13      these only
    python scripts/python_matrix.py --get          let uv download those that are missing

Interpreters are looked for as `python3.N` on PATH, under ~/.pyenv, and with `uv python find`. The
end is a table with a line for each version; the exit code is 1 if one failed, or none was found.
"""

from __future__ import annotations

import argparse
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
VERSIONS = ("3.10", "3.11", "3.12", "3.13")
QUICK = ("cameras", "panda", "env", "files", "schema", "locks", "demos_write", "tiling")
"""Test files of the core: simulator, pictures, demonstrations, files."""


def find(version: str, get: bool = False) -> str | None:
    """Return the path of an interpreter of a version such as "3.12", or None."""
    pyenv = sorted(Path.home().glob(f".pyenv/versions/{version}.*/bin/python"), reverse=True)
    candidates = [shutil.which(f"python{version}"), *map(str, pyenv)]
    if shutil.which("uv"):
        if get:
            subprocess.run(["uv", "python", "install", version], check=False)
        found = subprocess.run(["uv", "python", "find", version], capture_output=True, text=True)
        candidates.append(found.stdout.strip())
    return next((each for each in candidates if each and says(each) == version), None)


def says(python: str) -> str:
    """Return the version that an interpreter tells, "" if it does not run."""
    program = "import sys; print('%d.%d' % sys.version_info[:2])"
    try:
        done = subprocess.run([python, "-c", program], capture_output=True, text=True)
    except OSError:
        return ""
    return done.stdout.strip()


def attempt(python: str, version: str, folder: Path) -> str:
    """Return how it went under one interpreter: what failed, or pytest's last line."""
    venv = folder / version
    own = str(venv / ("Scripts" if sys.platform == "win32" else "bin") / "python")
    pinned = [] if version == "3.10" else ["-c", "scripts/constraints.txt"]  # pins need 3.11
    tests = [f"tests/test_{name}.py" for name in QUICK]
    steps = {
        "environment": [python, "-m", "venv", str(venv)],
        "install": [own, "-m", "pip", "install", "-q", *pinned, ".", "pytest"],
        "compile": [own, "-m", "compileall", "-q", "-f", str(venv.parent / "sources")],
        "command": [own, "-m", "genima_lite", "--help"],
        "tests": [own, "-m", "pytest", "-q", "-o", "addopts=", "-p", "no:cacheprovider", *tests],
    }
    lines = [""]
    for name, words in steps.items():
        done = subprocess.run(words, cwd=ROOT, capture_output=True, text=True)
        lines = (done.stdout + done.stderr).strip().splitlines() or [""]
        if done.returncode:
            return f"FAILED at {name}: {lines[-1]}"
    return f"ok: {lines[-1]}"


def copy_sources(folder: Path) -> None:
    """Copy all Python files, so that compiling them leaves nothing in the checkout."""
    for part in ("genima_lite", "scripts", "tests", "benchmarks", "notebooks/source"):
        shutil.copytree(
            ROOT / part, folder / part, ignore=shutil.ignore_patterns("__pycache__", "data")
        )


def main() -> int:
    words = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    words.add_argument("versions", nargs="*", default=VERSIONS, metavar="VERSION")
    words.add_argument("--get", action="store_true", help="let uv download missing interpreters")
    given = words.parse_args()
    rows = []
    with tempfile.TemporaryDirectory() as name:
        copy_sources(Path(name) / "sources")
        for version in given.versions:
            python = find(version, given.get)
            result = attempt(python, version, Path(name)) if python else "not on this machine"
            rows.append((version, python or "-", result))
            print(*rows[-1], sep=" | ", flush=True)
    tried = [result for _, python, result in rows if python != "-"]
    print(f"\n{len(tried)} of {len(rows)} versions tried")
    return int(not tried or any(result.startswith("FAILED") for result in tried))


if __name__ == "__main__":
    raise SystemExit(main())
