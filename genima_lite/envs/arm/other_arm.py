"""Refuses demonstrations that another arm cannot follow."""

from __future__ import annotations

import numpy as np

from genima_lite import panda
from genima_lite.envs.arm.limits import limits_of
from genima_lite.errors import UserError
from genima_lite.observation import Demo


def refuse_other_arm(demo: Demo, model: str) -> None:
    """Refuse a demonstration that an arm cannot follow.

    Args:
        demo: recorded, or of joints whose arm is not known.
        model: "fer" or "fr3".

    Raises:
        UserError: it was recorded on the other arm, or goes beyond this one's ranges.
    """
    if demo.recording is not None and demo.recording.arm != model:
        raise UserError(
            f"recorded on a {demo.recording.arm}, and this arm is a {model}: their joints have "
            "other ranges, so it is not replayed"
        )
    limits = limits_of(model)
    joints = np.array([seen.joint_positions for seen in demo] + list(demo.actions()[:, :7]))
    outside = panda.to_franka(joints)
    wrong = np.maximum(limits.lower - outside, outside - limits.upper).max(axis=0)
    if (worst := int(wrong.argmax())) >= 0 and wrong[worst] > 0:
        raise UserError(
            f"joint {worst + 1} goes {wrong[worst]:.3f} rad beyond what a {model} allows; was "
            "it recorded on another arm?"
        )
