"""Read RLBench's pickles without running what they say.

Unpickling calls whatever functions the file names, so a pickle from a stranger can run any
code. `genima_lite.demos.machine` reads them as data instead. RLBench itself need not be installed.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from genima_lite.demos.layout import DatasetError
from genima_lite.demos.machine import GROWTH, LEAST, Machine
from genima_lite.demos.plain_values import ForbiddenName, Record, Refused
from genima_lite.errors import UserError
from genima_lite.files import MEBIBYTE, read_bytes
from genima_lite.observation import IMAGE_FIELDS, STATE_FIELDS, Demo, Observation

LIMIT = 512 * MEBIBYTE
"""Bytes of a `low_dim_obs.pkl`; real ones have 4 kB a frame."""

MOST_FRAMES = 20_000
"""Frames of a demonstration: a thousand seconds."""

MOST_SENTENCES = 1000

_FIELDS = {*IMAGE_FIELDS, *STATE_FIELDS, "misc"}


def load_demo(path: Path | str) -> Demo:
    """Read a `low_dim_obs.pkl`: states of all T frames, without images.

    Attributes that we do not know are kept; fields that the file lacks are `None`
    (`misc`: an empty dict).

    Raises:
        DatasetError: missing, truncated or no pickle; not a Demo; something in it that is no
            plain value (see `machine`).
    """
    path = Path(path)
    return _demo(_load(path), path)


def load_demo_bytes(data: bytes, path: Path) -> Demo:
    """Read the content of a `low_dim_obs.pkl` that came from `path`; see `load_demo`."""
    return _demo(_plain(data, path), path)


def _demo(stored: Any, path: Path) -> Demo:
    observations = stored.values.get("_observations") if _is(stored, "Demo") else None
    if not isinstance(observations, list):
        raise DatasetError(f"{path}: holds no RLBench Demo; record this episode again")
    if len(observations) > MOST_FRAMES:
        raise DatasetError(f"{path}: {len(observations)} frames, at most {MOST_FRAMES} are read")
    if not all(_is(each, "Observation") for each in observations):
        raise DatasetError(f"{path}: not all frames are Observations; record this episode again")
    demo = Demo()
    names = [name for name in stored.values if name in vars(demo) or not hasattr(Demo, name)]
    vars(demo).update({name: stored.values[name] for name in names})
    demo.scene_state = demo.recording = None
    demo._observations = [_observation(each.values, path) for each in observations]
    return demo


def load_descriptions(path: Path | str) -> tuple[list[str] | None, str | None]:
    """Read a `variation_descriptions.pkl`: `(descriptions, None)`, or `(None, problem)`.

    A problem is no error, because demonstrations can be used without instructions; even some of
    RLBench's own files hold something else here.
    """
    try:
        stored = _load(Path(path))
    except DatasetError as error:
        return None, str(error)
    problem = sentences_fault(stored)
    return (None, f"{path}: {problem}") if problem else (stored, None)


def sentences_fault(stored: Any) -> str | None:
    """Return what is wrong with the instructions of a variation, `None` if nothing is."""
    if not isinstance(stored, list) or not stored or not all(isinstance(s, str) for s in stored):
        kind = stored.kind if isinstance(stored, Record) else type(stored).__name__
        return f"should hold a list of strings, holds {kind}"
    if len(stored) > MOST_SENTENCES:
        return f"holds {len(stored)} instructions, at most {MOST_SENTENCES} are read"
    for text in stored:
        if not text.strip() or not text.isprintable() or len(text) > 1000:
            return f"{text!r:.60} is no instruction: give one printable sentence"
    return None


def load_plain(data: bytes) -> Any:
    """Return what a pickle of protocol 2 to 5 holds.

    Raises:
        Refused: damaged, too deep, too large for its bytes, or more than plain values.
    """
    machine = Machine(data)
    try:
        found = machine.run()
    except Refused:
        raise
    except (LookupError, TypeError, ValueError, AttributeError, struct.error) as error:
        raise Refused(f"damaged, or cut off ({type(error).__name__}: {error})") from None
    machine.left = GROWTH * len(data) + LEAST
    return machine.plain(found, 0)


def _load(path: Path) -> Any:
    if not path.exists():
        raise DatasetError(f"{path}: missing file; is the episode complete?")
    try:
        data = read_bytes(path, LIMIT)
    except UserError as error:
        raise DatasetError(str(error)) from None
    return _plain(data, path)


def _plain(data: bytes, path: Path) -> Any:
    try:
        return load_plain(data)
    except ForbiddenName as error:
        raise DatasetError(
            f"{path}: refused '{error}'. A pickle can run any code, so only RLBench's Demo and "
            "Observation and NumPy arrays are loaded. If you trust its author, ask for the "
            "demonstration in RLBench's own format; else delete the file"
        ) from None
    except Refused as error:
        raise DatasetError(
            f"{path}: not a readable pickle ({error}); copy or record it again"
        ) from None


def _is(value: Any, kind: str) -> bool:
    return isinstance(value, Record) and value.kind == kind


def _observation(state: Mapping[str, Any], path: Path) -> Observation:
    observation = Observation()
    if shadowing := [name for name in state if name not in _FIELDS and hasattr(Observation, name)]:
        raise DatasetError(f"{path}: a frame has an attribute '{shadowing[0]}'; record it again")
    vars(observation).update(state, **dict.fromkeys(IMAGE_FIELDS))
    misc = {} if state.get("misc") is None else state["misc"]
    if not isinstance(misc, dict):
        raise DatasetError(f"{path}: misc is no dict; record this episode again")
    observation.misc = misc
    return observation
