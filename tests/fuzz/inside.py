"""What a variant's own process does: damage a copy, read it, leave word."""

import ctypes
import faulthandler
import hashlib
import json
import os
import resource
import shutil
import signal
import traceback
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from genima_lite.endings import DISK
from genima_lite.errors import UserError

from . import readers
from .outcome import WORST_FIRST
from .plan import Damage
from .readers import Reported
from .victims import copied

SELDOM = {"view": 8, "train-diffusion": 3}
"""Slow readers of a dataset meet one variant in so many."""

WORD = "outcome.json"
"""The file in which a process says what came of its variant."""

_DIE_WITH_PARENT = 1  # prctl's PR_SET_PDEATHSIG


@dataclass(frozen=True)
class Variant:
    """A damage on a copy of its victim.

    Attributes:
        number: which one; decides, with the seed, all that is random.
        seed: of all variants.
        damage: what is done.
        work: the folder with all victims.
        sound: digests of what readers give of sound victims, by victim and reader.
    """

    number: int
    seed: int
    damage: Damage
    work: Path
    sound: dict[str, str]

    @property
    def place(self) -> Path:
        """The folder of this variant; all that it leaves is in it."""
        return self.work / f"variant{self.number}"

    def run_and_exit(self) -> None:
        """Do everything in this process, silently, and end it."""
        try:
            _become_harmless()
            self._tell(self._found())
        except BaseException:
            self._tell({"outcome": "traceback", "message": traceback.format_exc()})
        os._exit(0)

    def _found(self) -> dict[str, str]:
        """Damage and read; return the worst that happened."""
        rng = np.random.default_rng([self.seed, self.number])
        victim = copied(self.work / self.damage.victim, self.place / "victim")
        os.chdir(self.place)
        worst = {"where": self.damage.apply(victim, rng), "outcome": "harmless"}
        seen: dict[str, str] = {}
        for name, read in self._chosen(rng):
            self._tell({**worst, "reader": name, "message": "did not come back"})
            seen[name], message = self._read(name, read, victim)
            outcome = _late(name, seen)
            if WORST_FIRST.index(outcome) < WORST_FIRST.index(worst["outcome"]):
                worst |= {"outcome": outcome, "reader": name, "message": message}
        return worst

    def _chosen(self, rng: np.random.Generator) -> Iterator[tuple[str, Callable[..., Any]]]:
        """Yield the readers that this variant meets."""
        name = self.damage.victim
        for reader, read in readers.READERS[name].items():
            if name != "demos" or rng.integers(SELDOM.get(reader, 1)) == 0:
                yield reader, read
        if name in readers.COMMANDS and self.number % 10 == 0:
            yield "command", lambda *places: readers.command(name, *places)

    def _read(self, name: str, read: Callable[..., Any], victim: Path) -> tuple[str, str]:
        """Return the outcome of one reader, and what it said."""
        try:
            value = read(victim, self.work, self.place / f"out-{name}")
        except (UserError, Reported) as error:
            return "refused", str(error)
        except BaseException as error:
            return ("refused" if _about_disk(error) else "traceback"), _described(error)
        wanted = self.sound.get(f"{self.damage.victim} {name}")
        same = wanted in (None, digest(value))  # a command's words are not compared
        return ("harmless", "") if same else ("accepted", " ".join(repr(value).split())[:120])

    def _tell(self, found: dict[str, str]) -> None:
        """Leave word for the process outside; the rename makes it whole."""
        (self.place / ".word").write_text(json.dumps(found))
        (self.place / ".word").replace(self.place / WORD)


def measure_sound(work: Path) -> dict[str, str]:
    """Return a digest of what each reader gives of each sound victim."""
    found = {}
    for victim, each in readers.READERS.items():
        for name, read in each.items():
            place = work / "sound"
            place.mkdir()
            value = read(copied(work / victim, place / "victim"), work, place / "out")
            found[f"{victim} {name}"] = digest(value)
            shutil.rmtree(place)
    return found


def digest(value: Any) -> str:
    """Return digits that change with any number, text or shape in nested values."""
    total = hashlib.sha256()
    _add(total, value)
    return total.hexdigest()[:16]


def _add(total: Any, value: Any) -> None:
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


def _late(name: str, seen: dict[str, str]) -> str:
    """Return a reader's outcome: what inspect has called sound must not be refused later."""
    late = name.startswith(("train", "convert")) and seen.get("inspect", "refused") != "refused"
    return "late" if late and seen[name] == "refused" else seen[name]


def _about_disk(error: BaseException) -> bool:
    """Return whether a command would end with a sentence on the file system, and the file."""
    return isinstance(error, OSError) and error.errno in DISK and error.filename is not None


def _described(error: BaseException) -> str:
    """Return an error with the last two places in the package."""
    frames = traceback.extract_tb(error.__traceback__)
    ours = [f"{Path(f.filename).name}:{f.lineno}" for f in frames if "genima_lite" in f.filename]
    return f"{type(error).__name__}: {str(error)[:300]} ({' '.join(ours[-2:])})"


def _become_harmless() -> None:
    """Say nothing, leave no core behind, and end with the process outside."""
    faulthandler.disable()
    ctypes.CDLL(None).prctl(_DIE_WITH_PARENT, signal.SIGKILL)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    null = os.open(os.devnull, os.O_WRONLY)
    os.dup2(null, 1)
    os.dup2(null, 2)
