"""Kills a command at random moments, starts it again until it is finished, and compares the result
with an unkilled run's, byte for byte.

    python scripts/kill_test.py collect train-controller --kills 20 --seed 1

Commands: collect (two workers), train-controller, train-diffusion, eval, reproduce; all by default.
SIGKILL hits the first process alone. Its workers must die by themselves within seconds, also while
the same command is started again. A finished run must leave no crumbs. What holds a clock is
compared without it: `CLOCKS` and `LOGS` name all of that. Linux only: it reads /proc.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
import uuid
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from safetensors import safe_open

CLOCKS = frozenset(("seconds", "minutes"))
"""Names in JSON, at any depth, that hold how long something took."""

LOGS = ("logs", "report.html")
"""Files and folders left out: TensorBoard's records have the time of day in them, and the report
shows minutes; its numbers are compared in results.json beside it."""

GRACE = 5.0
"""Seconds in which the workers of a killed command must end."""

MARK = "GENIMA_KILL_TEST"
"""Variable in the environment by which a start's processes are found again."""

SMALL = ("--tasks", "push_button", "--seed", "3", "--image-size", "32")
NETWORK = (
    "--network.image-size",
    "32",
    "--network.channels",
    "8",
    "16",
    "--network.blocks",
    "1",
    "1",
    "--network.hidden",
    "32",
    "--network.heads",
    "2",
    "--network.feedforward",
    "32",
)
TRAINING = ("--training.steps", "60", "--training.batch-size", "4", "--training.save-every", "7",
            "--training.validate-every", "20")  # fmt: skip
COMMANDS: dict[str, tuple[str, ...]] = {
    "collect": ("collect", "--out", "{out}", *SMALL, "--episodes", "12", "--workers", "2"),
    "train-controller": ("train-controller", "lite-rgb", "--out", "{out}", "--demos", "{demos}",
                         *NETWORK, *TRAINING),
    "train-diffusion": ("train-diffusion", "--out", "{out}", "--base", "{base}", "--demos",
                        "{demos}", "--tasks", "push_button", "--view-size", "32",
                        "--frames-each", "4", *TRAINING),
    "eval": ("eval", "--policy", "act", "--checkpoint", "{act}", "--tasks", "push_button",
             "--episodes", "6", "--json", "{out}/results.json"),
    "reproduce": ("reproduce", "--out", "{out}", "--scale", "0.02", "--episodes", "1"),
}  # fmt: skip
"""By name, arguments of genima-lite; `{demos}`, `{base}` and `{act}` are made first."""


class KillTest:
    """Kills one command at random moments and compares; see the module.

    Args:
        arguments: of genima-lite; `{out}` stands for the folder of the result.
        scratch: an empty folder.
        kills: how many times.
        seed: of the moments.

    Attributes:
        killed: how many kills hit a running process.
        finished: how many runs were finished and compared.
        wrong: a sentence for everything that should not be.
    """

    def __init__(self, arguments: tuple[str, ...], scratch: Path, kills: int, seed: int):
        self._arguments, self._scratch, self._kills = arguments, scratch, kills
        self._rng, self._marks = random.Random(seed), list[str]()
        self.killed, self.finished, self.wrong = 0, 0, list[str]()

    def run(self) -> None:
        """Run without kills once, then with them, until there were enough."""
        begun = time.monotonic()
        wanted = self._finish(start(self._arguments, self._out("unkilled"), self._marks))
        whole = time.monotonic() - begun
        while self.killed < self._kills and not self.wrong:
            process = self._killed_until_finished(self._out(f"killed{self.finished}"), whole)
            found = self._finish(process)
            self.finished += 1
            self.wrong += differences(wanted, found)
        time.sleep(GRACE)
        self.wrong += left(self._marks)

    def _out(self, name: str) -> Path:
        """Return a folder of a result; all have one name, since some results hold it."""
        return self._scratch / name / "out"

    def _killed_until_finished(self, out: Path, whole: float) -> Started:
        """Start and kill until a command finishes by itself; after enough kills let it."""
        while True:
            started = start(self._arguments, out, self._marks)
            if self.killed >= self._kills:
                return started
            try:
                started.process.wait(self._rng.uniform(0, whole))
                return started
            except subprocess.TimeoutExpired:
                started.process.kill()
                started.process.wait()
            self.killed += 1
            if self._rng.random() < 0.5:  # else the next start meets what is left of this one
                time.sleep(GRACE)
                self.wrong += left(self._marks)

    def _finish(self, started: Started) -> dict[str, str]:
        """Wait for a command; return what it wrote, and note what is wrong with it."""
        if code := started.process.wait():
            said = started.said.read_text(encoding="utf-8")[-800:]
            self.wrong.append(f"exit code {code} after {self.killed} kills: {said}")
        self.wrong += [f"crumb of {started.out.parent.name}: {n}" for n in crumbs(started.out)]
        return contents(started.out)


@dataclass(frozen=True)
class Started:
    """A running command, the folder of its result, and the file with what it said."""

    process: subprocess.Popen[bytes]
    out: Path
    said: Path


def start(arguments: tuple[str, ...], out: Path, marks: list[str]) -> Started:
    """Start a command; `marks` gets what its processes are found by."""
    out.parent.mkdir(parents=True, exist_ok=True)
    marks.append(uuid.uuid4().hex)
    words = [word.replace("{out}", out.name) for word in arguments]
    said = out.with_name("said.txt")
    with said.open("wb") as errors:
        process = subprocess.Popen(
            [sys.executable, "-m", "genima_lite", *words],
            cwd=out.parent,
            env={**os.environ, MARK: marks[-1], "OMP_NUM_THREADS": "1"},
            stdout=subprocess.DEVNULL,
            stderr=errors,
        )
    return Started(process, out, said)


def left(marks: list[str]) -> list[str]:
    """Return a sentence for each process of earlier starts that still runs."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            environment = (folder / "environ").read_bytes()
            words = (folder / "cmdline").read_bytes().replace(b"\0", b" ").decode()
        except OSError:  # it has ended meanwhile, or is somebody else's
            continue
        if any(f"{MARK}={mark}".encode() in environment for mark in marks) and words:
            found.append(f"process {folder.name} outlived its parent: {words[:120]}")
            os.kill(int(folder.name), signal.SIGKILL)
    return found


def crumbs(out: Path) -> list[str]:
    """Return the names of files and folders that only an unfinished run should have."""
    paths = (path.relative_to(out) for path in sorted(out.rglob("*")))
    return [str(p) for p in paths if p.name.startswith(".") or "partial" in p.name]


def contents(out: Path) -> dict[str, str]:
    """Return a digest of every file below a folder, by relative path, clocks left out."""
    files = (path for path in sorted(out.rglob("*")) if path.is_file())
    named = ((path.relative_to(out), path) for path in files)
    return {
        name.as_posix(): hashlib.sha256(_without_clocks(path)).hexdigest()
        for name, path in named
        if not any(part in LOGS for part in name.parts)
    }


def differences(wanted: dict[str, str], found: dict[str, str]) -> list[str]:
    """Return a sentence for each file that is missing, too many, or another."""
    said = [f"{name}: missing" for name in sorted(set(wanted) - set(found))]
    said += [f"{name}: too many" for name in sorted(set(found) - set(wanted))]
    both = sorted(set(wanted) & set(found))
    return said + [f"{name}: differs" for name in both if wanted[name] != found[name]]


def _without_clocks(path: Path) -> bytes:
    """Return a file's content, comparable: without clocks."""
    if path.suffix == ".json":
        return _text(json.loads(path.read_text(encoding="utf-8")))
    if path.suffix == ".npz":
        with np.load(path) as arrays:
            return b"".join(_array(name, arrays[name]) for name in sorted(arrays))
    if path.suffix == ".safetensors":
        with safe_open(path, "np") as file:
            texts = {name: _timeless(text) for name, text in (file.metadata() or {}).items()}
            tensors = [_array(name, file.get_tensor(name)) for name in sorted(file.keys())]
        return _text(texts) + b"".join(tensors)
    return path.read_bytes()


def _array(name: str, values: np.ndarray) -> bytes:
    if values.dtype.kind == "U" and values.ndim == 0:  # JSON in an array
        return name.encode() + _text(_timeless(str(values)))
    return f"{name}{values.dtype}{values.shape}".encode() + values.tobytes()


def _text(value: Any) -> bytes:
    return json.dumps(_timeless(value), sort_keys=True).encode()


def _timeless(value: Any) -> Any:
    """Return nested values, also those in texts of JSON, without clocks."""
    if isinstance(value, str) and value[:1] in ("{", "["):
        try:
            return _timeless(json.loads(value))
        except ValueError:
            return value
    if isinstance(value, dict):
        return {name: _timeless(each) for name, each in value.items() if name not in CLOCKS}
    return [_timeless(each) for each in value] if isinstance(value, list) else value


def make_inputs(folder: Path) -> dict[str, str]:
    """Make demonstrations, a base model and a baseline, all tiny; return their folders by name."""
    from genima_lite.diffusion.base import build_base, preset

    named = {name: str(folder / name) for name in ("demos", "base", "act")}
    build_base(preset("tiny", 64)).save_pretrained(named["base"])
    recorded = ("collect", "--out", "{out}", *SMALL, "--episodes", "2")
    for name, arguments in (("demos", recorded), ("act", COMMANDS["train-controller"])):
        started = start(filled(arguments, named), folder / name, [])
        if started.process.wait():
            sys.exit(f"cannot make the inputs: {started.said.read_text(encoding='utf-8')}")
    return named


def filled(arguments: tuple[str, ...], named: dict[str, str]) -> tuple[str, ...]:
    """Return arguments with the folders of inputs in place of `{demos}`, `{base}`, `{act}`."""
    places = {f"{{{name}}}": folder for name, folder in named.items()}
    return tuple(places.get(word, word) for word in arguments)


def main() -> int:
    """Test the commands that are named; the exit code says whether all went well."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("commands", nargs="*", default=list(COMMANDS), help=", ".join(COMMANDS))
    parser.add_argument("--kills", type=int, default=20, help="a command")
    parser.add_argument("--seed", type=int, default=1, help="of the moments")
    given = parser.parse_args()
    if unknown := [name for name in given.commands if name not in COMMANDS]:
        parser.error(f"unknown command {unknown[0]}: choose from {', '.join(COMMANDS)}")
    wrong = 0
    with tempfile.TemporaryDirectory() as scratch:
        named = make_inputs(Path(scratch) / "inputs")
        for name in given.commands:
            arguments = filled(COMMANDS[name], named)
            test = KillTest(arguments, Path(scratch) / name, given.kills, given.seed)
            test.run()
            print(f"{name}: {test.killed} kills, {test.finished} finished runs compared, "
                  f"{len(test.wrong)} wrong", flush=True)  # fmt: skip
            print("".join(f"  {each}\n" for each in test.wrong), end="", flush=True)
            wrong += len(test.wrong)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
