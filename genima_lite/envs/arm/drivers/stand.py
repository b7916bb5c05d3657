"""A real rig as a stand for calibration: a person holds the board, the arm goes through postures.

The postures are those in which the twin saw the board, with cameras where the rig's name says;
where real ones stand otherwise fewer show it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from genima_lite import panda
from genima_lite.cameras import mounts_of
from genima_lite.envs.arm.api import Arm, ArmError, Clock
from genima_lite.envs.arm.calibration.board import Board, Corners
from genima_lite.envs.arm.calibration.stand import Mover
from genima_lite.envs.arm.calibration.words import camera_words
from genima_lite.envs.arm.drivers.cameras import Capture
from genima_lite.envs.arm.drivers.sources import source_of
from genima_lite.envs.arm.operators import Operator
from genima_lite.envs.arm.settings import PERFECT
from genima_lite.envs.arm.twin.itself import Itself
from genima_lite.envs.arm.twin.stand import TwinStand
from genima_lite.envs.arm.workspace import Workspace
from genima_lite.errors import UserError

PAUSE = 1.0
"""Seconds between two pictures of a board that a person holds."""

_TWIN_SIZE = 480
"""Pixels along each side of the twin's pictures in which postures are tried."""


class RealStand:
    """An arm, cameras, and a person with a board.

    Args:
        board: the board.
        arm, clock: of a driver; connected here.
        devices: by camera's name, see `genima_lite.envs.arm.drivers.sources.source_of`.
        operator: the person.
        speed: share of a policy's own speed.
        rig: how the cameras are mounted.
        asks: whether the person allows each way.
        workspace: where the arm may be.

    Raises:
        UserError: arm or a camera is missing.
    """

    def __init__(
        self,
        board: Board,
        arm: Arm,
        clock: Clock,
        devices: Mapping[str, int | str],
        operator: Operator,
        speed: float,
        rig: str,
        asks: bool = False,
        workspace: Workspace = Workspace(),  # noqa: B008
    ):
        self.board, self.model, self._rig = board, arm.model, rig
        self._arm, self._clock, self._operator, self._asks = arm, clock, operator, asks
        self.on_wrist = {name: mounts_of(rig)[name].on_wrist for name in devices}
        self._devices = dict(devices)
        self._mover = Mover(arm, clock, speed, Itself().clearance, workspace)
        self._workspace = workspace
        self._cameras = {
            name: Capture(name, source_of(device), None, clock) for name, device in devices.items()
        }
        arm.connect()
        for camera in self._cameras.values():
            camera.connect()

    def picture(self, camera: str) -> np.ndarray:
        """Return the camera's newest picture (H, W, 3) uint8, as the lens makes it.

        Raises:
            UserError: none comes.
        """
        try:
            return self._cameras[camera].raw().rgb
        except ArmError as error:
            raise UserError(str(error)) from error

    def find(self, picture: np.ndarray) -> Corners | None:
        """Return the board's corners in a picture."""
        return self.board.find(picture)

    def hold(self, camera: str, number: int) -> bool:
        """Let a person move the board before a camera; a picture a second is taken."""
        if number == 0:
            self._need(
                f"Hold the board before camera '{camera}': near, tilted, into each corner of the "
                "picture. A picture is taken each second. Begin?"
            )
        self._clock.sleep_until(self._clock.now() + PAUSE)
        return True

    def fasten(self, camera: str) -> None:
        """Let a person fix the board."""
        place = (
            "lay the board on the table before the arm"
            if self.on_wrist[camera]
            else "put the board into the hand, as the twin's pictures show it"
        )
        self._need(f"For camera '{camera}' {place}; it must not move from now on. Done?")

    def put_away(self) -> None:
        """Let a person take the board away."""
        self._need("Take the board out of all views, and clear the arm's surroundings. Done?")

    def postures(self, camera: str, count: int) -> Sequence[np.ndarray]:
        """Return postures (7,), RLBench's, in which the twin saw the board."""
        how = (camera,), _TWIN_SIZE, PERFECT, self.model, self._rig
        twin = TwinStand(self.board, *how, workspace=self._workspace)
        try:
            return twin.postures(camera, count)
        finally:
            twin.close()

    def go(self, joints: np.ndarray) -> bool:
        """Move the arm through the filter; `False` where it, or the person, refuses.

        Raises:
            UserError: the robot stopped.
        """
        if self._asks and not self._operator.allows("The arm goes to the next posture. May it?"):
            return False
        try:
            return self._mover.go(joints)
        except ArmError as error:
            self._arm.stop()
            raise UserError(f"the arm stopped on its way: {error}") from error

    def joints(self) -> np.ndarray:
        """Return joints (7,), RLBench's, as measured."""
        return panda.from_franka(self._arm.read().joints)

    def tip(self) -> np.ndarray:
        """Return the tip's pose (4, 4), as measured."""
        return panda.forward_kinematics(self.joints())[1]

    def device(self, camera: str) -> int | str:
        """Return what opens the camera."""
        return self._devices[camera]

    def close(self) -> None:
        """Let go of arm and cameras."""
        for camera in self._cameras.values():
            camera.close()
        self._arm.close()

    def _need(self, question: str) -> None:
        if not self._operator.allows(question):
            raise UserError("the operator said no: the calibration ends here")


def named_devices(given: Sequence[str], cameras: Sequence[str]) -> dict[str, int | str]:
    """Return devices by camera, from words such as `front=/dev/video0` or `wrist=2`.

    Raises:
        UserError: no such word, or a camera without or with two devices.
    """
    found = camera_words("devices", given, cameras)
    if missing := [name for name in cameras if name not in found]:
        raise UserError(f"devices: none for camera '{missing[0]}'; give {missing[0]}=DEVICE")
    return {name: int(found[name]) if found[name].isdecimal() else found[name] for name in cameras}
