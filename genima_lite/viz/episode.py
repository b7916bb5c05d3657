"""An episode to look at: found in a dataset, read with its instruction, drawn to files."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from genima_lite.demos.layout import DatasetError, EpisodeFolder, iterate_episodes, printable
from genima_lite.demos.read import image_folders, read_episode, read_sentences
from genima_lite.files import written_whole
from genima_lite.observation import Demo
from genima_lite.tiling import TILE_ORDER
from genima_lite.viz.figure import NOTEBOOK_DPI
from genima_lite.viz.filmstrip import filmstrip
from genima_lite.viz.video import episode_frames, write_video


@dataclass(frozen=True)
class Episode:
    """A demonstration with the RGB views that can be tiled, and what it is called.

    `name` is file-safe, for example `open_box_variation0_episode0`; `instruction` is the
    variation's first, empty where none can be read.
    """

    demo: Demo
    task: str
    name: str
    instruction: str


def load_episode(folder: Path | str) -> Episode:
    """Read the episode in `<root>/<task>/variation<V>/episodes/episode<E>`.

    Raises:
        DatasetError: no such episode, a broken file, or none of the four cameras.
    """
    folder = Path(os.path.abspath(folder))  # a link keeps the name that was asked for
    present = image_folders(folder)
    cameras = [camera for camera in TILE_ORDER if (camera, "rgb") in present]
    demo = read_episode(folder, cameras)
    if not cameras:
        names = ", ".join(f"{camera}_{kind}" for camera, kind in present) or "no images"
        raise DatasetError(f"{folder}: has no RGB views of {', '.join(TILE_ORDER)} ({names})")
    variation = folder.parents[1]
    task = variation.parent.name
    sentences, _ = read_sentences(folder)
    name = printable(f"{task}_{variation.name}_{folder.name}")
    return Episode(demo, printable(task), name, sentences[0] if sentences else "")


def find_episode(
    root: Path | str,
    task: str | None = None,
    variation: int | None = None,
    episode: int | None = None,
) -> EpisodeFolder:
    """Return the first episode under `root`, in natural order, that is what was asked for.

    Raises:
        DatasetError: there is none; the message names those that are there.
    """
    found = list(iterate_episodes(root, task, variation)) or list(iterate_episodes(root))
    if not found:
        raise DatasetError(f"{root}: no episodes; give the folder that holds the task folders")
    asked = {"task": task, "variation": variation, "episode": episode}
    for what, wanted in asked.items():
        if wanted is None:
            continue
        present = dict.fromkeys(str(getattr(each, what)) for each in found)
        found = [each for each in found if getattr(each, what) == wanted]
        if not found:
            raise DatasetError(f"{root}: no {what} {wanted} (present: {', '.join(present)})")
    return found[0]


def draw_episode(folder: Path | str, out: Path | str) -> tuple[Path, Path]:
    """Write an episode's filmstrip and video, `<out>/<name>.png` and `.mp4`; return their paths.

    Args:
        folder: the episode, `<root>/<task>/variation<V>/episodes/episode<E>`.
        out: made if it is not there; `<name>` is for example `open_box_variation0_episode0`.

    Raises:
        UserError: no such episode, a broken file, or nothing to show.
    """
    episode, out = load_episode(folder), Path(out)
    what = (episode.task, episode.instruction)
    figure = filmstrip(episode.demo, 6, *what)
    out.mkdir(parents=True, exist_ok=True)
    picture, video = out / f"{episode.name}.png", out / f"{episode.name}.mp4"
    with written_whole(picture) as partial:
        figure.savefig(partial, dpi=NOTEBOOK_DPI)
    write_video(video, episode_frames(episode.demo, *what))
    return picture, video
