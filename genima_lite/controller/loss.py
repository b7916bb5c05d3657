"""What the controller is trained on: L1 on joints, cross-entropy on the gripper, KL, spheres."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F

from genima_lite.controller.act import Prediction
from genima_lite.controller.config import ControllerConfig
from genima_lite.controller.keypoint_heads import Found
from genima_lite.controller.normalise import ACTION_SCALE


@dataclass(frozen=True, eq=False)
class Labels:
    """The truth for one batch.

    Attributes:
        actions: (B, K, 8) float32, normalised; gripper open in [0, 1].
        valid: (B, K) bool: real actions, not padding past a demonstration's end.
        keypoints: (B, V, S, 2) float32, sphere centres as shares of width and height.
        visible: (B, V, S) bool.
        axes: (B, V, S, 3) float32, unit vectors along the stripes' axes in the camera's axes.
        opened: (B,) float32, 1.0 where the drawn gripper is open, else 0.0.
    """

    actions: Tensor
    valid: Tensor
    keypoints: Tensor
    visible: Tensor
    axes: Tensor
    opened: Tensor


def controller_loss(
    config: ControllerConfig, prediction: Prediction, labels: Labels
) -> tuple[Tensor, dict[str, Tensor]]:
    """Return the loss and its parts, by name, before weighting.

    Everything that the network predicts has a part: `joints` (mean absolute error, normalised),
    `gripper`, and where present `kl` and `spheres`. `joint_error` (radians), `sphere_error`
    (pixels) and `axis_error` (degrees) come along for people and weigh nothing.
    """
    joints = masked_mean((prediction.joints - labels.actions[..., :7]).abs(), labels.valid)
    gripper = F.binary_cross_entropy_with_logits(
        prediction.gripper, labels.actions[..., 7], reduction="none"
    )
    parts = {"joints": joints, "gripper": masked_mean(gripper[..., None], labels.valid)}
    loss = parts["joints"] + config.gripper_weight * parts["gripper"]
    if prediction.mean is not None and prediction.log_variance is not None:
        parts["kl"] = kl_divergence(prediction.mean, prediction.log_variance)
        loss = loss + config.kl_weight * parts["kl"]
    if prediction.found is not None:
        parts["spheres"], error = sphere_loss(prediction.found, labels)
        loss = loss + config.sphere_weight * parts["spheres"]
        parts["sphere_error"] = error * config.image_size
        parts["axis_error"] = axis_error(prediction.found, labels)
    parts["joint_error"] = joints.detach() * ACTION_SCALE
    return loss, parts


def masked_mean(values: Tensor, valid: Tensor) -> Tensor:
    """Return the mean of values (B, K, n) over the valid steps (B, K) of the whole batch.

    Dividing by the number of valid entries, not by B K n, keeps padding from diluting the loss.
    """
    weights = valid[..., None].to(values)
    return (values * weights).sum() / (weights.sum() * values.shape[-1]).clamp(min=1)


def kl_divergence(mean: Tensor, log_variance: Tensor) -> Tensor:
    """Return KL(N(mean, var) || N(0, 1)) = (var + mean^2 - 1 - log var) / 2, summed over (B, Z)'s
    latent dimensions and averaged over the batch.
    """
    return 0.5 * (log_variance.exp() + mean.square() - 1 - log_variance).sum(-1).mean()


def sphere_loss(found: Found, labels: Labels) -> tuple[Tensor, Tensor]:
    """Return the loss on the spheres, and their mean distance as a share of the view.

    Where a sphere is visible, its heatmap should be the four cells around the centre, weighted
    so that their mean is the centre, its place the centre, and its turn the true one. Visibility
    and the gripper's colour have cross-entropies.
    """
    visible = labels.visible.to(found.keypoints)  # (B, V, S)
    count = visible.sum().clamp(min=1)
    wanted = splat(labels.keypoints, found.heat.shape[3], found.heat.shape[4])  # (B, V, S, h w)
    heat = -(wanted * found.heat.flatten(3).log_softmax(-1)).sum(-1)  # (B, V, S)
    off = (found.keypoints - labels.keypoints) * visible[..., None]  # (B, V, S, 2)
    keypoints = off.abs().sum(-1) * found.heat.shape[-1]  # cells
    axes = (found.axes - labels.axes).square().sum(-1) * visible  # (B, V, S), 2 - 2 cos(angle)
    shown = F.binary_cross_entropy_with_logits(found.visible, visible)
    opened = F.binary_cross_entropy_with_logits(
        found.opened, labels.opened[:, None].expand_as(found.opened), visible[..., 0]
    )
    loss = (heat * visible + keypoints + axes).sum() / count + shown + opened
    return loss, torch.linalg.vector_norm(off.detach(), dim=-1).sum() / count


@torch.no_grad()
def axis_error(found: Found, labels: Labels) -> Tensor:
    """Return the mean angle in degrees between found and true stripe axes of visible spheres."""
    cosine = (found.axes * labels.axes).sum(-1).clamp(-1, 1)  # (B, V, S)
    visible = labels.visible.to(cosine)
    return (cosine.acos().rad2deg() * visible).sum() / visible.sum().clamp(min=1)


def splat(keypoints: Tensor, height: int, width: int) -> Tensor:
    """Return heatmaps (..., h w) of keypoints (..., 2): bilinear weights on the nearest cells.

    Places outside the picture count as on its border.
    """
    column, row = (
        _hats(keypoints[..., axis] * cells - 0.5, cells)
        for axis, cells in ((0, width), (1, height))
    )
    return (row[..., :, None] * column[..., None, :]).flatten(-2)


def _hats(position: Tensor, cells: int) -> Tensor:
    """Return weights (..., cells) that fall off linearly within one cell of positions (...)."""
    inside = position.clamp(0, cells - 1)[..., None]
    return (1 - (inside - torch.arange(cells).to(position)).abs()).clamp(min=0)
