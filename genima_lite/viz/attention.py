"""Where in the picture a network looks for each word of its prompt: cross-attention maps."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch
from diffusers.models.attention_processor import AttnProcessor

from genima_lite.diffusion.agent import DiffusionAgent
from genima_lite.diffusion.components import Components
from genima_lite.diffusion.prompts import task_prompt
from genima_lite.tiling import tile

_END_OF_WORD = "</w>"


def words_of(components: Components, prompt: str) -> dict[str, int]:
    """Return the tokens of a prompt by word, each with its number among the tokens.

    Of a word that is written twice the last one counts; signs such as quotation marks are left out.
    """
    ids = components.tokenizer(prompt).input_ids
    pieces = components.tokenizer.convert_ids_to_tokens(ids)
    words = {piece.removesuffix(_END_OF_WORD): number for number, piece in enumerate(pieces)}
    return {word: number for word, number in words.items() if word.isalpha()}


@contextmanager
def recorded_attention(network: Any) -> Iterator[dict[str, torch.Tensor]]:
    """Keep the weights of every cross-attention of a UNet or ControlNet while it runs.

    Yields:
        By layer's name, (B, heads, N, L) of the last run: how much each of N places of the picture
        looks at each of L tokens; sums to 1 over the tokens.
    """
    before = network.attn_processors
    kept: dict[str, torch.Tensor] = {}
    network.set_attn_processor(
        {name: _Keeper(name, kept) if "attn2" in name else AttnProcessor() for name in before}
    )
    try:
        yield kept
    finally:
        network.set_attn_processor(before)


class _Keeper(AttnProcessor):
    """Attention as diffusers computes it; what it weighs with is kept."""

    def __init__(self, name: str, kept: dict[str, torch.Tensor]):
        self._name, self._kept = name.removesuffix(".processor"), kept

    def __call__(
        self, attn: Any, hidden_states: torch.Tensor, encoder_hidden_states: torch.Tensor, **_: Any
    ) -> torch.Tensor:
        query = attn.head_to_batch_dim(attn.to_q(hidden_states))  # (B heads, N, D / heads)
        key = attn.head_to_batch_dim(attn.to_k(encoder_hidden_states))  # (B heads, L, D / heads)
        value = attn.head_to_batch_dim(attn.to_v(encoder_hidden_states))
        weights = attn.get_attention_scores(query, key)  # (B heads, N, L)
        self._kept[self._name] = weights.detach().unflatten(0, (len(hidden_states), attn.heads))
        return attn.to_out[0](attn.batch_to_head_dim(weights @ value))


def word_maps(
    kept: Mapping[str, torch.Tensor], words: Mapping[str, int], side: int
) -> dict[str, np.ndarray]:
    """Return the attention on each word, (side, side) float64, means over heads and layers.

    Args:
        kept: of `recorded_attention`; the last picture of a batch counts, and layers as fine as
            the finest.
        words: of `words_of`.
        side: places along each side of the finest map.
    """
    fine = [weights[-1].mean(0) for weights in kept.values() if weights.shape[2] == side * side]
    mean = torch.stack(fine).mean(0).double().numpy()  # (N, L)
    return {word: mean[:, number].reshape(side, side) for word, number in words.items()}


def drawing_maps(
    agent: DiffusionAgent, views: Mapping[str, np.ndarray], instruction: str, seed: int = 0
) -> tuple[dict[str, np.ndarray], dict[str, np.ndarray]]:
    """Draw, and return what was drawn by camera, and the UNet's attention on each word."""
    with recorded_attention(agent.components.unet) as kept:
        drawn = agent.draw(views, instruction, seed)
    side = tile(views).shape[0] // 8
    return drawn, word_maps(kept, words_of(agent.components, task_prompt(instruction)), side)
