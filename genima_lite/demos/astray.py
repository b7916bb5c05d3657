"""Leads the arm astray before a demonstration, so that it shows the way back.

A policy's own small errors take it beside the paths that experts show, where it has learned
nothing (Ross and Bagnell, 2010). As in DART (Laskey et al., 2017) the expert is disturbed and
shows how it recovers. Deviation from the paper, whose demonstrations all start at home.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy.spatial.transform import Rotation

from genima_lite import panda
from genima_lite.bench.env import BenchEnv
from genima_lite.bench.expert import stretches
from genima_lite.bench.task import Waypoint

SPREAD = 0.04
"""radians: joints are displaced by normal noise whose deviation is uniform between 0 and this.
It moves the tip by 2 cm on average, the size of a pixel of a 64-pixel view of the table."""

NEAR, NEAR_TURN = 0.03, 0.15
"""metres and radians from a waypoint at which the arm merely passes: nearer counts as passed."""

_DETOUR = 6
_PAUSE = 4
_AT_END = 0.2


def go_astray(env: BenchEnv, seed: int) -> list[Waypoint]:
    """Move the arm to a posture beside the expert's path, and start the episode anew from there.

    The way to a random waypoint, a random part of it, is taken unseen, then the joints are
    displaced. Nothing is held at that moment: what the gripper holds is not part of a stored
    scene.

    Args:
        env: just reset; afterwards its scene is that of the new start.
        seed: of the displacement.

    Returns:
        The waypoints that are still ahead, for the scene as it is now.

    Raises:
        panda.Unreachable: the expert has no plan.
    """
    rng = np.random.default_rng([seed, 1])
    start = np.asarray(env.observation.joint_positions)
    ways = stretches(env.task.waypoints(env.scene), start)
    ahead = int(rng.integers(_count_empty_handed(ways, bool(env.task.graspable))))
    share = min(1.0, rng.uniform(0, 1 + _AT_END))
    last = ways[ahead]
    keeps = last[last[:, 7] == last[0, 7]]  # without a change of the gripper
    for action in np.vstack([*ways[:ahead], keeps[: round(share * len(keeps))]]):
        env.step_blindly(action)
    _displace(env, rng)
    env.reset(options={"scene_state": env.scene.state()})
    remaining = env.task.waypoints(env.scene)[ahead:]
    return remaining[1:] if len(remaining) > 1 and _passes(env, remaining[0]) else remaining


def _count_empty_handed(ways: Sequence[np.ndarray], grasps: bool) -> int:
    """Return on how many ways, from the first, the hand is empty."""
    closes = [bool(way[-1, 7] < 0.5) for way in ways]
    return closes.index(True) + 1 if grasps and True in closes else len(ways)


def _displace(env: BenchEnv, rng: np.random.Generator) -> None:
    """Move every joint a little, gripper as it is, and wait until the arm rests."""
    robot = env.scene.robot
    joints = np.asarray(env.observation.joint_positions)
    aside = joints + rng.normal(0, rng.uniform(0, SPREAD), 7)
    for share in np.linspace(0, 1, _DETOUR + 1)[1:]:
        robot.move(np.clip(joints + share * (aside - joints), panda.LOWER, panda.UPPER))
    robot.hold(_PAUSE)


def _passes(env: BenchEnv, waypoint: Waypoint) -> bool:
    """Return whether a waypoint is near that only leads to the next one."""
    if waypoint.gripper is not None and (waypoint.gripper > 0.5) != env.scene.robot.commanded_open:
        return False
    tip = panda.forward_kinematics(np.asarray(env.observation.joint_positions))[1]
    turn = Rotation.from_matrix(tip[:3, :3].T @ waypoint.tip[:3, :3]).magnitude()
    near = float(np.linalg.norm(tip[:3, 3] - waypoint.tip[:3, 3])) < NEAR
    return near and turn < NEAR_TURN
