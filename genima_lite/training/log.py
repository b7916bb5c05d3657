"""Learning curves as TensorBoard reads them.

torch's `SummaryWriter` writes from a thread of its own, which makes a file anew that somebody
deletes, so a folder could not be removed while a run was open. This one writes at once.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np
from tensorboard.compat.proto.event_pb2 import Event, SessionLog
from tensorboard.compat.proto.summary_pb2 import Summary
from tensorboard.summary.writer.record_writer import RecordWriter
from torch.utils.tensorboard.summary import image

_FLUSH = 10.0
"""seconds after which what was written can be read."""


class Log:
    """Writes one file of events; a context manager.

    Args:
        folder: of all events of a run.
        step: steps made before. What another file says of later steps is no longer shown.
        tell: called with the same numbers, by their names, and the step: accelerate's trackers.
    """

    def __init__(
        self,
        folder: Path,
        step: int = 0,
        tell: Callable[[dict[str, float], int], None] = lambda *_: None,
    ):
        self._tell = tell
        folder.mkdir(parents=True, exist_ok=True)
        path = folder / f"events.out.tfevents.{time.time_ns()}"
        self._file: Any = path.open("wb")
        self._records, self._flushed = RecordWriter(self._file), time.monotonic()
        self._write(Event(step=step + 1, file_version="brain.Event:2"))
        self._write(Event(step=step + 1, session_log=SessionLog(status=SessionLog.START)))
        self.flush()

    def scalars(self, group: str, values: Mapping[str, float], step: int) -> None:
        """Write the numbers of a step as `group/name`."""
        named = {f"{group}/{name}": value for name, value in values.items()}
        self._tell(named, step)
        points = [Summary.Value(tag=name, simple_value=value) for name, value in named.items()]
        self._write(Event(step=step, summary=Summary(value=points)))
        if time.monotonic() - self._flushed > _FLUSH:
            self.flush()

    def picture(self, tag: str, picture: np.ndarray, step: int) -> None:
        """Write a picture (H, W, 3) uint8."""
        self._write(Event(step=step, summary=image(tag, picture, dataformats="HWC")))

    def flush(self) -> None:
        """Let others read what was written."""
        self._records.flush()
        self._flushed = time.monotonic()

    def __enter__(self) -> Log:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._file.close()

    def _write(self, event: Any) -> None:
        event.wall_time = time.time()
        self._records.write(event.SerializeToString())
