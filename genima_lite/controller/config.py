"""What a controller is made of: one dataclass, and the presets."""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from typing import Any

from genima_lite import schema
from genima_lite.cameras import RIGS, RLBENCH
from genima_lite.errors import UserError
from genima_lite.observation import CAMERAS
from genima_lite.targets.horizon import FUTURE, HORIZON, SPHERES
from genima_lite.tiling import TILE_ORDER

LARGEST = {
    "image_size": 2048,
    "horizon": 1000,
    "text_features": 65_536,
    "hidden": 8192,
    "heads": 256,
    "feedforward": 65_536,
    "encoder_layers": 100,
    "decoder_layers": 100,
    "latent": 8192,
}
"""Far more than anybody trains. Stages have at most 8192 channels and 100 blocks, and there are at
most 8 of them."""


@dataclass(frozen=True)
class ControllerConfig:
    """Sizes of the network and weights of its loss; defaults are the `lite` preset."""

    cameras: tuple[str, ...] = TILE_ORDER
    """Whose views the network sees, in this order: it learns a place for each camera."""
    rig: str = RLBENCH
    """How these cameras are mounted: rlbench, or two-on-wrist (`genima_lite.cameras.RIGS`)."""
    image_size: int = 64
    """Pixels along each side of a view."""
    horizon: int = HORIZON
    """K, actions of one prediction; the drawn targets lie as many steps ahead."""
    keyframes: bool = True
    """The drawn targets are cut at keyframes (`genima_lite.targets.horizon.target_frames`),
    and where one is nearer than K the arm waits there. Without spheres there is nothing to cut."""
    spheres: bool = True
    """Find the drawn spheres in each view, with their true keypoints as extra labels. Off for the
    baseline that sees plain pictures."""
    future: bool = False
    """See, beside the present views, those of the target, which a diffusion model draws: the
    controller of SuSIE, which follows goal pictures in place of spheres."""
    moved_cameras: float = 0.0
    """Strength, 0 to 1, up to which cameras in the room are moved while it learns
    (`genima_lite.cameras.random_move`). Such a controller is never told where they stand and
    follows spheres by their pictures alone; one that knows RLBench's cameras (0) is told."""
    text_features: int = 0
    """Length of the instruction's feature vector, which conditions the picture encoder by FiLM.
    0 is the paper's controller: the drawn targets say all it needs."""
    channels: tuple[int, ...] = (32, 64, 128)
    """Feature maps of each stage of the picture encoder; every stage after the first halves the
    resolution, which starts at a quarter of the view."""
    blocks: tuple[int, ...] = (1, 1, 1)
    """Residual blocks of each stage; (2, 2, 2, 2) with channels 64 to 512 is ResNet-18."""
    backbone: str | None = None
    """A pre-trained ResNet of these sizes, in transformers' format: a local folder, or an id of the
    hub such as "microsoft/resnet-18" (ImageNet)."""
    hidden: int = 128
    """Width of the transformer."""
    heads: int = 4
    """Attention heads."""
    feedforward: int = 256
    """Hidden units of each transformer layer's perceptron."""
    encoder_layers: int = 2
    """Layers that mix the tokens of all views."""
    decoder_layers: int = 2
    """Layers in which the K action queries read the views."""
    latent: int = 16
    """Length of the style variable z of the conditional VAE; 0 leaves the VAE out."""
    dropout: float = 0.0
    """Dropout in the transformer."""
    proprio_dropout: float = 0.0
    """Share of training samples in which the joints and the gripper are hidden. Actions are
    differences to the joints, so it pays only where the views show the arm."""
    gripper_weight: float = 0.1
    """Weight of the gripper's loss beside the joints'."""
    kl_weight: float = 1.0
    """Weight of the KL divergence of z from a standard normal."""
    sphere_weight: float = 0.5
    """Weight of the loss on keypoints and visibility of the spheres."""

    def __post_init__(self) -> None:
        for name in ("cameras", "channels", "blocks"):  # JSON has no tuples
            object.__setattr__(self, name, tuple(getattr(self, name)))
        for wrong in _problems(self):
            raise UserError(f"controller configuration: {wrong}")

    @property
    def target(self) -> str | None:
        """What the controller follows: spheres, the future views, or the instruction alone."""
        return SPHERES if self.spheres else FUTURE if self.future else None

    @property
    def views(self) -> tuple[str, ...]:
        """Names of the V pictures that the network sees, in order."""
        return (*self.cameras, *map(future_view, self.cameras if self.future else ()))

    def to_dict(self) -> dict[str, Any]:
        """Return the fields, JSON-able."""
        return asdict(self)

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> ControllerConfig:
        """Make a configuration of what `to_dict` gave.

        Raises:
            UserError: an unknown field, or a value that makes no sense.
        """
        return schema.decode(cls, values, "controller configuration")


def future_view(camera: str) -> str:
    """Return the name of a camera's view of the target."""
    return f"{camera} later"


def _problems(config: ControllerConfig) -> list[str]:
    """Return what is wrong with a configuration."""
    c = config
    unknown = [name for name in c.cameras if name not in CAMERAS]
    at_least_one = ("horizon", "hidden", "heads", "feedforward", "encoder_layers")
    shares = (c.dropout, c.proprio_dropout)
    weights = (c.gripper_weight, c.kl_weight, c.sphere_weight)
    smallest = 4 * 2 ** (len(c.channels) - 1)
    checks = {
        f"unknown camera '{unknown[:1]}'": bool(unknown),
        f"rig is '{c.rig}': choose from {', '.join(RIGS)}": c.rig not in RIGS,
        "cameras must be named, each once": len(set(c.cameras)) != len(c.cameras) or not c.cameras,
        f"image_size is {c.image_size}; with {len(c.channels)} stages it must be a positive "
        f"multiple of {smallest}": c.image_size < smallest or c.image_size % smallest != 0,
        "spheres and future are two targets; follow one": c.spheres and c.future,
        f"moved_cameras is {c.moved_cameras}; give 0 to 1": not 0 <= c.moved_cameras <= 1,
        "moved_cameras needs spheres: pictures that are drawn": bool(c.moved_cameras)
        and not c.spheres,
        "channels and blocks need one entry a stage": len(c.channels) != len(c.blocks)
        or not c.channels,
        "channels must be multiples of 8, blocks at least 1": any(
            n % 8 or n < 1 for n in c.channels
        )
        or min(c.blocks, default=1) < 1,
        f"{', '.join(at_least_one)} and decoder_layers must be at least 1": min(
            c.decoder_layers, *(getattr(c, name) for name in at_least_one)
        )
        < 1,
        "hidden must be a multiple of heads and of 4": c.heads < 1
        or c.hidden % max(c.heads, 1) != 0
        or c.hidden % 4 != 0,
        "more than 8 stages, 8192 channels or 100 blocks": len(c.channels) > 8
        or max(c.channels, default=0) > 8192
        or max(c.blocks, default=0) > 100,
        **{
            f"{name} is {getattr(c, name)}, at most {most} will do": getattr(c, name) > most
            for name, most in LARGEST.items()
        },
        "latent and text_features must not be negative": min(c.latent, c.text_features) < 0,
        "dropout and proprio_dropout are shares below 1": not all(0 <= s < 1 for s in shares),
        "weights of the loss must not be negative": min(weights) < 0,
    }
    return [text for text, wrong in checks.items() if wrong]


PRESETS = {
    "lite": ControllerConfig(),
    "lite-rgb": ControllerConfig(spheres=False, text_features=64, proprio_dropout=0.1),
    "wide-rgb": ControllerConfig(
        spheres=False,
        text_features=64,
        proprio_dropout=0.1,
        channels=(64, 128, 256),
        hidden=192,
        feedforward=384,
    ),
    "resnet18-rgb": ControllerConfig(
        spheres=False,
        text_features=64,
        proprio_dropout=0.1,
        channels=(64, 128, 256, 512),
        blocks=(2, 2, 2, 2),
        hidden=256,
        heads=8,
        feedforward=512,
        encoder_layers=4,
        decoder_layers=6,
        latent=32,
    ),
    "paper": ControllerConfig(
        image_size=256,
        channels=(64, 128, 256, 512),
        blocks=(2, 2, 2, 2),
        hidden=256,
        heads=8,
        feedforward=2048,
        encoder_layers=4,
        decoder_layers=6,
        latent=32,
        dropout=0.1,
        gripper_weight=0.05,
        kl_weight=10.0,
    ),
}
"""`lite` learns on a CPU. Baselines that see plain views and the instruction instead of targets:
`lite-rgb`, the same network; `wide-rgb`, more of it; `resnet18-rgb`, the paper's ResNet-18 and its
numbers of layers on views of 64 pixels.
`paper` has the paper's hidden size 256, 4 encoder and 6 decoder layers, 8 heads and views of 256
pixels, and wants a GPU; its other numbers are ACT's usual ones. Deviation: `paper` keeps our
sphere heads and our normalisation; set `spheres=False` for the plain network."""


def preset(name: str, view_size: int | None = None) -> ControllerConfig:
    """Return a preset by name, for views of some pixels along each side (`None`: its own).

    Raises:
        UserError: no such preset, or a size that its picture encoder cannot halve.
    """
    if name not in PRESETS:
        raise UserError(f"unknown preset '{name}': choose from {', '.join(PRESETS)}")
    config = PRESETS[name]
    return config if view_size is None else replace(config, image_size=view_size)
