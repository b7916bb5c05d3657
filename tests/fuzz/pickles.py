"""Hostile pickles, written opcode by opcode: what an allow-list of names alone lets through.

Each damage puts a value of its own where a sound pickle has one: in `misc` of the first frame, in
place of a field, or in place of the whole. A function that runs leaves a file `executed`.
"""

import pickle
import pickletools
import struct
from pathlib import Path

import numpy as np

from genima_lite.demos.pickler import dump_demo
from genima_lite.demos.unpickler import load_demo

from .raw import put

PLACES = ("joint_positions", "misc", "whole")
PUT = pickle.LONG_BINPUT + struct.pack("<I", 100_000)
GET = pickle.LONG_BINGET + struct.pack("<I", 100_000)


class Code:
    """Opcodes that stand for a value."""

    def __init__(self, *parts: bytes):
        self.code = b"".join(parts)


def text(value: str) -> bytes:
    """Return the opcode of a string."""
    raw = value.encode("utf-8", "surrogatepass")
    return pickle.BINUNICODE + struct.pack("<I", len(raw)) + raw


def number(value: int) -> bytes:
    """Return the opcode of an integer."""
    raw = pickle.encode_long(value)
    return pickle.LONG1 + bytes([len(raw)]) + raw


def raw(value: bytes) -> bytes:
    """Return the opcode of bytes."""
    return pickle.BINBYTES + struct.pack("<I", len(value)) + value


def items(*codes: bytes) -> bytes:
    """Return the opcodes of a tuple."""
    return pickle.MARK + b"".join(codes) + pickle.TUPLE


def name(module: str, attribute: str) -> bytes:
    """Return the opcode of a global."""
    return f"c{module}\n{attribute}\n".encode()


def call(module: str, attribute: str, *arguments: bytes) -> bytes:
    """Return the opcodes of a call."""
    return name(module, attribute) + items(*arguments) + pickle.REDUCE


def state(made: bytes, *parts: bytes) -> bytes:
    """Return the opcodes that give a value its state."""
    return made + items(*parts) + pickle.BUILD


def dtype(code: str) -> bytes:
    """Return the opcodes of a dtype."""
    return call("numpy", "dtype", text(code), pickle.NEWFALSE, pickle.NEWTRUE)


def array(shape: bytes, kind: bytes, content: bytes, core: str = "numpy.core") -> bytes:
    """Return the opcodes of an array, as NumPy writes one."""
    empty = call(f"{core}.multiarray", "_reconstruct", name("numpy", "ndarray"),
                 items(number(0)), raw(b"b"))  # fmt: skip
    return state(empty, number(1), shape, kind, pickle.NEWFALSE, content)


def hidden_pointer(rng):
    """A dtype whose state says that there are Python objects where the file has numbers."""
    void = call("numpy", "dtype", text("V8"), pickle.NEWFALSE, pickle.NEWTRUE)
    fields = (
        pickle.EMPTY_DICT + text("f") + items(call("numpy", "dtype", text("O")), number(0))
    ) + pickle.SETITEM
    evil = state(void, number(3), text("|"), pickle.NONE, items(text("f")), fields,
                 number(8), number(1), number(int(rng.integers(2)) * 63))  # fmt: skip
    return array(items(number(7)), evil, raw(rng.bytes(56)))


def odd_dtype(rng):
    """A dtype that has no place here: objects, records, dates, subarrays, enormous strings."""
    codes = ("O", "V8", "O,O", "M8[s]", "m8[ns]", "(2,2)f8", "S1000000000", "U268435455", "c16",
             "f2", "V0", "S0", "i4,O", "a")  # fmt: skip
    code = codes[rng.integers(len(codes))]
    return array(items(number(7)), dtype(code), raw(rng.bytes(56)))


def dtype_state(rng):
    """A sound dtype with an odd state."""
    states = (
        (number(3), text(">"), *[pickle.NONE] * 3, number(-1), number(-1), number(0)),
        (number(3), text("<"), *[pickle.NONE] * 3, number(2**31 - 1), number(8), number(0)),
        (number(3), text("<"), *[pickle.NONE] * 3, number(0), number(0), number(0)),
        (number(4), text("|"), *[pickle.NONE] * 3, number(8), number(1), number(27),
         pickle.EMPTY_DICT),
        (number(9), text("|")),
        (pickle.NONE,),
        (),
    )  # fmt: skip
    parts = states[rng.integers(len(states))]
    return array(items(number(7)), state(dtype("f8"), *parts), raw(rng.bytes(56)))


def array_state(rng):
    """An array's state with a wrong number or kind of entries."""
    entries = [number(1), items(number(7)), dtype("f8"), pickle.NEWFALSE, raw(bytes(56))]
    odd = (pickle.NONE, number(-1), text("x"), pickle.EMPTY_LIST, items())
    entries[rng.integers(5)] = odd[rng.integers(len(odd))]
    if rng.random() < 0.3:
        entries.pop()
    empty = call("numpy.core.multiarray", "_reconstruct", name("numpy", "ndarray"),
                 items(number(0)), raw(b"b"))  # fmt: skip
    return state(empty, *entries)


def shape_lies(rng):
    """An array says that it is larger than its bytes."""
    shapes = ((2**40,), (2**31, 2**31), (-1,), (0, 2**62), (7, 10**6), (1,) * 40, (8,), (2**63,))
    shape = items(*map(number, shapes[rng.integers(len(shapes))]))
    return array(shape, dtype("f8"), raw(bytes(56)), ("numpy.core", "numpy._core")[rng.integers(2)])


def large_array(rng):
    """An array of any size, made by a call with a few bytes."""
    sizes = ((6 * 2**27,), (2**31,), (2**20, 2**10), (10**9,))
    shape = items(*map(number, sizes[rng.integers(len(sizes))]))
    kind = text(("O", "f8", "U100", "S1")[rng.integers(4)])
    maker = rng.integers(3)
    if maker == 0:
        return call("numpy", "ndarray", shape, kind)
    if maker == 1:
        return call("numpy.core.multiarray", "_reconstruct", name("numpy", "ndarray"), shape, kind)
    buffer = raw(bytes(8))
    return call("numpy.core.numeric", "_frombuffer", buffer, kind, shape, text("C"))


def strided(rng):
    """An array on a buffer, with strides that leave it."""
    strides = items(number((8, -8, 2**40, 0)[rng.integers(4)]))
    return call("numpy", "ndarray", items(number(1000)), text("f8"), raw(bytes(56)),
                number((0, -8, 2**40)[rng.integers(3)]), strides)  # fmt: skip


def odd_scalar(rng):
    """A NumPy number of too few bytes, of objects, or of text."""
    kinds = (dtype("f8"), dtype("O"), dtype("U4"), dtype("M8[s]"), pickle.NONE, text("f8"))
    content = (raw(b"1"), raw(bytes(8)), pickle.NONE, text("x"), number(7))
    return call("numpy.core.multiarray", "scalar", kinds[rng.integers(len(kinds))],
                content[rng.integers(len(content))])  # fmt: skip


def codec(rng):
    """Text run through a codec: some take for ever, some grow, some call others."""
    names = (
        "punycode",
        "idna",
        "hex_codec",
        "zlib_codec",
        "bz2_codec",
        "rot13",
        "utf-32",
        "unicode_escape",
        "uu_codec",
        "base64_codec",
        "raw_unicode_escape",
        "mbcs",
        "x",
    )
    which = names[rng.integers(len(names))]
    long = text("é" * 40_000) if which in ("punycode", "idna") else raw(bytes(10**5))
    code = call("_codecs", "encode", long, text(which))
    for _ in range(13 if which == "hex_codec" else 0):
        code = call("_codecs", "encode", code, text(which))
    return code


def odd_call(rng):
    """An allowed name called with arguments that it does not expect."""
    names = (("numpy", "ndarray"), ("numpy", "dtype"), ("_codecs", "encode"),
             ("numpy.core.multiarray", "_reconstruct"), ("numpy.core.multiarray", "scalar"),
             ("numpy.core.numeric", "_frombuffer"), ("rlbench.demo", "Demo"),
             ("rlbench.backend.observation", "Observation"))  # fmt: skip
    odd = (pickle.NONE, number(-1), number(10**12), text("x"), raw(b"x" * 9), pickle.EMPTY_DICT,
           items(), name("numpy", "ndarray"), name("rlbench.demo", "Demo"))  # fmt: skip
    arguments = [odd[i] for i in rng.integers(len(odd), size=rng.integers(4))]
    return call(*names[rng.integers(len(names))], *arguments)


def odd_new(rng):
    """An allowed name made by NEWOBJ, with and without keywords."""
    names = (("numpy", "ndarray"), ("numpy", "dtype"), ("_codecs", "encode"),
             ("rlbench.demo", "Demo"), ("numpy.core.multiarray", "scalar"))  # fmt: skip
    made = name(*names[rng.integers(len(names))])
    arguments = items(*[(number(3), items(number(10**10)), text("O"))[i] for i in
                        rng.integers(3, size=rng.integers(3))])  # fmt: skip
    if rng.random() < 0.5:
        return made + arguments + pickle.NEWOBJ
    return (
        made
        + arguments
        + pickle.EMPTY_DICT
        + text("buffer")
        + pickle.NONE
        + (pickle.SETITEM + pickle.NEWOBJ_EX)
    )


def state_of_class(rng):
    """State given to a class, a function or an array: attributes are set."""
    made = (name("rlbench.demo", "Demo"), name("numpy", "ndarray"), name("_codecs", "encode"))
    slots = pickle.EMPTY_DICT + text(("__class__", "__len__", "__del__", "shape")[rng.integers(4)])
    slots += name("numpy", "ndarray") + pickle.SETITEM
    return made[rng.integers(3)] + pickle.NONE + slots + pickle.TUPLE2 + pickle.BUILD


def class_swapped(rng):
    """A frame that says that it is of another class."""
    slots = pickle.EMPTY_DICT + text("__class__") + name("numpy", "ndarray") + pickle.SETITEM
    made = name("rlbench.backend.observation", "Observation") + b")" + pickle.NEWOBJ
    return made + slots + pickle.BUILD


def foreign(rng):
    """Another function: it runs if it is ever called."""
    calls = (("os", "system"), ("posix", "system"), ("builtins", "eval"), ("subprocess", "call"),
             ("builtins", "exec"), ("__builtin__", "eval"), ("nt", "system"))  # fmt: skip
    module, attribute = calls[rng.integers(len(calls))]
    words = "open('executed', 'w')" if attribute in ("eval", "exec") else "touch executed"
    return call(module, attribute, text(words))


def dotted(rng):
    """A function reached through an allowed name, by dots."""
    paths = (("numpy", "ndarray.__reduce__"), ("numpy", "dtype.__init__.__globals__"),
             ("_codecs", "encode.__self__"), ("rlbench.demo", "Demo.__init__"),
             ("numpy", "core.multiarray.os.system"))  # fmt: skip
    module, path = paths[rng.integers(len(paths))]
    made = text(module) + text(path) + pickle.STACK_GLOBAL
    return made + items(text("touch executed")) + pickle.REDUCE


def extension(rng):
    """A global by its number in a registry."""
    return pickle.EXT4 + struct.pack("<i", int(rng.integers(1, 2**31 - 1)))


def memo(rng):
    """A memo of half a milliard entries, by ten bytes."""
    at = (2**29, 2**31 - 1, 2**32 - 1, 2**27)[rng.integers(4)]
    return pickle.NONE + pickle.LONG_BINPUT + struct.pack("<I", at)


def length_lies(rng):
    """Text or bytes that say that they are longer than the file."""
    codes = (pickle.BINBYTES8, pickle.BINUNICODE8, pickle.BYTEARRAY8, pickle.FRAME)
    size = (2**62, 2**40, 2**33, 2**31, 2**64 - 1)[rng.integers(5)]
    return codes[rng.integers(4)] + struct.pack("<Q", size) + b"x"


def doubled(rng):
    """A list of a list of itself, thirty times: a milliard entries for who walks through it."""
    code = pickle.EMPTY_LIST + text("x") + pickle.APPEND + PUT
    for _ in range(30):
        code += pickle.POP + pickle.MARK + GET + GET + pickle.LIST + PUT
    return code


def itself(rng):
    """A list or a dict that holds itself."""
    if rng.random() < 0.5:
        return pickle.EMPTY_LIST + PUT + GET + pickle.APPEND
    return pickle.EMPTY_DICT + PUT + text("x") + GET + pickle.SETITEM


def nested(rng):
    """Lists in lists, a hundred thousand deep."""
    depth = (500, 10**5)[rng.integers(2)]
    made = (pickle.EMPTY_LIST * depth + pickle.APPEND * (depth - 1), pickle.EMPTY_TUPLE +
            pickle.TUPLE1 * depth)  # fmt: skip
    return made[rng.integers(2)]


def digits(rng):
    """A number of many digits, as text or as bytes."""
    if rng.random() < 0.5:
        return b"L" + b"9" * 10**6 + b"L\n"
    return pickle.LONG4 + struct.pack("<i", 10**6) + b"\x7f" * 10**6


def odd_key(rng):
    """A dict with keys that are no strings."""
    keys = (number(1), pickle.NONE, items(), raw(b"x"), text("\ud800"), text("\x1b[2J"), text(""))
    return pickle.EMPTY_DICT + keys[rng.integers(len(keys))] + number(1) + pickle.SETITEM


def odd_value(rng):
    """A value of a type that does not belong there."""
    values = (pickle.NONE, pickle.NEWTRUE, text("x" * 10**5), text("\ud800"), raw(b"x"),
              pickle.EMPTY_SET, number(10**30), pickle.BINFLOAT + b"\x7f\xf8" + bytes(6),
              name("numpy", "ndarray"), pickle.EMPTY_DICT, pickle.EMPTY_LIST)  # fmt: skip
    return values[rng.integers(len(values))]


def broken(rng):
    """Random opcodes."""
    codes = [getattr(pickle, each) for each in ("MARK", "POP", "DUP", "TUPLE", "APPENDS", "BUILD",
             "SETITEMS", "REDUCE", "NEWOBJ", "STOP", "EMPTY_DICT", "NONE", "MEMOIZE", "OBJ",
             "INST", "PERSID", "BINPERSID", "NEXT_BUFFER", "READONLY_BUFFER", "FROZENSET")
             ]  # fmt: skip
    return b"".join(codes[i] for i in rng.integers(len(codes), size=8))


VALUES = (
    *(hidden_pointer, odd_dtype, dtype_state, array_state, shape_lies, large_array, strided),
    *(odd_scalar, codec, odd_call, odd_new, state_of_class, class_swapped, foreign, dotted),
    *(extension, memo, length_lies, doubled, itself, nested, digits, odd_key, odd_value, broken),
)


def damage_states(path: Path, rng: np.random.Generator, make) -> None:
    """Put a hostile value into a `low_dim_obs.pkl`."""
    value = Code(make(rng))
    place = PLACES[rng.integers(len(PLACES))]
    demo = load_demo(path)
    if place == "whole":
        return put(path, pickle.PROTO + b"\x04" + value.code + pickle.STOP)
    frame = demo[int(rng.integers(2))]
    if place == "misc":
        frame.misc["odd"] = "HERE"
    else:
        vars(frame)[place] = "HERE"
    return put(path, _with(dump_demo(demo), value))


def damage_sentences(path: Path, rng: np.random.Generator, make) -> None:
    """Put a hostile value into a `variation_descriptions.pkl`, or make it the whole."""
    code = make(rng)
    if rng.random() < 0.5:
        code = pickle.EMPTY_LIST + text("push the button") + pickle.APPEND + code + pickle.APPEND
    put(path, pickle.PROTO + b"\x04" + code + pickle.STOP)


def _with(pickled: bytes, value: Code) -> bytes:
    """Return a pickle with opcodes in place of the string HERE."""
    marked = pickle.SHORT_BINUNICODE + b"\x04HERE"
    plain = _plain(pickled)
    assert plain.count(marked) == 1
    return plain.replace(marked, value.code)


def _plain(pickled: bytes) -> bytes:
    """Return a pickle without frames, and with its memo's places written out, so that opcodes can
    be put in anywhere.
    """
    starts = [(opcode.name, at) for opcode, _, at in pickletools.genops(pickled)]
    ends = [at for _, at in starts[1:]] + [len(pickled)]
    parts, memoized = [], 0
    for (opcode, begin), end in zip(starts, ends, strict=True):
        if opcode == "MEMOIZE":
            parts.append(pickle.LONG_BINPUT + struct.pack("<I", memoized))
            memoized += 1
        elif opcode != "FRAME":
            parts.append(pickled[begin:end])
    return b"".join(parts)
