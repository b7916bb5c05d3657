"""Changes of a network turned up and down, and cut to a rank, for notebook 05."""

from __future__ import annotations

from pathlib import Path
from threading import Lock

import numpy as np
import torch
from torch import Tensor

from genima_lite.diffusion.agent import DiffusionAgent
from genima_lite.diffusion.base import load_pipeline
from genima_lite.diffusion.components import Components
from genima_lite.diffusion.lora import STOCK
from genima_lite.diffusion.validate import Example
from genima_lite.tiling import tile
from genima_lite.viz.playground import beside, enlarged
from genima_lite.viz.widgets import Playground, choice, slider

_NAME = "lora"
RANKS = (1, 2, 4, 8, 16, 32, 64, 128, 256)


class ScaledLora:
    """What a base and the LoRA that was learned for it draw, at any share of the LoRA, by peft.

    Args:
        base: folder of the base model.
        folder: of the model that was trained with the adapter `unet-lora`: its ControlNet stays.
    """

    def __init__(self, base: Path, folder: Path):
        components = Components.of(load_pipeline(folder))
        components.unet = load_pipeline(base).unet
        named = {"prefix": "unet", "weight_name": STOCK, "adapter_name": _NAME}
        components.unet.load_lora_adapter(folder, **named)
        self._agent, self._unet = DiffusionAgent(components), components.unet

    def draw(self, example: Example, share: float, seed: int = 0) -> np.ndarray:
        """Return the tiled picture (2H, 2W, 3) uint8 that is drawn with a share of the LoRA.

        Args:
            example: what is seen and asked for.
            share: 0 leaves the base, 1 is the fine-tuned model, more goes on in that direction.
            seed: of the noise.
        """
        self._unet.set_adapters([_NAME], [share])
        return tile(self._agent.draw(example.views, example.instruction, seed))

    def change(self, layer: str) -> np.ndarray:
        """Return what a whole LoRA adds to the weight of a linear layer, (O, I)."""
        found = self._unet.get_submodule(layer)
        down, up = (getattr(found, part)[_NAME].weight for part in ("lora_A", "lora_B"))
        scale = self._unet.peft_config[_NAME].lora_alpha / len(down)
        return (scale * up @ down).detach().numpy()


class LowRankChange:
    """What a model draws whose UNet is a base's plus a share of its own change, cut to a rank.

    The best approximation of every matrix's change by a rank is a LoRA made without training
    (singular values). Norms and biases, which are no matrices, change by the share alone.

    Args:
        base: folder of the base model.
        folder: of the model; its ControlNet and all but the UNet stay.
    """

    def __init__(self, base: Path, folder: Path):
        components = Components.of(load_pipeline(folder))
        self._agent, self._unet = DiffusionAgent(components), components.unet
        self._base = load_pipeline(base).unet.state_dict()
        own = self._unet.state_dict()
        self._changes = {name: own[name].float() - self._base[name] for name in self._base}
        self._factors = {
            name: torch.linalg.svd(change.flatten(1), full_matrices=False)
            for name, change in self._changes.items()
            if change.ndim > 1
        }
        self._lock = Lock()  # a widget's callbacks may run in several threads

    @torch.no_grad()
    def draw(self, example: Example, share: float, rank: int, seed: int = 0) -> np.ndarray:
        """Return the tiled picture (2H, 2W, 3) uint8.

        Args:
            example: what is seen and asked for.
            share: 0 leaves the base's UNet, 1 is the model's, but for the rank.
            rank: of every matrix's change, at most.
            seed: of the noise.
        """
        with self._lock:
            for name, weight in self._unet.named_parameters():
                weight.copy_(self._base[name] + share * self._cut(name, rank))
            return tile(self._agent.draw(example.views, example.instruction, seed))

    def _cut(self, name: str, rank: int) -> Tensor:
        """Return a weight's change, of at most this rank."""
        change = self._changes[name]
        if name not in self._factors:
            return change
        up, sizes, down = self._factors[name]
        return ((up[:, :rank] * sizes[:rank]) @ down[:rank]).reshape(change.shape)


def turn_change(model: LowRankChange, example: Example, rank: int = 32) -> Playground:
    """Return a slider for the share of a change, and a list of ranks.

    Left: seen; middle: drawn with that much of the change; right: the true targets.
    """
    seen, true = (
        enlarged(tile(views), 256) for views in (example.views, example.expert_targets.views)
    )

    def show(share: float, rank: int) -> tuple[np.ndarray, str]:
        drawn = enlarged(model.draw(example, share, rank), 256)
        said = f"{share:.2f} of the change at rank {rank}; left to right: seen, drawn, true"
        return beside(seen, drawn, true, names=("seen", "drawn", "true")), said

    controls = {
        "share": slider("share", 0, 1.5, 1, 0.05),
        "rank": choice("rank", RANKS, rank),
    }
    return Playground(show, controls, "what a model draws on four views as its weights change")
