"""The rules of recovery for a task with one grasp or none, as the shipped models learned them.

A reference for `genima_lite.envs.bench.recovery`, which must say the same on all shipped tasks.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from scipy.spatial.transform import Rotation

from genima_lite import panda
from genima_lite.envs.bench.scene import Scene
from genima_lite.envs.bench.waypoint import Waypoint

TUBE, SLOPE = 0.025, 0.4
ASIDE, ABOVE = 0.02, 0.03
FREE = 0.05
FAR = 0.15
TURN, TURN_SLOPE = 0.6, 5.0
GRIPPED, APART = 0.04, 0.002


def waypoints_ahead(scene: Scene, first: Sequence[Waypoint]) -> list[Waypoint]:
    """Return the expert's waypoints from where the arm is now."""
    now = scene.task.waypoints(scene)
    grasp = _grasp(now)
    tip = _tip(scene)
    if grasp is not None and _holds(scene, now[grasp], tip):
        rest = min(range(grasp + 1, len(now)), key=lambda k: _beside(first, k, tip))
        slip = np.zeros(3) if scene.task.graspable else tip[:3, 3] - now[grasp].tip[:3, 3]
        return [_moved(waypoint, slip) for waypoint in first[rest:]]
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
    """Return at which waypoint the hand takes something."""
    closing = [k for k, waypoint in enumerate(waypoints) if waypoint.gripper == 0.0 and k > 0]
    return closing[0] if closing else None


def _holds(scene: Scene, grasp: Waypoint, tip: np.ndarray) -> bool:
    """Return whether the hand holds what the task is about, a handle included."""
    if scene.task.graspable:
        return scene.is_held(scene.task.graspable[0])
    near = float(np.linalg.norm(tip[:3, 3] - grasp.tip[:3, 3])) < GRIPPED
    apart = scene.data.joint("finger1").qpos[0] > APART
    return near and apart and not scene.robot.commanded_open


def _moved(waypoint: Waypoint, by: np.ndarray) -> Waypoint:
    tip = waypoint.tip.copy()
    tip[:3, 3] += by
    return replace(waypoint, tip=tip)


def _ahead(waypoints: Sequence[Waypoint], count: int, tip: np.ndarray) -> int:
    """Return which of the first `count` waypoints comes next."""
    beside = [_beside(waypoints, k, tip) for k in range(1, count)]
    inside = [k for k in range(1, count) if _in_tube(waypoints, k, tip)]
    if inside:
        return inside[-1]
    nearest = int(np.argmin(beside))
    return nearest if beside[nearest] < FAR else 0


def _in_tube(waypoints: Sequence[Waypoint], k: int, tip: np.ndarray) -> bool:
    """Return whether the tip is on the way to waypoint k."""
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
    """Return whether the tip goes across its own axis to waypoint k, as in a push."""
    way = waypoints[k].tip[:3, 3] - waypoints[k - 1].tip[:3, 3]
    return bool(abs(way @ waypoints[k].tip[:3, 2]) < 0.5 * np.linalg.norm(way))


def _behind(waypoints: Sequence[Waypoint], k: int, tip: np.ndarray) -> bool:
    """Return whether the tip is straight enough behind what it pushes to waypoint k."""
    off, axis = _off(waypoints, k, tip), waypoints[k].tip[:3, 2]
    above = float(off @ axis)
    return abs(above) < ABOVE and float(np.linalg.norm(off - above * axis)) < ASIDE


def _turned(tip: np.ndarray, goal: np.ndarray, presses: bool) -> float:
    """Return the radians between two poses, or for what presses between their axes."""
    if presses:
        return float(np.arccos(np.clip(tip[:3, 2] @ goal[:3, 2], -1, 1)))
    return float(Rotation.from_matrix(tip[:3, :3].T @ goal[:3, :3]).magnitude())


def _beside(waypoints: Sequence[Waypoint], k: int, tip: np.ndarray) -> float:
    """Return the metres between the tip and the line from waypoint k - 1 to waypoint k."""
    return float(np.linalg.norm(_off(waypoints, k, tip)))


def _off(waypoints: Sequence[Waypoint], k: int, tip: np.ndarray) -> np.ndarray:
    """Return what leads from the nearest point of that line to the tip, (3,) metres."""
    start, end, point = waypoints[k - 1].tip[:3, 3], waypoints[k].tip[:3, 3], tip[:3, 3]
    way = end - start
    share = np.clip(np.dot(point - start, way) / np.dot(way, way), 0, 1)
    return point - (start + share * way)


def _gripper_on_arrival(waypoints: Sequence[Waypoint], ahead: int, is_open: bool) -> list[Waypoint]:
    """Return the waypoints from `ahead` on, with the gripper set right in time."""
    ahead = min(ahead, len(waypoints) - 2) if _late(waypoints, ahead, is_open) else ahead
    following, *rest = waypoints[ahead:]
    if following.gripper is None and _late(waypoints, ahead, is_open):
        following = replace(following, gripper=0.0 if is_open else 1.0)
    return [following, *rest]


def _late(waypoints: Sequence[Waypoint], ahead: int, is_open: bool) -> bool:
    """Return whether the gripper should have changed before the way to waypoint `ahead`."""
    before = [waypoint.gripper for waypoint in waypoints[:ahead] if waypoint.gripper is not None]
    return ((before[-1] if before else 1.0) > 0.5) != is_open
