"""Perturbed states: the arm set down beside the expert's way, and where it should go from there.

A picture in which the arm stands where the expert leads it tells where that is. A network that
sees only such pictures learns to draw the arm a little farther on, not to look for the thing that
the arm must reach (causal confusion, de Haan et al., 2019). Here the arm stands somewhere else in
every picture. Deviation from the paper, which learns from demonstrations only.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.spatial.transform import Rotation

from genima_lite import panda
from genima_lite.datasets.source import Segment
from genima_lite.envs.api import HasExpert, HasSnapshot, RobotEnv, require
from genima_lite.observation import Demo, Observation
from genima_lite.targets.expert_targets import way_to_target
from genima_lite.transforms import pose_vector

FLIP = 0.15
"""Share of the states in which the gripper is closed instead of open, or the other way round."""

UNDER_WAY = 0.5
"""Share of the scenes without a grasp in which the expert has begun to press or push."""

_STATES = 4
_ASIDE, _TURNED, _TILTED = 0.05, 0.5, 0.08
_TRIES = 20


@dataclass(frozen=True)
class PerturbedStates:
    """What defines a row of perturbed states.

    Attributes:
        seed: the same seed gives the same states.
        keyframes: targets end at keyframes (`genima_lite.targets.horizon.target_frames`).
    """

    seed: int = 0
    keyframes: bool = True


def perturbed_states(
    env: RobotEnv, config: PerturbedStates, part: int, count: int
) -> Iterator[Segment]:
    """Set the arm down `count` times, four times a scene, always with an empty hand.

    The tip stands beside a random point of a random stretch of the expert's way to the grasp, or
    to the end for what presses: by normal noise whose deviation is uniform up to 5 cm, 0.5 rad
    about its axis and 0.08 rad across. Where it touches something, half a second passes until
    both rest. In half of the scenes of tasks without a grasp the expert has begun its last way, so
    a block lies where it has pushed it.

    Args:
        env: the task's environment, with the cameras and the size of a view that the samples
            need; its scenes have training seeds.
        config: see there.
        part: rows of one seed with other parts show other scenes.
        count: how many.

    Yields:
        A demonstration from now to the next target, and the sentences that ask for the variation.
        Only the first frame has pictures, and those before the last only joints, gripper and
        command. Draw targets with `keyframes=False`: the last frame is the target.

    Raises:
        UserError: the environment has no expert or no snapshots.
    """
    require(env, HasExpert, "perturbed states")
    require(env, HasSnapshot, "perturbed states")
    rng = np.random.RandomState([config.seed, part, 3])
    made = 0
    while made < count:
        variation = int(rng.randint(env.variations))
        env.reset(seed=2 * int(rng.randint(2**30)), options={"variation": variation})
        for demo in _of_one_scene(env, config, rng):
            if made < count:
                made += 1
                yield demo, env.instructions(variation)


def _of_one_scene(
    env: RobotEnv, config: PerturbedStates, rng: np.random.RandomState
) -> Iterator[Demo]:
    """Yield some perturbed states of a scene that was just reset."""
    snapshot = require(env, HasSnapshot, "perturbed states")
    try:
        ways = _ways(env)
        state = snapshot.state()
        if _grasp(ways) is None and rng.rand() < UNDER_WAY:
            _begin(env, ways, rng)
            if env.success:
                return
            state = snapshot.state()
            snapshot.place_arm(panda.HOME, 1.0)
            ways = _ways(env)
    except panda.Unreachable:
        return
    for _ in range(_STATES):
        if not _set_down(env, state, _empty_handed(ways), rng):
            continue
        now = env.observation
        try:
            way = way_to_target(env, config.keyframes)
        except panda.Unreachable:
            continue
        yield Demo([now, *led_along(way)])


def _ways(env: RobotEnv) -> list[np.ndarray]:
    """Return the expert's commands from here, an array (n, 8) a waypoint."""
    return list(require(env, HasExpert, "perturbed states").expert_stretches())


def _grasp(ways: Sequence[np.ndarray]) -> int | None:
    """Return at the end of which way the hand takes something; closing at once takes nothing."""
    openings = [1.0, *(float(way[-1, 7]) for way in ways)]
    closing = [k for k in range(1, len(ways)) if openings[k] > 0.5 >= openings[k + 1]]
    return closing[0] if closing else None


def _empty_handed(ways: Sequence[np.ndarray]) -> Sequence[np.ndarray]:
    """Return the ways up to the grasp; all of them where nothing is grasped."""
    grasp = _grasp(ways)
    return ways if grasp is None else ways[: grasp + 1]


def _begin(env: RobotEnv, ways: Sequence[np.ndarray], rng: np.random.RandomState) -> None:
    """Let the expert go some ways (n, 8), of the last one a random part."""
    *before, last = ways
    steps = np.vstack([*before, last[: rng.randint(len(last))]])
    if len(steps):
        env.execute(steps)


def _set_down(
    env: RobotEnv, state: dict[str, Any], ways: Sequence[np.ndarray], rng: np.random.RandomState
) -> bool:
    """Put the arm of a scene in some state beside one of some ways (n, 8).

    Returns:
        Whether a place was found where it does not reach deep into things nor ends the episode.
    """
    snapshot = require(env, HasSnapshot, "perturbed states")
    for _ in range(_TRIES):
        snapshot.restore(state)
        way = ways[rng.randint(len(ways))]
        command = way[rng.randint(len(way))]
        tip = _beside(panda.forward_kinematics(command[:7])[1], rng)
        opening = 1 - command[7] if rng.rand() < FLIP else command[7]
        try:
            joints = panda.inverse_kinematics(tip, start=command[:7], posture=command[:7])
        except panda.Unreachable:
            continue
        if snapshot.place_arm(joints, opening) and not env.success:
            return True
    return False


def _beside(tip: np.ndarray, rng: np.random.RandomState) -> np.ndarray:
    """Return a (4, 4) pose near another one."""
    moved = tip.copy()
    moved[:3, 3] += rng.normal(0, rng.uniform(0, _ASIDE), 3)
    spread = np.array([_TILTED, _TILTED, _TURNED]) * rng.rand()
    moved[:3, :3] = tip[:3, :3] @ Rotation.from_rotvec(rng.normal(0, spread)).as_matrix()
    return moved


def led_along(way: np.ndarray) -> Iterator[Observation]:
    """Yield what becomes of an arm that follows commands (T, 8) exactly: of the frames before the
    last only joints, gripper and command, of the last also where joints and tip are.
    """
    for row, command in enumerate(way, 1):
        misc: dict[str, Any] = {"joint_position_action": command}
        seen = Observation(joint_positions=command[:7], gripper_open=float(command[7]), misc=misc)
        if row == len(way):
            poses, tip = panda.forward_kinematics(command[:7])
            seen.gripper_matrix, seen.gripper_pose = tip, pose_vector(tip)
            misc["joint_poses"] = list(pose_vector(poses))
        yield seen
