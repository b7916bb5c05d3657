"""The expert from anywhere: which of its waypoints are still ahead, judged from the scene alone.

A picture does not tell how the arm came to be where it is. So that the same picture always asks
for the same motion, the expert's way on depends on where the arm and the pieces are, and on
nothing else. Nor do pictures that look the same ask for different motions: what the expert
tolerates is wider than a pixel. Where it is not, whoever learns from pictures draws the average of
"go on" and "go back", and stands still (`benchmarks/blurred_expert.py`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from scipy.spatial.transform import Rotation

from genima_lite import panda
from genima_lite.envs.bench.scene import Scene
from genima_lite.envs.bench.task import Waypoint

TUBE, SLOPE = 0.025, 0.4
"""Metres, and metres a metre: how far the tip may be beside the straight way to a waypoint to go on
along it. The tube narrows towards the waypoint, as a funnel does, to two pixels' size."""

ASIDE, ABOVE = 0.02, 0.03
"""Metres that the tip may be beside and above the way along which it pushes a thing."""

FREE = 0.05
"""Metres that the tip may be beside a way that is free."""

FAR = 0.15
"""Metres beside all stretches from which the expert begins with its first stop."""

TURN, TURN_SLOPE = 0.6, 5.0
"""Radians, and radians a metre: how far the tip may be turned away from the pose at the end of a
straight way. What presses may be turned about its own axis as it likes: pictures hardly show it."""

GRIPPED, APART = 0.04, 0.002
"""Metres between the tip and a grasp, and between a finger and its stop: closed fingers that are
nearer and farther apart are around it."""


def waypoints_ahead(scene: Scene, first: Sequence[Waypoint]) -> list[Waypoint]:
    """Return the expert's stops from where the arm is now.

    With the task's thing in the hand: the stops after the grasp. Otherwise the stop at the end of
    the last stretch whose tube the arm is in; beside all of them the one where the nearest
    stretch begins. A gripper that is wrong for this opens or closes on arrival there, or at once
    where the next stop is the grasp.

    Args:
        scene: at any moment of an episode.
        first: the task's waypoints at the episode's start. What follows the grasp leads where
            they lead, however the piece has moved since.
    """
    now = scene.task.waypoints(scene)
    grasp = _grasp(now)
    tip = _tip(scene)
    if grasp is not None and _holds(scene, now[grasp], tip):
        rest = min(range(grasp + 1, len(now)), key=lambda k: _beside(first, k, tip))
        slip = np.zeros(3) if scene.task.graspable else tip[:3, 3] - now[grasp].tip[:3, 3]
        return [_moved(stop, slip) for stop in first[rest:]]
    is_open = scene.robot.commanded_open
    if grasp is None:
        return _gripper_on_arrival(now, _ahead(now, len(now), tip), is_open)
    waypoints = [*now[: grasp + 1], *first[grasp + 1 :]]
    ahead = _ahead(waypoints, grasp + 1, tip)
    if ahead == grasp and not is_open:
        return [Waypoint(tip, gripper=1.0), *waypoints[grasp:]]
    return _gripper_on_arrival(waypoints, ahead, is_open)


def _tip(scene: Scene) -> np.ndarray:
    joints = [scene.data.joint(f"joint{k + 1}").qpos[0] for k in range(7)]
    return panda.forward_kinematics(np.array(joints))[1]


def _grasp(waypoints: Sequence[Waypoint]) -> int | None:
    """Return at which stop the hand takes something; a hand that closes at once takes nothing."""
    closing = [k for k, stop in enumerate(waypoints) if stop.gripper == 0.0 and k > 0]
    return closing[0] if closing else None


def _holds(scene: Scene, grasp: Waypoint, tip: np.ndarray) -> bool:
    """Return whether the hand holds what the task is about, a handle included."""
    if scene.task.graspable:
        return scene.is_held(scene.task.graspable[0])
    near = float(np.linalg.norm(tip[:3, 3] - grasp.tip[:3, 3])) < GRIPPED
    apart = scene.data.joint("finger1").qpos[0] > APART
    return near and apart and not scene.robot.commanded_open


def _moved(stop: Waypoint, by: np.ndarray) -> Waypoint:
    tip = stop.tip.copy()
    tip[:3, 3] += by
    return replace(stop, tip=tip)


def _ahead(waypoints: Sequence[Waypoint], count: int, tip: np.ndarray) -> int:
    """Return which of the first `count` stops comes next."""
    beside = [_beside(waypoints, k, tip) for k in range(1, count)]
    inside = [k for k in range(1, count) if _in_tube(waypoints, k, tip)]
    if inside:
        return inside[-1]
    nearest = int(np.argmin(beside))
    return nearest if beside[nearest] < FAR else 0


def _in_tube(waypoints: Sequence[Waypoint], k: int, tip: np.ndarray) -> bool:
    """Return whether the tip is on the way to stop k."""
    if not waypoints[k].straight:
        return _beside(waypoints, k, tip) < FREE
    left = float(np.linalg.norm(tip[:3, 3] - waypoints[k].tip[:3, 3]))
    empty = _grasp(waypoints) is None
    if _turned(tip, waypoints[k].tip, empty) >= TURN + TURN_SLOPE * left:
        return False
    if empty and _sideways(waypoints, k):
        return _behind(waypoints, k, tip)
    return _beside(waypoints, k, tip) < TUBE + SLOPE * left


def _sideways(waypoints: Sequence[Waypoint], k: int) -> bool:
    """Return whether the tip goes across its own axis to stop k, as in a push."""
    way = waypoints[k].tip[:3, 3] - waypoints[k - 1].tip[:3, 3]
    return bool(abs(way @ waypoints[k].tip[:3, 2]) < 0.5 * np.linalg.norm(way))


def _behind(waypoints: Sequence[Waypoint], k: int, tip: np.ndarray) -> bool:
    """Return whether the tip is straight enough behind what it pushes to stop k."""
    off, axis = _off(waypoints, k, tip), waypoints[k].tip[:3, 2]
    above = float(off @ axis)
    return abs(above) < ABOVE and float(np.linalg.norm(off - above * axis)) < ASIDE


def _turned(tip: np.ndarray, stop: np.ndarray, presses: bool) -> float:
    """Return the radians between two poses, or for what presses between their axes."""
    if presses:
        return float(np.arccos(np.clip(tip[:3, 2] @ stop[:3, 2], -1, 1)))
    return float(Rotation.from_matrix(tip[:3, :3].T @ stop[:3, :3]).magnitude())


def _beside(waypoints: Sequence[Waypoint], k: int, tip: np.ndarray) -> float:
    """Return the metres between the tip and the line from stop k - 1 to stop k."""
    return float(np.linalg.norm(_off(waypoints, k, tip)))


def _off(waypoints: Sequence[Waypoint], k: int, tip: np.ndarray) -> np.ndarray:
    """Return what leads from the nearest point of that line to the tip, (3,) metres."""
    start, end, point = waypoints[k - 1].tip[:3, 3], waypoints[k].tip[:3, 3], tip[:3, 3]
    way = end - start
    share = np.clip(np.dot(point - start, way) / np.dot(way, way), 0, 1)
    return point - (start + share * way)


def _gripper_on_arrival(waypoints: Sequence[Waypoint], ahead: int, is_open: bool) -> list[Waypoint]:
    """Return the stops from `ahead` on; a gripper that is not as the expert's is on its way there
    is set right at the first of them, but never at the last stop: that would be too late.
    """
    ahead = min(ahead, len(waypoints) - 2) if _late(waypoints, ahead, is_open) else ahead
    next_stop, *rest = waypoints[ahead:]
    if next_stop.gripper is None and _late(waypoints, ahead, is_open):
        next_stop = replace(next_stop, gripper=0.0 if is_open else 1.0)
    return [next_stop, *rest]


def _late(waypoints: Sequence[Waypoint], ahead: int, is_open: bool) -> bool:
    """Return whether the gripper should have changed before the way to stop `ahead`."""
    before = [stop.gripper for stop in waypoints[:ahead] if stop.gripper is not None]
    return ((before[-1] if before else 1.0) > 0.5) != is_open
