"""The simulated arm: joint-position control at 20 Hz and RLBench's discrete gripper."""

from __future__ import annotations

from typing import Any

import numpy as np

from genima_lite import panda
from genima_lite.envs.bench.gl import mujoco
from genima_lite.envs.bench.scene_state import WELD, RobotState
from genima_lite.errors import Refusal
from genima_lite.observation import CONTROL_PERIOD

_FINGER_SPEED = 0.2
_SETTLE_STEPS = 10

_COMMANDED, _REACHED = (0, 0.01, 0.05, 0.1, 0.2), (0, 0.0065, 0.030, 0.052, 0.068)
"""Radians that a joint of RLBench's arm at rest is told to move, and that it has moved after 50 ms;
measured on the running simulator (joint 1)."""

_COASTING = 0.5
"""Share of their velocity that joints keep by themselves: with it a moving arm is as far behind its
commands as in RLBench's demonstrations, 0.02 to 0.03 radians."""


_UNSTABLE = (
    mujoco.mjtWarning.mjWARN_BADQPOS,
    mujoco.mjtWarning.mjWARN_BADQVEL,
    mujoco.mjtWarning.mjWARN_BADQACC,
)
"""MuJoCo's warnings after which its state means nothing."""


class Unstable(Refusal):
    """The simulation has broken down, as where the arm presses with all its force."""


class Robot:
    """Moves the arm and the gripper of one simulated scene.

    The servos follow a reference that runs in a straight line from the last target to the new
    one within a control period, no faster than the joints' velocity limits. The reference's
    velocity is fed forward, so that a commanded path is tracked without lag.

    Attributes:
        lags: whether the arm tracks as RLBench's does: the reference runs from where the joints
            are to a part of the way to the target only, as far as those get in one step.
    """

    def __init__(self, model: mujoco.MjModel, data: mujoco.MjData, graspable: tuple[str, ...]):
        self._model, self._data, self.lags = model, data, False
        self._graspable = graspable
        model.opt.disableflags |= mujoco.mjtDisableBit.mjDSBL_AUTORESET  # no start in the midst
        self._substeps = round(CONTROL_PERIOD / model.opt.timestep)
        self._lead = -model.actuator_biasprm[:7, 2] / model.actuator_gainprm[:7, 0]
        self._zone = model.geom("grasp_zone").id
        self.held: list[str] = []

    def reset(self) -> None:
        """Put the arm in RLBench's home posture, gripper open and empty."""
        data = self._data
        data.joint("finger1").qpos = data.joint("finger2").qpos = panda.FINGER_STROKE
        for k in range(7):
            data.joint(f"joint{k + 1}").qpos = panda.HOME[k]
        data.ctrl[:7] = self._reference = panda.HOME.copy()
        data.ctrl[7:9] = panda.FINGER_STROKE
        self.held = []

    def state(self) -> dict[str, Any]:
        """Return what the simulator's state lacks, JSON-able: `reference`, the joints (7,) that
        the arm was last sent to, `held`, by body the numbers that say how it is held, and `lags`,
        where the arm does.
        """
        held = {name: self._constraint(name).data[:WELD].tolist() for name in self.held}
        lags = {"lags": True} if self.lags else {}
        return {"reference": self._reference.tolist(), "held": held, **lags}

    def resume(self, state: RobotState) -> None:
        """Go on from what `state` returned, or, if it is empty, from the commanded posture with
        an empty hand.
        """
        commanded = self._data.ctrl[:7] if state.reference is None else state.reference
        self._reference = np.array(commanded)
        for name, weld in state.held.items():
            self._weld(name, np.array(weld))

    @property
    def joints(self) -> np.ndarray:
        """Where the joints are, (7,) radians."""
        return self._data.qpos[:7].copy()

    @property
    def commanded_open(self) -> bool:
        """Whether the last gripper command was to open."""
        return bool(self._data.ctrl[7] > 0)

    def stand(self, joints: np.ndarray, gripper_open: float) -> None:
        """Put the arm, at rest and with an empty hand, into a posture (7,) in radians, without
        simulating how it gets there.
        """
        data, stroke = self._data, panda.FINGER_STROKE * float(gripper_open > 0.5)
        data.qpos[:7], data.qpos[7:9] = joints, stroke
        data.ctrl[:7], data.ctrl[7:9] = joints, stroke
        data.qvel[:] = 0
        self._release()
        self._reference = np.array(joints, dtype=np.float64)
        mujoco.mj_forward(self._model, data)

    def depth(self) -> float | None:
        """Return how many metres the arm reaches into something but itself; `None`: it is free."""
        own, base = self._model.body("right_finger").id, self._model.body("link1").id
        bodies = self._model.geom_bodyid[self._data.contact.geom]
        arm = (bodies >= base) & (bodies <= own)
        touching = arm[:, 0] != arm[:, 1]
        return float(-self._data.contact.dist[touching].min()) if touching.any() else None

    def move(self, target: np.ndarray) -> None:
        """Drive the joints towards a target (7,) in radians for one control period.

        Raises:
            Unstable: the simulation has broken down.
        """
        limit = panda.VELOCITY_LIMIT * CONTROL_PERIOD
        start = self.joints if self.lags else self._reference
        wanted = self._lagging(target - start) if self.lags else target - start
        stride = np.clip(wanted, -limit, limit)
        lead = self._lead * stride / CONTROL_PERIOD
        for k in range(1, self._substeps + 1):
            self._data.ctrl[:7] = start + stride * (k / self._substeps) + lead
            mujoco.mj_step(self._model, self._data)
        self._check_stable()
        self._reference = start + stride

    def _lagging(self, way: np.ndarray) -> np.ndarray:
        """Return how far (7,) joints get in a step that are `way` from where they should be."""
        coasting = _COASTING * CONTROL_PERIOD * self._data.qvel[:7]
        rest = way - coasting
        return coasting + np.sign(rest) * np.interp(np.abs(rest), _COMMANDED, _REACHED)

    def hold(self, steps: int) -> None:
        """Let `steps` control periods pass with the arm at its reference.

        Raises:
            Unstable: the simulation has broken down.
        """
        self._data.ctrl[:7] = self._reference
        for _ in range(steps * self._substeps):
            mujoco.mj_step(self._model, self._data)
        self._check_stable()

    def set_gripper(self, opening: float) -> None:
        """Open above 0.5, close below, as RLBench's discrete gripper does.

        A change takes its own simulated time, which no observation shows: objects between the
        fingers are attached before they close and let go before they open.
        """
        wants_open = opening > 0.5
        if wants_open == self.commanded_open:
            return
        if wants_open:
            self._release()
        else:
            self._grasp()
        self._move_fingers(panda.FINGER_STROKE if wants_open else 0.0)
        self.hold(_SETTLE_STEPS if wants_open else 2)

    def _move_fingers(self, goal: float) -> None:
        start = self._data.ctrl[7]
        steps = round(abs(goal - start) / _FINGER_SPEED / self._model.opt.timestep)
        self._data.ctrl[:7] = self._reference
        for k in range(1, steps + 1):
            self._data.ctrl[7:9] = start + (goal - start) * k / steps
            mujoco.mj_step(self._model, self._data)

    def _check_stable(self) -> None:
        """Raise `Unstable` where the simulation has broken down since the scene was set up."""
        if any(self._data.warning[each].number for each in _UNSTABLE):
            raise Unstable("the simulation became unstable: something is pressed too hard")

    def _grasp(self) -> None:
        """Attach every graspable body that reaches between the fingers, where it is."""
        for name in self._graspable:
            if touches(self._model, self._data, self._zone, name):
                self._weld(name, _weld_data(self._data.body("hand"), self._data.body(name)))

    def _weld(self, name: str, weld: np.ndarray) -> None:
        """Attach a body to the hand."""
        constraint = self._constraint(name)
        constraint.data[:WELD] = weld
        self._data.eq_active[constraint.id] = 1
        self.held.append(name)

    def _release(self) -> None:
        for name in self.held:
            self._data.eq_active[self._constraint(name).id] = 0
        self.held = []

    def _constraint(self, name: str) -> Any:
        """Return the model's constraint between a graspable body and the hand."""
        return self._model.equality(f"grasp_{name}")


def _weld_data(hand: Any, body: Any) -> np.ndarray:
    """Return MuJoCo's eleven weld numbers that keep `body` where it is in the hand's frame."""
    inverse_hand, relative_quat = np.zeros(4), np.zeros(4)
    mujoco.mju_negQuat(inverse_hand, hand.xquat)
    mujoco.mju_mulQuat(relative_quat, inverse_hand, body.xquat)
    relative_pos = hand.xmat.reshape(3, 3).T @ (body.xpos - hand.xpos)
    return np.concatenate([np.zeros(3), relative_pos, relative_quat, [1.0]])


def touches(model: mujoco.MjModel, data: mujoco.MjData, zone: int, body: str) -> bool:
    """Return whether any geom of a body reaches into a zone geom (RLBench's proximity sensor)."""
    first = model.body(body).geomadr[0]
    geoms = range(first, first + model.body(body).geomnum[0])
    return any(mujoco.mj_geomDistance(model, data, zone, geom, 0.01, None) <= 0 for geom in geoms)
