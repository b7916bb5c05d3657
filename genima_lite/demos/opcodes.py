"""A reader of pickles that builds plain values and can call nothing.

A pickle is a program for a machine with a stack. Python's own machine imports what the program
names and calls it, allocates what it says, and nests as deep as it likes. This one knows the
operations that plain values need, and nothing that it builds is larger than the file by much:
text, numbers, lists, tuples, dictionaries with text as keys, `Record` in place of the two classes
of RLBench, and NumPy arrays of plain numbers or text, made here from (type, shape, bytes).
"""

from __future__ import annotations

import pickle
import re
import struct
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

GROWTH, LEAST = 8, 1 << 16
"""How much more a pickle may hold, with all that it refers to twice, than it has bytes."""

DEEPEST = 32
"""How deep values may be nested; RLBench's are five deep."""

_INTEGER_BYTES = 16

_NUMBERS = frozenset([float, int, bool, type(None)])

_TYPE = re.compile(r"b1|[iu][1248]|f[248]|c(8|16)|[SU][0-9]{1,6}")
"""NumPy's names of the types of numbers and text; no objects, no fields."""

_ORDERS = {"<": "<", ">": ">", "|": "|"}

_LAST_CHARACTER = 0x10FFFF


class Refused(ValueError):
    """What a pickle holds is damaged, or nothing that we want; the message says what."""


@dataclass(eq=False, slots=True)
class Record:
    """An object of one of RLBench's classes: the class's name and the object's attributes."""

    kind: str
    values: dict[str, Any] = field(default_factory=dict)


@dataclass(eq=False, slots=True, frozen=True)
class _Name:
    """A name that a pickle may use: what a call of it makes, or of which class it is."""

    call: Callable[[_Machine, tuple], Any] | None = None
    record: str | None = None


@dataclass(eq=False, slots=True)
class _Type:
    """NumPy's dtype on its way.

    Attributes:
        stored: how values lie in the file.
        simple: any bytes are such values, in this machine's order.
    """

    stored: np.dtype
    simple: bool = False


@dataclass(eq=False, slots=True)
class _Array:
    """An array on its way: `None` until its content is known."""

    content: np.ndarray | None = None


def load(data: bytes) -> Any:
    """Return what a pickle of protocol 2 to 5 holds.

    Raises:
        Refused: damaged, too deep, too large for its bytes, or more than plain values.
    """
    machine = _Machine(data)
    try:
        found = machine.run()
    except Refused:
        raise
    except (LookupError, TypeError, ValueError, AttributeError, struct.error) as error:
        raise Refused(f"damaged, or cut off ({type(error).__name__}: {error})") from None
    machine.left = GROWTH * len(data) + LEAST
    return machine.plain(found, 0)


class _Machine:
    """Runs one pickle.

    Attributes:
        data: the pickle.
        stack, marks: of the values, and the lengths that the stack had at each mark.
        memo: values to come back to.
        left: how many bytes more may be made that the file does not have.
    """

    __slots__ = ("data", "left", "marks", "memo", "stack")

    def __init__(self, data: bytes):
        self.data = data
        self.stack: list[Any] = []
        self.marks: list[int] = []
        self.memo: dict[int, Any] = {}
        self.left = len(data) + LEAST

    def run(self) -> Any:
        """Return the value on top of the stack at the end."""
        data, at, operations = self.data, 0, _OPERATIONS
        while True:
            code = data[at]
            if code == _STOP:
                return self.stack[-1]
            operation = operations[code]
            if operation is None:
                raise Refused(f"operation {bytes([code])!r} at byte {at}: no plain value needs it")
            at = operation(self, data, at + 1)

    def spend(self, count: int) -> None:
        """Count bytes that are made."""
        self.left -= count
        if self.left < 0:
            raise Refused("it holds far more than the file has bytes, by repeating itself")

    def marked(self) -> list[Any]:
        """Take everything above the last mark from the stack."""
        start = self.marks.pop()
        found = self.stack[start:]
        del self.stack[start:]
        return found

    def plain(self, value: Any, depth: int) -> Any:
        """Return a value free of what only this machine knows, nothing in it twice."""
        kind = type(value)
        if kind in _NUMBERS:
            return value
        if kind is _Array:
            return self._finished(value)
        if kind is str or kind is bytes:
            self.spend(len(value))
            return value
        if depth > DEEPEST:
            raise Refused(f"nested more than {DEEPEST} deep")
        if kind is Record:
            return Record(value.kind, self.plain(value.values, depth + 1))
        if kind in (dict, list, tuple):
            self.spend(8 * len(value))
            return self._container(value, depth + 1)
        if isinstance(value, np.generic):
            return value
        raise Refused("it holds a class or a type where a value should be")

    def _container(self, value: Any, depth: int) -> Any:
        if type(value) is dict:
            return {name: self.plain(item, depth) for name, item in value.items()}
        return type(value)([self.plain(item, depth) for item in value])

    def _finished(self, array: _Array) -> np.ndarray:
        if array.content is None:
            raise Refused("an array without content")
        self.spend(array.content.nbytes)
        return array.content


# ------------------------------------------------------------------------------ names and calls


def _name(machine: _Machine, module: str, name: str) -> _Name:
    if type(module) is not str or type(name) is not str or (module, name) not in _NAMES:
        raise ForbiddenName(f"{module}.{name}")
    return _NAMES[module, name]


class ForbiddenName(Refused):
    """A pickle names something that we do not want; the message is the name."""


def _reconstruct(machine: _Machine, arguments: tuple) -> _Array:
    if arguments[0] is not _NDARRAY:
        raise Refused("it makes an array of an unknown class")
    return _Array()


def _dtype(machine: _Machine, arguments: tuple) -> _Type:
    name = arguments[0]
    if type(name) is not str or not _TYPE.fullmatch(name):
        raise Refused(f"an array of type {name!r:.40}; only plain numbers and text are read")
    return _Type(np.dtype(name))


def _scalar(machine: _Machine, arguments: tuple) -> Any:
    kind, content = arguments
    return _filled(machine, kind, (), content, "C")[()]


def _from_buffer(machine: _Machine, arguments: tuple) -> _Array:
    content, kind, shape, order = arguments
    return _Array(_filled(machine, kind, shape, content, order))


def _encode(machine: _Machine, arguments: tuple) -> bytes:
    text, encoding = arguments
    if type(text) is not str or encoding not in ("latin1", "latin-1"):
        raise Refused(f"text that is to be encoded as {encoding!r:.40}; only latin1 is read")
    machine.spend(len(text))
    return text.encode("latin-1")


def _filled(machine: _Machine, kind: Any, shape: Any, content: Any, order: str) -> np.ndarray:
    """Return an array of our own, if its bytes are all there."""
    if type(kind) is not _Type or type(content) is not bytes or type(shape) is not tuple:
        raise Refused("an array of something else than a type, a shape and bytes")
    stored, count, there = kind.stored, 1, len(content)
    for length in shape:
        if type(length) is not int or not 0 <= length <= there:
            raise Refused(f"an array of shape {shape!r:.80} in {there} bytes")
        count *= length
    if count * stored.itemsize != there or len(shape) > DEEPEST:
        raise Refused(f"an array of shape {shape!r:.80} and type {stored} in {there} bytes")
    machine.spend(there)
    array = np.ndarray(shape, stored, bytearray(content), order="F" if order == "F" else "C")
    return array if kind.simple else _sane(array)


def _sane(array: np.ndarray) -> np.ndarray:
    """Return a copy in this machine's order of bytes; bools are 0 or 1, text has characters."""
    if array.dtype.kind == "b":
        return array.view(np.uint8) != 0
    own = array.astype(array.dtype.newbyteorder("="), order="C")
    if (
        own.dtype.kind == "U"
        and own.size
        and own.reshape(-1).view(np.uint32).max() > _LAST_CHARACTER
    ):
        raise Refused("an array of text that has no such characters")
    return own


_NDARRAY, _RECONSTRUCT = _Name(), _Name(_reconstruct)
_NAMES: Mapping[tuple[str, str], _Name] = {
    ("rlbench.demo", "Demo"): _Name(record="Demo"),
    ("rlbench.backend.observation", "Observation"): _Name(record="Observation"),
    ("numpy", "ndarray"): _NDARRAY,
    ("numpy", "dtype"): _Name(_dtype),
    ("_codecs", "encode"): _Name(_encode),  # bytes under protocol 2
} | {
    (core + module, name): call
    for core in ("numpy.core", "numpy._core")  # written under NumPy 1, under NumPy 2
    for module, name, call in (
        (".multiarray", "_reconstruct", _RECONSTRUCT),
        (".multiarray", "scalar", _Name(_scalar)),
        (".numeric", "_frombuffer", _Name(_from_buffer)),
    )
}

# ------------------------------------------------------------------------------ operations
#
# Each takes the machine, the pickle and the place after its code, and returns the next place.

_STOP = pickle.STOP[0]
_OPERATIONS: list[Any] = [None] * 256


def _operation(*codes: bytes) -> Callable[[Any], Any]:
    """Register a function under the codes of operations."""

    def register(function: Any) -> Any:
        for code in codes:
            _OPERATIONS[code[0]] = function
        return function

    return register


def _push(code: bytes, make: Callable[[], Any]) -> None:
    """Register an operation that pushes a value without reading any."""

    def push(machine: _Machine, data: bytes, at: int) -> int:
        machine.stack.append(make())
        return at

    _operation(code)(push)


def _packed(code: bytes, layout: str) -> None:
    """Register an operation that pushes one number in binary form."""
    unpack, size = struct.Struct(layout).unpack_from, struct.calcsize(layout)

    def push(machine: _Machine, data: bytes, at: int) -> int:
        machine.stack.append(unpack(data, at)[0])
        return at + size

    _operation(code)(push)


def _counted(code: bytes, layout: str, make: Callable[[bytes], Any]) -> None:
    """Register an operation that pushes what a number of bytes say, after that number."""
    unpack, size = struct.Struct(layout).unpack_from, struct.calcsize(layout)

    def push(machine: _Machine, data: bytes, at: int) -> int:
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
def _skip_protocol(machine: _Machine, data: bytes, at: int) -> int:
    return at + 1


@_operation(pickle.FRAME)
def _skip_frame(machine: _Machine, data: bytes, at: int) -> int:
    return at + 8


@_operation(pickle.MEMOIZE)
def _memoize(machine: _Machine, data: bytes, at: int) -> int:
    memo = machine.memo
    memo[len(memo)] = machine.stack[-1]
    return at


@_operation(pickle.BINPUT)
def _put(machine: _Machine, data: bytes, at: int) -> int:
    machine.memo[data[at]] = machine.stack[-1]
    return at + 1


@_operation(pickle.LONG_BINPUT)
def _long_put(machine: _Machine, data: bytes, at: int) -> int:
    machine.memo[int.from_bytes(data[at : at + 4], "little")] = machine.stack[-1]
    return at + 4


@_operation(pickle.BINGET)
def _get(machine: _Machine, data: bytes, at: int) -> int:
    found = machine.memo[data[at]]
    machine.stack.append(found)
    return at + 1 if found is not _RECONSTRUCT else _whole_array(machine, data, at + 1)


_ARRAY = re.compile(
    rb"h(.)K\x00\x85\x94h(.)\x87\x94R\x94\(K\x01(?:K(.)\x85|K(.)K(.)\x86)\x94h(.)\x89C(.)",
    re.DOTALL,
)
_ARRAY_END = b"\x94t\x94b"


def _whole_array(machine: _Machine, data: bytes, at: int) -> int:
    """Do all operations of a usual array at once, if one follows: nine tenths of a demonstration
    are such arrays, and so it is read in a third of the time.
    """
    found = _ARRAY.match(data, at)
    if found is None or not data.startswith(_ARRAY_END, end := found.end() + data[found.end() - 1]):
        return at
    memo, number, empty = machine.memo, len(machine.memo), (0,)
    klass, letter, one, rows, columns, kind, _ = found.groups()
    memo[number], memo[number + 1] = empty, (memo[klass[0]], empty, memo[letter[0]])
    array = memo[number + 2] = _reconstruct(machine, memo[number + 1])
    shape = memo[number + 3] = (one[0],) if one else (rows[0], columns[0])
    content = memo[number + 4] = data[found.end() : end]
    stored = memo[kind[0]]
    memo[number + 5] = (1, shape, stored, False, content)
    array.content = _filled(machine, stored, shape, content, "C")
    machine.stack[-1] = array
    return end + len(_ARRAY_END)


@_operation(pickle.LONG_BINGET)
def _long_get(machine: _Machine, data: bytes, at: int) -> int:
    machine.stack.append(machine.memo[int.from_bytes(data[at : at + 4], "little")])
    return at + 4


@_operation(pickle.MARK)
def _mark(machine: _Machine, data: bytes, at: int) -> int:
    machine.marks.append(len(machine.stack))
    return at


@_operation(pickle.TUPLE)
def _tuple(machine: _Machine, data: bytes, at: int) -> int:
    found = tuple(machine.marked())
    machine.stack.append(found)
    return at


def _short_tuple(code: bytes, count: int) -> None:
    def push(machine: _Machine, data: bytes, at: int) -> int:
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
def _append(machine: _Machine, data: bytes, at: int) -> int:
    item = machine.stack.pop()
    _of(list, machine.stack[-1]).append(item)
    return at


@_operation(pickle.APPENDS)
def _appends(machine: _Machine, data: bytes, at: int) -> int:
    items = machine.marked()
    _of(list, machine.stack[-1]).extend(items)
    return at


@_operation(pickle.SETITEM)
def _set_item(machine: _Machine, data: bytes, at: int) -> int:
    items = machine.stack[-2:]
    del machine.stack[-2:]
    _of(dict, machine.stack[-1]).update(_items(items))
    return at


@_operation(pickle.SETITEMS)
def _set_items(machine: _Machine, data: bytes, at: int) -> int:
    items = machine.marked()
    _of(dict, machine.stack[-1]).update(_items(items))
    return at


@_operation(pickle.GLOBAL)
def _global(machine: _Machine, data: bytes, at: int) -> int:
    module, at = _line(data, at)
    name, at = _line(data, at)
    machine.stack.append(_name(machine, module, name))
    return at


@_operation(pickle.STACK_GLOBAL)
def _stack_global(machine: _Machine, data: bytes, at: int) -> int:
    name, module = machine.stack.pop(), machine.stack.pop()
    machine.stack.append(_name(machine, module, name))
    return at


@_operation(pickle.NEWOBJ)
def _new_object(machine: _Machine, data: bytes, at: int) -> int:
    arguments, kind = machine.stack.pop(), machine.stack[-1]
    if type(kind) is not _Name or kind.record is None or arguments != ():
        raise Refused("it makes an object of an unknown class")
    machine.stack[-1] = Record(kind.record)
    return at


@_operation(pickle.REDUCE)
def _call(machine: _Machine, data: bytes, at: int) -> int:
    arguments, name = machine.stack.pop(), machine.stack[-1]
    if type(name) is not _Name or name.call is None or type(arguments) is not tuple:
        raise Refused("it calls what is no function of ours")
    machine.stack[-1] = name.call(machine, arguments)
    return at


@_operation(pickle.BUILD)
def _build(machine: _Machine, data: bytes, at: int) -> int:
    state, target = machine.stack.pop(), machine.stack[-1]
    if type(target) is Record:
        target.values.update(_of(dict, state))
    elif type(target) is _Array and target.content is None:
        _, shape, kind, fortran, content = state
        target.content = _filled(machine, kind, shape, content, "F" if fortran is True else "C")
    elif type(target) is _Type and len(state) >= 5 and state[2:5] == (None, None, None):
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
