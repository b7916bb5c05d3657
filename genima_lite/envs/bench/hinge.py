"""Lids, doors and taps on a hinge: tip poses that go along with what turns."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from scipy.spatial.transform import Rotation

from genima_lite import panda
from genima_lite.envs.bench.task import Task
from genima_lite.envs.bench.waypoint import Waypoint
from genima_lite.planner import along
from genima_lite.transforms import pose_matrix

if TYPE_CHECKING:
    from genima_lite.envs.bench.scene import Scene

STAYS = 'solreffriction="0.005 1" solimpfriction="0.999 0.9999 0.001"'
"""Attributes of a joint with `frictionloss`: without them a heavy lid creeps."""

HALF_TURN = pose_matrix([0, 0, 0], [0, 0, 1, 0])
"""Turns a tip pose about its approach axis: the other way to grip the same bar."""


GRIPPED, APART = 0.06, 0.002
"""Metres between the tip and where it would grip, and between a finger and its stop: closed fingers
that are nearer and farther apart have the handle between them."""

_PAST = 0.005
"""Metres before a waypoint of the arc from which it counts as passed."""


class Swing(Task):
    """A task whose expert comes to a handle, grips it and leads it along its arc: its waypoints are
    those of `grip_and_swing`.
    """

    def recover(self, scene: Scene, first: Sequence[Waypoint]) -> list[Waypoint]:
        """With the handle in the hand, go on with the arc from where the lid or door stands.

        Where exactly the fingers hold the handle does not matter: pictures hardly show it.
        """
        grip = self.waypoints(scene)[1].tip
        if not _grips(scene, grip):
            return super().recover(scene, first)
        closed, arc = first[1].tip, first[2:]
        opened = _apart(grip, closed) + _PAST
        return [*(w for w in arc[:-1] if _apart(w.tip, closed) > opened), arc[-1]]


def _grips(scene: Scene, grip: np.ndarray) -> bool:
    """Return whether the hand holds a handle that it would grip at a tip pose (4, 4)."""
    tip = panda.forward_kinematics(scene.robot.joints)[1]
    apart = scene.data.joint("finger1").qpos[0] > APART
    return _apart(tip, grip) < GRIPPED and bool(apart) and not scene.robot.commanded_open


def _apart(one: np.ndarray, other: np.ndarray) -> float:
    """Return the metres between two poses (4, 4)."""
    return float(np.linalg.norm(one[:3, 3] - other[:3, 3]))


def joint_angle(scene: Scene, joint: str) -> float:
    """Return where a hinge stands, radians; 0 is where its body lies in the file."""
    return float(scene.data.joint(joint).qpos[0])


def swung(scene: Scene, joint: str, tip: np.ndarray, angle: float, turn: float) -> np.ndarray:
    """Return a (4, 4) tip pose whose place goes `angle` radians about a hinge, as its body does,
    while its axes turn by `turn`: a round handle may turn between the fingers.
    """
    hinge = scene.data.joint(joint)
    moved = tip.copy()
    moved[:3, 3] = hinge.xanchor + _about(hinge.xaxis, angle) @ (tip[:3, 3] - hinge.xanchor)
    moved[:3, :3] = _about(hinge.xaxis, turn) @ tip[:3, :3]
    return moved


def _about(axis: np.ndarray, angle: float) -> np.ndarray:
    """Return the (3, 3) rotation about a unit vector by radians."""
    return Rotation.from_rotvec(angle * axis).as_matrix()


def leaning(angle: float) -> np.ndarray:
    """Return a (4, 4) turn about x by radians, by which a hand that points down leans away."""
    return pose_matrix([0, 0, 0], [np.sin(angle / 2), 0, 0, np.cos(angle / 2)])


def grip_and_swing(
    scene: Scene,
    joint: str,
    closed: np.ndarray,
    angle: float,
    turn: float,
    count: int = 4,
    back: float = 0.08,
) -> list[Waypoint]:
    """Return waypoints that come to the handle where it is now, grip it and lead it along its arc.

    Args:
        scene: as it stands now.
        joint: the hinge, closed at 0, opening in the positive direction.
        closed: (4, 4) tip pose that grips the handle of the closed lid or door.
        angle: radians from closed to the arc's end.
        turn: radians that the tip turns on the whole way, evenly.
        count: straight stretches that make up the arc.
        back: metres before the handle where the hand comes to.
    """

    def at(now: float) -> np.ndarray:
        return swung(scene, joint, closed, now, turn * now / angle)

    grip = Waypoint(at(joint_angle(scene, joint)), gripper=0.0, straight=True)
    shares = np.arange(1, count + 1) / count
    arc = (Waypoint(at(angle * share), straight=True) for share in shares)
    return [Waypoint(along(grip.tip, z=-back)), grip, *arc]
