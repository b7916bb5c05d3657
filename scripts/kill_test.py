"""Kills a command at random moments, starts it again until it is finished, and compares the result
with an unkilled run's, byte for byte.

    python scripts/kill_test.py collect train-controller --kills 20 --seed 1 --log kills.jsonl

Commands: collect (two workers), train-controller, train-diffusion, eval, reproduce (of one task),
rlbench-lite (the recipe, on one demonstration of RLBench), robustness; all by default. SIGKILL hits
the first process alone, after a share of the work of a whole run. Workers must die by themselves
within seconds, also while the same command is started again. A finished run must leave no crumbs.
What holds a clock is compared without it: `CLOCKS`, `LOGS` and `TIME` name all of that. Commands
that went well with the same kills, seed and code are in the log and are not tested again. Linux
only: it reads /proc.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import random
import re
import select
import signal
import subprocess
import sys
import tempfile
import time
import uuid
from dataclasses import dataclass
from math import inf
from pathlib import Path
from typing import IO, Any

import numpy as np
from code_digits import ROOT, code_digits
from safetensors import safe_open

CLOCKS = frozenset(("seconds", "minutes"))
"""Names in JSON, at any depth, and in tables of Markdown, that hold how long something took."""

LOGS = ("logs", "time.png", "learning_curves.png")
"""Files and folders left out. TensorBoard's records hold the time of day. time.png shows seconds,
and learning_curves.png has minutes along its x; what else it shows is compared in results.json."""

TIME = re.compile(r"<section>\n<h2>Time</h2>.*?</section>", re.DOTALL)
"""A report's section of seconds and minutes."""

GRACE = 5.0
"""Seconds in which the workers of a killed command must end, on a machine that does nothing else:
one that was just started first comes to the place from which on it looks after its parent."""

MARK = "GENIMA_KILL_TEST"
"""Variable in the environment by which a start's processes are found again."""

SMALL = ("--tasks", "push_button", "--seed", "3", "--image-size", "32", "--speed", "rlbench")
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
TRAINING = ("--training.steps", "30", "--training.batch-size", "4", "--training.save-every", "4",
            "--training.validate-every", "10")  # fmt: skip
COMMANDS: dict[str, tuple[str, ...]] = {
    "collect": ("collect", "--out", "{out}", *SMALL, "--episodes", "8", "--workers", "2"),
    "train-controller": ("train-controller", "lite-rgb", "--out", "{out}", "--demos", "{demos}",
                         *NETWORK, *TRAINING),
    "train-diffusion": ("train-diffusion", "--out", "{out}", "--base", "{base}", "--demos",
                        "{demos}", "--tasks", "push_button", "--view-size", "32",
                        "--frames-each", "4", *TRAINING),
    "eval": ("eval", "--policy", "act", "--checkpoint", "{act}", "--tasks", "push_button",
             "--episodes", "6", "--json", "{out}/results.json"),
    "reproduce": ("reproduce", "--out", "{out}", "--scale", "0.001", "--episodes", "1"),
    "rlbench-lite": ("train", "rlbench-lite", "--out", "{out}", "--demos",
                     str(ROOT / "tests/data/real_rlbench"), "--scale", "0.001", "--bench.tasks",
                     "push_button", "--diffusion.training.batch-size", "4",
                     "--controller.training.batch-size", "4"),
    "robustness": ("robustness", "--out", "{out}", "--policies", "expert", "random", "--tasks",
                   "push_button", "--episodes", "2", "--perturb", "light"),
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
        self._rng, self._marks, self._ready = random.Random(seed), list[str](), Ready()
        self.killed, self.finished, self.wrong = 0, 0, list[str]()

    def run(self) -> None:
        """Run without kills once, then with them, until there were enough."""
        unkilled = self._started(self._out("unkilled"))
        unkilled.wait_for_work()
        whole, wanted = unkilled.computed, self._finish(unkilled)
        while self.killed < self._kills and not self.wrong:
            started = self._killed_until_finished(self._out(f"killed{self.finished}"), whole)
            found = self._finish(started)
            self.finished += 1
            self.wrong += differences(wanted, found)
        self.wrong += left(self._marks)
        self._ready.end()

    def _out(self, name: str) -> Path:
        """Return a folder of a result; all have one name, since some results hold it."""
        return self._scratch / name / "out"

    def _started(self, out: Path) -> Started:
        return self._ready.start(self._arguments, out, self._marks)

    def _killed_until_finished(self, out: Path, whole: float) -> Started:
        """Start and kill until a command finishes by itself; after enough kills let it.

        Any moment of a whole run's work is possible. Early ones are drawn more often: a run that
        goes on is in danger then, and more of them fit into a minute.
        """
        while True:
            started = self._started(out)
            moment = whole * self._rng.random() ** 2
            if self.killed >= self._kills or started.wait_for_work(moment) is not None:
                return started
            os.kill(started.process, signal.SIGKILL)
            started.wait()
            self.killed += 1
            if self._rng.random() < 0.5:  # else the next start meets what is left of this one
                self.wrong += left(self._marks)

    def _finish(self, started: Started) -> dict[str, str]:
        """Wait for a command; return what it wrote, and note what is wrong with it."""
        if code := started.wait():
            said = started.said.read_text(encoding="utf-8")[-800:]
            self.wrong.append(f"exit code {code} after {self.killed} kills: {said}")
        self.wrong += [f"crumb of {started.out.parent.name}: {n}" for n in crumbs(started.out)]
        return contents(started.out)


class Ready:
    """Starts commands in forks of a process that has imported all of them; see `ready.py`."""

    def __init__(self) -> None:
        self._server = subprocess.Popen(
            [sys.executable, str(Path(__file__).with_name("ready.py"))],
            env={**os.environ, "OMP_NUM_THREADS": "1"},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )

    def start(self, arguments: tuple[str, ...], out: Path, marks: list[str]) -> Started:
        """Start a command; `marks` gets what its processes are found by."""
        out.parent.mkdir(parents=True, exist_ok=True)
        marks.append(uuid.uuid4().hex)
        words = [word.replace("{out}", out.name) for word in arguments]
        said, environment = out.with_name("said.txt"), {MARK: marks[-1]}
        asked = {"arguments": words, "folder": str(out.parent), "environment": environment}
        assert self._server.stdin
        assert self._server.stdout
        self._server.stdin.write(json.dumps({**asked, "said": str(said)}).encode() + b"\n")
        self._server.stdin.flush()
        return Started(int(_line(self._server.stdout)), out, said, self._server.stdout)

    def end(self) -> None:
        """Let the process end."""
        self._server.communicate()


@dataclass
class Started:
    """A running command, the folder of its result, and the file with what it said."""

    process: int
    out: Path
    said: Path
    answers: IO[bytes]
    code: int | None = None
    computed: float = 0.0

    def wait(self, seconds: float | None = None) -> int | None:
        """Return the exit code; `None` if the command runs on after some seconds."""
        if self.code is None and select.select([self.answers], [], [], seconds)[0]:
            self.code = int(_line(self.answers))
        return self.code

    def wait_for_work(self, seconds: float = inf) -> int | None:
        """Return the exit code; `None` once it and its workers have computed for some seconds.

        On a busy machine, too, that is the same place of the work.
        """
        while self.wait(0.01) is None and self.computed < seconds:
            self.computed = max(self.computed, cpu_seconds(self.process))
        return self.code


def cpu_seconds(process: int) -> float:
    """Return how long a process and all below it have computed; 0 once it has ended."""
    try:
        fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
        tasks = Path(f"/proc/{process}/task").glob("*/children")
        children = [int(each) for task in tasks for each in task.read_text().split()]
    except OSError:
        return 0.0
    own = sum(map(int, fields[11:15])) / os.sysconf("SC_CLK_TCK")
    return own + sum(map(cpu_seconds, children))


def _line(file: IO[bytes]) -> bytes:
    """Return a line, and nothing of what follows it."""
    read = b""
    while not read.endswith(b"\n"):
        read += os.read(file.fileno(), 1) or sys.exit("scripts/ready.py has ended")
    return read


def left(marks: list[str], grace: float = GRACE) -> list[str]:
    """Return a sentence for each process of earlier starts that does not end within seconds."""
    until = time.monotonic() + grace * max(1.0, os.getloadavg()[0] / (os.cpu_count() or 1))
    while (found := running(marks)) and time.monotonic() < until:
        time.sleep(0.05)
    for process in found:
        os.kill(process, signal.SIGKILL)
    return [f"process {p} outlived its parent: {words[:120]}" for p, words in found.items()]


def running(marks: list[str]) -> dict[int, str]:
    """Return the processes of earlier starts: their arguments, by number."""
    found = {}
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            environment = (folder / "environ").read_bytes()
            words = (folder / "cmdline").read_bytes().replace(b"\0", b" ").decode()
        except OSError:  # it has ended meanwhile, or is somebody else's
            continue
        if any(f"{MARK}={mark}".encode() in environment for mark in marks) and words:
            found[int(folder.name)] = words
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
    if path.suffix == ".md":
        lines = path.read_text(encoding="utf-8").splitlines()
        return "\n".join(line for line in lines if not _is_clock(line)).encode()
    if path.suffix == ".html":
        return TIME.sub("", path.read_text(encoding="utf-8")).encode()
    if path.suffix == ".npz":
        with np.load(path) as arrays:
            return b"".join(_array(name, arrays[name]) for name in sorted(arrays))
    if path.suffix == ".safetensors":
        with safe_open(path, "np") as file:
            texts = {name: _timeless(text) for name, text in (file.metadata() or {}).items()}
            tensors = [_array(name, file.get_tensor(name)) for name in sorted(file.keys())]
        return _text(texts) + b"".join(tensors)
    return path.read_bytes()


def _is_clock(line: str) -> bool:
    """Return whether a line is a table's row of how long something took."""
    cells = line.split("|")
    return len(cells) > 2 and cells[1].strip().rpartition(".")[2] in CLOCKS


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


def make_inputs(folder: Path, names: list[str]) -> dict[str, str]:
    """Make what some commands need of demonstrations, a base model and a baseline, all tiny.

    Return the folders of all three, by name.
    """
    named = {name: str(folder / name) for name in ("demos", "base", "act")}
    needed = {word for name in names for word in COMMANDS[name]}
    if "{base}" in needed:
        from genima_lite.diffusion.base import build_base, preset

        build_base(preset("tiny", 64)).save_pretrained(named["base"])
    makes: list[tuple[str, tuple[str, ...]]] = []
    if needed & {"{demos}", "{act}"}:
        makes.append(("demos", ("collect", "--out", "{out}", *SMALL, "--episodes", "2")))
    if "{act}" in needed:
        makes.append(("act", COMMANDS["train-controller"]))
    for name, arguments in makes:
        words = [word.replace("{out}", named[name]) for word in filled(arguments, named)]
        subprocess.run([sys.executable, "-m", "genima_lite", *words], check=True, stdout=sys.stderr)
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
    parser.add_argument("--log", type=Path, help="gets a line of JSON a command")
    given = parser.parse_args()
    if unknown := [name for name in given.commands if name not in COMMANDS]:
        parser.error(f"unknown command {unknown[0]}: choose from {', '.join(COMMANDS)}")
    what = {"kills": given.kills, "seed": given.seed, "code": code_digits("genima_lite", "scripts")}
    todo = [name for name in given.commands if not went_well(given.log, {"command": name, **what})]
    wrong = 0
    with tempfile.TemporaryDirectory() as scratch:
        named = make_inputs(Path(scratch) / "inputs", todo)
        for name in todo:
            test = KillTest(filled(COMMANDS[name], named), Path(scratch) / name, given.kills,
                            given.seed)  # fmt: skip
            test.run()
            print(f"{name}: {test.killed} kills, {test.finished} finished runs compared, "
                  f"{len(test.wrong)} wrong", flush=True)  # fmt: skip
            print("".join(f"  {each}\n" for each in test.wrong), end="", flush=True)
            found = {"command": name, **what, "finished": test.finished, "wrong": test.wrong}
            if given.log:
                with given.log.open("a", encoding="utf-8") as log:
                    log.write(f"{json.dumps(found)}\n")
            wrong += len(test.wrong)
    return 1 if wrong else 0


def went_well(log: Path | None, what: dict[str, Any]) -> bool:
    """Return whether a log says that a test like this found nothing wrong; print what it found."""
    lines = log.read_text(encoding="utf-8").splitlines() if log and log.exists() else []
    for found in map(json.loads, lines):
        if {**found, **what} == found and not found["wrong"]:
            print(f"{what['command']}: went well before, {found['finished']} finished runs")
            return True
    return False


if __name__ == "__main__":
    sys.exit(main())
