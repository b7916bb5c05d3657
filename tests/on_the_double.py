"""The environments `rlbench` with the double in the place of PyRep and RLBench."""

from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]


def use_double(folder: Path, patch: pytest.MonkeyPatch):
    """Let worker processes take the double; return a function that makes things go wrong."""
    root = folder / "CoppeliaSim"
    root.mkdir()
    faults = folder / "faults"
    patch.setenv("PYTHONPATH", str(ROOT / "tests/rlbench_double"))
    patch.setenv("COPPELIASIM_ROOT", str(root))
    patch.setenv("DISPLAY", "elsewhere:0")  # another machine's: believed
    patch.setenv("DOUBLE_LOG", str(folder / "events"))
    patch.setenv("DOUBLE_FAULTS", str(faults))
    return lambda *lines: faults.write_text("\n".join(lines))


def events(tmp_path):
    """What happened in the double since it was asked last."""
    log = tmp_path / "events"
    found = log.read_text().splitlines() if log.exists() else []
    log.write_text("")
    return found


def processes_of(group: int) -> list[str]:
    """Return what still runs of a process group, by /proc."""
    found = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            name, _, rest = stat.read_text().rpartition(")")
        except OSError:
            continue
        state, _, pgrp = rest.split()[:3]
        if int(pgrp) == group and state != "Z":
            found.append(name)
    return found
