"""One decision of a controller: from views and the arm's state to K actions."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import torch

from genima_lite import panda
from genima_lite.controller.act import ACT, Prediction
from genima_lite.controller.config import future_view
from genima_lite.controller.data import encode
from genima_lite.controller.keypoint_heads import Found
from genima_lite.controller.normalise import denormalise_actions, normalise_state
from genima_lite.controller.pictures import known_cameras, stack_views, to_input
from genima_lite.controller.posture import fit_posture, lead_to
from genima_lite.controller.viewpoint import cameras_of, drawn_anew, elsewhere, opening
from genima_lite.errors import UserError
from genima_lite.observation import Observation

_BY_ITSELF = 0.02
"""Pixels a radian: how much a posture that no sphere tells stays at the present one."""

_BY_THE_NETWORK = 20.0
"""Pixels a radian: how much the network's own end counts beside the spheres that it sees."""


def predict_actions(
    model: ACT,
    views: Mapping[str, np.ndarray],
    observation: Observation,
    instruction: str = "",
    fit: bool = False,
) -> np.ndarray:
    """Return the next actions, (K, 8) float64: joint targets in radians, gripper open in [0, 1].

    Where an observation says that its cameras are not those that a controller with spheres knows,
    the posture is fitted to the spheres in their views, and the views are drawn anew. One that
    learned with moved cameras decides alone (`ControllerConfig.moved_cameras`).

    Args:
        model: a controller, ready to use.
        views: by camera, (H, W, 3) uint8, with targets drawn on them if the controller wants any;
            for one that follows future views, these, and the observation has the present ones.
        observation: where the arm is, and the cameras.
        instruction: for a controller with language.
        fit: lead the actions to the posture that fits the spheres
            (`genima_lite.controller.posture`); else the network alone decides.

    Raises:
        UserError: a view is missing, has another size or is no picture; or the arm's state is not
            known.
    """
    joints, gripper = _state(observation)
    if model.config.future:
        now = {name: observation.image(name) for name in model.config.cameras}
        views = {**now, **{future_view(name): view for name, view in views.items()}}
    if not model.config.spheres or model.config.moved_cameras:
        return _actions(_look(model, views, joints, gripper, instruction), joints)
    known = known_cameras(model.config, panda.forward_kinematics(joints)[1])
    cameras = cameras_of(observation, model.config.cameras) or known
    out = _look(model, views, joints, gripper, instruction)
    found, size, actions = _found(out), model.config.image_size, _actions(out, joints)
    if elsewhere(cameras, known):
        end = fit_posture(found, cameras, size, [joints, actions[-1, :7]], _BY_ITSELF)
        again = drawn_anew(model.config, known, end, opening(found))
        return lead_to(
            _actions(_look(model, again, joints, gripper, instruction), joints), joints, end
        )
    if not fit:
        return actions
    end = fit_posture(found, known, size, [actions[-1, :7], joints], _BY_THE_NETWORK)
    return lead_to(actions, joints, end)


def _found(out: Prediction) -> Found:
    """Return where a controller with spheres sees them."""
    assert out.found is not None
    return out.found


@torch.no_grad()
def _look(
    model: ACT, views: Mapping[str, np.ndarray], joints: np.ndarray, gripper: float, text: str
) -> Prediction:
    """Return what the network says, B = 1."""
    device, length = next(model.parameters()).device, model.config.text_features
    return model(
        to_input(stack_views(model.config, views))[None].to(device),
        torch.from_numpy(normalise_state(joints, gripper))[None].to(device),
        encode([text], length).to(device) if length else None,
    )


def _actions(out: Prediction, joints: np.ndarray) -> np.ndarray:
    return denormalise_actions(out.joints[0].cpu().numpy(), out.gripper[0].cpu().numpy(), joints)


def _state(observation: Observation) -> tuple[np.ndarray, float]:
    """Return joints (7,) in radians and gripper open in [0, 1].

    Raises:
        UserError: they are not there, or not finite.
    """
    joints = np.asarray(observation.joint_positions)
    gripper = observation.gripper_open or 0.0
    if joints.shape != (7,) or joints.dtype.kind not in "fiu" or not np.isfinite(joints).all():
        raise UserError(f"joint_positions are {joints}; the controller needs seven finite radians")
    if not 0.0 <= float(gripper) <= 1.0:
        raise UserError(f"gripper_open is {gripper}; give 0 (closed) to 1 (open)")
    return joints, float(gripper)
