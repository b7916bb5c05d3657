"""Where training samples come from: generated motions, or demonstrations."""

from __future__ import annotations

from collections.abc import Sequence
from copy import copy
from dataclasses import dataclass
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from genima_lite import panda
from genima_lite.cameras import Camera, mounted_camera
from genima_lite.controller.augment import AugmentConfig, corrupt, spheres_shown
from genima_lite.controller.config import ControllerConfig
from genima_lite.controller.pictures import stack_views
from genima_lite.datasets.motions import Motion, random_motion
from genima_lite.demos.images import read_image
from genima_lite.demos.layout import EpisodeFolder, image_path, iterate_episodes
from genima_lite.demos.read import image_folders, read_descriptions, read_episode
from genima_lite.errors import UserError
from genima_lite.observation import Demo
from genima_lite.targets.horizon import decision_frames, target_frames
from genima_lite.targets.joints import JointTargets, joint_targets
from genima_lite.targets.keypoints import (
    DrawnViews,
    draw_views,
    only_labels,
    targets_of,
    without_targets,
)


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


class Source(Protocol):
    """Gives samples; the same generator state gives the same samples."""

    def sample(self, rng: np.random.Generator, count: int) -> Samples:
        """Return `count` samples."""


def chunk(
    actions: np.ndarray, frame: int, horizon: int, stop: int | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """Return the next K actions of a frame, (K, 8), and which of them are real, (K,) bool.

    Past the end the last action is repeated and marked as not real. Past a stop the action that
    led there is repeated and counts as real: the arm waits.

    Args:
        actions: (T - 1, 8); row t leads from frame t to t + 1.
        frame: t, from 0 to T - 2.
        horizon: K.
        stop: the frame at which to wait, from t + 1 to T - 1; `None` for no waiting.
    """
    rows = frame + np.arange(horizon)
    if stop is not None:
        rows = np.minimum(rows, stop - 1)
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
    ):
        if not config.spheres:
            raise UserError("a controller without spheres needs demonstrations: their pictures")
        self._config, self._augment = config, augment
        self._backgrounds: Backgrounds | None = backgrounds
        self._count = motions
        self._motion = lru_cache(maxsize=motions)(
            lambda i: _Path.of(config, random_motion(np.random.default_rng([seed, i])))
        )

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
        size, names = self._config.image_size, self._config.cameras
        cameras = [[mounted_camera(name, size, tip) for name in names] for tip in tips]
        ends = [(p, p.targets[t]) for p, t in rows]
        targets = [targets_of(p.joints[s], p.gripper_open[s]) for p, s in ends]
        opening = np.array([p.gripper_open[t] for p, t in rows])
        chunks = [p.chunk(t) for p, t in rows]
        drawn = _Drawn(self._config, self._augment, self._backgrounds)
        return drawn.samples(rng, cameras, targets, joints, opening, chunks)


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
        """Return a frame's K actions and which are real; waiting at stops is for who sees them."""
        waits = self.config.spheres and self.config.keyframes
        stop = int(self.targets[frame]) if waits else None
        return chunk(self.actions, frame, self.config.horizon, stop)


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

    A controller with spheres sees targets drawn on backgrounds: then the data set's own pictures
    are not looked at and may have any size, only its states and cameras matter. One without
    spheres sees the pictures themselves, which must have the configured size.

    Args:
        config: what the network sees.
        augment: how samples are corrupted.
        backgrounds: makes what targets are drawn on.
        roots: folders of data sets.

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
    ):
        self._config, self._augment = config, augment
        self._backgrounds: Backgrounds | None = backgrounds
        self._episodes = [episode for root in roots for episode in _episodes(root, config)]
        self._frames = [(e, t) for e in self._episodes for t in range(len(e.path.actions))]

    def __len__(self) -> int:
        return len(self._frames)

    def bare(self) -> DemoSource:
        """Return the same frames without pictures."""
        return _without_pictures(self)

    def sample(self, rng: np.random.Generator, count: int) -> Samples:
        """Return samples of random frames, each frame of the data set alike."""
        return self.at(rng, [int(i) for i in rng.integers(len(self._frames), size=count)])

    def decisions(self) -> np.ndarray:
        """Return the numbers (n,) of the frames at which a policy decides that follows the
        demonstrations target by target (`genima_lite.targets.horizon.decision_frames`).
        """
        deciding = {e: set(decision_frames(e.path.targets)) for e in self._episodes}
        return np.flatnonzero([t in deciding[e] for e, t in self._frames])

    def seen(self, number: int, rng: np.random.Generator) -> tuple[dict[str, np.ndarray], str]:
        """Return a frame's views by camera, (H, W, 3) uint8, and a sentence that asks for it."""
        episode, frame = self._frames[number]
        views = dict(zip(self._config.cameras, episode.views(frame), strict=True))
        return views, str(rng.choice(episode.instructions))

    def at(self, rng: np.random.Generator, numbers: Sequence[int]) -> Samples:
        """Return the samples of certain frames, numbered over the whole data set."""
        rows = [self._frames[i] for i in numbers]
        joints = noisy(rng, np.stack([e.path.joints[t] for e, t in rows]), self._augment)
        opening = np.array([e.path.gripper_open[t] for e, t in rows])
        chunks = [e.path.chunk(t) for e, t in rows]
        if not self._config.spheres:
            return self._plain(rng, rows, joints, opening, chunks)
        cameras = [e.cameras(t) for e, t in rows]
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


def _episodes(root: Path | str, config: ControllerConfig) -> list[_Episode]:
    found = [_Episode(folder, config) for folder in iterate_episodes(root)]
    if not found:
        raise UserError(f"{root}: no demonstrations in it; make some with 'collect'")
    return found


class _Episode:
    """One demonstration: states in memory, pictures read when asked for."""

    def __init__(self, folder: EpisodeFolder, config: ControllerConfig):
        self._folder, self._config = folder, config
        self.demo: Demo = read_episode(folder.path, kinds=())
        joints = np.stack([np.asarray(o.joint_positions) for o in self.demo])
        opening = np.array([o.gripper_open for o in self.demo], np.float64)
        self.path = _Path.of(config, Motion(joints, opening, self.demo.actions()))
        self._check()

    def _check(self) -> None:
        if self._config.spheres:
            cameras = {k.removesuffix("_camera_near") for k in self.demo[0].misc}
        else:
            cameras = {camera for camera, kind in image_folders(self._folder.path) if kind == "rgb"}
        if missing := [name for name in self._config.cameras if name not in cameras]:
            raise UserError(
                f"{self._folder.path}: has no camera {missing[0]}, which the controller looks "
                "through; record the demonstrations with it"
            )

    def cameras(self, frame: int) -> list[Camera]:
        """Return the V cameras of a frame, for pictures of the configured size."""
        size = self._config.image_size
        seen = [Camera.from_observation(self.demo[frame], name) for name in self._config.cameras]
        return [resized(camera, size) for camera in seen]

    def views(self, frame: int) -> np.ndarray:
        """Return the pictures of a frame, (V, H, W, 3) uint8."""
        names = self._config.cameras
        paths = {name: image_path(self._folder.path, name, "rgb", frame) for name in names}
        return stack_views(
            self._config, {name: read_image(path, "rgb") for name, path in paths.items()}
        )

    @cached_property
    def instructions(self) -> list[str]:
        """The variation's sentences."""
        sentences, problem = read_descriptions(self._folder.path.parents[1])
        if not sentences:
            raise UserError(f"{self._folder.path}: no instructions ({problem})")
        return sentences


def resized(camera: Camera, size: int) -> Camera:
    """Return the camera for square pictures of another size; its centre is the middle."""
    scale = size / (2 * camera.intrinsics[0, 2])
    intrinsics = np.diag([scale, scale, 1.0]) @ camera.intrinsics
    return Camera(intrinsics, camera.pose, camera.near, camera.far)
