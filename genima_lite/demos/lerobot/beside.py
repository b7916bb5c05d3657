"""`rlbench/` beside LeRobot's files: what its format has no place for, exact to the last bit.

rlbench/episode-000000.json      task, sentences, cameras, scene, how it was recorded
rlbench/episode-000000.parquet   one row a frame: RLBench's fields as 64-bit numbers
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from genima_lite import schema
from genima_lite.demos.layout import DatasetError
from genima_lite.demos.lerobot.tables import read_table, write_columns
from genima_lite.demos.read import recording_fault
from genima_lite.demos.unpickler import sentences_fault
from genima_lite.demos.value_rules import ACTION
from genima_lite.files import write_json
from genima_lite.observation import CAMERAS, STATE_FIELDS, Demo, Observation, Recording

_MISC = {ACTION: (8,), "executed_demo_joint_position_action": (7,), "joint_poses": (7, 7)}
MOST_LETTERS = 80
"""Of a task's name."""

_SHAPES = {"gripper_matrix": (4, 4), "gripper_open": (1,)}
"""Of what is no row of numbers, before it becomes one."""

_COLUMNS = (*STATE_FIELDS, *_MISC, *(f"{name}_camera_extrinsics" for name in CAMERAS))
"""All that an episode's table may have."""


@dataclass(frozen=True)
class Lens:
    """One camera during an episode, in RLBench's axes.

    Attributes:
        intrinsics: (3, 3) pixels, RLBench's negative focal lengths.
        near, far: metres.
        extrinsics: (4, 4) camera to world; `None` where it moves: the table has its poses then.
    """

    intrinsics: list[list[float]]
    near: float
    far: float
    extrinsics: list[list[float]] | None


@dataclass(frozen=True)
class Beside:
    """All about one episode that no frame has.

    Attributes:
        task, variation, episode: where it lies in RLBench's layout.
        sentences: that ask for the variation.
        cameras: by name.
        scene_state, recording: the files beside RLBench's, if there are.
        random_seed: the random state of RLBench's reset.
        num_reset_attempts: how often the scene was drawn.
    """

    task: str
    variation: int
    episode: int
    sentences: list[str]
    cameras: dict[str, Lens]
    scene_state: dict[str, Any] | None = None
    recording: Recording | None = None
    random_seed: list[Any] | None = None
    num_reset_attempts: int | None = None


def beside_path(root: Path, index: int, suffix: str) -> Path:
    """Return the file of an episode; `suffix` is json or parquet."""
    return root / f"rlbench/episode-{index:06d}.{suffix}"


def write_beside(
    root: Path, index: int, demo: Demo, where: tuple[str, int, int], sentences: Sequence[str]
) -> None:
    """Write both files of an episode; `where` is its task, variation and number."""
    lenses = {name: _lens(demo, name) for name in CAMERAS if f"{name}_camera_near" in demo[0].misc}
    content = Beside(
        *where,
        list(sentences),
        lenses,
        demo.scene_state,
        demo.recording,
        _seed_words(demo.random_seed),
        demo.num_reset_attempts,
    )
    write_json(beside_path(root, index, "json"), asdict(content))
    columns = {name: [getattr(seen, name) for seen in demo] for name in STATE_FIELDS}
    columns |= {name: [seen.misc.get(name) for seen in demo] for name in _MISC}
    for name, lens in lenses.items():
        if lens.extrinsics is None:
            field = f"{name}_camera_extrinsics"
            columns[field] = [seen.misc[field] for seen in demo]
    there = {k: v for k, v in columns.items() if any(each is not None for each in v)}
    rows = {name: [_row(each) for each in values] for name, values in there.items()}
    write_columns(beside_path(root, index, "parquet"), rows)


def state_row(seen: Any) -> list[float]:
    """Return joints and gripper of an observation: eight numbers, RLBench's angles."""
    return [*seen.joint_positions, seen.gripper_open]


def _row(value: Any) -> list[float] | None:
    return None if value is None else np.ravel(np.asarray(value, np.float64)).tolist()


def _lens(demo: Demo, name: str) -> Lens:
    poses = np.array([seen.misc[f"{name}_camera_extrinsics"] for seen in demo], np.float64)
    misc = demo[0].misc
    stands = bool((poses == poses[0]).all())
    return Lens(
        np.asarray(misc[f"{name}_camera_intrinsics"], np.float64).tolist(),
        float(misc[f"{name}_camera_near"]),
        float(misc[f"{name}_camera_far"]),
        poses[0].tolist() if stands else None,
    )


def _seed_words(state: tuple | None) -> list[Any] | None:
    if state is None:
        return None
    return [each.tolist() if isinstance(each, np.ndarray) else each for each in state]


def read_beside(root: Path, index: int) -> tuple[Beside, Demo] | None:
    """Return an episode's files, its demonstration without pictures; `None` if there are none.

    Raises:
        DatasetError: one of the two is missing, or broken.
    """
    path = beside_path(root, index, "json")
    if not path.exists():
        return None
    found = schema.read(Beside, path)
    if fault := _fault(found):
        raise DatasetError(f"{path}: {fault}; copy it again")
    needed = {"joint_positions": "numbers", "gripper_open": "numbers"}
    table = read_table(beside_path(root, index, "parquet"), needed, _COLUMNS)
    try:
        demo = Demo([_frame(found, row) for row in zip_rows(table)])
        seed = found.random_seed
        if seed is not None:
            demo.random_seed = (seed[0], np.array(seed[1], np.uint32), *seed[2:])
            np.random.RandomState().set_state(demo.random_seed)
    except (TypeError, ValueError, IndexError, KeyError, OverflowError) as error:
        broken = beside_path(root, index, "parquet")
        raise DatasetError(f"{broken}: not what we write ({error}); copy it again") from None
    if found.recording and (fault := recording_fault(found.recording, len(demo))):
        raise DatasetError(f"{path}: recording: {fault}; copy it again")
    demo.num_reset_attempts = found.num_reset_attempts
    demo.scene_state, demo.recording = found.scene_state, found.recording
    return found, demo


def _fault(found: Beside) -> str | None:
    """Return what is wrong with the place of an episode, or with its sentences."""
    if not found.task.isidentifier() or len(found.task) > MOST_LETTERS:
        return f"task is {found.task!r:.60}, no name of a task"
    for name, number in (("variation", found.variation), ("episode", found.episode)):
        if not 0 <= number < 10**9:
            return f"{name} is no number from 0 to 999999999"
    fault = sentences_fault(found.sentences)
    return f"sentences: {fault}" if fault else None


def zip_rows(columns: dict[str, list]) -> list[dict[str, Any]]:
    """Return a table's rows, of columns of equal lengths."""
    return [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]


def _frame(found: Beside, row: dict[str, Any]) -> Observation:
    seen = Observation(misc={"variation_index": found.variation})
    for name, values in row.items():
        if values is None:
            continue
        value = np.array(values, np.float64)
        if name in STATE_FIELDS:
            shaped = value.reshape(_SHAPES.get(name, value.shape))
            setattr(seen, name, float(shaped[0]) if name == "gripper_open" else shaped)
        elif name == "joint_poses":
            seen.misc[name] = list(value.reshape(7, 7))
        else:
            seen.misc[name] = value.reshape(_MISC.get(name, (4, 4)))
    for name, lens in found.cameras.items():
        if lens.extrinsics is not None:
            seen.misc[f"{name}_camera_extrinsics"] = np.array(lens.extrinsics)
        seen.misc[f"{name}_camera_intrinsics"] = np.array(lens.intrinsics)
        seen.misc[f"{name}_camera_near"] = lens.near
        seen.misc[f"{name}_camera_far"] = lens.far
    return seen
