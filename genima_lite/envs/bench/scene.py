"""One running scene: where things are, where they may be put, and what success tests ask."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import mujoco
import numpy as np

from genima_lite.envs.bench.robot import Robot, touches
from genima_lite.envs.bench.task import TABLE, Task, Waypoint
from genima_lite.envs.bench.world import build_model
from genima_lite.errors import UserError

_DEEP = 0.01
"""Metres that a placed arm may reach into things."""

_REST = 10
"""Control periods until an arm that touches something rests."""

_STATE = int(mujoco.mjtState.mjSTATE_INTEGRATION)


class Scene:
    """A compiled task with its simulation state.

    Attributes:
        task: the task's rules.
        robot: the arm and the gripper.
        variation: the variation of the present episode.
        first: the expert's waypoints at the episode's start.
    """

    def __init__(self, task: Task):
        self.task = task
        self.model = build_model(task)
        self.data = mujoco.MjData(self.model)
        self.robot = Robot(self.model, self.data, task.graspable)
        self.variation = 0
        self.first: list[Waypoint] = []
        self._first_body = self.model.body("right_finger").id + 1
        self._paint = self.model.geom_rgba.copy()
        self.robot.reset()
        self._begin()

    def reset(self, variation: int, rng: np.random.RandomState) -> None:
        """Start an episode: home the arm, let the task place its pieces, let them settle.

        `rng` is the only source of chance: the same generator state gives the same scene.
        """
        self._clear(variation)
        self.task.place(self, variation, rng)
        self.robot.hold(10)
        self._begin()
        self.first = self.task.waypoints(self)

    def _clear(self, variation: int) -> None:
        mujoco.mj_resetData(self.model, self.data)
        self.model.geom_rgba[:] = self._paint
        self.variation = variation
        self.robot.reset()

    def _begin(self) -> None:
        """Make derived quantities current and remember where the joints started."""
        mujoco.mj_forward(self.model, self.data)
        self._start = self.data.qpos.copy()

    @property
    def at_start(self) -> bool:
        """Whether nothing has moved since the episode's start."""
        return bool((self.data.qpos == self._start).all())

    def place_arm(self, joints: np.ndarray, gripper_open: float) -> bool:
        """Put the arm into a posture (7,) and let it and what it touches settle.

        Returns:
            Whether it stands there; `False` where it reaches deep into something.
        """
        self.robot.stand(joints, gripper_open)
        depth = self.robot.depth()
        if depth is None:
            return True
        if depth > _DEEP:
            return False
        self.robot.hold(_REST)
        self.data.qvel[:] = 0
        mujoco.mj_forward(self.model, self.data)
        return True

    def state(self) -> dict[str, Any]:
        """Return all that defines the scene at an episode's start or in its midst, JSON-able.

        Keys: `variation`; `mujoco`, the simulator's integration state; `geom_rgba`, painted
        geoms by index; `robot`, where the arm was sent and what the gripper holds; `start`, where
        the simulator's coordinates were at the episode's start, from which `travel` counts.
        """
        vector = np.empty(mujoco.mj_stateSize(self.model, _STATE))
        mujoco.mj_getState(self.model, self.data, vector, _STATE)
        painted = np.flatnonzero((self.model.geom_rgba != self._paint).any(axis=1))
        colors = {str(i): self.model.geom_rgba[i].tolist() for i in painted}
        return {
            "variation": self.variation,
            "mujoco": vector.tolist(),
            "geom_rgba": colors,
            "robot": self.robot.state(),
            "start": self._start.tolist(),
        }

    def restore(self, state: Mapping[str, Any]) -> None:
        """Go on from what `state` returned. Without `robot` and `start`, as older versions wrote
        it, the hand is empty and this is an episode's start.

        Raises:
            UserError: the state is incomplete, another task's or another version's.
        """
        missing = {"variation", "mujoco", "geom_rgba"} - set(state)
        if missing:
            raise UserError(f"scene state lacks '{missing.pop()}': it was not written by the bench")
        size = mujoco.mj_stateSize(self.model, _STATE)
        if len(state["mujoco"]) != size:
            raise UserError(
                f"scene state holds {len(state['mujoco'])} numbers, this task's needs {size}: "
                "it was written for another task or by another version of the bench"
            )
        self._clear(state["variation"])
        self._set(state["mujoco"])
        if "start" in state:
            self.data.qpos[:] = state["start"]
        mujoco.mj_forward(self.model, self.data)
        self.first = self.task.waypoints(self)
        self._set(state["mujoco"])
        for index, rgba in state["geom_rgba"].items():
            self.model.geom_rgba[int(index)] = rgba
        self.robot.resume(state.get("robot", {}))
        self._begin()
        if "start" in state:
            self._start[:] = state["start"]

    def _set(self, state: Sequence[float]) -> None:
        mujoco.mj_setState(self.model, self.data, np.array(state), _STATE)

    def place(self, body: str, x: float, y: float, yaw: float = 0.0, z: float = TABLE) -> None:
        """Put a mocap or free body at x, y, z in metres, turned by `yaw` radians."""
        quaternion = [np.cos(yaw / 2), 0.0, 0.0, np.sin(yaw / 2)]
        mocap = self.model.body(body).mocapid[0]
        if mocap >= 0:
            self.data.mocap_pos[mocap] = [x, y, z]
            self.data.mocap_quat[mocap] = quaternion
        else:
            address = self.model.body(body).jntadr[0]
            start = self.model.jnt_qposadr[address]
            self.data.qpos[start : start + 7] = [x, y, z, *quaternion]
        mujoco.mj_kinematics(self.model, self.data)

    def paint(self, geom: str, color: tuple[float, float, float]) -> None:
        """Set the colour of a geom, RGB in [0, 1]."""
        self.model.geom(geom).rgba[:3] = color

    def pose(self, name: str) -> np.ndarray:
        """Return the (4, 4) pose of a body or, if there is none of that name, of a site."""
        is_body = mujoco.mj_name2id(self.model, mujoco.mjtObj.mjOBJ_BODY, name) >= 0
        item = self.data.body(name) if is_body else self.data.site(name)
        matrix = np.eye(4)
        matrix[:3, :3] = item.xmat.reshape(3, 3)
        matrix[:3, 3] = item.xpos
        return matrix

    def pieces(self) -> dict[str, np.ndarray]:
        """Return where each body is that `place` can put somewhere: (3,) metres by body name."""
        free = self.model.jnt_bodyid[self.model.jnt_type == mujoco.mjtJoint.mjJNT_FREE]
        placed = np.union1d(free, np.flatnonzero(self.model.body_mocapid >= 0))
        return {self.model.body(i).name: self.data.xpos[i].copy() for i in placed}

    def travel(self, joint: str) -> float:
        """Return how far a joint has moved since the episode's start, metres or radians, >= 0."""
        address = self.model.joint(joint).qposadr[0]
        return float(abs(self.data.qpos[address] - self._start[address]))

    def detects(self, zone: str, body: str) -> bool:
        """Return whether any part of a body lies inside a zone geom."""
        return touches(self.model, self.data, self.model.geom(zone).id, body)

    def is_held(self, body: str) -> bool:
        """Return whether the gripper holds a body."""
        return body in self.robot.held

    def low_dim_state(self) -> np.ndarray:
        """Return the pose (7,) of every task body, then the task's joint values, (n,) float64.

        Opaque, as in RLBench, and of fixed length for a task.
        """
        quaternions = self.data.xquat[self._first_body :]
        poses = np.concatenate([self.data.xpos[self._first_body :], np.roll(quaternions, -1, 1)], 1)
        sliding = (self.model.jnt_type >= 2) & (self.model.jnt_bodyid >= self._first_body)
        return np.concatenate([poses.ravel(), self.data.qpos[self.model.jnt_qposadr[sliding]]])

    def handles(self) -> dict[int, str]:
        """Return what the numbers in a mask picture mean: MuJoCo body id to body name."""
        return {i: self.model.body(i).name for i in range(1, self.model.nbody)}
