"""Worker processes: they end when their parent does, however it ended."""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from multiprocessing.connection import wait
from typing import Any

from genima_lite.errors import UserError

MAX_WORKERS = 256
"""More processes than any machine is good for."""


def stay_with_parent(*_: Any) -> None:
    """Let this process end as soon as its parent has; Ctrl-C is left to the parent.

    A thread waits for the parent's end, so this works after `kill -9`, and in the middle of long
    computations. To be called first in a process that `multiprocessing` started.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    parent = multiprocessing.parent_process()
    if parent is not None:
        threading.Thread(target=_follow, args=(parent.sentinel,), daemon=True).start()


def _follow(sentinel: int) -> None:
    wait([sentinel])
    os._exit(1)


@contextmanager
def pool(
    processes: int, begin: Callable[..., None], *arguments: Any
) -> Iterator[ProcessPoolExecutor]:
    """Yield a pool of new processes; a fork of one that has rendered hangs in its GL driver.

    After an error running work is finished first. When this process is told to stop, or the
    consumer of what the pool makes is, the workers are killed.

    Args:
        processes: how many.
        begin: called first in each, as `begin(*arguments)`.
        arguments: picklable, or a queue.

    Raises:
        UserError: a worker died, or a number of processes that makes no sense.
    """
    check_processes(processes)
    before = set(multiprocessing.active_children())
    spawn = multiprocessing.get_context("spawn")
    executor = ProcessPoolExecutor(processes, spawn, _begin, (begin, arguments))
    try:
        yield executor
    except (KeyboardInterrupt, SystemExit, GeneratorExit):
        for worker in set(multiprocessing.active_children()) - before:
            worker.kill()
        raise
    except BrokenProcessPool:
        raise UserError(
            "a worker process died, perhaps for want of memory; start again, with fewer of them"
        ) from None
    finally:
        executor.shutdown(cancel_futures=True)


def one_thread() -> None:
    """Let a worker's software GL and its models use one core only."""
    os.environ["LP_NUM_THREADS"] = "0"
    os.environ["OMP_NUM_THREADS"] = "1"


def check_processes(processes: int, name: str = "processes", least: int = 1) -> None:
    """Raise `UserError` for a number of processes that makes no sense."""
    if not least <= processes <= MAX_WORKERS:
        raise UserError(f"{name} is {processes}; give {least} to {MAX_WORKERS}")


def _begin(begin: Callable[..., None], arguments: tuple[Any, ...]) -> None:
    stay_with_parent()
    begin(*arguments)
