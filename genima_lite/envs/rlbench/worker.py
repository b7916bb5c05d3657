"""The process that owns the simulator: it answers one client's requests, and ends with it.

Started by `genima_lite.envs.rlbench.process`, never by hand. Whatever the simulator prints goes
into a file that the client reads when this process dies: CoppeliaSim aborts without an exception.
"""

from __future__ import annotations

import mmap
import os
import select
import signal
import socket
import subprocess
import sys
import threading
from contextlib import suppress
from typing import Any

from genima_lite.envs.rlbench.display import ensure_display
from genima_lite.envs.rlbench.messages import (
    Line,
    Pictures,
    random_state,
    random_state_of,
    states_of,
)
from genima_lite.envs.rlbench.simulator import Simulator

_SERVERS: list[subprocess.Popen[bytes] | None] = []
"""The Xvfb that this process has started, if any."""


class Worker:
    """Does what requests say.

    Args:
        task: its name.
        pictures: which ones observations have.
        memory: where pictures go.
        looks: see `Simulator`: perturbations and strength.
    """

    def __init__(self, task: str, pictures: Pictures, memory: mmap.mmap, **looks: Any):
        self._pictures, self._memory = pictures, memory
        self._simulator = Simulator(task, pictures, **looks)
        self._demo: Any = None

    def start(self) -> dict[str, Any]:
        """Say what the task has; the simulator runs."""
        return {"variations": self._simulator.variations}

    def reset(self, variation: int, state: list[Any]) -> dict[str, Any]:
        """See `Simulator.reset`."""
        return _begun(self._simulator.reset(variation, random_state(state)))

    def reset_to_demo(
        self,
        variation: int,
        state: list[Any],
        attempts: int | None,
        first: list[float] | None,
    ) -> dict[str, Any]:
        """See `Simulator.reset_to_demo`."""
        chosen = (variation, random_state(state), attempts, first)
        return _begun(self._simulator.reset_to_demo(*chosen))

    def step(self, action: list[float]) -> dict[str, Any]:
        """See `Simulator.step`."""
        observation, success, over = self._simulator.step(action)
        return {"states": states_of(observation), "success": success, "over": over}

    def look(self) -> dict[str, Any]:
        """Take the pictures of the present state, into the memory."""
        observation = self._simulator.look()
        self._pictures.put(observation, self._memory)
        return {"states": states_of(observation)}

    def demonstration(
        self, variation: int, state: list[Any], attempts: int, pictures: bool
    ) -> dict[str, Any]:
        """See `Simulator.demonstration`; `frame` gives its pictures."""
        chosen = (variation, random_state(state), attempts, pictures)
        self._demo = self._simulator.demonstration(*chosen)
        return {
            "frames": [states_of(observation) for observation in self._demo],
            "state": random_state_of(self._demo.random_seed),
            "attempts": self._demo.num_reset_attempts,
        }

    def frame(self, number: int) -> dict[str, Any]:
        """Put the pictures of a frame of the last demonstration into the memory."""
        self._pictures.put(self._demo[number], self._memory)
        return {}

    def forget(self) -> dict[str, Any]:
        """Free the last demonstration."""
        self._demo = None
        return {}

    def film(self, size: int) -> dict[str, Any]:
        """Put a picture for people at the start of the memory."""
        picture = self._simulator.film_frame(size)
        self._memory[: picture.nbytes] = picture.tobytes()
        return {}

    def close(self) -> dict[str, Any]:
        """Shut the simulator down."""
        self._simulator.close()
        return {}


def _begun(found: tuple[list[str], Any]) -> dict[str, Any]:
    sentences, observation = found
    return {"sentences": sentences, "states": states_of(observation)}


def serve(line: Line, memory: mmap.mmap) -> None:
    """Answer requests until one says `close`, or until an error: the client starts another."""
    worker, do = None, ""
    while do != "close":
        request = line.receive()
        number, do = request.pop("id"), request.pop("do")
        try:
            if do == "start":
                worker = _started(memory, **request)
                answer = worker.start()
            else:
                answer = getattr(worker, do)(**request)
        except Exception as error:
            said = {"kind": type(error).__name__, "text": str(error) or repr(error)}
            answer = {"error": said}
        line.send({"id": number, **answer})


def _started(memory: mmap.mmap, task: str, pictures: dict[str, Any], **looks: Any) -> Worker:
    """Find or start a display, then the simulator."""
    _SERVERS.append(ensure_display())
    cameras = tuple(pictures.pop("cameras"))
    return Worker(task, Pictures(cameras, **pictures), memory, **looks)


def end_with(end: socket.socket) -> None:
    """Kill this process and all that it started as soon as the other end is closed, also while the
    simulator works.
    """

    def watch() -> None:
        poll = select.poll()
        poll.register(end.fileno(), 0)  # a hang-up is told in any case
        poll.poll()
        for server in filter(None, _SERVERS):
            server.terminate()  # it removes its files
            with suppress(subprocess.TimeoutExpired):
                server.wait(2.0)
        os.killpg(0, signal.SIGKILL)

    threading.Thread(target=watch, daemon=True).start()


def main() -> None:
    """Serve the socket and the memory whose numbers are the arguments."""
    number, memory_number, length = map(int, sys.argv[1:])
    end = socket.socket(fileno=number)
    end_with(end)
    memory = mmap.mmap(memory_number, length)
    try:
        serve(Line(end), memory)
    finally:
        sys.stderr.flush()
        os._exit(0)  # CoppeliaSim's thread may not want to end


if __name__ == "__main__":
    main()
