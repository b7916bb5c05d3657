"""What a guided calibration needs of a rig: `Stand`, the twin's or a real one."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol

import numpy as np

from genima_lite.envs.arm.api import Arm, Clock
from genima_lite.envs.arm.calibration.board import Board, Corners
from genima_lite.envs.arm.limits import limits_of
from genima_lite.envs.arm.motion import Motion
from genima_lite.envs.arm.safety import Halted, SafetyFilter, Stream
from genima_lite.envs.arm.workspace import Workspace
from genima_lite.errors import UserError
from genima_lite.panda import to_franka

_STRIDE = 0.03
"""Radians a row at most."""

_SETTLE = 0.5
"""Seconds after which an arm that was sent no more rests."""


class Stand(Protocol):
    """A rig with a board.

    Attributes:
        board: the board.
        model: "fer" or "fr3".
        on_wrist: by camera, whether it moves with the hand.
    """

    board: Board
    model: str
    on_wrist: dict[str, bool]

    def picture(self, camera: str) -> np.ndarray:
        """Return a picture (H, W, 3) uint8 as the lens makes it."""

    def find(self, picture: np.ndarray) -> Corners | None:
        """Return the board's corners in a picture; `None` where they are too few."""

    def hold(self, camera: str, number: int) -> bool:
        """Have the board held before a camera, elsewhere than before; `False`: no more of it."""

    def fasten(self, camera: str) -> None:
        """Have the board fixed: to the hand for a fixed camera, else to the table."""

    def put_away(self) -> None:
        """Have the board taken out of all views."""

    def postures(self, camera: str, count: int) -> Sequence[np.ndarray]:
        """Return joints (7,), RLBench's, in which the twin saw the board in the camera."""

    def go(self, joints: np.ndarray) -> bool:
        """Move the arm to joints (7,), RLBench's, and rest; `False`: the filter refused."""

    def joints(self) -> np.ndarray:
        """Return joints (7,), RLBench's, as measured."""

    def tip(self) -> np.ndarray:
        """Return the tip's pose (4, 4) in the world, as measured."""

    def device(self, camera: str) -> int | str:
        """Return what opens the camera."""

    def close(self) -> None:
        """Let go of everything."""


class Mover:
    """Brings an arm from one posture to the next, through the safety filter.

    Args:
        arm, clock: of a backend.
        speed: share of a policy's own speed.
        itself, workspace: see `SafetyFilter`.

    Raises:
        UserError: ruckig is not installed.
    """

    def __init__(
        self,
        arm: Arm,
        clock: Clock,
        speed: float,
        itself: Callable[[np.ndarray], float],
        workspace: Workspace,
    ):
        self._arm, self._clock = arm, clock
        self._filter = SafetyFilter(limits_of(arm.model), workspace, speed, itself=itself)

    def go(self, joints: np.ndarray) -> bool:
        """Move to joints (7,), RLBench's; `False` where the filter refuses, the arm at rest.

        Raises:
            UserError: the arm cannot start from where it stands.
        """
        found, goal = self._filter, to_franka(joints)
        try:
            found.begin(self._arm.read().joints)
        except Halted as halt:
            raise UserError(f"the arm cannot start: {halt}") from halt
        count = max(2, int(np.ceil(np.abs(goal - found.state.joints).max() / _STRIDE)))
        way = np.linspace(found.state.joints, goal, count + 1)[1:]
        self._stream, self._time = Stream(self._arm.period), self._clock.now()
        arrived = True
        try:
            rows = found.check(np.column_stack([way, np.ones(count)]), found.state.joints)
            for k, row in enumerate(rows):
                after = rows[k + 1, :7] if k + 1 < count else None
                self._play(found.follow(row[:7], after))
        except Halted:
            arrived = False
            for motion, begin in found.coast():
                self._play(motion, begin)
        self._arm.send(found.state.joints, np.zeros(7))  # the end itself, at rest
        self._clock.sleep_until(self._time + _SETTLE)
        return arrived

    def _play(self, motion: Motion, begin: float = 0.0) -> None:
        """Send a motion in its time."""
        times, states = self._stream.samples(motion, begin)
        for at, state in zip(times, states, strict=True):
            self._clock.sleep_until(self._time + at - begin)
            self._arm.send(state[0], state[1])
        self._time += motion.seconds - begin
