"""Latents of kept pictures, computed once where that takes long.

The lossless autoencoder rearranges pixels in a fiftieth of a step's time, so its latents are
computed when a batch is drawn. Others, such as Stable Diffusion's, encode every picture once; what
they give is kept in float16.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from genima_lite.datasets.shards import SHARD, Rows, Shards, write_shards
from genima_lite.diffusion.autoencoder import LosslessAutoencoder
from genima_lite.diffusion.components import Components, encode_pictures

_AT_ONCE = 16


def needs_latents(components: Components) -> bool:
    """Return whether latents of pictures are worth keeping."""
    return not isinstance(components.vae, LosslessAutoencoder)


def make_latents(
    folder: Path | str, components: Components, pictures: Shards, made_from: dict[str, Any]
) -> Iterator[Path]:
    """Encode kept pictures and their conditions into shards.

    Args:
        folder: of the shards.
        components: with the autoencoder, on their device.
        pictures: rows with `pictures` and `conditions`.
        made_from: where the pictures come from, and a fingerprint of the model.

    Yields:
        Each file, old or new; row i belongs to row i of the pictures.

    Raises:
        UserError: the folder holds latents of other pictures, or of another model.
    """

    def make(part: int) -> Rows:
        numbers = np.arange(SHARD * part, min(SHARD * (part + 1), len(pictures)))
        return {
            "latents": _encoded(components, pictures, numbers, "pictures"),
            "condition_latents": _encoded(components, pictures, numbers, "conditions"),
        }

    said = {**made_from, "count": len(pictures)}
    return write_shards(folder, said, -(-len(pictures) // SHARD), make)


def _encoded(
    components: Components, pictures: Shards, numbers: np.ndarray, name: str
) -> np.ndarray:
    """Return scaled latents (N, C, h, w) float16 of some pictures."""
    starts = range(0, len(numbers), _AT_ONCE)
    parts = (pictures.rows(numbers[start : start + _AT_ONCE], name) for start in starts)
    return np.concatenate(
        [encode_pictures(components, some).half().cpu().numpy() for some in parts]
    )
