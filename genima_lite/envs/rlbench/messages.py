"""What client and worker say to each other: lines of JSON on a socket, pictures beside them.

A request is `{"id": 7, "do": "step", ...}`. Its answer has the same id, and either what was asked
for or `{"error": {"kind", "text"}}`, in RLBench's words. JSON keeps every float64 bit for bit.
Pictures lie in memory that both processes map; it has no name, so nothing is left of it.
"""

from __future__ import annotations

import json
import mmap
import socket
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from genima_lite.observation import STATE_FIELDS, Observation

_ARRAYS = ("extrinsics", "intrinsics", "joint_position_action")
"""Ends of names in `misc` whose values are arrays."""


@dataclass(frozen=True)
class Pictures:
    """Which pictures an observation has, and where each lies in the shared memory.

    Attributes:
        cameras: RLBench's names.
        size: pixels along each side.
        depth, mask: whether there are depth pictures and masks beside the colour ones.
    """

    cameras: tuple[str, ...]
    size: int
    depth: bool = False
    mask: bool = False

    def places(self) -> Iterator[tuple[str, tuple[int, ...], np.dtype, int]]:
        """Yield field name, shape, dtype and offset in bytes of each picture."""
        square, offset = (self.size, self.size), 0
        kinds: list[tuple[str, tuple[int, ...], Any]] = [("rgb", (*square, 3), np.uint8)]
        kinds += [("depth", square, np.float32)] if self.depth else []
        kinds += [("mask", square, np.int32)] if self.mask else []
        for camera in self.cameras:
            for kind, shape, dtype in kinds:
                yield f"{camera}_{kind}", shape, np.dtype(dtype), offset
                offset += -(-int(np.prod(shape)) * np.dtype(dtype).itemsize // 8) * 8

    @property
    def length(self) -> int:
        """Bytes of all pictures, at least one page."""
        ends = [o + int(np.prod(s)) * t.itemsize for _, s, t, o in self.places()]
        return max([mmap.PAGESIZE, *ends])

    def put(self, observation: Any, memory: mmap.mmap) -> None:
        """Copy an RLBench observation's pictures into the memory.

        A live mask comes as float32, its handles made of bytes divided and multiplied by 255. A
        live depth at the far plane may be 1.0000005, which no file takes.
        """
        for name, shape, dtype, offset in self.places():
            picture = getattr(observation, name)
            if dtype == np.int32:
                picture = np.rint(picture)
            elif dtype == np.float32:
                picture = np.clip(picture, 0.0, 1.0)
            np.ndarray(shape, dtype, memory, offset)[...] = picture

    def take(self, observation: Observation, memory: mmap.mmap) -> None:
        """Copy the pictures out of the memory into an observation."""
        for name, shape, dtype, offset in self.places():
            setattr(observation, name, np.ndarray(shape, dtype, memory, offset).copy())


def states_of(observation: Any) -> dict[str, Any]:
    """Return an RLBench observation without its pictures, JSON-able."""
    found = {name: _plain(getattr(observation, name)) for name in STATE_FIELDS}
    return {**found, "misc": {key: _plain(each) for key, each in observation.misc.items()}}


def observation_of(states: Mapping[str, Any]) -> Observation:
    """Return the observation that `states_of` took apart."""
    fields = {name: states[name] for name in STATE_FIELDS}
    for name, value in fields.items():
        if isinstance(value, list):
            fields[name] = np.array(value, float)
    misc = dict(states["misc"])
    for key, value in misc.items():
        if key.endswith(_ARRAYS):
            misc[key] = np.array(value, float)
    if "joint_poses" in misc:
        misc["joint_poses"] = [np.array(pose, float) for pose in misc["joint_poses"]]
    return Observation(**fields, misc=misc)


def random_state_of(state: Any) -> list[Any]:
    """Return a state of NumPy's MT19937, JSON-able."""
    name, numbers, *rest = state
    return [str(name), np.asarray(numbers).tolist(), *(_plain(each) for each in rest)]


def random_state(stored: Any) -> tuple[Any, ...]:
    """Return a state that `np.random.set_state` takes, from what `random_state_of` gave."""
    name, numbers, *rest = stored
    return (name, np.array(numbers, np.uint32), *rest)


class Line:
    """One end of the socket between client and worker."""

    def __init__(self, end: socket.socket):
        self._end, self._buffer = end, b""

    def send(self, message: Mapping[str, Any]) -> None:
        """Send a message.

        Raises:
            OSError: the other end is gone.
        """
        self._end.settimeout(None)
        self._end.sendall(json.dumps(message).encode() + b"\n")

    def receive(self, seconds: float | None = None) -> dict[str, Any]:
        """Wait for the next message.

        Raises:
            TimeoutError: none came in time.
            EOFError, OSError: the other end is gone.
        """
        self._end.settimeout(seconds)
        while b"\n" not in self._buffer:
            found = self._end.recv(1 << 20)
            if not found:
                raise EOFError("the other end is closed")
            self._buffer += found
        line, _, self._buffer = self._buffer.partition(b"\n")
        return json.loads(line)

    def close(self) -> None:
        """Close this end."""
        self._end.close()


def _plain(value: Any) -> Any:
    if isinstance(value, np.ndarray | np.generic):
        return value.tolist()
    if isinstance(value, list | tuple):
        return [_plain(each) for each in value]
    return value
