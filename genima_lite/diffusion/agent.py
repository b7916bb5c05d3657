"""The drawing half of the policy: four views and an instruction in, four drawn views out."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch

from genima_lite.diffusion.base import load_pipeline
from genima_lite.diffusion.components import (
    Components,
    as_condition,
    check_size,
    decode_pictures,
    encode_pictures,
    encode_prompts,
    encode_sentences,
    latent_side,
    predict,
)
from genima_lite.diffusion.metadata import METADATA, load_metadata
from genima_lite.diffusion.networks import check_channels, load_decoder
from genima_lite.diffusion.prompts import task_prompt
from genima_lite.diffusion.speed import USUAL, DrawingSpeed
from genima_lite.errors import UserError
from genima_lite.tiling import TILE_ORDER, check_picture, tile, untile
from genima_lite.training.tensors import is_finite

MOST_STEPS = 1000
"""In which anybody draws a picture."""

MANY_STEPS = 50
"""More are slow without being better: the paper takes 10."""


class DiffusionAgent:
    """Draws joint targets on views with any model in Stable Diffusion's folder format.

    `mini-turbo` and SD-Turbo, ControlNet and concatenating UNet go through the same few lines; the
    folder's scheduler decides how. The picture is the one that diffusers' own pipeline would draw
    (a test compares them); ours keeps an instruction's features for the next call.

    Args:
        components: with a ControlNet, or with a UNet that concatenates.
        sampling_steps: one by default. The paper takes ten with SD-Turbo.
        compile: see `DrawingSpeed`.

    Raises:
        UserError: the components cannot draw on a picture.
    """

    def __init__(self, components: Components, sampling_steps: int = 1, compile: bool = False):
        check_channels("this model", components)
        if components.controlnet is None and not components.concatenates:
            raise UserError("this is a base model: it does not draw on a picture; train it first")
        most = min(components.scheduler.config.num_train_timesteps, MOST_STEPS)
        if not 1 <= sampling_steps <= most:
            raise UserError(f"sampling_steps is {sampling_steps}; give 1 to {most}")
        self.components, self.sampling_steps = components, sampling_steps
        self._predict: Any = torch.compile(predict, mode="reduce-overhead") if compile else predict
        self._text: dict[str, tuple[torch.Tensor, torch.Tensor | None]] = {}

    @classmethod
    def load(
        cls,
        folder: Path | str,
        sampling_steps: int | None = None,
        device: str = "cpu",
        speed: DrawingSpeed = USUAL,
    ) -> DiffusionAgent:
        """Load what a training run wrote.

        Args:
            folder: of the model.
            sampling_steps: `None` for those of its metadata; without any, one.
            device: of the networks.
            speed: what makes it faster.

        Raises:
            UserError: no model there, or one that does not draw on a picture.
        """
        dtype = torch.float16 if speed.is_half(device) else torch.float32
        components = Components.of(load_pipeline(folder, dtype))
        if speed.decoder is not None:
            base = components.vae.config
            components.decoder = load_decoder(Path(speed.decoder), base, dtype)
        components = components.to(device)
        if sampling_steps is None:
            known = (Path(folder) / METADATA).exists()
            sampling_steps = load_metadata(folder).sampling_steps if known else 1
            _warn_if_slow(folder, sampling_steps)
        return cls(components, sampling_steps, speed.compile)

    def draw(
        self, views: Mapping[str, np.ndarray], instruction: str, seed: int = 0
    ) -> dict[str, np.ndarray]:
        """Draw the joint targets (paper, section 3.1).

        Args:
            views: by camera, each (H, W, 3) uint8, of one size.
            instruction: what to do.
            seed: of the noise; the same seed gives the same picture.

        Returns:
            The four tiled cameras' views with spheres, each (H, W, 3) uint8.

        Raises:
            UserError: a view is missing, no such picture, or of a size that does not fit the
                networks; or what was drawn is not finite.
        """
        for camera in set(views) & set(TILE_ORDER):
            check_picture(f"the view of {camera}", views[camera])
        return untile(self.draw_tiled(tile(views), task_prompt(instruction), seed))

    @torch.no_grad()
    def draw_tiled(self, picture: np.ndarray, prompt: str, seed: int = 0) -> np.ndarray:
        """Draw on a tiled picture (2H, 2W, 3) uint8 what a prompt asks for; same shape and dtype.

        Raises:
            UserError: no such picture, or its sides are no multiples of what the networks halve;
                or what was drawn is not finite.
        """
        check_picture("the tiled picture", picture)
        components, scheduler = self.components, self.components.scheduler
        check_size(components, *picture.shape[:2])
        text, sentence = self._features(prompt)
        condition = as_condition(picture[None], components.device)
        condition_latents = (
            encode_pictures(components, picture[None]) if components.concatenates else None
        )
        scheduler.set_timesteps(self.sampling_steps, device=components.device)
        latents = self._noise(picture.shape, seed) * scheduler.init_noise_sigma
        for t in scheduler.timesteps:
            noisy = scheduler.scale_model_input(latents, t)
            given = (components, noisy, t, text, condition, condition_latents, sentence)
            prediction = self._predict(*given).clone()  # CUDA graphs write where they wrote before
            latents = scheduler.step(prediction, t, latents).prev_sample
        return self._decode(latents)

    def _features(self, prompt: str) -> tuple[torch.Tensor, torch.Tensor | None]:
        """Return a prompt's features, of tokens (1, L, D) and whole, computed once a prompt."""
        if prompt not in self._text:
            whole = encode_sentences(self.components, [prompt])
            self._text[prompt] = encode_prompts(self.components, [prompt]), whole
        return self._text[prompt]

    def _noise(self, shape: tuple[int, ...], seed: int) -> torch.Tensor:
        factor = latent_side(self.components.vae.config)
        channels = self.components.unet.config.out_channels
        size = (1, channels, shape[0] // factor, shape[1] // factor)
        generator = torch.Generator().manual_seed(seed)
        return torch.randn(size, generator=generator).to(self.components.device)

    def _decode(self, latents: torch.Tensor) -> np.ndarray:
        """Return the picture (H, W, 3) uint8 of latents (1, C, h, w)."""
        decoded = decode_pictures(self.components, latents)[0]
        if not is_finite(decoded):
            raise UserError("the model draws numbers that are not finite; train it again")
        unit = (decoded / 2 + 0.5).clamp(0, 1).permute(1, 2, 0)
        return (unit * 255).round().to(torch.uint8).cpu().numpy()


def _warn_if_slow(folder: Path | str, sampling_steps: int) -> None:
    """Warn where a model's own words make it slow."""
    if sampling_steps > MANY_STEPS:
        warnings.warn(
            f"{folder}: {METADATA} says sampling_steps {sampling_steps}, so a drawing takes about "
            f"{sampling_steps} times as long as in one step",
            stacklevel=3,
        )
