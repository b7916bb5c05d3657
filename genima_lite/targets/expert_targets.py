"""The expert's plan as targets: what it would have drawn for an arm that need not follow it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np

from genima_lite.cameras import Camera
from genima_lite.envs.api import HasDemonstrations, HasExpert, RobotEnv, require
from genima_lite.observation import Observation
from genima_lite.targets.horizon import HORIZON, target_frames
from genima_lite.targets.keypoints import draw_views, targets_of

LATER, EARLIER = 0.0005, 0.05
"""Radians: what a frame costs for each step that it lies ahead of the last one, and what going
back costs. Postures that a plan passes twice are told apart by them."""


class ExpertTargets:
    """The targets of the expert's plan from here on.

    Args:
        env: at an episode's start, or anywhere in it; it needs an expert.
        horizon: K in steps.
        keyframes: cut targets at keyframes; see `genima_lite.targets.horizon.target_frames`.

    Attributes:
        plan: (T, 8), joints in radians and gripper open, at each frame; the first one is now.
        targets: (T,) int, the frame of each frame's target.

    Raises:
        UserError: the environment has no expert.
        panda.Unreachable: the expert has no plan from here.
    """

    def __init__(self, env: RobotEnv, horizon: int = HORIZON, keyframes: bool = True):
        self.plan = expert_plan(env)
        self.targets = target_frames(self.plan[:, :7], self.plan[:, 7], horizon, keyframes)
        self._frame = 0

    def follow(self, observation: Observation) -> int:
        """Return the frame of the plan at which the arm is, and go on from it next time.

        It is the one whose joints are nearest, by the joint that is furthest off, among frames
        with the arm's gripper state (among all where there is none).
        """
        joints, opening = np.asarray(observation.joint_positions), observation.gripper_open
        cost = np.abs(self.plan[:, :7] - joints).max(axis=1)
        ahead = np.arange(len(cost)) - self._frame
        cost += np.where(ahead < 0, EARLIER, LATER * ahead)
        cost[self.plan[:, 7] != opening] += 1e3
        self._frame = int(np.argmin(cost))
        return self._frame

    def draw(
        self, observation: Observation, frame: int, cameras: Sequence[str]
    ) -> dict[str, np.ndarray]:
        """Return an observation's views with a frame's targets on them, (H, W, 3) uint8 each."""
        row = self.plan[self.targets[frame]]
        below = np.stack([observation.image(name) for name in cameras])[None]
        seen_by = [[Camera.from_observation(observation, name) for name in cameras]]
        drawn = draw_views(below, seen_by, cameras, [targets_of(row[:7], row[7])])
        return dict(zip(cameras, drawn.views[0], strict=True))


def expert_plan(env: RobotEnv) -> np.ndarray:
    """Return the expert's plan from here, (T, 8): joints in radians and gripper open, by frame.

    Where the environment demonstrates its task, these are the postures of its demonstration: an arm
    that lags, as RLBench's, has other joints than it was commanded to have. Elsewhere they are the
    expert's commands.

    Raises:
        UserError: the environment has no expert.
        panda.Unreachable: the expert has no plan from here.
    """
    if isinstance(env, HasDemonstrations):
        return np.stack([_posture(frame) for frame in env.demonstration()])
    expert = require(env, HasExpert, "the expert's targets")
    return np.vstack([_posture(env.observation), *expert.expert_stretches()])


def way_to_target(env: RobotEnv, keyframes: bool = True) -> np.ndarray:
    """Return the expert's commands (T, 8) from where the arm is to the next target, T >= 1.

    No more stretches are planned than are needed to know the target, rarely more than two.

    Args:
        env: at any moment of an episode; it needs an expert.
        keyframes: end at a keyframe (`genima_lite.targets.horizon.target_frames`).

    Raises:
        UserError: the environment has no expert.
        panda.Unreachable: the expert knows no way from here to there.
    """
    expert = require(env, HasExpert, "the expert's way to its target")
    return first_target_of(_posture(env.observation), expert.expert_stretches(), keyframes)


def first_target_of(
    start: np.ndarray, stretches: Iterable[np.ndarray], keyframes: bool = True
) -> np.ndarray:
    """Return the commands (T, 8) of a plan up to the first target, T >= 1.

    Args:
        start: (8,), joints in radians and gripper open, where the plan begins.
        stretches: of the plan, (n, 8) each; no more are taken than are needed.
        keyframes: as for `way_to_target`.
    """
    frames, target = start[None], 0
    for number, stretch in enumerate(stretches, 1):
        frames = np.vstack([frames, stretch])
        target = int(target_frames(frames[:, :7], frames[:, 7], keyframes=keyframes)[0])
        if number > 1 and target < len(frames) - 2:
            break
    return frames[1 : 1 + max(1, target)]


def _posture(observation: Observation) -> np.ndarray:
    """Return joints in radians and gripper open, (8,)."""
    return np.append(np.asarray(observation.joint_positions), float(observation.gripper_open or 0))
