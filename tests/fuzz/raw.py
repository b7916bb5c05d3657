"""Damages to the bytes of any file."""

import os
from pathlib import Path

import numpy as np


def put(path: Path, content: bytes) -> None:
    """Replace a file that shares its content with the sound victim's."""
    path.unlink()
    path.write_bytes(content)


def truncate(path: Path, rng: np.random.Generator) -> None:
    """Keep the beginning, as a full disk does."""
    content = path.read_bytes()
    put(path, content[: rng.integers(len(content))])


def flip_bits(path: Path, rng: np.random.Generator) -> None:
    """Flip one to eight bits."""
    content = bytearray(path.read_bytes())
    for at in rng.integers(len(content), size=rng.integers(1, 9)):
        content[at] ^= 1 << int(rng.integers(8))
    put(path, bytes(content))


def flip_in_header(path: Path, rng: np.random.Generator) -> None:
    """Flip a bit of the first hundred bytes, where formats say what follows."""
    content = bytearray(path.read_bytes())
    content[rng.integers(min(100, len(content)))] ^= 1 << int(rng.integers(8))
    put(path, bytes(content))


def insert(path: Path, rng: np.random.Generator) -> None:
    """Put a few random bytes somewhere."""
    content, at = path.read_bytes(), int(rng.integers(path.stat().st_size))
    put(path, content[:at] + rng.bytes(int(rng.integers(1, 64))) + content[at:])


def zero(path: Path, rng: np.random.Generator) -> None:
    """Zeros from somewhere to the end, as a power cut leaves."""
    content = path.read_bytes()
    kept = content[: rng.integers(len(content))]
    put(path, kept.ljust(len(content), b"\0"))


def noise(path: Path, rng: np.random.Generator) -> None:
    """Random bytes of the same length."""
    put(path, rng.bytes(path.stat().st_size))


def append(path: Path, rng: np.random.Generator) -> None:
    """Bytes behind the end."""
    put(path, path.read_bytes() + rng.bytes(100))


def empty(path: Path, rng: np.random.Generator) -> None:
    """No bytes at all."""
    put(path, b"")


def pointer(path: Path, rng: np.random.Generator) -> None:
    """What a clone without large files leaves."""
    put(path, b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 5\n")


def swap(path: Path, rng: np.random.Generator) -> None:
    """Another file's content, of the same suffix if there is one."""
    others = [p for p in sorted(_top(path).rglob("*")) if p.is_file() and p != path]
    alike = [p for p in others if p.suffix == path.suffix]
    chosen = alike if alike and rng.random() < 0.7 else others
    put(path, chosen[rng.integers(len(chosen))].read_bytes())


def missing(path: Path, rng: np.random.Generator) -> None:
    """No such file."""
    path.unlink()


def unreadable(path: Path, rng: np.random.Generator) -> None:
    """Somebody else's file; an administrator reads it all the same."""
    put(path, path.read_bytes())
    path.chmod(0)


def folder(path: Path, rng: np.random.Generator) -> None:
    """A folder of that name."""
    path.unlink()
    path.mkdir()


def pipe(path: Path, rng: np.random.Generator) -> None:
    """A pipe into which nobody writes."""
    path.unlink()
    os.mkfifo(path)


def device(path: Path, rng: np.random.Generator) -> None:
    """A link to a device without end."""
    path.unlink()
    path.symlink_to("/dev/zero")


def loop(path: Path, rng: np.random.Generator) -> None:
    """A link to itself."""
    path.unlink()
    path.symlink_to(path.name)


def dangling(path: Path, rng: np.random.Generator) -> None:
    """A link to nothing."""
    path.unlink()
    path.symlink_to("nowhere")


def enormous(path: Path, rng: np.random.Generator) -> None:
    """A sparse file of 64 GiB that takes no room."""
    path.unlink()
    path.touch()
    os.truncate(path, 1 << 36)


DAMAGES = (
    *(truncate, flip_bits, flip_in_header, insert, zero, noise, append, empty, pointer, swap),
    *(missing, unreadable, folder, pipe, device, loop, dangling, enormous),
)


def _top(path: Path) -> Path:
    """Return the victim's folder."""
    return next(parent for parent in path.parents if parent.name == "victim")
