"""Pictures of episodes: a filmstrip, a video, and both in a notebook."""

from genima_lite.viz.filmstrip import filmstrip
from genima_lite.viz.notebook import show_episode
from genima_lite.viz.video import episode_frames, write_video

__all__ = ["episode_frames", "filmstrip", "show_episode", "write_video"]
