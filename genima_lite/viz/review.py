"""Demonstrations looked through in a notebook: cut the ends off, put bad ones aside."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import ipywidgets
import numpy as np

from genima_lite.demos.layout import EpisodeFolder, iterate_episodes
from genima_lite.demos.read import read_episode
from genima_lite.demos.trim import put_aside, trim
from genima_lite.errors import UserError
from genima_lite.observation import CONTROL_PERIOD, Demo
from genima_lite.viz.described import show_widget
from genima_lite.viz.playground import beside
from genima_lite.viz.views import shown_cameras, view_picture
from genima_lite.viz.widgets import png_bytes, wide


def ends_picture(demo: Demo, first: int, last: int) -> np.ndarray:
    """Return the views of two frames side by side, (H, W, 3) uint8."""
    cameras = shown_cameras(demo)
    return beside(*(view_picture(demo[frame], cameras) for frame in (first, last)))


def described(episode: EpisodeFolder, demo: Demo) -> str:
    """Return a line about a demonstration: how long, who led, what was asked for."""
    told = demo.recording
    by = f", {told.hand} on {told.driver}, {told.began[:16]}: “{told.instruction}”" if told else ""
    seconds = (len(demo) - 1) * CONTROL_PERIOD
    return f"{episode.task}, {len(demo)} frames, {seconds:.1f} s{by}"


class Review:
    """A list of episodes, a slider with two ends, the views there, and two buttons.

    Where no kernel runs, the picture of the first episode is left. Nothing here draws with a
    simulator, so buttons work from any thread.

    Args:
        root: a dataset in RLBench's layout.

    Attributes:
        which: the list, `ends` the slider, `cut` and `aside` the buttons; setting a `value` or
            calling `click()` is what a reader does with the mouse.
        image, text: what is shown.

    Raises:
        UserError: no episodes there.
    """

    def __init__(self, root: Path | str):
        self._root = Path(root)
        self._demo: Demo | None = None
        self.which = ipywidgets.Dropdown(options=self._options(), **wide("episode"))
        self.ends = ipywidgets.IntRangeSlider(value=(0, 1), min=0, max=1, **wide("keep"))
        self.cut = ipywidgets.Button(description="cut the ends off")
        self.aside = ipywidgets.Button(description="put aside")
        self.image = ipywidgets.Image(format="png")
        self.image.layout.max_width = "720px"
        self.text = ipywidgets.Label()
        self.which.observe(self._opened, "value")
        self.ends.observe(self._show, "value")
        self.cut.on_click(self._cut)
        self.aside.on_click(self._put_aside)
        buttons = ipywidgets.HBox([self.cut, self.aside])
        self.box = ipywidgets.VBox([self.which, self.ends, buttons, self.image, self.text])
        if not self.which.options:
            raise UserError(f"{root}: no episodes to review")
        self._opened()

    def _options(self) -> list[tuple[str, EpisodeFolder]]:
        found = iterate_episodes(self._root)
        return [(str(each.path.relative_to(self._root)), each) for each in found]

    def _opened(self, _: Any = None) -> None:
        """Show another episode, or that none is left."""
        if self.which.value is None:
            self._demo, self.text.value = None, "no episode is left"
            return
        try:
            self._demo = read_episode(self.which.value.path)
        except UserError as error:
            self._demo, self.text.value = None, str(error)
            return
        self.ends.max = len(self._demo) - 1
        self.ends.value = (0, len(self._demo) - 1)
        self._show()

    def _show(self, _: Any = None) -> None:
        if self._demo is not None and self.ends.value[1] < len(self._demo):
            self.image.value = png_bytes(ends_picture(self._demo, *self.ends.value))
            self.text.value = described(self.which.value, self._demo)

    def _cut(self, _: Any = None) -> None:
        if self._demo is None:
            return
        try:
            old = trim(self._root, self.which.value, *self.ends.value)
        except (UserError, OSError) as error:
            self.text.value = str(error)
            return
        self._opened()
        self.text.value = f"cut; as it was: {old}"

    def _put_aside(self, _: Any = None) -> None:
        if self._demo is None:
            return
        try:
            old = put_aside(self._root, self.which.value)
        except (UserError, OSError) as error:
            self.text.value = str(error)
            return
        self.which.options = self._options()
        self._opened()
        self.text.value = f"put aside: {old}"

    def _ipython_display_(self) -> None:
        """Show the widget where one can, else its picture."""
        alt = f"the first and the last frame of an episode: {self.text.value}"
        show_widget(self.box, self.image, alt)
