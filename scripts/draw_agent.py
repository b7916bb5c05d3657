"""Draw the README's animated picture, the shipped agent: `python scripts/draw_agent.py FILE`.

Left the front camera; right the four views on which the diffusion model has just drawn where the
arm goes next. The arm rests while it draws, then moves at its own speed.

Task k of the picture (from 0) is shown in the first episode that the agent solves, from episode k
on, of those that `genima-lite eval --seed 1000` runs. With the shipped weights that is episode k
itself: environment seeds 2001, 2003 and 2005, which are `evaluation_seed(1000, k)`.
"""

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from PIL import Image

from genima_lite.envs.api import HasFilm, RobotEnv, require
from genima_lite.errors import UserError
from genima_lite.evaluation.rollout import run_episode
from genima_lite.files import written_whole
from genima_lite.policies.api import PolicyFactory
from genima_lite.seeds import evaluation_seed
from genima_lite.tiling import TILE_ORDER
from genima_lite.viz.figure import MARK_COLOUR, TEXT_COLOUR, Figure, literal
from genima_lite.viz.views import label_views, lay_out

TASKS = ("pick_up_cup", "take_lid_off_saucepan", "push_button")
"""What they change is seen from the front, unlike a drawer."""

SEED, TRIES = 1000, 10
SIZE, GAP, TOP = 320, 10, 66  # pixels: a side's height and width, around it, for the text above
STRIDE = 2  # steps of 50 ms from one frame to the next
DRAWING, END = 700, 1500  # milliseconds that a new drawing rests, and an episode's last frame
COLOURS = 255  # of the palette; one more means "as before"


class Film:
    """Watches an episode in a recorder's place; `frames` are pictures and their milliseconds."""

    def __init__(self, stride: int):
        self._stride = stride
        self.frames: list[tuple[Image.Image, int]] = []

    def start(self, env: RobotEnv, instruction: str) -> None:
        self._instruction, self._steps = instruction, -1
        self._look(env)

    def decided(self, observation: Any, decision: Any) -> None:
        self._drawn = lay_out(decision.drawn)
        self._add(True, DRAWING)

    def stepped(self, env: RobotEnv) -> None:
        self._look(env)
        if self._steps % self._stride == 0:
            self._add(False, 50 * self._stride)

    def finish(self, result: Any) -> None:
        self._add(False, END)

    def _look(self, env: RobotEnv) -> None:
        self._steps += 1
        self._front = require(env, HasFilm, "the agent's picture").film_frame(SIZE)

    def _add(self, draws: bool, milliseconds: int) -> None:
        picture = compose(self._front, self._drawn, self._instruction, draws)
        self.frames.append((picture, milliseconds))


def solved(task: str, first: int, stride: int) -> list[tuple[Image.Image, int]]:
    """Return the frames of the shipped agent's first solved episode, from number `first` on."""
    env, agent = PolicyFactory("genima")(task)
    for i in range(first, first + TRIES):
        film, variation = Film(stride), i % env.variations
        if run_episode(env, agent, evaluation_seed(SEED, i), variation, film).success:
            env.close()
            return film.frames
    raise UserError(f"the agent solves none of {TRIES} episodes of {task}")


def compose(front: np.ndarray, drawn: np.ndarray, instruction: str, draws: bool) -> Image.Image:
    """Return both pictures, (H, W, 3) uint8, below their titles; `draws`: the right is at work."""
    width, height = 2 * SIZE + 3 * GAP, SIZE + TOP + GAP
    figure = Figure(figsize=(width / 100, height / 100), dpi=100)
    centred = {"ha": "center", "va": "center"}
    figure.text(0.5, 1 - 22 / height, literal(f"“{instruction}”"), fontsize=14, **centred)
    right = (drawn, "the diffusion model draws where to go", draws)
    for column, (picture, title, works) in enumerate(
        ((front, "the arm follows", not draws), right)
    ):
        x = GAP + column * (SIZE + GAP)
        axes = figure.add_axes((x / width, GAP / height, SIZE / width, SIZE / height))
        axes.imshow(picture, aspect="auto", interpolation="bicubic")
        axes.set_axis_off()
        place = ((x + SIZE / 2) / width, 1 - 50 / height)
        figure.text(*place, title, color=TEXT_COLOUR if works else MARK_COLOUR, **centred)
    label_views(axes, TILE_ORDER, 6)
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    return Image.fromarray(np.array(canvas.buffer_rgba())[..., :3])


def draw(path: Path | str, tasks: Sequence[str] = TASKS, stride: int = STRIDE) -> None:
    """Film tasks one after the other into a GIF that never ends and stores only what changes."""
    frames = [frame for k, task in enumerate(tasks) for frame in solved(task, k, stride)]
    some = [np.asarray(picture)[::2, ::2] for picture, _ in frames[:: max(1, len(frames) // 12)]]
    rare_too: dict[str, Any] = {"method": Image.Quantize.MAXCOVERAGE, "kmeans": 3}
    palette = Image.fromarray(np.vstack(some)).quantize(COLOURS, **rare_too)
    first, *others = (picture.quantize(palette=palette, dither=0) for picture, _ in frames)
    options = {"append_images": others, "duration": [milliseconds for _, milliseconds in frames]}
    with written_whole(path) as partial:
        first.save(partial, save_all=True, optimize=True, loop=0, disposal=1, **options)


if __name__ == "__main__":
    draw(sys.argv[1])
