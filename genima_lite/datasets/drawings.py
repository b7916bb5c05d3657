"""What a diffusion model draws at the decisions of another source.

Deviation from the paper, where the controller is trained on perfectly drawn targets over random
backgrounds only: a small model's spheres are soft, pale or smeared between two places, and no
filter imitates that as well as the model itself. Labels stay the true ones.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any, Protocol

import numpy as np

from genima_lite.datasets.source import Segment
from genima_lite.observation import Demo


class Draws(Protocol):
    """Draws targets on views."""

    def draw(
        self, views: Mapping[str, np.ndarray], instruction: str, seed: int = 0
    ) -> dict[str, np.ndarray]:
        """Return views by camera, (H, W, 3) uint8, with targets; the same seed, the same ones."""


def drawings(
    segments: Iterable[Segment],
    model: Draws,
    cameras: Sequence[str],
    rng: np.random.Generator,
    seed: int,
) -> Iterator[Segment]:
    """Let a model draw on the first frame of every segment.

    Args:
        segments: their first frames have pictures of the cameras.
        model: draws.
        cameras: whose views it gets.
        rng: chooses the sentence.
        seed: segment i is drawn with noise `seed + i`.

    Yields:
        The segment, with drawn views in its first frame, and the one sentence that was drawn for.
    """
    for number, (demo, sentences) in enumerate(segments):
        now, *later = demo
        said = str(rng.choice(sentences))
        seen = {camera: now.image(camera) for camera in cameras}
        drawn = model.draw(seen, said, seed + number)
        views: dict[str, Any] = {f"{camera}_rgb": drawn[camera] for camera in cameras}
        yield Demo([replace(now, **views), *later]), [said]
