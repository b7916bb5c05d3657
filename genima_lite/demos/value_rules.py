"""What the values of a demonstration must be, whoever recorded it.

`read_episode`, and so replay, view and every training, refuses an episode at its first fault;
`inspect_dataset` lists them. Tolerances are those of some 400 real and simulated episodes, with
room: joints go 0.001 radians beyond the published range, quaternions are of unit length to 1e-6.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.spatial.transform import Rotation

from genima_lite import panda
from genima_lite.observation import CAMERAS, STATE_FIELDS, Demo

ROOM = 0.1
"""Radians that joints may lie beyond the published range."""

UNIT, ROOM_SIZE = 0.01, 100.0
"""How far lengths of quaternions and axes may be off, and metres of the world."""

_LOWER = np.minimum(panda.FRANKA_LOWER, panda.from_franka(panda.FRANKA_LOWER)) - ROOM
_UPPER = np.maximum(panda.FRANKA_UPPER, panda.from_franka(panda.FRANKA_UPPER)) + ROOM

ACTION = "joint_position_action"
CAMERA_VALUES = ("extrinsics", "intrinsics", "near", "far")


@dataclass(frozen=True)
class _Rule:
    """What one value of a frame must be.

    Attributes:
        shape: of the value; `None` for any length.
        holds: takes the values of T frames, (T, *shape), returns which are right, (T,) bool.
        otherwise: what is wrong with the others.
    """

    shape: tuple[int | None, ...]
    holds: Callable[[np.ndarray], np.ndarray] | None = None
    otherwise: str = ""


def value_faults(demo: Demo) -> Iterator[str]:
    """Yield what is wrong with a demonstration's values, a sentence for each field at most; each
    names the frame and the field.
    """
    for name in STATE_FIELDS:
        yield from _faults(name, [getattr(seen, name) for seen in demo], _RULES[name])
    for name, rule in _MISC_RULES.items():
        values = [seen.misc.get(name) for seen in demo]
        yield from _faults(f"misc.{name}", values, rule, late=name.endswith("_action"))
    yield from _camera_faults(demo)
    yield from _variation_faults(demo)
    yield from _tip_faults(demo)


def _faults(name: str, values: Sequence[Any], rule: _Rule, late: bool = False) -> Iterator[str]:
    """Yield the first fault of one value over all frames; `late` ones begin at the second."""
    there = [t for t, value in enumerate(values) if value is not None]
    if not there:
        return
    absent = [t for t in range(late, len(values)) if values[t] is None]
    if absent:
        yield f"frame {absent[0]}: no {name}, which other frames have; are the frames in order?"
    present = [values[t] for t in there]
    for kind, first in _kinds(present).items():
        if kind is None or not _fits(kind, rule.shape):
            found, wanted = _described(present[first]), _shape_words(rule.shape)
            yield f"frame {there[first]}: {name} is {found}, not {wanted}"
            return
        if first:
            yield f"frame {there[first]}: {name} has another length than in frame {there[0]}"
            return
    wrong = _first_wrong(np.array(present, np.float64), rule)
    if wrong is not None:
        yield f"frame {there[wrong[0]]}: {name} {wrong[1]}"


def _kinds(values: Sequence[Any]) -> dict[tuple[int, ...] | None, int]:
    """Return the shapes of values, `None` for what is no real number, and where each is first."""
    first: dict[Any, int] = {}
    for t, value in enumerate(values):
        plain = type(value) is np.ndarray
        first.setdefault((value.shape, value.dtype) if plain else _shape(value), t)
    shapes: dict[tuple[int, ...] | None, int] = {}
    for t in first.values():
        shapes.setdefault(_shape(values[t]), t)
    return shapes


def _first_wrong(values: np.ndarray, rule: _Rule) -> tuple[int, str] | None:
    """Return which of the values (T, ...) is the first that breaks a rule, and how."""
    finite = np.isfinite(values)
    whole = finite.reshape(len(values), -1).all(axis=1)
    right = whole
    if rule.holds is not None:
        right = whole & rule.holds(values if finite.all() else np.where(finite, values, 0.0))
    if right.all():
        return None
    first = int(np.argmin(right))
    return first, rule.otherwise if whole[first] else "holds NaN or infinity"


def _shape(value: Any) -> tuple[int, ...] | None:
    numbers = _numbers(value)
    return None if numbers is None else numbers.shape


def _numbers(value: Any) -> np.ndarray | None:
    """Return real numbers as an array, `None` for anything else."""
    if type(value) is float:
        return np.array(value)
    if type(value) is not np.ndarray:
        if not isinstance(value, int | float | np.number | np.bool_ | list | tuple):
            return None
        try:
            value = np.asarray(value)
        except ValueError:
            return None
        if value.dtype.kind == "b" and value.ndim == 0:
            return value.astype(np.float64)
    return value if value.dtype.kind in "iuf" else None


def _fits(shape: tuple[int, ...], wanted: tuple[int | None, ...]) -> bool:
    return len(shape) == len(wanted) and all(
        w in (None, n) for n, w in zip(shape, wanted, strict=True)
    )


def _described(value: Any) -> str:
    if isinstance(value, np.ndarray):
        return f"an array {value.shape} of {value.dtype}"
    return f"{type(value).__name__}"


def _shape_words(shape: tuple[int | None, ...]) -> str:
    return f"numbers {str(shape).replace('None', 'n')}" if shape else "a number"


def _in_range(joints: np.ndarray) -> np.ndarray:
    return ((joints >= _LOWER) & (joints <= _UPPER)).all(axis=1)


def _command_in_range(commands: np.ndarray) -> np.ndarray:
    return _in_range(commands[:, :7]) & _share(commands[:, 7])


def _share(values: np.ndarray) -> np.ndarray:
    return (values >= 0) & (values <= 1)


def _below(limit: float) -> Callable[[np.ndarray], np.ndarray]:
    return lambda values: (np.abs(values.reshape(len(values), -1)) <= limit).all(axis=1)


def _poses(vectors: np.ndarray) -> np.ndarray:
    """Return which vectors (T, ..., 7) are positions in a room and unit quaternions."""
    near = np.abs(vectors[..., :3]).max(axis=-1) <= ROOM_SIZE
    right = near & (np.abs(np.linalg.norm(vectors[..., 3:], axis=-1) - 1) <= UNIT)
    return right.reshape(len(vectors), -1).all(axis=1)


def _matrices(matrices: np.ndarray) -> np.ndarray:
    """Return which matrices (T, 4, 4) are rotations and positions in a room."""
    axes = matrices[:, :3, :3]
    straight = np.abs(axes @ axes.transpose(0, 2, 1) - np.eye(3)).max(axis=(1, 2)) <= UNIT
    near = np.abs(matrices[:, :3, 3]).max(axis=1) <= ROOM_SIZE
    last = np.abs(matrices[:, 3] - [0, 0, 0, 1]).max(axis=1) <= UNIT
    return straight & near & last & (np.linalg.det(np.clip(axes, -2, 2)) > 0)


def _lenses(matrices: np.ndarray) -> np.ndarray:
    """Return which intrinsics (T, 3, 3) are those of a camera."""
    focal, middle = np.abs(matrices[:, [0, 1], [0, 1]]), matrices[:, :2, 2]
    rest = np.abs(matrices[:, [0, 1, 2, 2], [1, 0, 0, 1]]).max(axis=1) <= UNIT
    sizes = ((focal >= 1) & (focal <= 1e5) & (middle > 0) & (middle < 1e5)).all(axis=1)
    return rest & sizes & (np.abs(matrices[:, 2, 2] - 1) <= UNIT)


def _planes(values: np.ndarray) -> np.ndarray:
    return (values > 0) & (values <= 1000)


_BEYOND = "lies outside the arm's range in radians; is it in degrees?"
_NO_POSE = "is no pose: metres, then a quaternion of length 1"
_NO_MATRIX = "is no pose: a rotation, metres, and 0 0 0 1 below"

_RULES = {
    "joint_velocities": _Rule((7,), _below(100), "is faster than any arm, in radians a second"),
    "joint_positions": _Rule((7,), _in_range, _BEYOND),
    "joint_forces": _Rule((7,), _below(1e6), "is more than any arm has, in newton metres"),
    "gripper_open": _Rule((), _share, "lies outside 0 to 1"),
    "gripper_pose": _Rule((7,), _poses, _NO_POSE),
    "gripper_matrix": _Rule((4, 4), _matrices, _NO_MATRIX),
    "gripper_joint_positions": _Rule((2,), _below(1.0), "is more than any gripper, in metres"),
    "gripper_touch_forces": _Rule((6,), _below(1e6), "is more than any gripper has, in newtons"),
    "task_low_dim_state": _Rule((None,)),
}

_MISC_RULES = {
    ACTION: _Rule((8,), _command_in_range, f"{_BEYOND} (its last value is the gripper, 0 to 1)"),
    "executed_demo_joint_position_action": _Rule((7,), _in_range, _BEYOND),
    "joint_poses": _Rule((7, 7), _poses, _NO_POSE),
}
for _camera in CAMERAS:
    _MISC_RULES |= {
        f"{_camera}_camera_extrinsics": _Rule((4, 4), _matrices, _NO_MATRIX),
        f"{_camera}_camera_intrinsics": _Rule((3, 3), _lenses, "is no camera matrix in pixels"),
        f"{_camera}_camera_near": _Rule((), _planes, "is no distance in metres"),
        f"{_camera}_camera_far": _Rule((), _planes, "is no distance in metres"),
    }


def _camera_faults(demo: Demo) -> Iterator[str]:
    """Yield cameras of which only a part is there, or whose planes are in no order."""
    for camera in CAMERAS:
        names = [f"{camera}_camera_{value}" for value in CAMERA_VALUES]
        for t, seen in enumerate(demo):
            values = [seen.misc.get(name) for name in names]
            there = [value is not None for value in values]
            if any(there) and not all(there):
                yield f"frame {t}: no misc.{names[there.index(False)]}, but others of that camera"
                break
            near, far = values[2:]
            if isinstance(near, float) and isinstance(far, float) and near >= far:
                yield f"frame {t}: misc.{names[2]} is not nearer than misc.{names[3]}"
                break


def _variation_faults(demo: Demo) -> Iterator[str]:
    for t, seen in enumerate(demo):
        index = seen.misc.get("variation_index")
        whole = isinstance(index, int | np.integer) and not isinstance(index, bool)
        if index is not None and not (whole and -1 <= index < 10**9):
            yield f"frame {t}: misc.variation_index is {_described(index)}, not a whole number"
            return


def _tip_faults(demo: Demo) -> Iterator[str]:
    """Yield the first frame in which pose and matrix of the tip say different things."""
    pairs = [(seen.gripper_pose, seen.gripper_matrix) for seen in demo]
    if any(pose is None or matrix is None for pose, matrix in pairs):
        return
    try:
        poses, matrices = (np.array(each, np.float64) for each in zip(*pairs, strict=True))
    except (TypeError, ValueError):
        return
    if poses.shape[1:] != (7,) or not (_poses(poses) & _matrices(matrices)).all():
        return
    turned = Rotation.from_quat(poses[:, 3:]).as_matrix() - matrices[:, :3, :3]
    apart = np.abs(poses[:, :3] - matrices[:, :3, 3]).max(axis=1)
    wrong = (np.abs(turned).max(axis=(1, 2)) > 5 * UNIT) | (apart > UNIT)
    if wrong.any():
        t = int(np.argmax(wrong))
        yield f"frame {t}: gripper_pose and gripper_matrix differ; is the quaternion x y z w?"
