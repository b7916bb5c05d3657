"""Arm motions without a scene: what an expert does, anywhere over the table.

Each motion is planned by the expert's own planner over random keyframes, so its timing (minimum
jerk, from rest to rest) is the demonstrations'. The joints of a motion are all the controller needs
to be trained on: targets are drawn from forward kinematics.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from genima_lite import panda
from genima_lite.planner import Waypoint, along, forward, plan, top_down
from genima_lite.rlbench import TABLE
from genima_lite.targets.horizon import HORIZON

_STOPS = (2, 6)
_X, _Y, _HEIGHT = (-0.05, 0.5), (-0.4, 0.4), (0.0, 0.45)
"""metres: where keyframes lie over the table (RLBench's workspace is 0.65 m by 0.91 m)."""


@dataclass(frozen=True, eq=False)
class Motion:
    """A motion of the arm, T frames, one control period apart.

    Attributes:
        joints: (T, 7) float64 radians, where the arm is at each frame.
        gripper_open: (T,) float64, 1.0 or 0.0, how the gripper is at each frame.
        actions: (T - 1, 8) float64; row t leads from frame t to frame t + 1.
    """

    joints: np.ndarray
    gripper_open: np.ndarray
    actions: np.ndarray


def random_motion(rng: np.random.Generator) -> Motion:
    """Return a motion of some keyframes, gripper changes at some of them, and a pause at the end.

    The pause lasts a horizon, so that "stay" is learned from real actions.
    """
    start = panda.HOME + rng.normal(0, 0.08, 7)
    while True:
        opening, tip = 1.0, panda.forward_kinematics(start)[1]
        waypoints = []
        for _ in range(rng.integers(*_STOPS)):
            waypoint, opening = _random_stop(rng, tip, opening)
            waypoints.append(waypoint)
            tip = waypoint.tip
        try:
            return _motion(start, plan(waypoints, start))
        except panda.Unreachable:
            continue


def _random_stop(
    rng: np.random.Generator, tip: np.ndarray, opening: float
) -> tuple[Waypoint, float]:
    """Return the next keyframe: a short straight move from the last, or a free one to anywhere."""
    straight = bool(rng.random() < 0.6)
    if straight:
        way = rng.normal(size=3) * [0.4, 0.4, 1.0]
        there = along(tip, *(rng.uniform(0.03, 0.2) * way / np.linalg.norm(way)))
        there[2, 3] = np.clip(there[2, 3], TABLE, TABLE + 0.7)
    else:
        there = _random_tip(rng)
    if rng.random() < 0.5:
        opening = 1.0 - opening
    return Waypoint(there, opening, straight), opening


def _random_tip(rng: np.random.Generator) -> np.ndarray:
    """Return a tip pose (4, 4) over the table: pointing down, or forward with some dip."""
    place = np.array([rng.uniform(*_X), rng.uniform(*_Y), TABLE + rng.uniform(*_HEIGHT)])
    if rng.random() < 0.7:
        return top_down(place, rng.uniform(-np.pi / 2, np.pi / 2))
    return forward(place, rng.uniform(-0.8, 0.8), rng.uniform(0.6, np.pi / 2))


def _motion(start: np.ndarray, actions: np.ndarray) -> Motion:
    """Return the motion that a plan (T - 1, 8) makes of an arm that follows without lag."""
    actions = np.concatenate([actions, np.repeat(actions[-1:], HORIZON, axis=0)])
    first = np.append(start, 1.0)
    states = np.concatenate([first[None], actions])
    return Motion(states[:, :7], states[:, 7], actions)
