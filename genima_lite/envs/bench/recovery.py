"""The expert from anywhere: which of its waypoints are still ahead, judged from the scene alone.

A picture does not tell how the arm came to be where it is. So that the same picture always asks
for the same motion, the expert's way on depends on where the arm and the pieces are, and on
nothing else. Nor do pictures that look the same ask for different motions: what the expert
tolerates is wider than a pixel. Where it is not, a model that learns from pictures draws the
average of "go on" and "go back", and stands still (`benchmarks/blurred_expert.py`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
from scipy.spatial.transform import Rotation

from genima_lite import panda
from genima_lite.envs.bench.waypoint import NOTHING, Waypoint

if TYPE_CHECKING:
    from genima_lite.envs.bench.scene import Scene

TUBE, SLOPE = 0.025, 0.4
"""Metres, and metres a metre: how far the tip may be beside the straight way to a waypoint to go on
along it. The tube narrows towards the waypoint, as a funnel does, to two pixels' size."""

ASIDE, ABOVE = 0.02, 0.03
"""Metres that the tip may be beside and above the way along which it pushes a thing."""

FREE = 0.05
"""Metres that the tip may be beside a way that is free."""

FAR = 0.15
"""Metres beside all stretches from which the expert begins with a phase's first waypoint."""

TURN, TURN_SLOPE = 0.6, 5.0
"""Radians, and radians a metre: how far the tip may be turned away from the pose at the end of a
straight way. What presses may be turned about its own axis as it likes: pictures hardly show it."""

GRIPPED, APART = 0.04, 0.002
"""Metres between the tip and a grasp, and between a finger and its stop: closed fingers that are
nearer and farther apart are around it."""

PUT = 0.03
"""Metres between where the expert would grasp a thing now and where it lets go of it, within which
the thing is where it was to be put."""


@dataclass(frozen=True)
class Phase:
    """A part of the expert's way with one aim: press something, or take a thing and move it.

    Attributes:
        reach: indices of the waypoints for the empty hand; the last one takes the thing.
        carry: indices of those with the thing in the hand; empty where it takes nothing.
        grasp: index of the waypoint that takes the thing; `None` where the hand takes nothing.
    """

    reach: range
    carry: range
    grasp: int | None


def phases(waypoints: Sequence[Waypoint]) -> list[Phase]:
    """Split the expert's way: a phase ends where the hand lets its thing go, where a waypoint says
    when it is `done`, and at the end. Phases with the same thing in the hand share their `reach`.
    """
    found: list[Phase] = []
    reach: range | None = None
    start = 0
    for k, waypoint in enumerate(waypoints):
        if reach is None and _takes(waypoint, k):
            reach, start = range(start, k + 1), k + 1
        released = reach is not None and waypoint.gripper == 1.0
        if not (released or waypoint.done or k == len(waypoints) - 1):
            continue
        here = range(start, k + 1)
        found.append(Phase(reach, here, reach[-1]) if reach else Phase(here, range(0), None))
        reach, start = None if released else reach, k + 1
    return found


def waypoints_ahead(scene: Scene, first: Sequence[Waypoint]) -> list[Waypoint]:
    """Return the expert's waypoints from where the arm is now.

    The current phase is one of the thing in the hand or, with an empty hand, the first that is not
    done; the last phase is never done. In it, with the thing in the hand: the waypoints from the
    end of the nearest stretch on. Otherwise the waypoint at the end of the last stretch whose tube
    the arm is in; beside all of them the one where the nearest stretch begins. A gripper that is
    wrong for this opens or closes on arrival there, or at once where the next waypoint is the
    grasp. All other phases that are not done follow.

    Args:
        scene: at any moment of an episode.
        first: the task's waypoints at the episode's start. With a thing in the hand the way leads
            where they lead, however the thing has moved since.
    """
    now, tip = scene.task.waypoints(scene), _tip(scene)
    all_phases = phases(now)
    held = [phase for phase in all_phases if _holds(scene, now, phase, tip)]
    current, *later = _unfinished(scene, now, first, all_phases, held)
    carried = {k for phase in all_phases for k in phase.carry}
    carrying = [now[k] if now[k].live else first[k] for k in range(len(now))]
    reaching = [carrying[k] if k in carried else now[k] for k in range(len(now))]
    if held:
        ahead = _with_it(scene, carrying, current, tip, now[current.reach[-1]])
    else:
        ahead = _to_it(scene, reaching, carrying, current, tip)
    for before, phase in zip([current, *later], later, strict=False):
        ahead += _whole(reaching, phase, phase.reach == before.reach)
    return ahead


def _unfinished(
    scene: Scene,
    now: Sequence[Waypoint],
    first: Sequence[Waypoint],
    all_phases: Sequence[Phase],
    held: Sequence[Phase],
) -> list[Phase]:
    """Return the current phase and then all others that are not done; `held`: the phases of the
    thing in the hand, which come first.
    """
    *before, last = all_phases
    unfinished = [phase for phase in before if not _is_done(scene, now, first, phase)] + [last]
    of_held = [phase for phase in unfinished if phase in held] or list(held[-1:])
    return [*of_held, *(phase for phase in unfinished if phase not in of_held)]


def _tip(scene: Scene) -> np.ndarray:
    joints = [scene.data.joint(f"joint{k + 1}").qpos[0] for k in range(7)]
    return panda.forward_kinematics(np.array(joints))[1]


def _takes(waypoint: Waypoint, k: int) -> bool:
    """Return whether the hand takes something; a hand that closes at once takes nothing."""
    if waypoint.gripper != 0.0 or waypoint.grasps == NOTHING:
        return False
    return k > 0 or waypoint.grasps is not None


def _thing(scene: Scene, grasp: Waypoint) -> str | None:
    """Return which graspable body the hand takes; `None`: it takes a handle."""
    if grasp.grasps is None:
        return next(iter(scene.task.graspable), None)
    scene.pose(grasp.grasps)  # KeyError for a name that the scene does not know
    return grasp.grasps if grasp.grasps in scene.task.graspable else None


def _holds(scene: Scene, now: Sequence[Waypoint], phase: Phase, tip: np.ndarray) -> bool:
    """Return whether the hand holds what the phase is about, a handle included."""
    if phase.grasp is None:
        return False
    thing = _thing(scene, now[phase.grasp])
    if thing is not None:
        return scene.is_held(thing)
    near = float(np.linalg.norm(tip[:3, 3] - now[phase.grasp].tip[:3, 3])) < GRIPPED
    apart = scene.data.joint("finger1").qpos[0] > APART
    return near and apart and not scene.robot.commanded_open


def _is_done(
    scene: Scene, now: Sequence[Waypoint], first: Sequence[Waypoint], phase: Phase
) -> bool:
    """Return whether a phase that is not the last has reached its aim.

    Unless its last waypoint says: whether the thing lies where the hand lets go of it.
    """
    last = (phase.carry or phase.reach)[-1]
    done = now[last].done
    if done is not None:
        return done(scene)
    assert phase.grasp is not None  # a phase without `done` ends with a release, or is the last
    here = now[phase.grasp].tip[:3, 3]
    to_go = float(np.linalg.norm(here - first[last].tip[:3, 3]))
    return to_go < min(PUT, float(np.linalg.norm(here - first[phase.grasp].tip[:3, 3])))


def _with_it(
    scene: Scene, carrying: Sequence[Waypoint], phase: Phase, tip: np.ndarray, grasp: Waypoint
) -> list[Waypoint]:
    """Return the phase's waypoints ahead with the thing in the hand; `grasp`: where the expert
    would take it now. A handle that is gripped a little off is pulled as far.
    """
    slip = np.zeros(3) if _thing(scene, grasp) else tip[:3, 3] - grasp.tip[:3, 3]
    rest = carrying[_next_carried(carrying, phase, tip) : phase.carry.stop]
    return [waypoint if waypoint.live else _moved(waypoint, slip) for waypoint in rest]


def _next_carried(waypoints: Sequence[Waypoint], phase: Phase, tip: np.ndarray) -> int:
    """Return which waypoint comes next for a tip with the thing in the hand."""
    live = [k for k in phase.carry if waypoints[k].live]
    inside = [k for k in live if _in_tube(waypoints, k, tip, presses=False)]
    if inside:
        return inside[-1]
    nearest = min(phase.carry, key=lambda k: _beside(waypoints, k, tip))
    return max(nearest - 1, live[0]) if nearest in live else nearest


def _moved(waypoint: Waypoint, by: np.ndarray) -> Waypoint:
    tip = waypoint.tip.copy()
    tip[:3, 3] += by
    return replace(waypoint, tip=tip)


def _whole(waypoints: Sequence[Waypoint], phase: Phase, in_hand: bool) -> list[Waypoint]:
    """Return the waypoints of a phase from its beginning, or from its grasp, which is past."""
    reach = [] if in_hand else [waypoints[k] for k in phase.reach]
    return [*reach, *(waypoints[k] for k in phase.carry)]


def _to_it(
    scene: Scene,
    reaching: Sequence[Waypoint],
    carrying: Sequence[Waypoint],
    phase: Phase,
    tip: np.ndarray,
) -> list[Waypoint]:
    """Return the phase's waypoints ahead with an empty hand, those after its grasp included."""
    is_open = scene.robot.commanded_open
    ahead = _ahead(reaching, phase, tip)
    if ahead == phase.grasp and not is_open:
        reach = [Waypoint(tip, gripper=1.0), reaching[ahead]]
    else:
        reach = _gripper_on_arrival(reaching, phase.reach, ahead, is_open)
    if phase.grasp is None:
        return reach
    following = _next_carried(carrying, phase, reaching[phase.grasp].tip)
    return [*reach, *carrying[following : phase.carry.stop]]


def _ahead(waypoints: Sequence[Waypoint], phase: Phase, tip: np.ndarray) -> int:
    """Return which waypoint comes next for an empty hand."""
    presses = phase.grasp is None
    stretches = [k for k in phase.reach if k > 0]
    inside = [k for k in stretches if _in_tube(waypoints, k, tip, presses)]
    if inside:
        return inside[-1]
    nearest = min(stretches, key=lambda k: _beside(waypoints, k, tip), default=0)
    if nearest == 0 or _beside(waypoints, nearest, tip) >= FAR:
        return phase.reach.start
    return max(nearest - 1, phase.reach.start)


def _in_tube(waypoints: Sequence[Waypoint], k: int, tip: np.ndarray, presses: bool) -> bool:
    """Return whether the tip is on the way to waypoint k; `presses`: with an empty hand."""
    if not waypoints[k].straight:
        return _beside(waypoints, k, tip) < FREE
    left = float(np.linalg.norm(tip[:3, 3] - waypoints[k].tip[:3, 3]))
    if _turned(tip, waypoints[k].tip, presses) >= TURN + TURN_SLOPE * left:
        return False
    if (presses or waypoints[k].live) and _sideways(waypoints, k):
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
    length = np.dot(way, way)  # 0 where the tip only turns
    share = np.clip(np.dot(point - start, way) / length, 0, 1) if length > 0 else 0.0
    return point - (start + share * way)


def _gripper_on_arrival(
    waypoints: Sequence[Waypoint], reach: range, ahead: int, is_open: bool
) -> list[Waypoint]:
    """Return the waypoints from `ahead` on; a gripper that is not as the expert's is on its way
    there is set right at the first of them, but never at the last of the phase: that would be too
    late.
    """
    if _late(waypoints, ahead, is_open):
        ahead = max(reach.start, min(ahead, reach[-1] - 1))
    following, *rest = waypoints[ahead : reach.stop]
    if following.gripper is None and _late(waypoints, ahead, is_open):
        following = replace(following, gripper=0.0 if is_open else 1.0)
    return [following, *rest]


def _late(waypoints: Sequence[Waypoint], ahead: int, is_open: bool) -> bool:
    """Return whether the gripper should have changed before the way to waypoint `ahead`."""
    before = [waypoint.gripper for waypoint in waypoints[:ahead] if waypoint.gripper is not None]
    return ((before[-1] if before else 1.0) > 0.5) != is_open
