"""The operations of a pickle that plain values need.

Each takes the machine, the pickle and the place after its code, and returns the next place.
"""

from __future__ import annotations

import pickle
import re
import struct
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from genima_lite.demos.plain_values import (
    RECONSTRUCT,
    Array,
    Name,
    Record,
    Refused,
    Type,
    filled,
    named,
    reconstruct,
)

if TYPE_CHECKING:
    from genima_lite.demos.machine import Machine

Operation = Callable[["Machine", bytes, int], int]

_INTEGER_BYTES = 16

_ORDERS = {"<": "<", ">": ">", "|": "|"}

STOP = pickle.STOP[0]
OPERATIONS: list[Operation | None] = [None] * 256


def _operation(*codes: bytes) -> Callable[[Any], Any]:
    """Register a function under the codes of operations."""

    def register(function: Any) -> Any:
        for code in codes:
            OPERATIONS[code[0]] = function
        return function

    return register


def _push(code: bytes, make: Callable[[], Any]) -> None:
    """Register an operation that pushes a value without reading any."""

    def push(machine: Machine, data: bytes, at: int) -> int:
        machine.stack.append(make())
        return at

    _operation(code)(push)


def _packed(code: bytes, layout: str) -> None:
    """Register an operation that pushes one number in binary form."""
    unpack, size = struct.Struct(layout).unpack_from, struct.calcsize(layout)

    def push(machine: Machine, data: bytes, at: int) -> int:
        machine.stack.append(unpack(data, at)[0])
        return at + size

    _operation(code)(push)


def _counted(code: bytes, layout: str, make: Callable[[bytes], Any]) -> None:
    """Register an operation that pushes what a number of bytes say, after that number."""
    unpack, size = struct.Struct(layout).unpack_from, struct.calcsize(layout)

    def push(machine: Machine, data: bytes, at: int) -> int:
        start = at + size
        end = start + unpack(data, at)[0]
        if not start <= end <= len(data):
            raise Refused(f"damaged, or cut off ({end - start} bytes announced at byte {at})")
        machine.stack.append(make(data[start:end]))
        return end

    _operation(code)(push)


def _text(content: bytes) -> str:
    return content.decode("utf-8", "surrogatepass")


def _integer(content: bytes) -> int:
    if len(content) > _INTEGER_BYTES:
        raise Refused(f"a whole number of {len(content)} bytes")
    return int.from_bytes(content, "little", signed=True)


for _code, _make in (
    (pickle.NONE, lambda: None),
    (pickle.NEWTRUE, lambda: True),
    (pickle.NEWFALSE, lambda: False),
    (pickle.EMPTY_TUPLE, tuple),
    (pickle.EMPTY_LIST, list),
    (pickle.EMPTY_DICT, dict),
):
    _push(_code, _make)

for _code, _layout in (
    (pickle.BININT, "<i"),
    (pickle.BININT1, "<B"),
    (pickle.BININT2, "<H"),
    (pickle.BINFLOAT, ">d"),
):
    _packed(_code, _layout)

for _code, _layout, _read in (
    (pickle.SHORT_BINUNICODE, "<B", _text),
    (pickle.BINUNICODE, "<I", _text),
    (pickle.BINUNICODE8, "<Q", _text),
    (pickle.SHORT_BINBYTES, "<B", bytes),
    (pickle.BINBYTES, "<I", bytes),
    (pickle.BINBYTES8, "<Q", bytes),
    (pickle.BYTEARRAY8, "<Q", bytes),
    (pickle.LONG1, "<B", _integer),
    (pickle.LONG4, "<i", _integer),
):
    _counted(_code, _layout, _read)


@_operation(pickle.PROTO)
def _skip_protocol(machine: Machine, data: bytes, at: int) -> int:
    return at + 1


@_operation(pickle.FRAME)
def _skip_frame(machine: Machine, data: bytes, at: int) -> int:
    return at + 8


@_operation(pickle.MEMOIZE)
def _memoize(machine: Machine, data: bytes, at: int) -> int:
    memo = machine.memo
    memo[len(memo)] = machine.stack[-1]
    return at


@_operation(pickle.BINPUT)
def _put(machine: Machine, data: bytes, at: int) -> int:
    machine.memo[data[at]] = machine.stack[-1]
    return at + 1


@_operation(pickle.LONG_BINPUT)
def _long_put(machine: Machine, data: bytes, at: int) -> int:
    machine.memo[int.from_bytes(data[at : at + 4], "little")] = machine.stack[-1]
    return at + 4


@_operation(pickle.BINGET)
def _get(machine: Machine, data: bytes, at: int) -> int:
    found = machine.memo[data[at]]
    machine.stack.append(found)
    return at + 1 if found is not RECONSTRUCT else _whole_array(machine, data, at + 1)


_ARRAY = re.compile(
    rb"h(.)K\x00\x85\x94h(.)\x87\x94R\x94\(K\x01(?:K(.)\x85|K(.)K(.)\x86)\x94h(.)\x89C(.)",
    re.DOTALL,
)
_ARRAY_END = b"\x94t\x94b"


def _whole_array(machine: Machine, data: bytes, at: int) -> int:
    """Do all operations of a usual array at once, if one follows: nine tenths of a demonstration
    are such arrays, and so it is read in a third of the time.
    """
    found = _ARRAY.match(data, at)
    if found is None or not data.startswith(_ARRAY_END, end := found.end() + data[found.end() - 1]):
        return at
    memo, number, empty = machine.memo, len(machine.memo), (0,)
    klass, letter, one, rows, columns, kind, _ = found.groups()
    memo[number], memo[number + 1] = empty, (memo[klass[0]], empty, memo[letter[0]])
    array = memo[number + 2] = reconstruct(machine, memo[number + 1])
    shape = memo[number + 3] = (one[0],) if one else (rows[0], columns[0])
    content = memo[number + 4] = data[found.end() : end]
    stored = memo[kind[0]]
    memo[number + 5] = (1, shape, stored, False, content)
    array.content = filled(machine, stored, shape, content, "C")
    machine.stack[-1] = array
    return end + len(_ARRAY_END)


@_operation(pickle.LONG_BINGET)
def _long_get(machine: Machine, data: bytes, at: int) -> int:
    machine.stack.append(machine.memo[int.from_bytes(data[at : at + 4], "little")])
    return at + 4


@_operation(pickle.MARK)
def _mark(machine: Machine, data: bytes, at: int) -> int:
    machine.marks.append(len(machine.stack))
    return at


@_operation(pickle.TUPLE)
def _tuple(machine: Machine, data: bytes, at: int) -> int:
    found = tuple(machine.marked())
    machine.stack.append(found)
    return at


def _short_tuple(code: bytes, count: int) -> None:
    def push(machine: Machine, data: bytes, at: int) -> int:
        stack = machine.stack
        found = tuple(stack[-count:])
        if len(found) < count:
            raise IndexError("nothing on the stack")
        stack[-count:] = [found]
        return at

    _operation(code)(push)


for _count, _code in enumerate((pickle.TUPLE1, pickle.TUPLE2, pickle.TUPLE3), start=1):
    _short_tuple(_code, _count)


@_operation(pickle.APPEND)
def _append(machine: Machine, data: bytes, at: int) -> int:
    item = machine.stack.pop()
    _of(list, machine.stack[-1]).append(item)
    return at


@_operation(pickle.APPENDS)
def _appends(machine: Machine, data: bytes, at: int) -> int:
    items = machine.marked()
    _of(list, machine.stack[-1]).extend(items)
    return at


@_operation(pickle.SETITEM)
def _set_item(machine: Machine, data: bytes, at: int) -> int:
    items = machine.stack[-2:]
    del machine.stack[-2:]
    _of(dict, machine.stack[-1]).update(_items(items))
    return at


@_operation(pickle.SETITEMS)
def _set_items(machine: Machine, data: bytes, at: int) -> int:
    items = machine.marked()
    _of(dict, machine.stack[-1]).update(_items(items))
    return at


@_operation(pickle.GLOBAL)
def _global(machine: Machine, data: bytes, at: int) -> int:
    module, at = _line(data, at)
    name, at = _line(data, at)
    machine.stack.append(named(module, name))
    return at


@_operation(pickle.STACK_GLOBAL)
def _stack_global(machine: Machine, data: bytes, at: int) -> int:
    name, module = machine.stack.pop(), machine.stack.pop()
    machine.stack.append(named(module, name))
    return at


@_operation(pickle.NEWOBJ)
def _new_object(machine: Machine, data: bytes, at: int) -> int:
    arguments, kind = machine.stack.pop(), machine.stack[-1]
    if type(kind) is not Name or kind.record is None or arguments != ():
        raise Refused("it makes an object of an unknown class")
    machine.stack[-1] = Record(kind.record)
    return at


@_operation(pickle.REDUCE)
def _call(machine: Machine, data: bytes, at: int) -> int:
    arguments, name = machine.stack.pop(), machine.stack[-1]
    if type(name) is not Name or name.call is None or type(arguments) is not tuple:
        raise Refused("it calls what is no function of ours")
    machine.stack[-1] = name.call(machine, arguments)
    return at


@_operation(pickle.BUILD)
def _build(machine: Machine, data: bytes, at: int) -> int:
    state, target = machine.stack.pop(), machine.stack[-1]
    if type(target) is Record:
        target.values.update(_of(dict, state))
    elif type(target) is Array and target.content is None:
        _, shape, kind, fortran, content = state
        target.content = filled(machine, kind, shape, content, "F" if fortran is True else "C")
    elif type(target) is Type and len(state) >= 5 and state[2:5] == (None, None, None):
        target.stored = np.dtype(f"{_ORDERS[state[1]]}{target.stored.str[1:]}")
        target.simple = target.stored.isnative and target.stored.kind in "iufc"
    else:
        raise Refused("an array with fields, or attributes of what has none")
    return at


def _line(data: bytes, at: int) -> tuple[str, int]:
    """Return the text up to the end of a line, and the place after it."""
    end = data.index(b"\n", at)
    return data[at:end].decode("utf-8"), end + 1


def _of(kind: type, value: Any) -> Any:
    if type(value) is not kind:
        raise TypeError(f"a {type(value).__name__} where a {kind.__name__} should be")
    return value


def _items(items: list[Any]) -> dict[str, Any]:
    """Return names and values in turn as a dictionary."""
    names = items[::2]
    if len(items) % 2 or not all(type(name) is str for name in names):
        raise Refused("a dictionary whose keys are not all text")
    return dict(zip(names, items[1::2], strict=True))
