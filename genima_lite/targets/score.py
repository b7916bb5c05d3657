"""How well drawn spheres match the true targets: in pixels a view, in metres over views."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from genima_lite.cameras import Camera
from genima_lite.targets.find import FoundSphere
from genima_lite.targets.joints import JOINTS, JointTargets
from genima_lite.targets.labels import ViewLabels
from genima_lite.targets.triangulate import triangulate_agreeing


@dataclass(frozen=True, eq=False)
class ViewScore:
    """One view against its labels, in the order of `JOINTS`.

    Attributes:
        errors: (4,) float64, pixels from the found to the true centre; NaN unless the sphere is
            visible and found.
        expected: (4,) bool, the sphere is visible.
        missed: (4,) bool, it is visible but not found, or found more than a radius away.
        invented: (4,) bool, it was found but the true one is not visible.
        gripper_right: whether the colour shows the right gripper state; `None` where the
            gripper's sphere is missed or not visible.
    """

    errors: np.ndarray
    expected: np.ndarray
    missed: np.ndarray
    invented: np.ndarray
    gripper_right: bool | None


def score_view(
    found: Mapping[str, FoundSphere],
    labels: ViewLabels,
    gripper_open: bool,
    least_share: float = 0.0,
) -> ViewScore:
    """Compare what `find_spheres` found in one view with the truth.

    Args:
        found: spheres by joint.
        labels: of the same view.
        gripper_open: the true state.
        least_share: spheres of which less shows count neither as missed nor as invented.
    """
    here = np.array([joint in found for joint in JOINTS])
    pixels = np.array([found[j].pixel if j in found else (np.nan, np.nan) for j in JOINTS])
    errors = np.linalg.norm(pixels - labels.pixels, axis=1)
    expected = labels.visible & (labels.shares >= least_share)
    missed = expected & ~(errors <= np.maximum(labels.radii, 1.0))
    gripper = found.get("gripper")
    right = None
    if gripper is not None and expected[0] and not missed[0]:
        right = gripper.gripper_open == gripper_open
    errors = np.where(expected & here, errors, np.nan)
    return ViewScore(errors, expected, missed, here & (labels.shares == 0), right)


@dataclass(frozen=True)
class JointScore:
    """One joint over many views: `views` in which it is visible, and how it was found there.

    `median_error` and `mean_error` in pixels over the spheres that were found (NaN for none),
    `miss_rate` from 0 to 1, `invented` views in which it was found though not visible.
    """

    views: int
    median_error: float
    mean_error: float
    miss_rate: float
    invented: int


@dataclass(frozen=True)
class Score:
    """Many views together: a `JointScore` by joint, and the share of right gripper colours."""

    joints: dict[str, JointScore]
    gripper_accuracy: float


def summarize(scores: Sequence[ViewScore]) -> Score:
    """Put the scores of many views together.

    Raises:
        ValueError: no scores.
    """
    if not scores:
        raise ValueError("no views to summarize")
    errors, expected, missed, invented = (
        np.stack([getattr(score, name) for score in scores])
        for name in ("errors", "expected", "missed", "invented")
    )
    joints = {
        joint: _joint_score(errors[:, i], expected[:, i], missed[:, i], invented[:, i])
        for i, joint in enumerate(JOINTS)
    }
    right = [score.gripper_right for score in scores if score.gripper_right is not None]
    return Score(joints, float(np.mean(right)) if right else float("nan"))


def _joint_score(
    errors: np.ndarray, expected: np.ndarray, missed: np.ndarray, invented: np.ndarray
) -> JointScore:
    kept = errors[np.isfinite(errors)]
    views = int(expected.sum())
    return JointScore(
        views,
        float(np.median(kept)) if len(kept) else float("nan"),
        float(kept.mean()) if len(kept) else float("nan"),
        float(missed.sum() / views) if views else float("nan"),
        int(invented.sum()),
    )


def position_errors(
    found: Mapping[str, Mapping[str, FoundSphere]],
    cameras: Mapping[str, Camera],
    joints: JointTargets,
) -> np.ndarray:
    """Return how far triangulated spheres are from the true ones, (4,) metres.

    Args:
        found: by camera, then by joint.
        cameras: by name, of at least the same views.
        joints: the true targets, order `JOINTS`.

    Returns:
        NaN for a joint that fewer than two views show, or that no two views agree on.
    """
    errors = np.full(len(JOINTS), np.nan)
    for i, joint in enumerate(JOINTS):
        seen = {camera: spheres[joint] for camera, spheres in found.items() if joint in spheres}
        pixels = np.array([sphere.pixel for sphere in seen.values()])
        weights = np.array([sphere.confidence * sphere.seen for sphere in seen.values()])
        point = triangulate_agreeing(pixels, [cameras[camera] for camera in seen], weights)
        if point is not None:
            errors[i] = np.linalg.norm(point - joints.positions[i])
    return errors
