"""Arm motions without a scene: what an expert does, anywhere over the table.

Each motion is planned by the expert's own planner over random keyframes, so its timing (minimum
jerk, from rest to rest) is the demonstrations'. The joints of a motion are all the controller needs
to be trained on: targets are drawn from forward kinematics.

There are two kinds: the bench's, mostly with grips from above, and RLBench's, whose demonstrations
reach low and far, grip from the side, and whose arm lags behind its commands.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy.spatial.transform import Rotation

from genima_lite import panda
from genima_lite.errors import UserError
from genima_lite.planner import (
    Waypoint,
    along,
    forward,
    plan,
    stretches,
    timed_as_rlbench,
    top_down,
)
from genima_lite.rlbench import TABLE
from genima_lite.targets.horizon import HORIZON

_STOPS = (2, 6)
_X, _Y, _HEIGHT = (-0.05, 0.5), (-0.4, 0.4), (0.0, 0.45)
"""metres: where keyframes lie over the table (RLBench's workspace is 0.65 m by 0.91 m)."""

_MIDDLE = np.array([0.1, 0.2, -0.1, -1.95, 0.1, 1.8, 0.0])
_SPREAD = np.array([0.7, 0.7, 0.75, 0.6, 1.2, 0.7, 1.3])
"""radians: mean and deviation of the joints in RLBench's demonstrations, rounded."""
_LOW, _HIGH = np.array([-0.1, -0.5, TABLE]), np.array([0.65, 0.5, TABLE + 0.8])
"""metres: where RLBench's tips are."""
_LOWEST_DIP = -0.4
"""Sine of how far a tip may point upwards."""
_TRACKING = 0.64
"""Share of the way to its command that the arm gets in a step: RLBench's demonstrations lag 0.57
steps behind their commands."""
_WAIT = 3
"""Steps that the arm is given at a keyframe to catch up."""


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


def motion_kind(name: str) -> Callable[[np.random.Generator], Motion]:
    """Return what makes motions: `bench`, `rlbench`, or `both`, each of them half of the time.

    Raises:
        UserError: no such kind.
    """
    if name not in KINDS:
        raise UserError(f"unknown kind of motions '{name}': choose from {', '.join(KINDS)}")
    return KINDS[name]


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


# ------------------------------------------------------------------------------ RLBench's


def rlbench_motion(rng: np.random.Generator) -> Motion:
    """Return a motion at RLBench's speed and tracking over all of its postures: free moves from
    one to another, short straight ones between, some of them with a turn of the hand.
    """
    q = panda.HOME if rng.random() < 0.3 else rlbench_posture(rng)
    opening, rows = float(rng.random() < 0.8), list[np.ndarray]()
    first = np.append(q, opening)
    for _ in range(rng.integers(*_STOPS)):
        way = _rlbench_way(rng, q)
        q = way[-1]
        rows += [np.append(each, opening) for each in [*way, *[q] * _WAIT]]
        opening = 1.0 - opening if rng.random() < 0.5 else opening
        rows.append(np.append(q, opening))
    return _lagging(first, np.stack(rows))


def rlbench_posture(rng: np.random.Generator) -> np.ndarray:
    """Return joints (7,) in radians of one of RLBench's postures: the tip is over the table and
    points anywhere but up, and no joint is below the table.
    """
    while True:
        drawn = np.clip(rng.normal(_MIDDLE, _SPREAD, (32, 7)), panda.LOWER, panda.UPPER)
        joints, tips = panda.forward_kinematics(drawn)
        places = tips[:, :3, 3]
        good = ((places > _LOW) & (places < _HIGH)).all(axis=1)
        good &= (-tips[:, 2, 2] > _LOWEST_DIP) & (joints[:, :, 2, 3].min(axis=1) > TABLE)
        if good.any():
            return drawn[np.argmax(good)]


def _rlbench_way(rng: np.random.Generator, q: np.ndarray) -> np.ndarray:
    """Return commands (n, 7) from a posture to the next keyframe, which can be reached."""
    while True:
        if rng.random() < 0.4:
            return timed_as_rlbench(np.linspace(q, rlbench_posture(rng), 3))
        there = Waypoint(_near(rng, panda.forward_kinematics(q)[1]), straight=True)
        try:
            (rows,) = stretches([there], q, timing=timed_as_rlbench)
        except panda.Unreachable:
            continue
        if there.tip[2, 3] > TABLE:
            return rows[:, :7]


def _near(rng: np.random.Generator, tip: np.ndarray) -> np.ndarray:
    """Return a tip pose (4, 4) near another, mostly along the fingers, some of them turned."""
    way = rng.normal(size=3) * [0.4, 0.4, 1.0]
    there = along(tip, *(rng.uniform(0.03, 0.25) * _unit(way)))
    if rng.random() < 0.4:
        turn = Rotation.from_rotvec(rng.uniform(0.1, 0.8) * _unit(rng.normal(size=3)))
        there[:3, :3] = there[:3, :3] @ turn.as_matrix()
    return there


def _unit(vector: np.ndarray) -> np.ndarray:
    return vector / np.linalg.norm(vector)


def _lagging(first: np.ndarray, actions: np.ndarray) -> Motion:
    """Return the motion that commands (T - 1, 8) make of an arm at `first` that lags behind."""
    actions = np.concatenate([actions, np.repeat(actions[-1:], HORIZON, axis=0)])
    states = [first]
    for action in actions:
        joints = states[-1][:7] + _TRACKING * (action[:7] - states[-1][:7])
        states.append(np.append(joints, action[7]))
    found = np.stack(states)
    return Motion(found[:, :7], found[:, 7], actions)


def _either(rng: np.random.Generator) -> Motion:
    return (random_motion if rng.random() < 0.5 else rlbench_motion)(rng)


KINDS: dict[str, Callable[[np.random.Generator], Motion]] = {
    "bench": random_motion,
    "rlbench": rlbench_motion,
    "both": _either,
}
"""Kinds of motions by name."""
