"""One process at a time writes into a folder."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from filelock import FileLock, Timeout

from genima_lite.errors import UserError
from genima_lite.files import check_folder, remove_partial

NAME = ".lock"
"""The file in the folder; it is gone when nobody writes."""

_RACES = 100

PATIENCE = 20.0
"""seconds: as long a second process waits, for example for what is left of a killed run."""


@contextmanager
def writing(
    folder: Path | str,
    tell: Callable[[str], None] = lambda _: None,
    patience: float = PATIENCE,
    below: bool = False,
) -> Iterator[None]:
    """Be the only process that writes into a folder; it is made if it is missing.

    The operating system frees the lock of a process that died. Temporary files that such a process
    left are removed. Of several processes that share a training only the first one writes, and
    holds the lock.

    Args:
        folder: of a dataset, a run or a report.
        tell: gets a sentence if this must wait.
        patience: seconds to wait at most.
        below: remove the left temporary files of all folders below, too.

    Raises:
        UserError: another process still writes there; the message says which. Or nobody can.
    """
    if int(os.environ.get("RANK") or 0) > 0:  # torchrun's and accelerate's
        yield
        return
    folder = Path(folder)
    check_folder(folder)
    lock = FileLock(folder / NAME)
    _acquire(lock, folder, tell, patience)
    try:
        remove_partial(folder, below)
        yield
    finally:
        (folder / NAME).unlink(missing_ok=True)
        lock.release()


def _acquire(lock: FileLock, folder: Path, tell: Callable[[str], None], patience: float) -> None:
    """Take a folder's lock, and write down who has it."""
    for _ in range(_RACES):
        with suppress(FileNotFoundError):  # who had the lock has just removed the folder
            folder.mkdir(parents=True, exist_ok=True)
            try:
                lock.acquire(timeout=0)
            except Timeout:
                tell(f"{folder}: waiting for {_holder(folder)}, which is writing there")
                _wait(lock, folder, patience)
            _sign(folder / NAME)
            return
        lock.release()
    raise UserError(f"{folder}: others remove it again and again; choose another folder")


def _sign(path: Path) -> None:
    """Write down who has the lock; a full disk is for those to tell who write more."""
    try:
        path.write_text(f"{os.getpid()}\n", encoding="ascii")
    except OSError as error:
        if error.errno not in (errno.ENOSPC, errno.EDQUOT):
            raise


def _wait(lock: FileLock, folder: Path, patience: float) -> None:
    try:
        lock.acquire(timeout=patience)
    except Timeout:
        raise UserError(
            f"{folder}: {_holder(folder)} is writing there; wait for it, stop it, or choose "
            "another folder"
        ) from None


def _holder(folder: Path) -> str:
    """Return who holds the lock, for a message."""
    try:
        return f"process {int((folder / NAME).read_text(encoding='ascii'))}"
    except (OSError, ValueError):
        return "another process"
