"""What frames of a demonstration must be one after another, to be learned from and repeated.

Tolerances are those of some 400 real and simulated episodes, with room: joints go 0.14 radians in a
step, an action is half a radian off at most, and 0.05 in the median.
"""

from __future__ import annotations

import numpy as np

from genima_lite.demos.value_rules import ACTION
from genima_lite.observation import CONTROL_PERIOD, Demo

STRIDE = 0.2
"""Radians that a joint moves in 50 ms at most: 1.5 times as far as at its greatest velocity."""

SLOWEST, FASTEST = 0.6, 1.6
"""How far joints move between frames, beside what `joint_velocities` say for 50 ms."""

ACTION_OFF, ACTION_OFF_USUALLY = 1.0, 0.15
"""Radians between an action and the joints that it led to, at most and in the median."""


def order_fault(demo: Demo) -> str | None:
    """Return why a demonstration cannot be learned from or repeated, `None` if it can: too short,
    frames that are not 50 ms apart or run backwards, or actions that lead elsewhere.
    """
    if len(demo) < 2:
        return f"{len(demo)} frame: no action leads from it, so there is nothing to learn or repeat"
    for name in ("joint_positions", "gripper_open"):
        if getattr(demo[0], name) is None:
            return f"frame 0: no {name}, which learning and repeating need"
    joints = np.array([seen.joint_positions for seen in demo], np.float64)
    return _jump(joints) or _pace(demo, joints) or _elsewhere(demo, joints)


def _jump(joints: np.ndarray) -> str | None:
    steps = np.abs(np.diff(joints, axis=0)).max(axis=1)
    t = int(np.argmax(steps > STRIDE))
    if steps[t] <= STRIDE:
        return None
    return (
        f"frames {t} and {t + 1}: joint_positions are {steps[t]:.2f} radians apart, more than 50 "
        "ms allow; keyframes only, or out of order. Every frame is needed, in order"
    )


def _pace(demo: Demo, joints: np.ndarray) -> str | None:
    """Return what is wrong if joints move otherwise than their velocities say."""
    if any(seen.joint_velocities is None for seen in demo):
        return None
    velocities = np.array([seen.joint_velocities for seen in demo], np.float64)
    steps, said = np.diff(joints, axis=0), (velocities[1:] + velocities[:-1]) / 2
    moved = float((steps**2).sum()) / CONTROL_PERIOD
    if not velocities.any() or np.abs(steps).max() < 0.01:
        return None
    share = float((steps * said).sum()) / moved
    if share < 0:
        return "joint_positions move against joint_velocities; do the frames run backwards?"
    if len(demo) > 4 and not SLOWEST <= share <= FASTEST:
        return (
            f"joint_positions move {1 / max(share, 1e-3):.1f} times as far from frame to frame as "
            "joint_velocities say for 50 ms; are frames left out? Every frame is needed"
        )
    return None


def _elsewhere(demo: Demo, joints: np.ndarray) -> str | None:
    """Return what is wrong if actions do not lead to the next frame's joints."""
    found = [(t, seen.misc.get(ACTION)) for t, seen in enumerate(demo) if t]
    there = [(t, action) for t, action in found if action is not None]
    if not there:
        return None
    frames, actions = zip(*there, strict=True)
    off = np.abs(np.array(actions, np.float64)[:, :7] - joints[list(frames)]).max(axis=1)
    worst = int(np.argmax(off))
    if off[worst] <= ACTION_OFF and np.median(off) <= ACTION_OFF_USUALLY:
        return None
    return (
        f"frame {frames[worst]}: misc.{ACTION} is {off[worst]:.2f} radians from the "
        "joint_positions that it led to; do actions and frames belong together?"
    )
