"""The diffusion model as the trainer sees it: networks, their loss, and what of them is trained.

The same for the base model and for drawing targets; `genima_lite.training.loop` has the loop,
`genima_lite.diffusion.step` the loss.
"""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import torch
from diffusers.models.attention_processor import AttnProcessor
from diffusers.models.resnet import ResnetBlock2D
from diffusers.models.transformers.transformer_2d import Transformer2DModel
from torch import Tensor, nn

from genima_lite.diffusion.adapters import LoraSettings, check_adapter, finish, prepare
from genima_lite.diffusion.batch import DrawingBatch
from genima_lite.diffusion.components import (
    Components,
    as_condition,
    check_size,
    encode_pictures,
    encode_prompts,
    encode_sentences,
)
from genima_lite.diffusion.lora import save_lora
from genima_lite.diffusion.pipelines import pipeline_of
from genima_lite.diffusion.step import Batch, StepConfig, training_step
from genima_lite.errors import UserError
from genima_lite.files import written_whole
from genima_lite.remarks import without_bars
from genima_lite.training.config import TrainingConfig
from genima_lite.training.loop import ParameterGroups, Trainee
from genima_lite.training.precision import resolved

_PROMPTS_AT_ONCE = 64
_WRITING = ".writing."


@dataclass(frozen=True)
class AdapterConfig:
    """What of a base model is trained, and on which loss."""

    name: str = "up-blocks"
    """See `genima_lite.diffusion.adapters`."""
    lora: LoraSettings = field(default_factory=LoraSettings)
    """In the adapters with LoRA."""
    gradient_checkpointing: bool = False
    """Compute what is inside blocks anew for gradients instead of keeping it: less memory, 1.3 to
    1.9 times the time."""
    compile: bool = False
    """Let torch compile the networks: minutes at the start, less for each step on a GPU."""
    zero_rate: float = 5.0
    """Learning rate of the zero-convolutions, times the others'."""
    step: StepConfig = field(default_factory=StepConfig)
    """Noise and weights of a step."""

    def __post_init__(self) -> None:
        check_adapter(self.name)
        if self.zero_rate <= 0:
            raise UserError("adapter: zero_rate must be positive")


class Drawing(Trainee[DrawingBatch]):
    """A diffusion model that learns to draw.

    Args:
        components: the base model; changed in place.
        prompts: all prompts, as batches number them.
        adapter: what is trained.
        training: its seed decides the first weights of what is new, its precision the kind of
            attention.

    Raises:
        UserError: a prompt is too long for the model.
    """

    def __init__(
        self,
        components: Components,
        prompts: Sequence[str],
        adapter: AdapterConfig,
        training: TrainingConfig,
    ):
        super().__init__()
        self.components, self.adapter = components, adapter
        self._text = _features(components, prompts, encode_prompts)  # (N, L, D)
        self._sentences = (  # (N, P)
            _features(components, prompts, encode_sentences) if components.is_xl else None
        )
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(training.seed)
            groups = prepare(components, adapter.name, adapter.lora)
        _plain_attention(components, training.precision)
        for encoder in filter(None, (components.text_encoder, components.text_encoder_2)):
            encoder.requires_grad_(False).to("cpu")  # all prompts are read
        self.frozen = components.vae.requires_grad_(False)
        self.unet, self.controlnet = components.unet, components.controlnet
        names = {weight: name for name, weight in self.named_parameters()}
        self._trained = {name: [names[each] for each in some] for name, some in groups.items()}
        for network in filter(None, (self.unet, self.controlnet)):
            if adapter.gradient_checkpointing:
                network.enable_gradient_checkpointing()
            if adapter.compile:
                network.compile()

    def forward(
        self, batch: DrawingBatch, generator: torch.Generator
    ) -> tuple[Tensor, dict[str, Tensor]]:
        """Return the loss of a batch.

        Raises:
            UserError: the networks cannot halve pictures of this size.
        """
        check_size(self.components, *batch.conditions.shape[1:3])
        return training_step(self.components, self._ready(batch), self.adapter.step, generator), {}

    def parameter_groups(self) -> ParameterGroups:
        """Return what the adapter trains, and faster its zero-convolutions."""
        factors = {"main": 1.0, "zero": self.adapter.zero_rate}
        found = dict(self.named_parameters())
        return {k: ([found[n] for n in names], factors[k]) for k, names in self._trained.items()}

    def blocks(self) -> list[nn.Module]:
        """Return residual and attention blocks, then the networks around them."""
        networks = [each for each in (self.unet, self.controlnet) if each is not None]
        kinds = (ResnetBlock2D, Transformer2DModel)
        inner = [each for some in networks for each in some.modules() if isinstance(each, kinds)]
        return [*inner, *networks]

    def train(self, mode: bool = True) -> Drawing:
        """Switch to training; what is frozen stays as it is in use."""
        super().train(mode)
        self.frozen.eval()
        return self

    @torch.no_grad()
    def _ready(self, batch: DrawingBatch) -> Batch:
        """Return what the frozen networks make of a batch, in single precision."""
        device = batch.conditions.device
        self._text = self._text.to(device)
        if self._sentences is not None:
            self._sentences = self._sentences.to(device)
        condition = as_condition(batch.conditions, device)
        with torch.autocast(device.type, enabled=False):
            return Batch(
                self._latents(batch.latents, batch.pictures),
                self._text[batch.prompts],
                condition,
                self._latents(batch.condition_latents, batch.conditions),
                None if self._sentences is None else self._sentences[batch.prompts],
            )

    def _latents(self, kept: Tensor | None, pictures: Tensor | None) -> Tensor:
        if kept is not None:
            return kept.float()
        assert pictures is not None
        return encode_pictures(self.components, pictures)


def save_model(components: Components, folder: Path) -> None:
    """Write the networks in Stable Diffusion's folder format, which ends their training.

    What LoRA has learned in the UNet is written as `pytorch_lora_weights.safetensors`, too, for who
    has the base already, and added to the weights. UNet and ControlNet go to half precision, on
    disk and in place, so that what is in memory is what others will load. The lossless autoencoder
    needs single precision; the text encoder keeps it, since transformers would compute in the
    precision of the file.
    """
    save_lora(components.unet, folder)
    finish(components)
    networks = [
        network for network in (components.unet, components.controlnet) if network is not None
    ]
    for network in (*networks, components.vae):  # where it was loaded from concerns nobody
        network.register_to_config(_name_or_path="")
    before = [network.dtype for network in networks]
    for network in networks:
        network.half()
    write_folder(pipeline_of(components), folder)
    for network, dtype in zip(networks, before, strict=True):
        torch.nn.Module.to(network, dtype)  # diffusers' own would warn


def write_folder(pipeline: Any, folder: Path) -> None:
    """Write a pipeline's folder, each of its files whole or not at all."""
    folder.mkdir(parents=True, exist_ok=True)
    for left in folder.glob(f"{_WRITING}*"):  # by a run that was killed
        shutil.rmtree(left)
    with TemporaryDirectory(prefix=_WRITING, dir=folder) as made, without_bars():
        pipeline.save_pretrained(made)
        for path in sorted(each for each in Path(made).rglob("*") if each.is_file()):
            target = folder / path.relative_to(made)
            target.parent.mkdir(parents=True, exist_ok=True)
            with written_whole(target) as partial:
                path.replace(partial)


def _features(components: Components, prompts: Sequence[str], encode: Any) -> Tensor:
    """Return what `encode(components, prompts)` gives, some prompts at once."""
    starts = range(0, len(prompts), _PROMPTS_AT_ONCE)
    some = (prompts[start : start + _PROMPTS_AT_ONCE] for start in starts)
    return torch.cat([encode(components, each) for each in some])


def _plain_attention(components: Components, precision: str) -> None:
    """Let attention be two products of matrices where torch's fused one is slow.

    On a CPU in bfloat16 its gradient takes a third of a training step.
    """
    cpu = components.device.type == "cpu"
    if cpu and resolved(precision, "cpu") == "bfloat16":
        for network in filter(None, (components.unet, components.controlnet)):
            network.set_attn_processor(AttnProcessor())
