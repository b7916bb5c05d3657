"""Which future frame is drawn: that of frame t + K, or the next keyframe if it comes sooner."""

from __future__ import annotations

import numpy as np

HORIZON = 20
"""K, the steps from a frame to its target: one second at 20 Hz (paper, section 3.1)."""

SPHERES, FUTURE = "spheres", "future"
"""What is drawn of a target: its joints' spheres on the present views or, as SuSIE does, the views
that the robot will see there."""

STILL = 0.006
"""radians a step (0.12 rad/s): the arm rests where its fastest joint is slower than this."""

NEAR = 4
"""Steps: a rest that is nearer counts as reached. A minimum-jerk motion of 20 steps has 1 % of
its way left then, which no picture shows."""


def target_frame(frame: int, length: int, horizon: int = HORIZON) -> int:
    """Return the frame whose joints are the target of `frame`: `min(frame + horizon, length - 1)`.

    This is the paper's rule. Near the end of an episode the target stays at the last frame, so
    the last `horizon` frames all say "go there and stay", and every frame has a target.

    Deviation: the reference code stops at the last frame but one. With K = 20 it takes
    `min(frame + 20, length - 2)`, draws nothing on frame `length - 2` and never uses the last
    frame as a target. But the last frame is where a task ends: a gripper that opens or closes
    at the very end shows only there, since gripper motion takes no frames of its own.

    Args:
        frame: t, from 0 to `length - 1`.
        length: T, the number of frames in the episode.
        horizon: K, at least 1.

    Raises:
        ValueError: a frame outside the episode, or a horizon below 1.
    """
    if not 0 <= frame < length:
        raise ValueError(f"no frame {frame} in an episode of {length} frames")
    if horizon < 1:
        raise ValueError(f"a target lies at least one frame ahead, not {horizon}")
    return min(frame + horizon, length - 1)


def target_frames(
    joints: np.ndarray, gripper_open: np.ndarray, horizon: int = HORIZON, keyframes: bool = True
) -> np.ndarray:
    """Return the target of every frame of an episode, (T,) int: K ahead, or the next keyframe.

    Deviation from the paper, for demonstrations as quick as the bench's (40 to 110 steps, three
    or four motions from rest to rest): within 20 steps lies a whole grasp, and joints at t + 20
    that are lifted and closed no longer say where to grasp. Driving straight to the exact
    joints, without any network, 20 steps a decision, solves 33 of 80 episodes at t + 20 and 80
    of 80 when the target is cut at keyframes (`python benchmarks/drive_to_targets.py`). Keyframes
    are those of James and Davison (2022): the gripper changes, or the arm comes to rest.

    Args:
        joints: (T, 7) radians.
        gripper_open: (T,), 1.0 or 0.0.
        horizon: K, at least 1.
        keyframes: cut targets at keyframes; `False` is `target_frame`, the paper's rule.

    Raises:
        ValueError: no frames, or a horizon below 1.
    """
    length = len(joints)
    plain = np.array([target_frame(t, length, horizon) for t in range(length)])
    if not length:
        raise ValueError("an episode without frames has no targets")
    if not keyframes:
        return plain
    changes, rests = find_keyframes(joints, gripper_open)
    frames = np.arange(length)
    return np.minimum(plain, np.minimum(_next(changes, frames + 1), _next(rests, frames + NEAR)))


def decision_frames(targets: np.ndarray) -> list[int]:
    """Return the frames at which a policy decides that follows an episode from target to target.

    Args:
        targets: (T,) int, of every frame, as `target_frames` gives them.
    """
    frames = [0]
    while targets[frames[-1]] > frames[-1]:
        frames.append(int(targets[frames[-1]]))
    return frames


def find_keyframes(joints: np.ndarray, gripper_open: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the frames at which an episode pauses, both increasing (n,) int.

    Args:
        joints: (T, 7) radians.
        gripper_open: (T,), 1.0 or 0.0.

    Returns:
        changes: the first frame with another gripper than the one before.
        rests: the stillest frame of each pause without such a change; never an episode's start.
    """
    changes = np.flatnonzero(np.diff(gripper_open)) + 1
    speed = np.full(len(joints), np.inf)
    if len(joints) > 2:
        speed[1:-1] = np.abs(joints[2:] - joints[:-2]).max(axis=1) / 2
    edges = np.flatnonzero(np.diff(np.r_[False, speed < STILL, False]))
    rests = []
    for first, after in edges.reshape(-1, 2):
        changing = ((changes >= first) & (changes <= after)).any()
        if first > 1 and not changing:
            rests.append(first + int(np.argmin(speed[first:after])))
    return changes, np.array(rests, int)


def _next(keyframes: np.ndarray, frames: np.ndarray) -> np.ndarray:
    """Return the first keyframe at or after each frame; where there is none, one beyond all."""
    beyond = np.append(keyframes, np.iinfo(int).max)
    return beyond[np.searchsorted(keyframes, frames)]
