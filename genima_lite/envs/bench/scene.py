"""One running scene: where things are, where they may be put, and what success tests ask."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from genima_lite.envs.api import BENCH, RLBENCH
from genima_lite.envs.bench.gl import mujoco
from genima_lite.envs.bench.looks import Looks
from genima_lite.envs.bench.perturbed import Perturbed, perturbation_seed
from genima_lite.envs.bench.robot import Robot, Unstable, touches
from genima_lite.envs.bench.scene_state import STATE, checked
from genima_lite.envs.bench.task import TABLE, Task, Waypoint
from genima_lite.envs.bench.world import build_model
from genima_lite.errors import UserError

_DEEP = 0.01
"""Metres that a placed arm may reach into things."""

_REST = 10
"""Control periods until an arm that touches something rests."""

_NO_COLOR = (0.5, 0.5, 0.5, 1.0)
"""A geom of this colour has its material's."""


class Scene:
    """A compiled task with its simulation state.

    Attributes:
        task: the task's rules.
        robot: the arm and the gripper.
        variation: the variation of the present episode.
        first: the expert's waypoints at the episode's start.
    """

    def __init__(self, task: Task, perturbed: Perturbed = Perturbed()):  # noqa: B008
        self.task, self.perturbed = task, perturbed
        self.model = build_model(task, perturbed.mjcf)
        self.data = mujoco.MjData(self.model)
        self.robot = Robot(self.model, self.data, task.graspable)
        self.variation = 0
        self.first: list[Waypoint] = []
        self._bodies = _task_bodies(self.model)
        self.looks = Looks(self.model)
        self._perturbed_by = 0
        self.robot.reset()
        self._begin()

    def reset(self, variation: int, rng: np.random.RandomState) -> None:
        """Start an episode: home the arm, let the task place its pieces, let them settle.

        `rng` is the only source of chance: the same generator state gives the same scene. With
        perturbations the pieces stand where they stand without.
        """
        seed = perturbation_seed(rng)
        self._clear(variation)
        self.task.place(self, variation, rng)
        self._perturb(seed)
        self.robot.hold(10)
        self._begin()
        self.first = self.task.waypoints(self)

    def _clear(self, variation: int) -> None:
        mujoco.mj_resetData(self.model, self.data)
        self.looks.restore()
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
            Whether it stands there; `False` where it reaches deep into something, or presses it
            too hard.
        """
        self.robot.stand(joints, gripper_open)
        depth = self.robot.depth()
        if depth is None:
            return True
        if depth > _DEEP:
            return False
        try:
            self.robot.hold(_REST)
        except Unstable:
            return False
        self.data.qvel[:] = 0
        mujoco.mj_forward(self.model, self.data)
        return True

    def state(self) -> dict[str, Any]:
        """Return all that defines the scene at an episode's start or in its midst, JSON-able.

        Keys: `variation`; `mujoco`, the simulator's integration state; `geom_rgba`, painted
        geoms by index; `robot`, where the arm was sent and what the gripper holds; `start`, where
        the simulator's coordinates were at the episode's start, from which `travel` counts.
        """
        vector = np.empty(mujoco.mj_stateSize(self.model, STATE))
        mujoco.mj_getState(self.model, self.data, vector, STATE)
        colors = {str(i): self.model.geom_rgba[i].tolist() for i in self.looks.painted()}
        perturbed = self.perturbed.described(self._perturbed_by)
        return {
            "variation": int(self.variation),
            "mujoco": vector.tolist(),
            "geom_rgba": colors,
            "robot": self.robot.state(),
            "start": self._start.tolist(),
            **({"perturbed": perturbed} if self.perturbed.names else {}),
        }

    def restore(self, state: Mapping[str, Any]) -> None:
        """Go on from what `state` returned. Without `robot` and `start`, as older versions wrote
        it, the hand is empty and this is an episode's start.

        Raises:
            UserError: the state is damaged, incomplete, another task's or another version's; then
                the scene stays as it is.
        """
        seed = self.perturbed.check(state.get("perturbed"))
        stored = checked(state, self.task, self.model)
        if stored.robot.lags != self.robot.lags:
            has, other = (RLBENCH, BENCH) if stored.robot.lags else (BENCH, RLBENCH)
            raise UserError(
                f"scene state has the tracking '{has}', the environment '{other}'; make it with "
                "the same"
            )
        self._clear(stored.variation)
        self._set(stored.mujoco)
        if stored.start is not None:
            self.data.qpos[:] = stored.start
        mujoco.mj_forward(self.model, self.data)
        self.first = self.task.waypoints(self)
        self._perturb(seed)
        self._set(stored.mujoco)
        for index, rgba in stored.geom_rgba.items():
            self.model.geom_rgba[int(index)] = rgba
        self.robot.resume(stored.robot)
        self._begin()
        if stored.start is not None:
            self._start[:] = stored.start

    def _perturb(self, seed: int) -> None:
        mujoco.mj_forward(self.model, self.data)
        self.perturbed.apply(self, seed)
        self._perturbed_by = seed

    def _set(self, state: Sequence[float]) -> None:
        mujoco.mj_setState(self.model, self.data, np.array(state), STATE)

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
        ours = np.intersect1d(placed, self._bodies)
        return {self.model.body(i).name: self.data.xpos[i].copy() for i in ours}

    def footprints(self) -> np.ndarray:
        """Return a rectangle around each geom of the task seen from above, (n, 2, 2) metres: lower
        and upper corner, x and y.
        """
        geoms = self._task_geoms(drawn=False)
        middle, half = np.split(self.model.geom_aabb[geoms], 2, axis=1)
        turn = self.data.geom_xmat[geoms].reshape(-1, 3, 3)
        center = self.data.geom_xpos[geoms] + np.einsum("nij,nj->ni", turn, middle)
        reach = np.einsum("nij,nj->ni", np.abs(turn), half)
        return np.stack([center - reach, center + reach], axis=1)[..., :2]

    def plain_parts(self) -> list[np.ndarray]:
        """Return the task's drawn geoms in groups of one material, geom numbers (n,) each.

        Geoms without a material are groups of their own. Left out is what has a colour that counts:
        what the task has painted, and the materials in `Task.named`.
        """
        named = [self.model.material(name).id for name in self.task.named]
        geoms = np.setdiff1d(self._task_geoms(drawn=True), self.looks.painted())
        materials = self.model.geom_matid[geoms]
        groups = [geoms[materials == m] for m in np.unique(materials) if m >= 0 and m not in named]
        return groups + [geom[None] for geom in geoms[materials < 0]]

    def color_of(self, geom: int) -> np.ndarray:
        """Return the colour in which a geom is drawn, RGB (3,) in [0, 1], its texture left out."""
        material, own = self.model.geom_matid[geom], self.model.geom_rgba[geom]
        plain = material >= 0 and np.allclose(own, _NO_COLOR)
        return (self.model.mat_rgba[material] if plain else own)[:3].copy()

    def _task_geoms(self, drawn: bool) -> np.ndarray:
        """Return the numbers of the task's geoms, zones left out: those that are drawn, or all."""
        ours = np.isin(self.model.geom_bodyid, self._bodies)
        group = self.model.geom_group
        return np.flatnonzero(ours & (group < 3 if drawn else group != 4))

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
        quaternions = self.data.xquat[self._bodies]
        poses = np.concatenate([self.data.xpos[self._bodies], np.roll(quaternions, -1, 1)], 1)
        sliding = (self.model.jnt_type >= 2) & np.isin(self.model.jnt_bodyid, self._bodies)
        return np.concatenate([poses.ravel(), self.data.qpos[self.model.jnt_qposadr[sliding]]])

    def handles(self) -> dict[int, str]:
        """Return what the numbers in a mask picture mean: MuJoCo body id to body name."""
        return {i: self.model.body(i).name for i in range(1, self.model.nbody)}


def _task_bodies(model: mujoco.MjModel) -> np.ndarray:
    """Return the numbers of the task's bodies, (n,): those after the robot, but no distractors."""
    after = range(model.body("right_finger").id + 1, model.nbody)
    return np.array([i for i in after if not model.body(i).name.startswith("distractor_")])
