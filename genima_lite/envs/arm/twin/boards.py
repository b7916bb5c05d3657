"""The twin with a calibration board: on its hand, on its table, or held before a camera."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy.spatial.transform import Rotation

from genima_lite import panda
from genima_lite.envs.api import EnvSpec
from genima_lite.envs.arm.calibration.board import Board
from genima_lite.envs.arm.settings import TwinSettings
from genima_lite.envs.arm.twin.world import TwinWorld
from genima_lite.envs.bench.gl import mujoco
from genima_lite.envs.bench.scene import Scene
from genima_lite.envs.bench.task import Task

_DOTS = 48
"""Pixels of the board's texture a square."""

_BOARD = """
<asset>
  <texture name="charuco" type="2d" builtin="flat" width="{width}" height="{height}"
    rgb1="1 1 1"/>
  <material name="charuco" texture="charuco" texrepeat="1 1" specular="0" shininess="0"/>
</asset>
<worldbody>
  <body name="charuco" mocap="true" pos="0 0 -1">
    <geom name="charuco" class="visual" type="plane" size="{half_x} {half_y} 0.01"
      material="charuco"/>
    <geom class="visual" type="box" size="{half_x} {half_y} 0.001" pos="0 0 -0.002"
      rgba="0.9 0.9 0.9 1"/>
  </body>
</worldbody>
"""


class _EmptyTable(Task):
    """No task: a board that is carried about."""

    def __init__(self, board: Board):
        width, height = board.size
        sides = {"half_x": width / 2, "half_y": height / 2}
        dots = {"width": board.columns * _DOTS, "height": board.rows * _DOTS}
        self.mjcf = _BOARD.format(**sides, **dots)  # type: ignore[misc]

    def place(self, scene: Scene, variation: int, rng: np.random.RandomState) -> None:
        """Leave everything where it is."""

    def instructions(self, variation: int) -> list[str]:
        """Return nothing to do."""
        return ["calibrate the cameras"]

    def success(self, scene: Scene) -> bool:
        """Return that it is never done."""
        return False

    def waypoints(self, scene: Scene) -> list:
        """Return no way."""
        return []


class BoardWorld(TwinWorld):
    """A twin without a task, with a board.

    Args:
        board: how the board is made.
        size: pixels along each side of the cameras' pictures.
        settings: how it differs from a perfect simulation.
        rig: how its cameras are mounted.
    """

    def __init__(
        self, board: Board, cameras: Sequence[str], size: int, settings: TwinSettings, rig: str
    ):
        self.board = board
        super().__init__(EnvSpec("push_button", tuple(cameras), size), settings, rig)
        self._print()

    def _loaded(self, task: str) -> Task:
        """Return a table on which nothing stands."""
        return _EmptyTable(self.board)

    def _print(self) -> None:
        """Draw the board's picture into its texture."""
        model, picture = self.scene.model, self.board.picture(_DOTS)
        start = model.texture("charuco").adr[0]
        colors = np.repeat(picture[..., None], 3, axis=2).ravel()
        model.tex_data[start : start + len(colors)] = colors

    def hold_before(self, camera: str, pose: np.ndarray) -> None:
        """Hold the board before a camera, at a pose (4, 4) in the camera's frame."""
        view = self.scene.data.cam(camera)
        opengl = np.eye(4)
        opengl[:3, :3], opengl[:3, 3] = view.xmat.reshape(3, 3), view.xpos
        self._carry(opengl @ np.diag([1.0, -1.0, -1.0, 1.0]) @ pose)

    def mount(self, pose: np.ndarray) -> None:
        """Put the board on the hand, at a pose (4, 4) in the tip's frame."""
        self._carry(self.tip() @ pose)

    def lay(self, pose: np.ndarray) -> None:
        """Lay the board down, at a pose (4, 4) in the world."""
        self._carry(pose)

    def tip(self) -> np.ndarray:
        """Return the tip's pose (4, 4) in the world, as the joints measure it."""
        return panda.forward_kinematics(self.scene.data.qpos[:7])[1]

    def _carry(self, pose: np.ndarray) -> None:
        """Put the board's frame at a pose (4, 4) in the world."""
        middle = np.eye(4)
        middle[:3, 3] = self.board.middle
        middle[:3, :3] = np.diag([1.0, -1.0, -1.0])  # the plane's z looks at who sees its picture
        where, data = pose @ middle, self.scene.data
        data.mocap_pos[0] = where[:3, 3]
        data.mocap_quat[0] = Rotation.from_matrix(where[:3, :3]).as_quat(scalar_first=True)
        mujoco.mj_forward(self.scene.model, data)
        self._past.clear()
        self._remember()
