"""Write a demonstration as RLBench's pickle, without RLBench.

A pickle names the classes of its objects. Ours must say `rlbench.demo.Demo`, which need not be
importable here, so two empty classes stand in and the pickler writes RLBench's names for them.
`pickle.Pickler` in C insists on importing what it names; the one in Python can be told.
It takes 0.05 s for a demonstration of 100 frames.
"""

from __future__ import annotations

import io
import pickle
import sys
from typing import Any

import numpy as np

from genima_lite.observation import IMAGE_FIELDS, Demo, Observation

PROTOCOL = 4
"""RLBench's files have it, and Python 3.4 to today's reads it."""


class _StoredDemo:
    pass


class _StoredObservation:
    pass


_RECONSTRUCT: Any = np.zeros(1).__reduce__()[0]
_NAMES: dict[Any, tuple[str, str]] = {
    _StoredDemo: ("rlbench.demo", "Demo"),
    _StoredObservation: ("rlbench.backend.observation", "Observation"),
    # NumPy 1's name, which NumPy 2 resolves too; NumPy below 1.26 does not know the new one.
    _RECONSTRUCT: ("numpy.core.multiarray", "_reconstruct"),
}


_PythonPickler: Any = pickle._Pickler  # its methods are not in the type stubs


class _Pickler(_PythonPickler):
    def save_global(self, obj: Any, name: str | None = None) -> None:
        if obj not in _NAMES:
            super().save_global(obj, name)
            return
        for text in _NAMES[obj]:
            self.save(text)
        self.write(pickle.STACK_GLOBAL)
        self.memoize(obj)


def dump_demo(demo: Demo) -> bytes:
    """Return the bytes of `low_dim_obs.pkl`: all states, the twenty image fields `None`.

    Equal demonstrations give equal bytes. `scene_state` is not in it: RLBench has no such field.

    Raises:
        TypeError: a value that is no array, number, string, list, tuple or dict.
    """
    stored = _StoredDemo()
    vars(stored).update(
        _observations=[_stored_observation(obs) for obs in demo._observations],
        random_seed=_plain(demo.random_seed),
        num_reset_attempts=_plain(demo.num_reset_attempts),
    )
    return _dumps(stored)


def dump_descriptions(descriptions: list[str]) -> bytes:
    """Return the bytes of `variation_descriptions.pkl`."""
    return _dumps(_plain(list(descriptions)))


def _dumps(value: Any) -> bytes:
    buffer = io.BytesIO()
    _Pickler(buffer, PROTOCOL).dump(value)
    return buffer.getvalue()


def _stored_observation(obs: Observation) -> _StoredObservation:
    stored = _StoredObservation()
    for name, value in vars(obs).items():
        vars(stored)[sys.intern(name)] = None if name in IMAGE_FIELDS else _plain(value)
    return stored


def _plain(value: Any) -> Any:
    """Copy `value` into Python's own types and fresh arrays.

    A pickle writes an object once and refers back to it, so its bytes depend on which equal
    objects are the same object. Interning strings and copying the rest removes that.
    """
    if isinstance(value, np.generic):
        value = value.item()
    if value is None or type(value) in (bool, int, float):
        return value
    if isinstance(value, str):
        return sys.intern(str(value))
    if isinstance(value, np.ndarray) and value.dtype.kind in "biufU":
        return np.array(value, dtype=np.dtype(value.dtype.str), order="C")
    if isinstance(value, dict):
        return {_plain(key): _plain(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_plain(item) for item in value]
    if isinstance(value, tuple):
        return tuple(_plain(item) for item in value)
    raise TypeError(f"a demonstration cannot store {type(value).__name__}: {value!r:.80}")
