"""Where the pieces stood at the start of a dataset's demonstrations."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

from genima_lite.demos.layout import iterate_episodes
from genima_lite.demos.read import read_scene_state
from genima_lite.demos.stored_scenes import StoredScenes
from genima_lite.envs.api import BENCH, HasObjects, require


def demonstrated_places(
    root: Path | str, task: str, backend: str = BENCH
) -> list[dict[str, list[float]]]:
    """Return x, y, z in metres by the name of a piece, one dict a demonstration of a task.

    Demonstrations without a stored scene, which were recorded elsewhere, are left out.

    Raises:
        UserError: a stored scene that is broken or another version's, or a backend whose
            environments lack `HasSnapshot` or `HasObjects`.
    """
    places = []
    with closing(StoredScenes("places of demonstrations", backend)) as scenes:
        for episode in iterate_episodes(root):
            state = read_scene_state(episode.path) if episode.task == task else None
            if state is None:
                continue
            env = scenes.restored(task, state)
            objects = require(env, HasObjects, "places of demonstrations").objects()
            places.append({name: at.tolist() for name, at in objects.items()})
    return places
