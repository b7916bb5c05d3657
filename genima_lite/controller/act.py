"""ACT, the action chunking transformer (Zhao et al., 2023), as Genima's controller (paper, 3.2).

    views ──► picture encoder ──► grid tokens ─┐
                 │                             ├─► transformer encoder ──► memory
                 └─► sphere finder ► tokens ───┤                            │
    joints, gripper ──────────► state token ───┤       K action queries ──► decoder ─(+)─► actions
    (actions, in training) ──► style z token ──┘                                      │
                 sphere finder ► keypoints, axes, joints ──► geometry shortcut ─────────┘

B is the batch, V the views, S = 4 spheres, K the horizon, D the transformer's width. What differs
from ACT and the paper's controller, and why:

- *The spheres are found explicitly*, by one heatmap a sphere and view, and trained on where they
  truly are and how they are turned: labels are free, since we draw the spheres.
- *A shortcut*: a small residual perceptron axes these few numbers into actions, and the
  transformer's are added. On exact sphere centres, without pictures, one seed and 600 steps, a
  transformer erred by 0.076 rad, the same with a perceptron beside it by 0.062 rad.
- Joints go out as differences to the present ones (`genima_lite.controller.normalise`).
- Group norm instead of batch norm where the encoder is trained from scratch, so a picture's
  features do not depend on its batch and training equals evaluation. Pre-trained encoders keep
  their batch norm, frozen, as in ACT.
- Position codes are added once, at the input, and layers normalise first.
- No padding head: ACT predicts which actions are padding but nothing trains or reads it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, TypeVar

import torch
from torch import Tensor, nn
from torch.nn.utils import convert_conv2d_weight_memory_format

from genima_lite import schema
from genima_lite.controller.config import ControllerConfig
from genima_lite.controller.convolution import use_products
from genima_lite.controller.keypoint_heads import STATE, Found, Geometry, SphereFinder, cell_middles
from genima_lite.errors import UserError
from genima_lite.hub import download_network, is_hub_id
from genima_lite.targets.joints import JOINTS
from genima_lite.tensor_files import read_header
from genima_lite.training.tensors import check_fit, load_tensors

T = TypeVar("T")


@dataclass(frozen=True, eq=False)
class Prediction:
    """What the controller says.

    Attributes:
        joints: (B, K, 7) normalised differences to the present joints.
        gripper: (B, K) logits that the gripper is open.
        found: the spheres; `None` without them.
        mean, log_variance: (B, Z) of the style variable; `None` outside training.
    """

    joints: Tensor
    gripper: Tensor
    found: Found | None
    mean: Tensor | None
    log_variance: Tensor | None


class ACT(nn.Module):
    """The controller network.

    Args:
        config: sizes.
        pretrained: load the weights of `config.backbone`. Switched off where a checkpoint
            brings them.

    Raises:
        UserError: `config.backbone` is no ResNet of the configured sizes.
    """

    def __init__(self, config: ControllerConfig, pretrained: bool = True):
        super().__init__()
        self.config = config
        self.pictures = PictureEncoder(config, pretrained)
        width, views = config.hidden, len(config.views)
        self.to_token = nn.Linear(config.channels[-1], width)
        self.view_code = nn.Parameter(0.02 * torch.randn(views, 1, width))
        self.state_to_token = nn.Linear(STATE, width)
        self.state_code = nn.Parameter(0.02 * torch.randn(1, 1, width))
        if config.spheres:
            self.finder = SphereFinder(config)
            self.sphere_to_token = nn.Linear(config.channels[0] + 3, width)
            self.sphere_code = nn.Parameter(0.02 * torch.randn(len(JOINTS), width))
            self.geometry = Geometry(config)
        if config.latent:
            self.style = StyleEncoder(config)
            self.style_to_token = nn.Linear(config.latent, width)
        self.encoder = nn.TransformerEncoder(
            encoder_layer(config), config.encoder_layers, nn.LayerNorm(width), False
        )
        self.queries = nn.Parameter(0.02 * torch.randn(config.horizon, width))
        # nn.TransformerDecoder returns its last layer's output. (ACT's first release stacked all
        # layers' outputs and used number 0, the first layer's.)
        self.decoder = nn.TransformerDecoder(
            decoder_layer(config), config.decoder_layers, nn.LayerNorm(width)
        )
        self.to_action = nn.Linear(width, STATE)
        # A fifth faster on a CPU (benchmarks/bench_training.py).
        convert_conv2d_weight_memory_format(self, torch.channels_last)

    def forward(
        self,
        views: Tensor,
        state: Tensor,
        text: Tensor | None = None,
        actions: Tensor | None = None,
        valid: Tensor | None = None,
    ) -> Prediction:
        """Predict K actions.

        Args:
            views: (B, V, 3, H, W) float32 in [-1, 1], in the order of `config.views`.
            state: (B, 8) float32, normalised joints, then gripper open in [0, 1].
            text: (B, T) float32 features of the instruction, if the configuration has any.
            actions: (B, K, 8) float32, normalised true actions; in training only.
            valid: (B, K) bool, which actions are real and not padding.

        Raises:
            UserError: views of another number or size, or text missing or not wanted.
        """
        self._check(views, text)
        tokens, found = self._see(views, text)  # (B, N, D)
        state = self._maybe_hidden(state)
        tokens = torch.cat([tokens, self.state_to_token(state)[:, None] + self.state_code], dim=1)
        mean = log_variance = None
        if self.config.latent:
            z = state.new_zeros(len(state), self.config.latent)  # (B, Z)
            if actions is not None and valid is not None:
                mean, log_variance = self.style(state, actions, valid)  # (B, Z) twice
                z = mean + (0.5 * log_variance).exp() * torch.randn_like(mean)
            tokens = torch.cat([tokens, self.style_to_token(z)[:, None]], dim=1)
        memory = self.encoder(tokens)  # (B, N + 2, D)
        queries = self.queries.expand(len(state), -1, -1)  # (B, K, D)
        out = self.to_action(self.decoder(queries, memory))  # (B, K, 8)
        if found is not None:
            out = out + self.geometry(*found.geometry(), state)
        return Prediction(out[..., :7], out[..., 7], found, mean, log_variance)

    def _see(self, views: Tensor, text: Tensor | None) -> tuple[Tensor, Found | None]:
        """Return the tokens (B, N, D) of all views, and where the spheres are."""
        batch, count = views.shape[:2]
        if text is not None:
            text = text.repeat_interleave(count, dim=0)  # (B V, T)
        maps = self.pictures(views.flatten(0, 1), text)  # finest first, each (B V, C, h, w)
        coarse = maps[-1]  # (B V, C, h, w)
        grid = self.to_token(coarse.flatten(2).transpose(1, 2))  # (B V, h w, D)
        grid = grid + grid_code(coarse.shape[2], coarse.shape[3], grid.shape[-1]).to(grid)
        tokens = grid.unflatten(0, (batch, count)) + self.view_code  # (B, V, h w, D)
        if not self.config.spheres:
            return tokens.flatten(1, 2), None
        found = self.finder(maps, (batch, count))
        shown = found.visible.sigmoid()[..., None]
        seen = torch.cat([found.tokens, 2 * found.keypoints - 1, shown], dim=-1)  # (B, V, S, C + 3)
        spheres = self.sphere_to_token(seen) + self.sphere_code + self.view_code  # (B, V, S, D)
        return torch.cat([tokens, spheres], dim=2).flatten(1, 2), found

    def _maybe_hidden(self, state: Tensor) -> Tensor:
        """Return the state (B, 8), in training zeroed for some samples."""
        if not self.training or not self.config.proprio_dropout:
            return state
        keep = torch.rand(len(state), 1, device=state.device) >= self.config.proprio_dropout
        return state * keep

    def _check(self, views: Tensor, text: Tensor | None) -> None:
        size, count = self.config.image_size, len(self.config.views)
        if views.dim() != 5 or tuple(views.shape[1:]) != (count, 3, size, size):
            raise UserError(
                f"the controller sees {count} views of {size}x{size} pixels, as a tensor "
                f"(B, {count}, 3, {size}, {size}); this one is {tuple(views.shape)}"
            )
        if (text is not None) != bool(self.config.text_features):
            wanted = "needs" if self.config.text_features else "takes no"
            raise UserError(f"this controller {wanted} features of the instruction")


class PictureEncoder(nn.Module):
    """A ResNet applied to each view separately, conditioned on language by FiLM if wanted."""

    def __init__(self, config: ControllerConfig, pretrained: bool):
        super().__init__()
        self.resnet: Any = make_resnet(config, pretrained)
        use_products(self.resnet)
        for module in self.resnet.modules():
            if isinstance(module, nn.ReLU):
                module.inplace = True  # a copy less: 1.02 to 1.08 times as fast at 256 pixels
        self.frozen_norms = config.backbone is not None
        texts = config.text_features
        self.films = nn.ModuleList(FiLM(texts, c) for c in config.channels if texts)

    def forward(self, pictures: Tensor, text: Tensor | None) -> list[Tensor]:
        """Return the feature maps of the stem and of all stages, finest first.

        Args:
            pictures: (P, 3, H, W) in [-1, 1].
            text: (P, T) or `None`.

        Returns:
            First the stem, (P, channels[0], H / 2, W / 2), then stage i,
            (P, channels[i], H / 4 / 2^i, W / 4 / 2^i).
        """
        stem = self.resnet.embedder.embedder(pictures)  # (P, channels[0], H / 2, W / 2)
        x = self.resnet.embedder.pooler(stem)  # (P, channels[0], H / 4, W / 4)
        maps = [stem]
        for i, stage in enumerate(self.resnet.encoder.stages):
            x = stage(x)
            if text is not None:
                x = self.films[i](x, text)
            maps.append(x)
        return maps

    def train(self, mode: bool = True) -> PictureEncoder:
        """Switch to training; pre-trained batch norms stay as they are."""
        super().train(mode)
        for module in self.modules():
            if self.frozen_norms and isinstance(module, nn.BatchNorm2d):
                module.eval()
        return self


def make_resnet(config: ControllerConfig, pretrained: bool) -> Any:
    """Return transformers' ResNet backbone of the configured sizes.

    Raises:
        UserError: `config.backbone` holds no such network.
    """
    from transformers import AutoBackbone, ResNetConfig

    sizes = ResNetConfig(
        embedding_size=config.channels[0],
        hidden_sizes=list(config.channels),
        depths=list(config.blocks),
        layer_type="basic",
    )
    resnet = AutoBackbone.from_config(sizes)
    if config.backbone is None:
        return group_norms(resnet)
    if pretrained:
        known = is_hub_id(config.backbone)
        load_resnet(resnet, download_network(config.backbone) if known else Path(config.backbone))
    return resnet


@dataclass(frozen=True)
class _ResNet:
    """What the `config.json` of a ResNet says that must be as configured."""

    hidden_sizes: list[int]
    depths: list[int]
    layer_type: str
    embedding_size: int


def load_resnet(resnet: Any, folder: Path) -> None:
    """Put pre-trained weights into a ResNet, from `config.json` and `model.safetensors`.

    Raises:
        UserError: no such files, or of a network of other sizes.
    """
    if not (folder / "config.json").exists():
        raise UserError(f"{folder}: no folder with a ResNet, config.json is missing")
    found = schema.read(_ResNet, folder / "config.json", others=True)
    wanted = _ResNet(*(getattr(resnet.config, each.name) for each in fields(_ResNet)))
    if found != wanted:
        raise UserError(f"{folder}: it is {found}, configured is {wanted}")
    path = folder / "model.safetensors"
    if not path.exists():
        raise UserError(f"{folder}: no model.safetensors in it; only that format is loaded")
    entries = _own_names(read_header(path).tensors)
    check_fit(path, entries, resnet.state_dict())
    resnet.load_state_dict(_own_names(load_tensors(path)[0]))


def _own_names(tensors: Mapping[str, T]) -> dict[str, T]:
    """Return a ResNet's tensors without a prefix, and without what classifies."""
    names = {name: name.removeprefix("resnet.") for name in tensors}
    return {own: tensors[name] for name, own in names.items() if not own.startswith("classifier.")}


def group_norms(module: nn.Module) -> nn.Module:
    """Replace every batch norm by a group norm of eight groups, in place."""
    for name, child in module.named_children():
        if isinstance(child, nn.BatchNorm2d):
            setattr(module, name, nn.GroupNorm(8, child.num_features))
        else:
            group_norms(child)
    return module


class FiLM(nn.Module):
    """Feature-wise linear modulation (Perez et al., 2018): y = (1 + scale(text)) x + shift(text).

    Starts as the identity.
    """

    def __init__(self, text_features: int, channels: int):
        super().__init__()
        self.linear = nn.Linear(text_features, 2 * channels)
        nn.init.zeros_(self.linear.weight)
        nn.init.zeros_(self.linear.bias)

    def forward(self, maps: Tensor, text: Tensor) -> Tensor:
        """Modulate maps (P, C, h, w) by text (P, T)."""
        scale, shift = self.linear(text)[..., None, None].chunk(2, dim=1)  # (P, C, 1, 1) each
        return (1 + scale) * maps + shift


class StyleEncoder(nn.Module):
    """The VAE's encoder q(z | actions, joints): what the demonstration does that no view tells.

    Only training knows the actions; at inference z is the prior's mean, zero.
    """

    def __init__(self, config: ControllerConfig):
        super().__init__()
        self.summary = nn.Parameter(0.02 * torch.randn(1, 1, config.hidden))
        self.state_to_token = nn.Linear(STATE, config.hidden)
        self.action_to_token = nn.Linear(STATE, config.hidden)
        self.code = nn.Parameter(0.02 * torch.randn(config.horizon + 2, config.hidden))
        self.encoder = nn.TransformerEncoder(
            encoder_layer(config), config.encoder_layers, nn.LayerNorm(config.hidden), False
        )
        self.to_latent = nn.Linear(config.hidden, 2 * config.latent)

    def forward(self, state: Tensor, actions: Tensor, valid: Tensor) -> tuple[Tensor, Tensor]:
        """Return mean and log variance of z, both (B, Z).

        Args:
            state: (B, 8).
            actions: (B, K, 8), normalised.
            valid: (B, K) bool; padded actions are not looked at.
        """
        first = self.summary.expand(len(state), -1, -1)  # (B, 1, D)
        states = self.state_to_token(state)[:, None]  # (B, 1, D)
        tokens = torch.cat([first, states, self.action_to_token(actions)], dim=1)  # (B, K + 2, D)
        hidden = torch.cat([torch.zeros_like(valid[:, :1]).expand(-1, 2), ~valid], dim=1)
        out = self.encoder(tokens + self.code, src_key_padding_mask=hidden)[:, 0]  # (B, D)
        mean, log_variance = self.to_latent(out).chunk(2, dim=-1)
        return mean, log_variance


def encoder_layer(config: ControllerConfig) -> nn.TransformerEncoderLayer:
    """Return one transformer encoder layer of the configured sizes."""
    return nn.TransformerEncoderLayer(*_sizes(config), batch_first=True, norm_first=True)


def decoder_layer(config: ControllerConfig) -> nn.TransformerDecoderLayer:
    """Return one transformer decoder layer of the configured sizes."""
    return nn.TransformerDecoderLayer(*_sizes(config), batch_first=True, norm_first=True)


def _sizes(config: ControllerConfig) -> tuple[int, int, int, float]:
    """Return width, heads, feedforward width and dropout, in the order of PyTorch's layers."""
    return config.hidden, config.heads, config.feedforward, config.dropout


def grid_code(height: int, width: int, features: int) -> Tensor:
    """Return the position code of a grid, (h w, D): sines of column and row, D / 4 of each kind."""
    steps = 2.0 ** torch.linspace(0, 4, features // 4)  # frequencies
    angles = torch.pi * cell_middles(height, width)[..., None] * steps  # (h w, 2, D / 4)
    return torch.cat([angles.sin(), angles.cos()], dim=-1).flatten(1)
