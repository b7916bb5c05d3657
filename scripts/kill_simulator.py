"""Kills RLBench's simulator at random moments of an evaluation, and compares with an unkilled one.

    python scripts/kill_simulator.py --kills 20 --seed 1            on the double in tests/
    python scripts/kill_simulator.py --kills 20 --real              on the real RLBench

SIGKILL hits the worker process alone, also while it starts. Every episode must come out as without
kills and be counted once, no process may be left, and the command must say that all went well. On
the real RLBench only successes are compared: its expert's planner has chance of its own, so an
episode that is run again may take other steps. Linux only: it reads /proc.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
import uuid
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
MARK = "GENIMA_KILL_TEST"
PAUSE, PAUSE_REAL = 8.0, 25.0
"""Seconds, the longest time between two kills: a real simulator alone needs 5 to start."""
WORKER = b"genima_lite.envs.rlbench.worker"
DOUBLE = {
    "PYTHONPATH": os.pathsep.join([str(ROOT), str(ROOT / "tests/rlbench_double")]),
    "DISPLAY": "elsewhere:0",
    "DOUBLE_SLOW": "0.02",
}


def start(out: Path, mark: str, episodes: int, extra: dict[str, str]) -> subprocess.Popen[bytes]:
    """Start an evaluation of the expert, whose results go to a file."""
    words = ("eval", "--backend", "rlbench", "--policy", "expert", "--tasks", "push_button",
             "--episodes", str(episodes), "--json", str(out))  # fmt: skip
    return subprocess.Popen(
        [sys.executable, "-m", "genima_lite", *words],
        env={**os.environ, **extra, MARK: mark, "OMP_NUM_THREADS": "1"},
        stdout=subprocess.DEVNULL,
        cwd=out.parent,
    )


def processes(mark: str) -> dict[int, bytes]:
    """Return the command lines of a start's processes, by id."""
    found = {}
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            environment, words = (
                (folder / "environ").read_bytes(),
                (folder / "cmdline").read_bytes(),
            )
        except OSError:
            continue
        if words and f"{MARK}={mark}".encode() in environment:
            found[int(folder.name)] = words
    return found


def kill_workers(
    mark: str, running: subprocess.Popen[bytes], kills: int, rng: random.Random, pause: float
) -> int:
    """Kill workers at random moments until the evaluation ends; return how many."""
    done = 0
    while done < kills and running.poll() is None:
        time.sleep(rng.uniform(0, pause))
        for pid, words in processes(mark).items():
            if WORKER in words:
                os.kill(pid, signal.SIGKILL)
                done += 1
                break
    return done


def episodes_of(path: Path, real: bool) -> list[Any]:
    """Return what happened in each episode, without clocks, and if `real` without steps."""
    document = json.loads(path.read_text(encoding="utf-8"))
    rows = [*document["episodes"], *document["errors"]]
    names = ("seed", "success", "refusal", "error", *(() if real else ("steps",)))
    return [{name: row[name] for name in names} for row in rows]


def main() -> int:
    """Evaluate twice, kill in one of them, compare; the exit code says whether all went well."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--episodes", type=int, default=300, help="enough to last for the kills")
    parser.add_argument("--seed", type=int, default=1, help="of the moments")
    parser.add_argument("--real", action="store_true", help="not the double")
    given = parser.parse_args()
    wrong = []
    with tempfile.TemporaryDirectory() as scratch:
        extra = {} if given.real else {**DOUBLE, "COPPELIASIM_ROOT": scratch}
        calm, killed = Path(scratch) / "calm.json", Path(scratch) / "killed.json"
        marks = [uuid.uuid4().hex, uuid.uuid4().hex]
        if start(calm, marks[0], given.episodes, extra).wait():
            sys.exit("the evaluation fails without any kill")
        running = start(killed, marks[1], given.episodes, extra)
        pause = PAUSE_REAL if given.real else PAUSE
        rng = random.Random(given.seed)
        kills = kill_workers(marks[1], running, given.kills, rng, pause)
        if code := running.wait():
            wrong.append(f"exit code {code}")
        left = {pid: words for mark in marks for pid, words in processes(mark).items()}
        wrong += [f"process {pid} is left: {words!r:.100}" for pid, words in left.items()]
        wanted = episodes_of(calm, given.real)
        if not killed.exists() or episodes_of(killed, given.real) != wanted:
            wrong.append("other episodes than without kills")
        n = sum(row["success"] for row in wanted)
    print(f"{kills} kills, {given.episodes} episodes, {n} solved, {len(wrong)} wrong")
    print("".join(f"  {each}\n" for each in wrong), end="")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
