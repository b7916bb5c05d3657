"""Where the pieces stood at the start of a dataset's demonstrations."""

from __future__ import annotations

from pathlib import Path

from genima_lite.demos.layout import iterate_episodes
from genima_lite.demos.read import read_scene_state
from genima_lite.envs.bench.scene import Scene
from genima_lite.envs.bench.tasks import load_task


def demonstrated_places(root: Path | str, task: str) -> list[dict[str, list[float]]]:
    """Return x, y, z in metres by body name, one dict a demonstration of a task.

    Demonstrations without a stored scene, which are not from our bench, are left out.

    Raises:
        UserError: a stored scene that is broken or another version's.
    """
    scene: Scene | None = None
    places = []
    for episode in iterate_episodes(root):
        state = read_scene_state(episode.path) if episode.task == task else None
        if state is None:
            continue
        scene = scene or Scene(load_task(task))
        scene.restore(state)
        places.append({name: at.tolist() for name, at in scene.pieces().items()})
    return places
