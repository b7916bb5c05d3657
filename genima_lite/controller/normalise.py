"""The one place where joints become numbers for the network and back.

State: joints as shares of their range, -1 at the lower and 1 at the upper limit.
Actions: joint targets as differences to the present joints, in units of `ACTION_SCALE`.

Deviation from the paper, which standardises absolute joint targets by the mean and deviation of
the data set: differences are small where the arm is slow, so the network's error shrinks with the
motion; and constants need no statistics file that training and evaluation could disagree on.
"""

from __future__ import annotations

import numpy as np

from genima_lite.panda import LOWER, UPPER

ACTION_SCALE = 0.25
"""radians; over generated motions a joint's mean absolute difference is 0.16."""

_MIDDLE, _HALF = (LOWER + UPPER) / 2, (UPPER - LOWER) / 2


def normalise_state(joints: np.ndarray, gripper_open: np.ndarray | float) -> np.ndarray:
    """Return the network's state (..., 8) float32: joints in [-1, 1], then gripper open.

    Args:
        joints: (..., 7) radians.
        gripper_open: (...) in [0, 1].
    """
    joints = np.asarray(joints)
    opening = np.broadcast_to(gripper_open, joints.shape[:-1])[..., None]
    return np.concatenate([(joints - _MIDDLE) / _HALF, opening], axis=-1).astype(np.float32)


def normalise_actions(actions: np.ndarray, joints: np.ndarray) -> np.ndarray:
    """Return what the network predicts, (..., K, 8) float32; the gripper stays as it is.

    Args:
        actions: (..., K, 8) absolute joint targets in radians, then gripper open in [0, 1].
        joints: (..., 7) radians, where the arm is.
    """
    differences = (actions[..., :7] - joints[..., None, :]) / ACTION_SCALE
    return np.concatenate([differences, actions[..., 7:]], axis=-1).astype(np.float32)


def denormalise_actions(
    differences: np.ndarray, gripper_logits: np.ndarray, joints: np.ndarray
) -> np.ndarray:
    """Return the actions to send, (..., K, 8) float64: absolute joints in radians within their
    limits, then the probability that the gripper is open.

    The gripper is squashed: the bench and RLBench open above 0.5. (The reference code sends the
    bare logit, so it opens only above a probability of 0.62.)

    Args:
        differences: (..., K, 7), normalised as `normalise_actions` does.
        gripper_logits: (..., K).
        joints: (..., 7) radians, where the arm is.
    """
    targets = joints[..., None, :] + np.float64(ACTION_SCALE) * differences
    opening = 1 / (1 + np.exp(-np.float64(1) * np.clip(gripper_logits, -50, 50)))
    return np.concatenate([np.clip(targets, LOWER, UPPER), opening[..., None]], axis=-1)
