"""The twin as a stand for calibration: boards hold still, and truth is known."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
from scipy.spatial.transform import Rotation

from genima_lite import panda
from genima_lite.cameras import RLBENCH, Camera, mounted_camera, mounts_of
from genima_lite.envs.arm.calibration.board import Board, Corners
from genima_lite.envs.arm.calibration.stand import Mover
from genima_lite.envs.arm.limits import ArmLimits, limits_of
from genima_lite.envs.arm.settings import TwinSettings
from genima_lite.envs.arm.twin.boards import BoardWorld
from genima_lite.envs.arm.twin.itself import Itself
from genima_lite.envs.arm.twin.parts import TwinArm
from genima_lite.envs.arm.workspace import Workspace
from genima_lite.envs.bench.observe import scene_camera
from genima_lite.panda import Unreachable, inverse_kinematics
from genima_lite.transforms import from_axes, inverse, pose_matrix

IN_HAND = from_axes([-0.16, 0.0, 0.02], [1, 0, 0], [0, 0, 1], [0, -1, 0])
"""(4, 4) board's frame in the tip's: a plate between the fingers, as they would hold it."""

ON_TABLE = from_axes([0.37, 0.16, 0.752], [0, -1, 0], [-1, 0, 0], [0, 0, -1])
"""(4, 4) board's frame in the world, for a board that lies on the table before the arm."""

_MARGIN, _TRIES, _ENOUGH = 12.0, 4000, 0.6
"""Pixels that a board keeps from a picture's border; postures tried; share of corners seen."""

_FROM_ENDS = 0.12
"""Radians that postures keep from the ends of the joints' ranges, a little more than the filter."""


class TwinStand:
    """The twin, a board, and errors as real corners and real arms have them.

    Args:
        board: the board.
        cameras: names of RLBench's cameras.
        size: pixels along each side of their pictures.
        settings: of the twin.
        model: whose limits hold, "fer" or "fr3".
        rig: how the cameras are mounted.
        pixels: by which found corners are off besides, one standard deviation along each axis.
        metres: by which the measured tip is off, in a random direction, anew each time.
        seed: of boards' places, postures and errors.
        workspace: where the arm may be.
    """

    def __init__(
        self,
        board: Board,
        cameras: Sequence[str],
        size: int,
        settings: TwinSettings,
        model: str = "fer",
        rig: str = RLBENCH,
        pixels: float = 0.0,
        metres: float = 0.0,
        seed: int = 0,
        workspace: Workspace = Workspace(),  # noqa: B008
    ):
        self.board, self.size, self.model = board, size, model
        self._rig, self._mounts = rig, mounts_of(rig)
        self.on_wrist = {name: self._mounts[name].on_wrist for name in cameras}
        self._world = BoardWorld(board, cameras, size, settings, rig)
        self._arm = TwinArm(self._world, model)
        self._mover = Mover(self._arm, self._world, 1.0, Itself().clearance, workspace)
        self._workspace = workspace
        self._rng = np.random.default_rng(seed)
        self._pixels, self._metres = pixels, metres
        self._fastened = ""
        self._world.reset(seed=seed)

    def picture(self, camera: str) -> np.ndarray:
        """Return a picture (H, W, 3) uint8."""
        if self._fastened == camera:
            self._fix()
        return self._world.looked(camera)[1]

    def find(self, picture: np.ndarray) -> Corners | None:
        """Return the board's corners in a picture, off by a little where that was asked for."""
        found = self.board.find(picture)
        if found is None:
            return None
        noise = self._rng.normal(0.0, self._pixels, found.pixels.shape)
        return Corners(found.ids, found.pixels + noise)

    def hold(self, camera: str, number: int) -> bool:
        """Hold the board before a camera, turned by up to 40 degrees to any side, in each quarter
        of the picture in turn.
        """
        self._fastened = ""
        quarter = 1 - 2 * np.array([number % 2, number // 2 % 2])
        self._world.hold_before(camera, self._held(self.truth(camera), quarter))
        return True

    def fasten(self, camera: str) -> None:
        """Put the board into the hand, or onto the table."""
        self._fastened = camera
        self._fix()

    def put_away(self) -> None:
        """Lay the board below the floor."""
        self._fastened = ""
        self._world.lay(pose_matrix([0.0, 0.0, -1.0]))

    def postures(self, camera: str, count: int) -> list[np.ndarray]:
        """Return postures in which the board is seen, found by trying them out."""
        found: list[np.ndarray] = []
        before = self._world.scene.data.qpos[:7].copy()
        self.fasten(camera)
        for joints in self._candidates(camera):
            if self._seen(camera, joints):
                found.append(joints)
            if len(found) == count:
                break
        self._world.scene.robot.stand(before, 1.0)
        self._world.freeze()
        self._world._begin_clock()
        return _in_short_ways(before, found)

    def go(self, joints: np.ndarray) -> bool:
        """Move the arm through the filter."""
        return self._mover.go(joints)

    def joints(self) -> np.ndarray:
        """Return joints (7,), RLBench's, as measured."""
        return panda.from_franka(self._arm.read().joints)

    def tip(self) -> np.ndarray:
        """Return the tip's pose (4, 4), off by a little where that was asked for."""
        tip = panda.forward_kinematics(self.joints())[1]
        way = self._rng.normal(size=3)
        tip[:3, 3] += self._metres * way / np.linalg.norm(way)
        return tip

    def device(self, camera: str) -> int | str:
        """Return the camera's name."""
        return camera

    def truth(self, camera: str) -> Camera:
        """Return the camera as it really stands."""
        return scene_camera(self._world.scene, camera, self.size)

    def close(self) -> None:
        """Free the twin."""
        self._world.close()

    def _fix(self) -> None:
        if self.on_wrist[self._fastened]:
            self._world.lay(ON_TABLE)
        else:
            self._world.mount(IN_HAND)

    def _held(self, camera: Camera, quarter: np.ndarray) -> np.ndarray:
        """Return a random pose (4, 4) of the board in a camera's frame, wholly in its picture, its
        middle in a quarter of it, (2,) signs.
        """
        local = Camera(camera.intrinsics, np.eye(4))
        near = self.board.size[0] * camera.intrinsics[0, 0] / self.size
        while True:
            distance = self._rng.uniform(1.1, 2.0) * near
            reach = 0.5 * distance / camera.intrinsics[0, 0] * self.size
            aside = quarter * self._rng.uniform(0.1, 1.0, 2) * reach
            pose = self._turned([*aside, distance], 40.0)
            if self._inside(local, pose):
                return pose

    def _turned(self, middle: Sequence[float], degrees: float) -> np.ndarray:
        """Return a board's pose (4, 4), its middle at (3,), randomly turned."""
        pose = np.eye(4)
        angles = self._rng.uniform(-degrees, degrees, 3)
        pose[:3, :3] = Rotation.from_euler("xyz", angles, degrees=True).as_matrix()
        pose[:3, 3] = middle - pose[:3, :3] @ self.board.middle
        return pose

    def _inside(self, camera: Camera, pose: np.ndarray) -> bool:
        """Return whether a board's outline lies within a camera's picture."""
        outline = self.board.outline @ pose[:3, :3].T + pose[:3, 3]
        pixels, depth = camera.project(outline)
        within = (pixels > _MARGIN) & (pixels < self.size - _MARGIN)
        return bool(within.all() and (depth > 0.1).all())

    def _candidates(self, camera: str) -> Iterator[np.ndarray]:
        """Yield joints (7,) that bring the board before the camera, if nothing is in the way."""
        limits = limits_of(self.model).share(_FROM_ENDS, 1.0, 1.0)
        for _ in range(_TRIES):
            try:
                tip = self._wanted_tip(camera)
                joints = None if tip is None else inverse_kinematics(tip, iterations=60)
            except Unreachable:
                continue
            if joints is not None and self._allowed(panda.to_franka(joints), limits):
                yield joints

    def _allowed(self, joints: np.ndarray, limits: ArmLimits) -> bool:
        """Return whether joints (7,), Franka's, are well within their ranges and the workspace."""
        within = (joints > limits.lower).all() and (joints < limits.upper).all()
        return bool(within and self._workspace.clearance(joints[None])[0] > 0.05)

    def _wanted_tip(self, camera: str) -> np.ndarray | None:
        """Return a tip's pose (4, 4) from which the nominal camera sees the board, or `None`."""
        if self.on_wrist[camera]:
            return self._above_the_board(camera)
        nominal = mounted_camera(camera, self.size, np.eye(4), self._rig)
        middle = self._rng.uniform([0.05, -0.3, 0.95], [0.45, 0.3, 1.4])
        depth = inverse(nominal.pose)[:3] @ [*middle, 1.0]
        pose = nominal.pose @ self._turned(depth, 35.0)
        spin = np.eye(4)
        spin[:3, :3] = Rotation.from_euler(
            "z", 90 * self._rng.integers(4), degrees=True
        ).as_matrix()
        centre = np.eye(4)
        centre[:3, 3] = self.board.middle
        pose = pose @ centre @ spin @ inverse(centre)
        return pose @ inverse(IN_HAND) if self._inside(nominal, pose) else None

    def _above_the_board(self, camera: str) -> np.ndarray | None:
        mount = self._mounts[camera].pose
        local = mounted_camera(camera, self.size, inverse(mount), self._rig)
        distance = self._rng.uniform(0.38, 0.6)
        pose = self._turned([*self._rng.uniform(-0.1, 0.1, 2), distance], 30.0)
        return ON_TABLE @ inverse(pose) @ inverse(mount) if self._inside(local, pose) else None

    def _seen(self, camera: str, joints: np.ndarray) -> bool:
        """Return whether the arm stands free in a posture, and the board is seen from there."""
        robot = self._world.scene.robot
        robot.stand(joints, 0.0)
        if robot.depth() is not None:
            return False
        self._world._begin_clock()
        corners = self.board.find(self.picture(camera))
        return corners is not None and len(corners.ids) >= _ENOUGH * len(self.board.corners)


def _in_short_ways(start: np.ndarray, postures: Sequence[np.ndarray]) -> list[np.ndarray]:
    """Return postures in an order in which each is the nearest to the one before."""
    left, order = list(postures), [start]
    while left:
        nearest = min(range(len(left)), key=lambda i: np.abs(left[i] - order[-1]).max())
        order.append(left.pop(nearest))
    return order[1:]
