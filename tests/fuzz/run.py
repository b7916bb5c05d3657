"""Runs variants, each in a process of its own, and says what became of them."""

import ctypes
import hashlib
import json
import os
import resource
import shutil
import signal
import time
import traceback
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from genima_lite.errors import UserError

from .plan import Damage, damages
from .readers import COMMANDS, READERS, Reported, command

GIBIBYTE = 1 << 30
SECONDS = 20
"""of computing, or of waiting: more is a hang."""

WORST_FIRST = (
    *("executed", "crash", "blow-up", "hang", "traceback", "accepted", "refused", "harmless"),
)
FAILURES = WORST_FIRST[:5]
SELDOM = {"view": 8, "train-diffusion": 3}
"""Slow readers of a dataset meet one variant in so many."""


@dataclass(frozen=True)
class Outcome:
    """What became of a variant.

    Attributes:
        number: of the variant; with the seed it says all.
        damage: the kind.
        where: the damaged file or folder.
        outcome: the worst of all readers, see `WORST_FIRST`: "refused" with a sentence,
            "harmless" where everything is as with the sound victim, "accepted" where something
            else came out without a word.
        reader: which one.
        message: what it said.
    """

    number: int
    damage: str
    where: str
    outcome: str
    reader: str = ""
    message: str = ""


def run(
    work: Path, seed: int, numbers: list[int], processes: int, kinds: list[Damage] | None = None
) -> Iterator[Outcome]:
    """Run variants on the victims in a folder, in any order."""
    sound, kinds = _sound(work), kinds or damages(seed)
    todo, running = list(reversed(numbers)), {}
    while todo or running:
        while todo and len(running) < processes:
            child = _Child(work, seed, todo.pop(), kinds, sound)
            running[child.pid] = child
        time.sleep(0.01)
        for pid, child in list(running.items()):
            if (outcome := child.look()) is not None:
                del running[pid]
                yield outcome


class _Child:
    """A forked process with one variant, watched from outside."""

    def __init__(self, work, seed, number, kinds, sound):
        self.number, self.damage = number, kinds[number % len(kinds)]
        self.place = work / f"variant{number}"
        self.worked, self.limit = time.monotonic(), None
        self.pid = os.fork()
        if self.pid == 0:
            _be_child(self.place, seed, number, self.damage, work, sound)

    def look(self) -> Outcome | None:
        """Return the outcome once the process has ended."""
        if self.limit is None:
            self.limit = self._passed()
            if self.limit:
                os.kill(self.pid, signal.SIGKILL)
        ended, status, _ = os.wait4(self.pid, os.WNOHANG)
        return self._outcome(status) if ended else None

    def _passed(self) -> str | None:
        """Return which limit the process has passed."""
        try:
            memory = _memory(self.pid)
            fields = Path(f"/proc/{self.pid}/stat").read_text().rpartition(")")[2].split()
        except OSError:
            return None
        if fields[0] != "S":  # a busy machine lets it wait for a core, which is no hang
            self.worked = time.monotonic()
        computed = sum(map(int, fields[11:13])) / os.sysconf("SC_CLK_TCK")
        if computed > 2 * SECONDS or time.monotonic() - self.worked > SECONDS:
            return "hang"
        more = {name: size - _BEFORE[name] for name, size in memory.items()}  # none once it ended
        asked = more.get("VmPeak", 0) > 6 * GIBIBYTE  # for memory that it has not touched yet
        return "blow-up" if asked or more.get("VmHWM", 0) > GIBIBYTE else None

    def _outcome(self, status: int) -> Outcome:
        said = self.place / "outcome.json"
        found = json.loads(said.read_text()) if said.exists() and said.stat().st_size else {}
        where, reader = found.get("where", ""), found.get("reader", "")
        outcome, message = found.get("outcome", "crash"), found.get("message", "")
        if self.limit is not None:
            outcome, message = self.limit, "stopped from outside"
        elif os.WIFSIGNALED(status):
            outcome, message = "crash", signal.Signals(os.WTERMSIG(status)).name
        if any(self.place.rglob("executed")):
            outcome = "executed"
        shutil.rmtree(self.place, ignore_errors=True)
        return Outcome(self.number, self.damage.name, where, outcome, reader, message)


def _sound(work: Path) -> dict[str, str]:
    """Return a digest of what each reader gives of the sound victims, made in a process that ends,
    since what it leaves behind (GL, threads) must not be inherited.
    """
    path = work / "sound.json"
    if not path.exists():
        pid = os.fork()
        if pid == 0:
            _measure_sound(work, path)
        os.waitpid(pid, 0)
    _BEFORE.update(_memory(os.getpid()))
    return json.loads(path.read_text())


_BEFORE: dict[str, int] = {}


def _measure_sound(work: Path, path: Path) -> None:
    try:
        found = {}
        for victim, readers in READERS.items():
            for name, reader in readers.items():
                place = work / "sound"
                copy = _copied(work / victim, place)
                found[f"{victim} {name}"] = digest(reader(copy, work, place / "out"))
                shutil.rmtree(place)
        path.write_text(json.dumps(found))
    except BaseException:
        traceback.print_exc()
        os._exit(1)
    os._exit(0)


def _be_child(place: Path, seed: int, number: int, damage: Damage, work: Path, sound) -> None:
    """Damage and read, in the forked process, which ends here."""
    try:
        _silence()
        rng = np.random.default_rng([seed, number])
        copy = _copied(work / damage.victim, place)
        os.chdir(place)
        where = damage.apply(copy, rng)
        found = {"where": where, "outcome": "harmless", "reader": "", "message": ""}
        for name, read in _chosen(damage.victim, number, rng):
            _tell(place, {**found, "reader": name, "message": "did not come back"})
            one, message = _read(read, copy, work, place / f"out-{name}", sound, damage, name)
            if WORST_FIRST.index(one) < WORST_FIRST.index(found["outcome"]):
                found.update(outcome=one, reader=name, message=message)
            shutil.rmtree(place / f"out-{name}", ignore_errors=True)
        _tell(place, found)
    except BaseException:
        said = traceback.format_exc()
        _tell(place, {"outcome": "traceback", "reader": "harness", "message": said})
    os._exit(0)


def _read(read, copy, work, out, sound, damage, name) -> tuple[str, str]:
    """Return the outcome of one reader."""
    try:
        value = read(copy, work, out)
    except (UserError, Reported) as error:
        return "refused", str(error)
    except BaseException as error:
        last = traceback.extract_tb(error.__traceback__)
        ours = [f"{Path(f.filename).name}:{f.lineno}" for f in last if "genima_lite" in f.filename]
        return "traceback", f"{type(error).__name__}: {str(error)[:300]} ({' '.join(ours[-2:])})"
    if name == "command":
        return "harmless", ""
    same = digest(value) == sound[f"{damage.victim} {name}"]
    return ("harmless", "") if same else ("accepted", _short(value))


def _chosen(victim: str, number: int, rng: np.random.Generator):
    """Return the readers that a variant meets."""
    for name, read in READERS[victim].items():
        if victim != "demos" or rng.integers(SELDOM.get(name, 1)) == 0:
            yield name, read
    if victim in COMMANDS and number % 10 == 0:
        yield "command", lambda copy, work, out: command(victim, copy, work)


def digest(value) -> str:
    """Return digits that change with any number, text or shape in nested values."""
    total = hashlib.sha256()
    _add(total, value)
    return total.hexdigest()[:16]


def _add(total, value) -> None:
    if hasattr(value, "detach"):
        value = value.detach().cpu().numpy()
    if isinstance(value, np.ndarray) and value.dtype != object:
        total.update(f"{value.dtype.str}{value.shape}".encode())
        total.update(np.ascontiguousarray(value).tobytes())
    elif isinstance(value, dict):
        for key in sorted(value, key=str):
            total.update(repr(key).encode())
            _add(total, value[key])
    elif isinstance(value, list | tuple):
        total.update(f"[{len(value)}".encode())
        for each in value:
            _add(total, each)
    elif hasattr(value, "__dataclass_fields__"):
        _add(total, {name: getattr(value, name) for name in value.__dataclass_fields__})
    else:
        total.update(repr(value).encode("utf-8", "surrogatepass"))


def _copied(victim: Path, place: Path) -> Path:
    from .victims import copied

    place.mkdir()
    return copied(victim, place / "victim")


def _tell(place: Path, found: dict[str, str]) -> None:
    """Leave word for the process outside; the rename makes it whole."""
    (place / ".outcome").write_text(json.dumps(found))
    (place / ".outcome").replace(place / "outcome.json")


def _silence() -> None:
    """Say nothing, leave no core behind, and end with the process outside."""
    ctypes.CDLL(None).prctl(1, signal.SIGKILL)  # PR_SET_PDEATHSIG
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    null = os.open(os.devnull, os.O_WRONLY)
    os.dup2(null, 1)
    os.dup2(null, 2)


def _memory(pid: int) -> dict[str, int]:
    """Return the largest sizes of a process so far, bytes."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    found = dict(line.split(":", 1) for line in lines if line.startswith(("VmHWM", "VmPeak")))
    return {name: int(size.split()[0]) * 1024 for name, size in found.items()}


def _short(value) -> str:
    return " ".join(repr(value).split())[:120]


def as_line(outcome: Outcome) -> str:
    """Return an outcome as a line of JSON."""
    return json.dumps(asdict(outcome))
