"""The eyes of the controller: where the drawn spheres are, and a shortcut from there to actions."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from genima_lite.controller.config import ControllerConfig
from genima_lite.targets.joints import JOINTS

STATE = 8
"""Numbers of a state and of an action: seven joints, then the gripper."""


@dataclass(frozen=True, eq=False)
class Found:
    """Where the network sees the spheres.

    Attributes:
        heat: (B, V, S, h, w) logits over the cells of the finest feature map.
        keypoints: (B, V, S, 2) centres, column then row, as shares of the view's width and height.
        visible: (B, V, S) logits.
        axes: (B, V, S, 3) unit vectors along the stripes' axes, in the camera's axes.
        opened: (B, V) logits that the gripper's sphere has the colour of an open gripper.
        tokens: (B, V, S, C) features at the spheres.
    """

    heat: Tensor
    keypoints: Tensor
    visible: Tensor
    axes: Tensor
    opened: Tensor
    tokens: Tensor

    def geometry(self) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Return keypoints, visibility and openness in [0, 1], axes, as `Geometry` takes them.

        Cut off from gradients: the finder learns from the spheres' labels.
        """
        parts = (self.keypoints, self.visible.sigmoid(), self.axes, self.opened.sigmoid())
        keypoints, visible, axes, opened = (part.detach() for part in parts)
        return keypoints, visible, axes, opened


class SphereFinder(nn.Module):
    """One heatmap a sphere; its soft-argmax is the sphere's place."""

    def __init__(self, config: ControllerConfig):
        super().__init__()
        fine, coarse = config.channels[0], config.channels[-1]
        self.lateral = nn.Conv2d(coarse, fine, 1)
        self.mix = nn.Sequential(nn.Conv2d(fine, fine, 3, padding=1), nn.ReLU())
        self.refine = nn.Sequential(nn.Conv2d(fine, fine, 3, padding=1), nn.ReLU())
        self.heat = nn.Conv2d(fine, len(JOINTS), 1)
        self.offset = nn.Linear(fine, 2)
        self.visible = nn.Linear(fine, 1)
        self.turn = nn.Sequential(nn.Linear(fine, 2 * fine), nn.ReLU(), nn.Linear(2 * fine, 3))
        self.opened = nn.Linear(fine, 1)
        nn.init.zeros_(self.offset.weight)
        nn.init.zeros_(self.offset.bias)

    def forward(self, maps: list[Tensor], batch: tuple[int, int]) -> Found:
        """Find the spheres.

        Args:
            maps: of the picture encoder, finest first, each (B V, C, h, w).
            batch: B and V.
        """
        context = F.interpolate(self.lateral(maps[-1]), size=maps[1].shape[2:], mode="nearest")
        middle = self.mix(maps[1] + context)  # (B V, C, h / 2, w / 2)
        middle = F.interpolate(middle, size=maps[0].shape[2:], mode="bilinear")
        features = self.refine(maps[0] + middle)  # (B V, C, h, w), half the view's resolution
        heat = self.heat(features)  # (B V, S, h, w)
        share = heat.flatten(2).softmax(-1)  # (B V, S, h w), sums to 1
        tokens = share @ features.flatten(2).transpose(1, 2)  # (B V, S, C)
        cell = torch.tensor([1 / heat.shape[3], 1 / heat.shape[2]]).to(heat)
        middles = cell_middles(*heat.shape[2:]).to(heat)  # (h w, 2)
        keypoints = share @ middles + cell * self.offset(tokens)  # (B V, S, 2)
        axes = F.normalize(self.turn(tokens), dim=-1)  # (B V, S, 3)
        opened = self.opened(tokens[:, 0]).squeeze(-1)  # (B V,), sphere 0 is the gripper's
        parts = (heat, keypoints, self.visible(tokens).squeeze(-1), axes, opened, tokens)
        return Found(*(part.unflatten(0, batch) for part in parts))


class Geometry(nn.Module):
    """From where the spheres are and how they are turned straight to K actions."""

    def __init__(self, config: ControllerConfig):
        super().__init__()
        self.horizon, width = config.horizon, 2 * config.hidden
        self.enter = nn.Linear(len(config.cameras) * len(JOINTS) * 7 + STATE, width)
        self.blocks = nn.ModuleList(
            nn.Sequential(
                nn.LayerNorm(width),
                nn.Linear(width, 2 * width),
                nn.GELU(),
                nn.Linear(2 * width, width),
            )
            for _ in range(2)
        )
        self.leave = nn.Linear(width, config.horizon * STATE)

    def forward(
        self, keypoints: Tensor, visible: Tensor, axes: Tensor, opened: Tensor, state: Tensor
    ) -> Tensor:
        """Return actions (B, K, 8): normalised differences, then a gripper logit.

        Args:
            keypoints: (B, V, S, 2) shares of the view.
            visible: (B, V, S) in [0, 1]; what is not visible counts as zero.
            axes: (B, V, S, 3).
            opened: (B, V) in [0, 1].
            state: (B, 8).
        """
        one = torch.ones_like(visible)[..., None]
        colour = (2 * opened - 1)[..., None, None] * one
        seen = torch.cat([2 * keypoints - 1, axes, colour, one], dim=-1)  # (B, V, S, 7)
        x = self.enter(torch.cat([(seen * visible[..., None]).flatten(1), state], dim=-1))
        for block in self.blocks:
            x = x + block(x)  # (B, 2 D)
        return self.leave(x).unflatten(-1, (self.horizon, STATE))


def cell_middles(height: int, width: int) -> Tensor:
    """Return the middles of a grid's cells, (h w, 2): column, row as shares of the picture."""
    rows = (torch.arange(height) + 0.5) / height
    columns = (torch.arange(width) + 0.5) / width
    grid = torch.stack(torch.meshgrid(rows, columns, indexing="ij")[::-1], dim=-1)  # (h, w, 2)
    return grid.flatten(0, 1)
