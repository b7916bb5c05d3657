"""How far from its target a controller's actions end."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from genima_lite import panda
from genima_lite.controller.act import ACT
from genima_lite.controller.follow import predict_actions
from genima_lite.observation import Observation


def end_errors(
    model: ACT,
    views: Mapping[str, np.ndarray],
    now: Observation,
    then: Observation,
    instruction: str = "",
    fit: bool = False,
) -> tuple[float, float]:
    """Return how far tip and joints are from the target at the end of one decision's actions.

    Args:
        model: a controller.
        views: by camera, (H, W, 3) uint8, with the target drawn on them.
        now: where the arm is; its cameras are taken to be RLBench's.
        then: where it should be.
        instruction: for a controller with language.
        fit: see `predict_actions`.

    Returns:
        Metres between the tips, and radians between the joints, the mean of seven.
    """
    here = Observation(joint_positions=now.joint_positions, gripper_open=now.gripper_open)
    last = predict_actions(model, views, here, instruction, fit)[-1, :7]
    wanted = np.asarray(then.joint_positions)
    one, other = panda.forward_kinematics(np.stack([last, wanted]))[1][:, :3, 3]
    return float(np.linalg.norm(one - other)), float(np.abs(last - wanted).mean())
