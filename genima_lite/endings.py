"""How a command ends: its exit code, and one line if something went wrong.

    0    done
    1    done, but something in it failed; or an error that nobody expected
    2    wrong input, a missing package, or a disk or folder that cannot be written to
    130  stopped by Ctrl-C
    143  stopped by SIGTERM

A pipe that nobody reads any more is no error: the rest is done in silence.
"""

from __future__ import annotations

import errno
import os
import re
import signal
import sys
import threading
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any

from genima_lite.errors import UserError

DISK = {
    errno.ENOSPC: "make room on the disk, or choose another folder",
    errno.EDQUOT: "make room on the disk, or choose another folder",
    errno.EFBIG: "files may not become that large here; choose another folder",
    errno.EROFS: "choose another folder",
    errno.EACCES: "change its permissions, or choose another folder",
    errno.EPERM: "change its permissions, or choose another folder",
    errno.EIO: "the disk fails; choose another one",
    errno.ENAMETOOLONG: "choose a shorter name",
    errno.ENOTDIR: "choose another folder",
    errno.EISDIR: "choose another name",
    errno.ELOOP: "a link is in the way, or links lead in circles; remove them",
    errno.EMFILE: "too many files are open; raise the limit with `ulimit -n`",
}
"""What to do about errors of the system that no program can prevent."""


class Terminated(KeyboardInterrupt):
    """The process was asked to end by SIGTERM; handled like Ctrl-C."""


@contextmanager
def stopped(say: Callable[[], str]) -> Iterator[None]:
    """Let a command that is stopped end with a sentence on what is kept."""
    try:
        yield
    except KeyboardInterrupt as stop:
        stop.args = (say(),)
        raise


def ended(run: Callable[[], int], debug: bool = False) -> int:
    """Run a command and return its exit code; see this module.

    Args:
        run: returns an exit code.
        debug: show the traceback of whatever goes wrong.
    """
    streams: tuple[Any, ...] = (sys.stdout, sys.stderr)
    for stream in streams:
        with suppress(AttributeError):  # closed, or something that is no file
            stream.reconfigure(errors="backslashreplace")
    try:
        code = _stopped(run, debug)
    except KeyboardInterrupt as stop:  # once more, while it was ending
        code = _code(stop)
    return code if _flush() else code or 1


def _stopped(run: Callable[[], int], debug: bool) -> int:
    """Return the exit code of a command that may be stopped."""
    try:
        with _answering_sigterm(), _short_warnings():
            return _exit_code(run)
    except KeyboardInterrupt as stop:
        _tell(stop, debug, str(stop) or "nothing was written", "stopped")
        return _code(stop)
    except UserError as error:
        _tell(error, debug, str(error))
        return 2
    except Exception as error:
        if (sentence := _about_disk(error)) is not None:
            _tell(error, debug, sentence)
            return 2
        more = "" if debug else " (unexpected: --debug shows the traceback)"
        _tell(error, debug, f"{type(error).__name__}: {error}{more}")
        return 1


def _exit_code(run: Callable[[], int]) -> int:
    try:
        return run()
    except SystemExit as end:  # tyro's, of --help and wrong options
        return end.code if isinstance(end.code, int) else int(end.code is not None)
    except BrokenPipeError:
        return 0


def _code(stop: KeyboardInterrupt) -> int:
    return 128 + (signal.SIGTERM if isinstance(stop, Terminated) else signal.SIGINT)


def _tell(error: BaseException, debug: bool, said: str, word: str = "error") -> None:
    """Print an error's line, after its traceback if that is wanted."""
    from genima_lite.console import complain, errors, shown

    with suppress(OSError):  # stderr cannot be written to
        if debug:
            import traceback

            trace = "".join(traceback.format_exception(error))
            errors.print(shown(trace), markup=False, emoji=False, highlight=False, soft_wrap=True)
        complain(said, word)


def _about_disk(error: BaseException) -> str | None:
    """Return a sentence on an error of disk or folder, `None` for any other error."""
    if isinstance(error, OSError) and error.errno in DISK:
        where = f"{error.filename}: " if error.filename is not None else ""
        return f"{where}{error.strerror}; {DISK[error.errno]}"
    found = re.search(r"os error (\d+)", str(error))  # as safetensors says it
    if found and (code := int(found[1])) in DISK:
        return f"{os.strerror(code)}; {DISK[code]}"
    return None


def _flush() -> bool:
    """Write what waits in the streams; return whether that was possible or is wanted by nobody."""
    from genima_lite.console import silence

    good = True
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except (OSError, ValueError, AttributeError) as error:
            good &= isinstance(error, BrokenPipeError | AttributeError)
            with suppress(OSError, ValueError, AttributeError):
                silence(stream)
    return good


@contextmanager
def _answering_sigterm() -> Iterator[None]:
    """Let SIGTERM raise `Terminated`, so that everything is closed and workers are ended."""

    def terminate(*_: Any) -> None:
        raise Terminated

    if threading.current_thread() is not threading.main_thread():
        yield  # only the main thread may be interrupted
        return
    before = signal.signal(signal.SIGTERM, terminate)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


@contextmanager
def _short_warnings() -> Iterator[None]:
    """Show warnings as one line each, like errors."""

    def show(message: Warning | str, *_: Any, **__: Any) -> None:
        from genima_lite.console import complain

        complain(message, "warning")

    with warnings.catch_warnings():
        warnings.showwarning = show
        yield
