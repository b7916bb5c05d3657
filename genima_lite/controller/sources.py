"""Sources of samples for a controller: generated motions, demonstrations, kept decisions."""

from __future__ import annotations

from collections.abc import Sequence
from copy import copy
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from genima_lite import panda
from genima_lite.cameras import Camera, moved
from genima_lite.controller.augment import AugmentConfig, corrupt, spheres_shown
from genima_lite.controller.config import ControllerConfig, future_view
from genima_lite.controller.pictures import known_cameras, stack_views
from genima_lite.datasets.demonstrations import Recorded, recorded
from genima_lite.datasets.motions import Motion, motion_kind
from genima_lite.datasets.shards import Shards
from genima_lite.demos.images import read_image
from genima_lite.demos.layout import image_path
from genima_lite.demos.picture_rules import drawing_fault
from genima_lite.demos.read import check_frame_count, image_folders
from genima_lite.errors import UserError
from genima_lite.targets.horizon import target_frames
from genima_lite.targets.joints import JointTargets, joint_targets
from genima_lite.targets.keypoints import (
    DrawnViews,
    draw_views,
    only_labels,
    targets_of,
    without_targets,
)
from genima_lite.tensor_files import FLOATS

SPHERES = ("keypoints", "visible", "axes", "opened")
"""What says where spheres are: fields of `genima_lite.targets.keypoints.DrawnViews`."""


@dataclass(frozen=True, eq=False)
class Samples:
    """N samples before normalisation.

    Attributes:
        drawn: views (N, V, H, W, 3) uint8, and where the spheres are in them.
        joints: (N, 7) float64 radians, as the network is told (noisy in training).
        gripper_open: (N,) float64.
        actions: (N, K, 8) float64, absolute joint targets in radians, then gripper open.
        valid: (N, K) bool; where false the last action is repeated and must not be learned.
        instructions: N sentences, empty ones where there are none.
    """

    drawn: DrawnViews
    joints: np.ndarray
    gripper_open: np.ndarray
    actions: np.ndarray
    valid: np.ndarray
    instructions: tuple[str, ...]


class Backgrounds(Protocol):
    """Makes pictures for targets to be drawn on."""

    def __call__(self, rng: np.random.Generator, count: int, size: int) -> np.ndarray:
        """Return (count, size, size, 3) uint8."""


def chunk(
    actions: np.ndarray, frame: int, horizon: int, keyframe: int | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """Return the next K actions of a frame, (K, 8), and which of them are real, (K,) bool.

    Past the end the last action is repeated and marked as not real. Past a keyframe the action
    that led there is repeated and counts as real: the arm waits.

    Args:
        actions: (T - 1, 8); row t leads from frame t to t + 1.
        frame: t, from 0 to T - 2.
        horizon: K.
        keyframe: the frame at which to wait, from t + 1 to T - 1; `None` for no waiting.
    """
    rows = frame + np.arange(horizon)
    if keyframe is not None:
        rows = np.minimum(rows, keyframe - 1)
    return actions[np.minimum(rows, len(actions) - 1)], rows < len(actions)


class MotionSource:
    """Samples of generated motions with targets drawn on backgrounds; no scene is needed.

    Motion i depends on the seed and i alone and is planned when it is first asked for.
    """

    def __init__(
        self,
        config: ControllerConfig,
        augment: AugmentConfig,
        backgrounds: Backgrounds,
        seed: int = 0,
        motions: int = 2000,
        kind: str = "bench",
    ):
        if not config.spheres:
            raise UserError("a controller without spheres needs demonstrations: their pictures")
        self._config, self._augment = config, augment
        self._backgrounds: Backgrounds | None = backgrounds
        self._seed, self._count, self._make = seed, motions, motion_kind(kind)
        self._planned: dict[int, _Path] = {}

    def bare(self) -> MotionSource:
        """Return the same motions without pictures: their samples have labels alone and are made a
        hundred times faster. What one has planned the other has too.
        """
        return _without_pictures(self)

    def sample(self, rng: np.random.Generator, count: int) -> Samples:
        """Return `count` samples, each of a random frame of a random motion."""
        rows = []
        for _ in range(count):
            path = self._motion(int(rng.integers(self._count)))
            rows.append((path, int(rng.integers(len(path.actions)))))
        joints = noisy(rng, np.stack([p.joints[t] for p, t in rows]), self._augment)
        _, tips = panda.forward_kinematics(joints)
        cameras = _cameras(self._config, tips, rng)
        ends = [(p, p.targets[t]) for p, t in rows]
        targets = [targets_of(p.joints[s], p.gripper_open[s]) for p, s in ends]
        opening = np.array([p.gripper_open[t] for p, t in rows])
        chunks = [p.chunk(t) for p, t in rows]
        drawn = _Drawn(self._config, self._augment, self._backgrounds)
        return drawn.samples(rng, cameras, targets, joints, opening, chunks)

    def _motion(self, number: int) -> _Path:
        if number not in self._planned:
            motion = self._make(np.random.default_rng([self._seed, number]))
            self._planned[number] = _Path.of(self._config, motion)
        return self._planned[number]


def _without_pictures(source: Any) -> Any:
    bare = copy(source)
    bare._backgrounds = None
    return bare


@dataclass(frozen=True, eq=False)
class _Path:
    """States, actions and targets along a motion or a demonstration of T frames."""

    config: ControllerConfig
    joints: np.ndarray
    gripper_open: np.ndarray
    actions: np.ndarray
    targets: np.ndarray

    @classmethod
    def of(cls, config: ControllerConfig, motion: Motion) -> _Path:
        """Return a motion with its targets."""
        states = (motion.joints, motion.gripper_open)
        targets = target_frames(*states, config.horizon, config.keyframes)
        return cls(config, *states, motion.actions, targets)

    def chunk(self, frame: int) -> tuple[np.ndarray, np.ndarray]:
        """Return a frame's K actions and which are real; waiting is for who sees the target."""
        waits = self.config.target is not None and self.config.keyframes
        keyframe = int(self.targets[frame]) if waits else None
        return chunk(self.actions, frame, self.config.horizon, keyframe)


def _cameras(
    config: ControllerConfig, tips: np.ndarray, rng: np.random.Generator
) -> list[list[Camera]]:
    """Return the V cameras of N samples, moved where the controller learns without knowing them.

    Args:
        config: which cameras, and how far they are moved at most.
        tips: (N, 4, 4) poses of the gripper's tip.
        rng: decides how far each sample's cameras are moved, and whither.
    """
    cameras = [known_cameras(config, tip) for tip in tips]
    if not config.moved_cameras:
        return cameras
    return [_moved(config, each, rng.uniform(0, config.moved_cameras), rng) for each in cameras]


def _moved(
    config: ControllerConfig, cameras: Sequence[Camera], strength: float, rng: np.random.Generator
) -> list[Camera]:
    """Return V cameras moved at random, all but those on the wrist."""
    return [each if each.on_wrist else moved(each, strength, rng) for each in cameras]


def noisy(rng: np.random.Generator, joints: np.ndarray, augment: AugmentConfig) -> np.ndarray:
    """Return joints (N, 7) with noise, within their limits."""
    noise = rng.normal(0, 1, joints.shape) * augment.joint_noise
    return np.clip(joints + noise, panda.LOWER, panda.UPPER)


@dataclass(frozen=True, eq=False)
class _Drawn:
    """Draws and corrupts the targets of samples; shared by the sources."""

    config: ControllerConfig
    augment: AugmentConfig
    backgrounds: Backgrounds | None

    def samples(
        self,
        rng: np.random.Generator,
        cameras: Sequence[Sequence[Camera]],
        targets: Sequence[JointTargets],
        joints: np.ndarray,
        opening: np.ndarray,
        chunks: Sequence[tuple[np.ndarray, np.ndarray]],
    ) -> Samples:
        count, views, size = len(targets), len(self.config.cameras), self.config.image_size
        actions, valid = (np.stack(part) for part in zip(*chunks, strict=True))
        rest = (joints, opening, actions, valid, ("",) * count)
        if self.backgrounds is None:
            return Samples(only_labels(cameras, self.config.cameras, targets, size), *rest)
        below = self.backgrounds(rng, count * views, size).reshape(count, views, size, size, 3)
        shown = spheres_shown(self.augment, rng, count, views)
        clean = draw_views(below, cameras, self.config.cameras, targets, shown)
        return Samples(corrupt(self.augment, rng, clean, below), *rest)


class DemoSource:
    """Samples of every frame of recorded demonstrations (all but the last, which has no action).

    A controller with spheres sees targets drawn on backgrounds, for RLBench's cameras: then the
    data set's own pictures and cameras are not looked at, only its states matter. One without
    spheres sees the pictures themselves, perhaps with those of the target; they must have the
    configured size and are read from disk sample by sample.

    Args:
        config: what the network sees.
        augment: how samples are corrupted.
        backgrounds: makes what targets are drawn on.
        roots: folders of data sets.
        tasks: which tasks' demonstrations; `None` for all.

    Raises:
        UserError: no demonstrations in a root, one of the cameras is missing, or pictures of
            another size are needed.
    """

    def __init__(
        self,
        config: ControllerConfig,
        augment: AugmentConfig,
        backgrounds: Backgrounds,
        *roots: Path | str,
        tasks: Sequence[str] | None = None,
    ):
        self._config, self._augment = config, augment
        self._backgrounds: Backgrounds | None = backgrounds
        self._episodes = [_Episode(each, config) for each in recorded(roots, tasks)]
        self._frames = [(e, t) for e in self._episodes for t in range(len(e.path.actions))]

    def __len__(self) -> int:
        return len(self._frames)

    def bare(self) -> DemoSource:
        """Return the same frames without pictures."""
        return _without_pictures(self)

    def sample(self, rng: np.random.Generator, count: int) -> Samples:
        """Return samples of random frames, each frame of the data set alike."""
        return self.at(rng, [int(i) for i in rng.integers(len(self._frames), size=count)])

    def at(self, rng: np.random.Generator, numbers: Sequence[int]) -> Samples:
        """Return the samples of certain frames, numbered over the whole data set."""
        rows = [self._frames[i] for i in numbers]
        joints = noisy(rng, np.stack([e.path.joints[t] for e, t in rows]), self._augment)
        opening = np.array([e.path.gripper_open[t] for e, t in rows])
        chunks = [e.path.chunk(t) for e, t in rows]
        if not self._config.spheres:
            return self._plain(rng, rows, joints, opening, chunks)
        _, tips = panda.forward_kinematics(np.stack([e.path.joints[t] for e, t in rows]))
        cameras = _cameras(self._config, tips, rng)
        targets = [joint_targets(e.demo[e.path.targets[t]]) for e, t in rows]
        drawn = _Drawn(self._config, self._augment, self._backgrounds)
        return drawn.samples(rng, cameras, targets, joints, opening, chunks)

    def _plain(
        self,
        rng: np.random.Generator,
        rows: Sequence[tuple[_Episode, int]],
        joints: np.ndarray,
        opening: np.ndarray,
        chunks: Sequence[tuple[np.ndarray, np.ndarray]],
    ) -> Samples:
        """Return samples with the data set's own pictures."""
        actions, valid = (np.stack(part) for part in zip(*chunks, strict=True))
        views = without_targets(np.stack([e.views(t) for e, t in rows]))
        sentences = tuple(str(rng.choice(e.instructions)) for e, _ in rows)
        return Samples(views, joints, opening, actions, valid, sentences)


class _Episode:
    """One demonstration: states in memory, pictures read when asked for."""

    def __init__(self, each: Recorded, config: ControllerConfig):
        self._recorded, self._config = each, config
        self.demo = each.states()
        joints = np.stack([np.asarray(o.joint_positions) for o in self.demo])
        opening = np.array([o.gripper_open for o in self.demo], np.float64)
        self.path = _Path.of(config, Motion(joints, opening, self.demo.actions()))
        self._check()

    @property
    def instructions(self) -> list[str]:
        """The variation's sentences."""
        return self._recorded.sentences

    @cached_property
    def _folder(self) -> Path:
        return self._recorded.episode.path

    def _check(self) -> None:
        """Refuse what the controller cannot learn from, before it is sampled."""
        if self._config.spheres:
            self._recorded.refuse(drawing_fault(self.demo, ()))
            return
        there = {camera for camera, kind in image_folders(self._folder) if kind == "rgb"}
        if missing := [name for name in self._config.cameras if name not in there]:
            raise UserError(
                f"{self._folder}: has no camera {missing[0]}, which the controller looks "
                "through; record the demonstrations with it"
            )
        for name in self._config.cameras:
            check_frame_count(self._folder / f"{name}_rgb", len(self.demo))
        try:
            self.views(0)
        except UserError as error:
            raise UserError(f"{self._folder}: {error}") from None
        if not self.instructions:
            raise UserError(f"{self._folder}: no instructions")

    def views(self, frame: int) -> np.ndarray:
        """Return the pictures of a frame and perhaps of its target, (V, H, W, 3) uint8."""
        paths = {name: self._path(name, frame) for name in self._config.cameras}
        if self._config.future:
            target = int(self.path.targets[frame])
            later = {future_view(name): self._path(name, target) for name in self._config.cameras}
            paths |= later
        return stack_views(
            self._config, {name: read_image(path, "rgb") for name, path in paths.items()}
        )

    def _path(self, camera: str, frame: int) -> Path:
        return image_path(self._folder, camera, "rgb", frame)


class DecisionSource:
    """Samples of kept decisions (`genima_lite.controller.decisions`), all of them alike.

    Args:
        config: what the network sees.
        augment: noise on the joints; pictures stay as they are.
        folders: the decisions of each.

    Raises:
        UserError: decisions for another controller.
    """

    def __init__(self, config: ControllerConfig, augment: AugmentConfig, *folders: Shards):
        for each in folders:
            _check(config, each)
        self._augment, self._folders, self._spheres = augment, folders, config.spheres
        self._ends = np.cumsum([len(each) for each in folders])
        self._said = [text for each in folders for text in each.strings("instruction")]

    def __len__(self) -> int:
        return int(self._ends[-1])

    def sample(self, rng: np.random.Generator, count: int) -> Samples:
        """Return samples of random decisions."""
        chosen = rng.integers(len(self), size=count)
        drawn = without_targets(self._rows(chosen, "views"))
        if self._spheres:
            spheres = (self._rows(chosen, name) for name in SPHERES)
            drawn = DrawnViews(drawn.views, *spheres)
        return Samples(
            drawn,
            noisy(rng, self._rows(chosen, "joints"), self._augment),
            self._rows(chosen, "gripper_open"),
            self._rows(chosen, "actions"),
            self._rows(chosen, "valid"),
            tuple(self._said[i] for i in chosen),
        )

    def _rows(self, numbers: np.ndarray, name: str) -> np.ndarray:
        """Return rows of an array, numbered over all folders."""
        which = np.searchsorted(self._ends, numbers, side="right")
        starts = np.concatenate([[0], self._ends])[which]
        parts = [
            self._folders[k].rows([row], name)
            for k, row in zip(which.tolist(), (numbers - starts).tolist(), strict=True)
        ]
        return np.concatenate(parts)


def _check(config: ControllerConfig, kept: Shards) -> None:
    """Refuse decisions that were made for another controller."""
    kept.expect(
        views=(("U8",), (None, None, None, 3)),
        joints=(FLOATS, (7,)),
        gripper_open=(FLOATS, ()),
        actions=(FLOATS, (None, 8)),
        valid=(("BOOL",), (None,)),
        instruction=(("strings",), ()),
    )
    size, actions = config.image_size, kept.shape("actions")[0]
    if config.spheres != ("keypoints" in kept.names):
        kinds = ("of views as they are", "of drawings")
        theirs, ours = kinds if config.spheres else kinds[::-1]
        raise UserError(
            f"{kept.folder}: decisions {theirs}; this controller learns from those {ours}"
        )
    shape = kept.shape("views")[:3]
    if shape != (len(config.cameras), size, size) or actions != config.horizon:
        raise UserError(
            f"{kept.folder}: {actions} actions on {shape[0]} views of {shape[1]} pixels, wanted "
            f"are {config.horizon} on {len(config.cameras)} of {size}"
        )
