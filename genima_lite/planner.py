"""Plans of the arm: waypoints to joint paths within velocity and acceleration limits.

Free moves are straight lines in joint space, `straight` ones straight lines of the tip. Every
stretch starts and ends at rest. At the bench's own speed it follows the minimum-jerk profile
s(u) = 10u^3 - 15u^4 + 6u^5, slowed down until no joint exceeds its share of the arm's limits. At
RLBench's speed it speeds up, goes on evenly and brakes, with limits on all joints together.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from scipy.interpolate import CubicSpline
from scipy.spatial.transform import Rotation, Slerp

from genima_lite import panda
from genima_lite.errors import UserError
from genima_lite.observation import CONTROL_PERIOD
from genima_lite.transforms import from_axes, yaw_pose

MAX_VELOCITY = 0.6 * panda.VELOCITY_LIMIT
"""(7,) rad/s that the expert allows itself."""

MAX_ACCELERATION = 0.5 * panda.ACCELERATION_LIMIT
"""(7,) rad/s^2 that the expert allows itself."""

FASTEST = 1.3
"""At this pace it takes 0.78 of the arm's limit of velocity, 0.845 of that of acceleration."""

JOINT_SPEED, JOINT_ACCELERATION = 2.0, 8.0
"""rad/s and rad/s^2, of the vector of all joints: what Genima's demonstrations in RLBench have."""

Timing = Callable[[np.ndarray, float], np.ndarray]
"""From knots (m, 7) and a pace to joint targets (n, 7), one a control period."""

_KNOT_SPACING = 0.02


@dataclass(frozen=True, eq=False)
class Waypoint:
    """One waypoint of a plan.

    Attributes:
        tip: (4, 4) wanted tip pose in the world.
        gripper: command given on arrival, 1.0 open or 0.0 closed; `None` keeps the last one.
        straight: the tip moves on a straight line instead of a straight joint path.
        pace: how much faster than usual the arm comes here, from 1 to `FASTEST`: for tasks that
            would else take too long.

    Raises:
        UserError: a pace out of range.
    """

    tip: np.ndarray
    gripper: float | None = None
    straight: bool = False
    pace: float = 1.0

    def __post_init__(self) -> None:
        if not 1.0 <= self.pace <= FASTEST:
            raise UserError(f"pace is {self.pace}; it must be from 1 to {FASTEST}")


def plan(waypoints: Sequence[Waypoint], start: np.ndarray, opening: float = 1.0) -> np.ndarray:
    """Return the expert's commands, (T, 8) float64: joint targets in radians, gripper open.

    Args:
        waypoints: in order; a gripper command adds one step at its waypoint.
        start: (7,) radians, where the arm is.
        opening: 1.0 where the gripper is open at the start, 0.0 where it is closed.

    Raises:
        panda.Unreachable: a waypoint lies outside the arm's reach.
    """
    return np.vstack(list(stretches(waypoints, start, opening)))


def stretches(
    waypoints: Sequence[Waypoint],
    start: np.ndarray,
    opening: float = 1.0,
    timing: Timing | None = None,
    wait: int = 0,
) -> Iterator[np.ndarray]:
    """Yield the commands of `plan`, one array (n, 8) for the way to each waypoint, planned when
    it is asked for.

    Args:
        waypoints, start, opening: see `plan`.
        timing: `timed` (the default) or `timed_as_rlbench`.
        wait: steps at each waypoint for an arm that lags behind its commands.
    """
    q = np.asarray(start)
    for waypoint in waypoints:
        knots = _joint_knots(q, waypoint)
        way = (timing or timed)(knots, waypoint.pace)
        rows = [np.append(step, opening) for step in [*way, *[knots[-1]] * wait]]
        q = knots[-1]
        if waypoint.gripper is not None and waypoint.gripper != opening:
            opening = waypoint.gripper
            rows.append(np.append(q, opening))
        yield np.stack(rows)


def _joint_knots(start: np.ndarray, waypoint: Waypoint) -> np.ndarray:
    """Return joint angles (n, 7) that lead from `start` to a waypoint, evenly along the way."""
    if not waypoint.straight:
        goal = panda.inverse_kinematics(waypoint.tip, start=start)
        return np.linspace(start, goal, 3)
    knots = [start]
    for tip in _straight_tips(panda.forward_kinematics(start)[1], waypoint.tip):
        knots.append(panda.inverse_kinematics(tip, start=knots[-1], posture=knots[-1]))
    return np.stack(knots)


def _straight_tips(start: np.ndarray, goal: np.ndarray) -> list[np.ndarray]:
    """Return tip poses (4, 4) on the straight way, without the start and with the goal."""
    distance = np.linalg.norm(goal[:3, 3] - start[:3, 3])
    turn = Rotation.from_matrix([start[:3, :3], goal[:3, :3]])
    angle = (turn[0].inv() * turn[1]).magnitude()
    count = max(3, int(np.ceil(max(distance / _KNOT_SPACING, angle / 0.2))))
    slerp = Slerp([0, 1], turn)
    tips = []
    for share in np.linspace(0, 1, count + 1)[1:]:
        tip = np.eye(4)
        tip[:3, :3] = slerp(share).as_matrix()
        tip[:3, 3] = (1 - share) * start[:3, 3] + share * goal[:3, 3]
        tips.append(tip)
    return tips


def timed(knots: np.ndarray, pace: float = 1.0) -> np.ndarray:
    """Return joint targets (n, 7), one a control period, along a path of knots (m, 7).

    Args:
        knots: at least two.
        pace: how much faster than `MAX_VELOCITY` and `MAX_ACCELERATION` allow.
    """
    path = CubicSpline(np.linspace(0, 1, len(knots)), knots)
    u = np.linspace(0, 1, 101)[:, None]
    s, ds = _minimum_jerk(u), 30 * u**2 * (1 - u) ** 2
    dds = 60 * u * (1 - u) * (1 - 2 * u)
    slope, bend = path(s[:, 0], 1), path(s[:, 0], 2)
    speed = np.abs(slope * ds) / MAX_VELOCITY
    force = np.abs(slope * dds + bend * ds**2) / MAX_ACCELERATION
    duration = max(speed.max(), np.sqrt(force.max())) / pace
    steps = max(1, int(np.ceil(duration / CONTROL_PERIOD)))
    return path(_minimum_jerk(np.arange(1, steps + 1) / steps))


def timed_as_rlbench(knots: np.ndarray, pace: float = 1.0) -> np.ndarray:
    """Return joint targets (n, 7), one a control period, along a path of knots (m, 7), `pace` times
    as fast as Genima's demonstrations in RLBench.
    """
    path = CubicSpline(np.linspace(0, 1, len(knots)), knots)
    shares = np.linspace(0, 1, 201)
    gone = np.linalg.norm(np.diff(path(shares), axis=0), axis=1)
    lengths = np.append(0, np.cumsum(gone))
    duration = _ramps(0.0, lengths[-1])[1]
    steps = max(1, int(np.ceil(duration / pace / CONTROL_PERIOD)))
    times = np.arange(1, steps + 1) / steps * duration
    return path(np.interp([_ramps(t, lengths[-1])[0] for t in times], lengths, shares))


def _ramps(time: float, length: float) -> tuple[float, float]:
    """Return how far one is after a time on a way of `length` radians, and how long all takes:
    speeding up and braking evenly, with at most `JOINT_SPEED` between.
    """
    top = min(JOINT_SPEED, np.sqrt(length * JOINT_ACCELERATION))
    ramp = top / JOINT_ACCELERATION
    duration = 2 * ramp + (length - ramp * top) / top if top else 0.0
    if time > duration / 2:
        return length - _ramps(duration - time, length)[0], duration
    early = min(time, ramp)
    return JOINT_ACCELERATION * early**2 / 2 + top * (time - early), duration


def _minimum_jerk(u: np.ndarray) -> np.ndarray:
    """Return how far along the path one is at share u of the time, both in [0, 1]."""
    return u**3 * (10 - 15 * u + 6 * u**2)


def top_down(position: np.ndarray, yaw: float = 0.0) -> np.ndarray:
    """Return a (4, 4) tip pose pointing straight down; at yaw 0 the fingers open along y.

    The gripper is symmetric, so the yaw is folded into [-pi/2, pi/2).
    """
    folded = (yaw + np.pi / 2) % np.pi - np.pi / 2
    down = from_axes(np.zeros(3), [-1, 0, 0], [0, 1, 0], [0, 0, -1])
    return yaw_pose(position, folded) @ down


def forward(position: np.ndarray, yaw: float = 0.0, dip: float = 0.0) -> np.ndarray:
    """Return a (4, 4) tip pose that points along +x turned by `yaw`, lowered by `dip` radians.

    The fingers open sideways. A dip of pi/2 is `top_down`; the arm folds near the table only
    with a dip of about 0.9 or more.
    """
    c, s = np.cos(dip), np.sin(dip)
    ahead = from_axes(np.zeros(3), [-s, 0, -c], [0, 1, 0], [c, 0, -s])
    return yaw_pose(position, yaw) @ ahead


def along(pose: np.ndarray, x: float = 0.0, y: float = 0.0, z: float = 0.0) -> np.ndarray:
    """Return a (4, 4) pose moved by metres along its own axes; `z=-0.1` backs a tip off."""
    moved = pose.copy()
    moved[:3, 3] += pose[:3, :3] @ [x, y, z]
    return moved
