"""An episode in a notebook: the filmstrip, and below it a player."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory

from genima_lite.observation import Demo
from genima_lite.viz.episode import load_episode
from genima_lite.viz.figure import Figure
from genima_lite.viz.filmstrip import filmstrip
from genima_lite.viz.video import episode_frames, write_video

FILM = 'aria-label="the episode as a film; its frames are in the filmstrip above"'
"""Said of the player to those who do not see it."""


@dataclass(frozen=True)
class EpisodeView:
    """What `show_episode` returns; as the last line of a cell it shows itself.

    `filmstrip` is a figure, `video` the bytes of an MP4. Both go into the notebook's file. Where
    a page plays no video, on GitHub for example, the filmstrip is still there.
    """

    filmstrip: Figure
    video: bytes = field(repr=False)

    def _ipython_display_(self) -> None:
        from IPython.display import Video, display

        attributes = f'controls loop muted playsinline style="max-width: 100%" {FILM}'
        display(self.filmstrip)
        display(
            Video(data=self.video, embed=True, mimetype="video/mp4", html_attributes=attributes)
        )


def show_episode(episode: Demo | Path | str, title: str = "", instruction: str = "") -> EpisodeView:
    """Show a demonstration in a notebook.

    Args:
        episode: a `Demo` with RGB views, or an episode's folder in a dataset,
            `<root>/<task>/variation<V>/episodes/episode<E>`.
        title: what to call it; by default a folder's task.
        instruction: by default a folder's first instruction.

    Raises:
        UserError: no such episode, or no picture or joint angle to show.
    """
    if not isinstance(episode, Demo):
        loaded = load_episode(episode)
        title, instruction = title or loaded.task, instruction or loaded.instruction
        episode = loaded.demo
    with TemporaryDirectory() as folder:
        path = Path(folder) / "episode.mp4"
        write_video(path, episode_frames(episode, title, instruction))
        return EpisodeView(filmstrip(episode, 6, title, instruction), path.read_bytes())
