"""Safetensors files made wrong by hand."""

import json
import os
import struct


def parts(path):
    """Return the header's values and the bytes of the numbers."""
    content = path.read_bytes()
    (length,) = struct.unpack("<Q", content[:8])
    return json.loads(content[8 : 8 + length]), content[8 + length :]


def write(path, header, numbers, length=None):
    """Write a file; `header` is a text, or values for one."""
    text = (header if isinstance(header, str) else json.dumps(header)).encode()
    size = len(text) if length is None else length
    path.write_bytes(struct.pack("<Q", size) + text + numbers)


def change(path, alter):
    """Let a function alter the header's values in place."""
    header, numbers = parts(path)
    alter(header)
    write(path, header, numbers)


def first(header):
    return next(entry for name, entry in header.items() if name != "__metadata__")


def cut(path):
    path.write_bytes(path.read_bytes()[:-7])


def lengthen(path):
    path.write_bytes(path.read_bytes() + b"\0" * 8)


def poison(path, number=float("nan")):
    """Make the last number of a file of single precision NaN."""
    path.write_bytes(path.read_bytes()[:-4] + struct.pack("<f", number))


def in_place_of(path, make):
    path.unlink()
    make(path)


BROKEN = {
    "cut off": cut,
    "too long": lengthen,
    "empty": lambda path: path.write_bytes(b""),
    "a header longer than the file": lambda path: write(path, "{}", b"", 1 << 60),
    "no JSON": lambda path: write(path, "{", b""),
    "a list": lambda path: write(path, "[]", b""),
    "nested deeply": lambda path: write(path, "[" * 100_000, b""),
    "a tensor twice": lambda path: write(
        path, '{"a":%s,"a":%s}' % (('{"dtype":"U8","shape":[1],"data_offsets":[0,1]}',) * 2), b"1"
    ),
    "an unknown kind": lambda path: change(path, lambda h: first(h).update(dtype="F4")),
    "complex": lambda path: change(path, lambda h: first(h).update(dtype="C64")),
    "a kind that is no text": lambda path: change(path, lambda h: first(h).update(dtype=[1])),
    "a huge shape": lambda path: change(path, lambda h: first(h).update(shape=[1 << 40, 1 << 40])),
    "a huge empty shape": lambda path: change(path, lambda h: first(h).update(shape=[0, 1 << 60])),
    "a negative shape": lambda path: change(path, lambda h: first(h).update(shape=[-1, -4])),
    "a shape that is none": lambda path: change(path, lambda h: first(h).update(shape="x")),
    "no offsets": lambda path: change(path, lambda h: first(h).pop("data_offsets")),
    "offsets outside": lambda path: change(
        path, lambda h: first(h).update(data_offsets=[n + (1 << 40) for n in (0, 4)])
    ),
    "a wrong text": lambda path: change(path, lambda h: h.update(__metadata__={"a": 1})),
    "a folder": lambda path: in_place_of(path, os.mkdir),
    "a pipe": lambda path: in_place_of(path, os.mkfifo),
    "a device": lambda path: in_place_of(path, lambda p: p.symlink_to("/dev/zero")),
    "missing": lambda path: path.unlink(),
}
