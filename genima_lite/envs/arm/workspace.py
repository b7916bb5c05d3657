"""Where elbow, wrist, hand and tip may be: a box, the table's plane, and zones to keep out of."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from genima_lite import schema
from genima_lite.errors import UserError
from genima_lite.panda import forward_kinematics, from_franka

_LINKS, _RADII = [3, 4, 5, 6], np.array([0.09, 0.09, 0.08, 0.07])
"""Joints whose frames are watched (elbow, forearm, wrist, hand), and metres around each."""

_TIP_RADIUS = 0.0
"""Metres around the tip: tasks touch the table with it."""


_BEND = 1.02
"""How much longer a short way is than the straight line."""


@dataclass(frozen=True)
class Zone:
    """A box to keep out of, its sides along the world's axes, metres.

    Attributes:
        lower, upper: its corners x, y, z.
        name: for messages.

    Raises:
        UserError: its corners are no corners.
    """

    lower: tuple[float, float, float]
    upper: tuple[float, float, float]
    name: str = "zone"

    def __post_init__(self) -> None:
        corners = np.array([self.lower, self.upper], dtype=np.float64)
        if not np.isfinite(corners).all() or (corners[0] >= corners[1]).any():
            raise UserError(f"{self.name}: from {self.lower} to {self.upper} is no box")


@dataclass(frozen=True)
class Workspace:
    """Where the arm may be, in RLBench's world, metres.

    Attributes:
        box: what all watched points must stay in.
        table: height of the plane that nothing may reach below.
        keep_out: zones that nothing may reach into.

    Raises:
        UserError: the table has no height.
    """

    box: Zone = Zone((-0.75, -0.9, 0.0), (0.75, 0.9, 2.0), "workspace")
    table: float = 0.75
    keep_out: tuple[Zone, ...] = ()

    def __post_init__(self) -> None:
        if not np.isfinite(self.table):
            raise UserError(f"table is {self.table}; give its height in metres")

    def clearance(self, joints: np.ndarray) -> np.ndarray:
        """Return metres (n,) to the nearest thing that is forbidden, negative within it.

        Args:
            joints: (n, 7) radians, Franka's.
        """
        return self._clearances(watched_points(joints)).min(axis=-1)

    def along(self, joints: np.ndarray) -> float:
        """Return the least clearance that a path of joints (n, 7), n at least 2, can have.

        Between two of its points, a way of length L apart, a clearance changes by at most L: it is
        at least (c1 + c2 - L) / 2.
        """
        points = watched_points(joints)
        clear = self._clearances(points)
        ways = _BEND * np.linalg.norm(np.diff(points, axis=0), axis=-1)  # (n - 1, points)
        between = (clear[1:] + clear[:-1] - ways) / 2
        return float(min(clear.min(), between.min()))

    def complaint(self, joints: np.ndarray) -> str:
        """Return which point of joints (n, 7) is nearest to, or deepest in, what is forbidden."""
        parts = self._by_part(watched_points(joints))
        name = min(parts, key=lambda each: parts[each].min())
        index = np.unravel_index(np.argmin(parts[name]), parts[name].shape)
        return f"{POINTS[int(index[-1])]} at the {name}, {parts[name].min():.3f} m clear"

    def _clearances(self, points: np.ndarray) -> np.ndarray:
        """Return metres (n, points) to the nearest thing that is forbidden."""
        return np.min(list(self._by_part(points).values()), axis=0)

    def _by_part(self, points: np.ndarray) -> dict[str, np.ndarray]:
        """Return metres (n, points) to each thing that is forbidden, by its name."""
        radii = np.append(_RADII, _TIP_RADIUS)
        lower, upper = np.array(self.box.lower), np.array(self.box.upper)
        inside = np.minimum(points - lower, upper - points).min(axis=-1)
        found = {self.box.name: inside, "table": points[..., 2] - self.table - radii}
        for zone in self.keep_out:
            found[zone.name] = _outside(points, zone) - radii
        return found


def read_workspace(path: Path | str | None) -> Workspace:
    """Read a workspace from a JSON file; `None`: RLBench's table, nothing on it.

    Raises:
        UserError: no such file, or no workspace.
    """
    return Workspace() if path is None else schema.read(Workspace, path)


POINTS = ("elbow", "forearm", "wrist", "hand", "tip")
"""Names of the watched points."""


def watched_points(joints: np.ndarray) -> np.ndarray:
    """Return where the watched points are, (n, 5, 3) metres in the world.

    Args:
        joints: (n, 7) radians, Franka's.
    """
    poses, tip = forward_kinematics(from_franka(joints))
    links = poses[..., :3, 3][..., _LINKS, :]
    return np.concatenate([links, tip[..., None, :3, 3]], axis=-2)


def _outside(points: np.ndarray, zone: Zone) -> np.ndarray:
    """Return the signed distance (n, points) of points from a box, negative inside."""
    lower, upper = np.array(zone.lower), np.array(zone.upper)
    away = np.maximum(lower - points, points - upper)
    out = np.linalg.norm(np.maximum(away, 0.0), axis=-1)
    return out + np.minimum(away.max(axis=-1), 0.0)
