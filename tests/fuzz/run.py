"""Runs variants, each in a process of its own, and watches its time, its memory and its end."""

import json
import os
import shutil
import signal
import sys
import time
import traceback
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from .inside import WORD, Variant, measure_sound
from .outcome import Outcome
from .plan import Damage, damages

GIBIBYTE = 1 << 30
SECONDS = 20
"""of sleeping, or half of computing: more is a hang."""


def run(
    work: Path,
    seed: int,
    numbers: Sequence[int],
    processes: int,
    kinds: Sequence[Damage] | None = None,
) -> Iterator[Outcome]:
    """Run variants on the victims in a folder; yield outcomes as they come.

    Args:
        work: see `victims.build`.
        seed: of all variants.
        numbers: which ones.
        processes: how many at a time.
        kinds: of damage, dealt round; by default all.
    """
    sound, kinds = _sound(work), kinds or damages(seed)
    before = _memory(os.getpid())
    todo, running = list(reversed(numbers)), list[_Child]()
    while todo or running:
        while todo and len(running) < processes:
            number = todo.pop()
            variant = Variant(number, seed, kinds[number % len(kinds)], work, sound)
            running.append(_Child(variant, before))
        time.sleep(0.01)
        ended = [child for child in running if child.has_ended()]
        running = [child for child in running if child not in ended]
        yield from (child.outcome() for child in ended)


def in_a_fork(do: Callable[[], object]) -> None:
    """Call a function in a process that ends: rendering must not happen in this one, whose
    children could not render then.
    """
    if (pid := os.fork()) == 0:
        try:
            do()
        except BaseException:
            traceback.print_exc()
            os._exit(1)
        os._exit(0)
    if os.waitpid(pid, 0)[1]:
        sys.exit("sound victims cannot be made or read")


class _Child:
    """A forked process with one variant, watched from outside."""

    def __init__(self, variant: Variant, before: dict[str, int]):
        self._variant, self._before = variant, before
        self._worked, self._limit, self._status = time.monotonic(), "", 0
        variant.place.mkdir()
        self._pid = os.fork()
        if self._pid == 0:
            variant.run_and_exit()

    def has_ended(self) -> bool:
        """Return whether the process has ended; stop it if it has passed a limit."""
        self._limit = self._limit or self._passed()
        if self._limit:
            os.kill(self._pid, signal.SIGKILL)
        ended, self._status = os.waitpid(self._pid, os.WNOHANG)
        return bool(ended)

    def outcome(self) -> Outcome:
        """Return what became of the variant; its files are removed."""
        variant = self._variant
        said = variant.place / WORD
        found = json.loads(said.read_text()) if said.exists() else {}
        if self._limit:
            found |= {"outcome": self._limit, "message": "stopped from outside"}
        elif self._status:
            signalled = os.WIFSIGNALED(self._status)
            name = signal.Signals(os.WTERMSIG(self._status)).name if signalled else "exit"
            found |= {"outcome": "crash", "message": name}
        elif found.get("message") == "did not come back":
            found |= {"outcome": "crash"}
        if any(variant.place.rglob("executed")):
            found |= {"outcome": "executed"}
        shutil.rmtree(variant.place, ignore_errors=True)
        return Outcome(variant.number, variant.damage.name, **{"where": "", **found})

    def _passed(self) -> str:
        """Return which limit the process has passed, if any."""
        try:
            memory = _memory(self._pid)
            fields = Path(f"/proc/{self._pid}/stat").read_text().rpartition(")")[2].split()
        except OSError:
            return ""
        if fields[0] != "S":  # a busy machine lets it wait for a core, which is no hang
            self._worked = time.monotonic()
        computed = sum(map(int, fields[11:13])) / os.sysconf("SC_CLK_TCK")
        if computed > 2 * SECONDS or time.monotonic() - self._worked > SECONDS:
            return "hang"
        more = {name: size - self._before[name] for name, size in memory.items()}
        asked = more.get("VmPeak", 0) > 6 * GIBIBYTE  # for memory that it has not touched yet
        return "blow-up" if asked or more.get("VmHWM", 0) > GIBIBYTE else ""


def _sound(work: Path) -> dict[str, str]:
    """Return digests of what readers give of the sound victims, measured once."""
    path = work / "sound.json"
    if not path.exists():
        in_a_fork(lambda: path.write_text(json.dumps(measure_sound(work))))
    return json.loads(path.read_text())


def _memory(pid: int) -> dict[str, int]:
    """Return the largest sizes of a process so far, bytes; none once it has ended."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    found = dict(line.split(":", 1) for line in lines if line.startswith(("VmHWM", "VmPeak")))
    return {name: int(size.split()[0]) * 1024 for name, size in found.items()}
