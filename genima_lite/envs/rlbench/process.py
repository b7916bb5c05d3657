"""The worker process, seen from this side: started, asked with time-outs, ended without remains."""

from __future__ import annotations

import itertools
import mmap
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any

import genima_lite
from genima_lite.envs.rlbench.messages import Line, Pictures
from genima_lite.errors import Lost, NotReady

_MODULE = "genima_lite.envs.rlbench.worker"
_TAIL = 600
"""Characters of what a dead worker printed that an error quotes."""

_LAST = 2.0
"""Seconds in which what a dead worker has started must end by itself."""

_NEEDED = ("ModuleNotFoundError", "ImportError", "NoDisplay", "PyRepError", "TypeError")
"""Errors of a start that starting again does not mend; the last one is another RLBench's."""


@dataclass(frozen=True)
class Seconds:
    """How long the worker may take; on two busy cores a start needs 10, a reset 3, a step 0.3.

    Attributes:
        start: imports, display, CoppeliaSim, the task.
        reset: drawing a scene, up to 40 attempts.
        step: one action, the gripper's motion included.
        look: all pictures of one state.
        demonstration: each attempt of RLBench's expert.
        close: shutting down before it is killed.
    """

    start: float = 180.0
    reset: float = 120.0
    step: float = 60.0
    look: float = 60.0
    demonstration: float = 300.0
    close: float = 5.0


class SimulatorError(RuntimeError):
    """RLBench refused or failed; the message has its own words. The episode is over.

    Attributes:
        kind: the name of RLBench's or PyRep's class of error.
    """

    def __init__(self, kind: str, text: str):
        self.kind = kind
        super().__init__(f"{kind}: {text}")

    def __reduce__(self) -> tuple[type[SimulatorError], tuple[str, str]]:
        return type(self), (self.kind, str(self).removeprefix(f"{self.kind}: "))


class WorkerProcess:
    """One worker with one task; made again after every error.

    It is the leader of a process group of its own, in which Xvfb is, too. It ends when this
    process does, however that ends.

    Args:
        task: its name.
        pictures: which ones observations have.
        seconds: how long it may take for what.
        looks: perturbations and strength (`genima_lite.envs.rlbench.simulator.Simulator`).

    Attributes:
        memory: where it puts pictures.
        started: what it said of its task.

    Raises:
        NotReady: something is missing on this machine; the message says how to mend it.
        Lost: it died or took too long.
        SimulatorError: RLBench refused the task.
    """

    def __init__(
        self,
        task: str,
        pictures: Pictures,
        seconds: Seconds,
        looks: Mapping[str, Any] = MappingProxyType({}),
    ):
        self._seconds, self._ids = seconds, itertools.count()
        length = max(pictures.length, FILM_BYTES)
        memory = os.memfd_create("pictures")
        os.ftruncate(memory, length)
        self.memory = mmap.mmap(memory, length)
        ours, theirs = socket.socketpair()
        self._said = tempfile.TemporaryFile()  # noqa: SIM115  closed in `close`
        with theirs:
            self._process = subprocess.Popen(
                [sys.executable, "-m", _MODULE, str(theirs.fileno()), str(memory), str(length)],
                pass_fds=[theirs.fileno(), memory],
                start_new_session=True,
                cwd=Path(genima_lite.__file__).parents[1],
                env=worker_environment(os.environ),
                stdin=subprocess.DEVNULL,
                stdout=self._said,
                stderr=self._said,
            )
        os.close(memory)
        self._line = Line(ours)
        try:
            wanted = {"task": task, "pictures": asdict(pictures), **looks}
            self.started = self.ask("start", seconds.start, **wanted)
        except SimulatorError as error:
            if error.kind in _NEEDED:
                raise NotReady(
                    f"RLBench cannot be started: {error}; `genima-lite doctor` says what is missing"
                ) from error
            raise

    @property
    def pid(self) -> int:
        """The worker's process id, which is also that of its group."""
        return self._process.pid

    @property
    def alive(self) -> bool:
        """Whether it can be asked."""
        return self._process.poll() is None

    def ask(self, do: str, seconds: float, **arguments: Any) -> dict[str, Any]:
        """Send a request and return its answer.

        Args:
            do: name of a method of `genima_lite.envs.rlbench.worker.Worker`.
            seconds: how long it may take.
            arguments: its arguments, JSON-able.

        Raises:
            Lost: the worker died or took too long; it is ended.
            SimulatorError: RLBench's own error; the worker is ended, since nobody knows its state.
        """
        number = next(self._ids)
        try:
            self._line.send({"id": number, "do": do, **arguments})
            answer = self._line.receive(seconds)
        except TimeoutError:
            self.kill()
            raise Lost(f"the simulator did not finish '{do}' within {seconds:g} s") from None
        except (EOFError, OSError):
            raise Lost(self._post_mortem(do)) from None
        except BaseException:  # stopped while it works: the answer would come to the next request
            self.kill()
            raise
        assert answer.pop("id") == number, "an answer to another request"
        if "error" in answer:
            if answer["error"]["kind"] not in HARMLESS:
                self.kill()
            raise SimulatorError(answer["error"]["kind"], answer["error"]["text"])
        return answer

    def close(self) -> None:
        """Shut the simulator down in order, if it can; nothing is left running."""
        if self.alive:
            with suppress(Lost, SimulatorError):
                self.ask("close", self._seconds.close)
        self.kill()

    def kill(self) -> None:
        """End the worker and all that it started."""
        self._process.kill()
        self._process.wait()
        with suppress(ProcessLookupError, PermissionError):
            ended = time.monotonic() + _LAST
            while time.monotonic() < ended:  # Xvfb removes its files
                os.killpg(self.pid, 0)
                time.sleep(0.01)
            os.killpg(self.pid, signal.SIGKILL)
        self._line.close()
        self._said.close()
        self.memory.close()

    def _post_mortem(self, do: str) -> str:
        """Return how the worker ended and the last that it said, and remove what is left of it."""
        with suppress(subprocess.TimeoutExpired):
            self._process.wait(self._seconds.close)
        code = self._process.poll()
        self._said.seek(0)
        text = " ".join(self._said.read().decode(errors="replace").split())[-_TAIL:]
        self.kill()
        how = "ended" if code is None else _ending(code)
        return f"the simulator {how} during '{do}'" + (f": {text}" if text else "")


HARMLESS = ("NoDemonstration",)
"""Errors after which the worker can go on."""

FILM_BYTES = 3 * 1024**2
"""What the memory holds at least: one picture for a film, 1024 pixels along each side."""


def worker_environment(environment: Mapping[str, str]) -> dict[str, str]:
    """Return the worker's environment variables: what CoppeliaSim needs before Python starts.

    LD_LIBRARY_PATH and Qt's plugins follow from COPPELIASIM_ROOT, so that only that must be set;
    OpenCV leaves plugins of its own there, with which CoppeliaSim aborts. It has one plugin that
    works, for X, which is Qt's choice where QT_QPA_PLATFORM does not name another.
    """
    made = dict(environment)
    if made.get("COPPELIASIM_ROOT"):
        root = made["COPPELIASIM_ROOT"] = os.path.abspath(made["COPPELIASIM_ROOT"])
        paths = [path for path in made.get("LD_LIBRARY_PATH", "").split(os.pathsep) if path]
        made["LD_LIBRARY_PATH"] = os.pathsep.join([*paths, *([] if root in paths else [root])])
        made["QT_QPA_PLATFORM_PLUGIN_PATH"] = root
    made.pop("QT_QPA_PLATFORM", None)
    return made


def _ending(code: int) -> str:
    if code >= 0:
        return f"stopped with code {code}"
    return f"was killed by {signal.Signals(-code).name}"
