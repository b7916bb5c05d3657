"""Random scenes with a sentence that names one thing, which the model must paint.

They teach which word belongs to which pixels, as the billions of captions do of which Stable
Diffusion's text encoder has learned, and hold no target spheres. Learned beside demonstrations,
they let instructions decide.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from genima_lite.envs.api import EnvSpec, RandomScenes, make_env
from genima_lite.errors import UserError


def grounding_scenes(
    scenes: RandomScenes, seed: int, part: int, count: int
) -> Iterator[tuple[np.ndarray, np.ndarray, str]]:
    """Draw scenes, plain and with one thing painted, and the words for that thing.

    Args:
        scenes: of one task (`genima_lite.envs.api.make_random_scenes`).
        seed: of all parts.
        part: other parts of one seed show other scenes.
        count: how many.

    Yields:
        Two tiled pictures (2H, 2W, 3) uint8, and words such as `red cup`.
    """
    rng = np.random.RandomState([seed, part, 1])
    for _ in range(count):
        yield scenes.point(rng)


def tasks_with_choice(tasks: Sequence[str]) -> tuple[str, ...]:
    """Return the tasks in which an instruction decides between things.

    Raises:
        UserError: there is none.
    """
    found = tuple(task for task in tasks if _variations(task) > 1)
    if not found:
        raise UserError("grounding needs a task with variations: the others name no thing")
    return found


def _variations(task: str) -> int:
    env = make_env(EnvSpec(task, cameras=()))
    try:
        return env.variations
    finally:
        env.close()
