"""A reader of pickles that builds plain values and can call nothing.

A pickle is a program for a machine with a stack. Python's own machine imports what the program
names and calls it, allocates what it says, and nests as deep as it likes. This one knows the
operations that plain values need (`opcodes`), and nothing that it builds is larger than the file by
much: text, numbers, lists, tuples, dictionaries with text as keys, and what is in `plain_values`.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from genima_lite.demos.opcodes import OPERATIONS, STOP
from genima_lite.demos.plain_values import DEEPEST, Array, Record, Refused

GROWTH, LEAST = 8, 1 << 16
"""How much more a pickle may hold, with all that it refers to twice, than it has bytes."""

_NUMBERS = frozenset([float, int, bool, type(None)])


class Machine:
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
        data, at, operations = self.data, 0, OPERATIONS
        while True:
            code = data[at]
            if code == STOP:
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
        if kind is Array:
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

    def _finished(self, array: Array) -> np.ndarray:
        if array.content is None:
            raise Refused("an array without content")
        self.spend(array.content.nbytes)
        return array.content
