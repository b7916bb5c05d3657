"""Files: written whole or not at all, and read only if they are what they should be."""

from __future__ import annotations

import json
import math
import os
import re
import shutil
import stat
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from genima_lite.errors import UserError

MEBIBYTE = 1 << 20

_PARTIAL = re.compile(r"\..*\.\d+\.partial(\.[^.]*)?")
"""Names of temporary files."""

_DEEPEST = 64
"""Levels of brackets in JSON that somebody may have meant."""

_SURROGATE = re.compile(r"\\u[dD][89a-fA-F]")
"""Halves of characters in JSON, which belong together in pairs."""

_SPARSE = 1 << 30
"""Bytes from which on a file must lie on the disk, at least a hundredth of it."""

JSON_LIMIT = 64 * MEBIBYTE
"""No JSON file of this package comes near."""


@contextmanager
def written_whole(path: Path | str) -> Iterator[Path]:
    """Yield a temporary name beside `path`, with its suffix, and rename it when all went well.

    The content is on the disk before the file has its name, so a power cut leaves the old file or
    the new one. Whatever goes wrong inside leaves an older file at `path` as it was. A link stays
    one; what it leads to is replaced.

    Raises:
        UserError: there is something that is no file.
        OSError: the file cannot be written; it has its name.
    """
    check_replaceable(path)
    path = Path(os.path.realpath(path))
    partial = path.with_name(f".{path.stem}.{os.getpid()}.partial{path.suffix}")
    try:
        mode = _new_mode(partial)
        yield partial
        partial.chmod(mode)
        sync(partial)
        partial.replace(path)
        sync(path.parent)
    except OSError as error:
        unnamed = error.filename in (None, str(partial))  # nobody knows the temporary name
        if unnamed and error.errno is not None:
            error.filename, error.filename2 = str(path), None
        raise
    except Exception as error:
        if found := re.search(r"os error (\d+)", str(error)):  # as safetensors says it
            raise OSError(int(found[1]), os.strerror(int(found[1])), str(path)) from error
        raise
    finally:
        partial.unlink(missing_ok=True)


@contextmanager
def named(path: Path | str) -> Iterator[None]:
    """Give errors of the system that name no file this one's name."""
    try:
        yield
    except OSError as error:
        if error.filename is None and error.errno is not None:
            error.filename = str(path)
        raise


def remove_partial(folder: Path | str, below: bool = False) -> None:
    """Remove temporary files of `written_whole` that killed processes left in a folder, or `below`.

    To be called by who holds the folder's lock (`genima_lite.locks`).
    """
    for path in Path(folder).glob(f"{'**/' if below else ''}.*.partial*"):
        if _PARTIAL.fullmatch(path.name) and path.is_file():
            path.unlink(missing_ok=True)


def check_replaceable(path: Path | str) -> None:
    """Refuse to write a file where something else is, such as a folder or a device.

    Raises:
        UserError: see above.
    """
    if os.path.exists(path) and not os.path.isfile(path):
        what = "a folder" if os.path.isdir(path) else "a pipe, socket or device"
        raise UserError(f"{path}: {what}, not a file; give the name of a file")


def check_output(path: Path | str, *suffixes: str) -> None:
    """Refuse a file that could not be written, before the work whose result it gets.

    Args:
        path: the file; its folder may be missing.
        suffixes: those that it may have; none: any.

    Raises:
        UserError: see above.
    """
    path = Path(path)
    if suffixes and path.suffix.lower() not in suffixes:
        raise UserError(f"{path}: give a name that ends with {' or '.join(suffixes)}")
    check_replaceable(path)
    check_folder(path.parent)


def check_folder(folder: Path | str, needed: int = 0) -> None:
    """Refuse a folder that nothing can be written into; it may be missing.

    Args:
        folder: the folder.
        needed: bytes that will at least be written.

    Raises:
        UserError: it, or what it would be made in, is no folder, is read-only or full.
    """
    here = Path(os.path.abspath(folder))
    while not os.path.lexists(here):
        here = here.parent
    if not here.is_dir():
        raise UserError(f"{folder}: {here} is no folder; choose another name")
    if not os.access(here, os.W_OK | os.X_OK):
        raise UserError(f"{folder}: {here} may not be written to; choose another folder")
    _try_file(here)
    free = shutil.disk_usage(here).free
    if free < needed:
        raise UserError(
            f"{folder}: at least {_size(needed)} will be written, {_size(free)} are free; make "
            "room or choose another folder"
        )


def _try_file(folder: Path) -> None:
    """Make a file and remove it: of /proc, for example, permissions say too much."""
    probe = folder / f".probe.{os.getpid()}.partial"
    try:
        probe.touch()
        probe.unlink(missing_ok=True)
    except OSError as error:
        why = f"{error.strerror}; choose another folder"
        raise UserError(f"{folder}: no file can be made in it ({why})") from None


def refuse_link(folder: Path | str) -> None:
    """Refuse a link in the place of a folder that will be emptied: it would empty another one.

    Raises:
        UserError: see above.
    """
    if os.path.islink(folder):
        raise UserError(
            f"{folder}: a link to another folder, where unfinished work lies; remove it"
        )


def _size(count: int) -> str:
    return f"{count / 1e9:.1f} GB" if count >= 1e9 else f"{count / 1e6:.1f} MB"


def write_json(path: Path | str, content: object) -> None:
    """Write a JSON file whole or not at all; missing folders are made.

    Raises:
        ValueError: a number that JSON does not know: NaN or infinity.
    """
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    text = json.dumps(content, indent=1, allow_nan=False)
    with written_whole(path) as partial:
        partial.write_text(text + "\n", encoding="utf-8")


def sync(path: Path) -> None:
    """Wait until a file's content, or the names in a folder, are on the disk."""
    with suppress(OSError):  # Windows cannot open folders, some file systems cannot sync
        descriptor = os.open(path, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


@contextmanager
def syncing() -> Iterator[Callable[[Path], None]]:
    """Yield a function that begins to `sync` a file or folder; at the end all are on the disk.

    Many small files together take a tenth of the time that they take one by one.
    """
    with ThreadPoolExecutor(16) as threads:

        def begin(path: Path) -> None:
            threads.submit(sync, path)

        yield begin


def _new_mode(path: Path) -> int:
    """Return the permissions that new files have; some libraries let nobody else read theirs."""
    path.touch()
    mode = stat.S_IMODE(path.stat().st_mode)
    path.unlink()
    return mode


def check_file(path: Path | str, limit: int | None = None) -> int:
    """Return the size of a regular file, or a link to one, in bytes.

    Pipes, sockets and devices are refused before anything waits for them.

    Args:
        path: the file.
        limit: how many bytes it may have; `None` for any number.

    Raises:
        UserError: no such file, no regular file, a larger one, one that may not be read, or a huge
            one of which next to nothing is on the disk, as downloads leave that broke off.
    """
    try:
        found = os.stat(path)
    except FileNotFoundError:
        raise UserError(f"{path}: no such file") from None
    except (OSError, ValueError) as error:
        raise UserError(f"{path}: cannot be read ({_reason(error)})") from None
    if not stat.S_ISREG(found.st_mode):
        what = "a folder" if stat.S_ISDIR(found.st_mode) else "a pipe, socket or device"
        raise UserError(f"{path}: {what}, not a file")
    if limit is not None and found.st_size > limit:
        raise UserError(f"{path}: {found.st_size} bytes, such a file has at most {limit}")
    on_disk = 512 * getattr(found, "st_blocks", found.st_size)  # Windows does not say
    if found.st_size > _SPARSE and on_disk < found.st_size / 100:
        raise UserError(f"{path}: all but empty, though {found.st_size} bytes long; copy it again")
    if not os.access(path, os.R_OK):
        raise UserError(f"{path}: may not be read; change its permissions")
    return found.st_size


def read_bytes(path: Path | str, limit: int) -> bytes:
    """Return the content of a regular file of at most `limit` bytes.

    Raises:
        UserError: see `check_file`.
    """
    size = check_file(path, limit)
    try:
        with open(path, "rb") as file:
            return file.read(size)
    except OSError as error:
        raise UserError(f"{path}: cannot be read ({_reason(error)})") from None


def read_json(path: Path | str, limit: int = JSON_LIMIT) -> Any:
    """Return what a JSON file holds; all numbers in it are finite.

    Raises:
        UserError: see `check_file`; or the file is no JSON, which the message explains.
    """
    return parse_json(read_bytes(path, limit), path)


def parse_json(content: bytes | str, what: Path | str) -> Any:
    """Return what JSON text says; all numbers in it are finite.

    Args:
        content: UTF-8 or text.
        what: where it is from, for the message.

    Raises:
        UserError: no JSON, or nested so deep that nobody meant it.
    """
    try:
        text = content.decode("utf-8-sig") if isinstance(content, bytes) else content
        found = json.loads(
            text, parse_constant=_refuse, parse_float=_finite, object_pairs_hook=_once
        )
        _check_depth(found)
        if _SURROGATE.search(text):  # half a character: no file and no terminal takes it
            json.dumps(found, ensure_ascii=False).encode()
        return found
    except (ValueError, RecursionError) as error:
        raise UserError(f"{what}: not readable as JSON ({_reason(error)})") from None


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        (twice, _), *_ = Counter(name for name, _ in pairs).most_common(1)
        raise ValueError(f"'{twice}' is in it twice")
    return found


def _check_depth(value: Any) -> None:
    """Refuse what is nested so deep that functions which call themselves would fail on it."""
    level = [value]
    for _ in range(_DEEPEST):
        holders = [each for each in level if isinstance(each, dict | list)]
        level = [x for h in holders for x in (h.values() if isinstance(h, dict) else h)]
        if not level:
            return
    raise RecursionError


def _refuse(word: str) -> float:
    raise ValueError(f"{word} is no JSON")


def _finite(digits: str) -> float:
    number = float(digits)
    return number if math.isfinite(number) else _refuse(digits)


def _reason(error: BaseException) -> str:
    """Return the words of an error without the path, which the message has already."""
    if isinstance(error, RecursionError):
        return "nested too deep"
    return (error.strerror if isinstance(error, OSError) else None) or str(error)
