"""Draws tasks under each perturbation: `python scripts/draw_perturbations.py OUT.png`.

Columns: clean, each perturbation alone, all together, at strength 1; every row one task, seen
from the front. The seed is the same, so the pieces stand where they stand in the first column.
"""

from __future__ import annotations

import sys

import numpy as np

from genima_lite.envs.api import EnvSpec, make_env, perturbation_names
from genima_lite.viz.figure import Figure

TASKS = ("open_drawer", "take_lid_off_saucepan", "slide_block_to_target", "lamp_on")
SEED, SIZE, DPI = 7, 192, 100


def picture(task: str, names: tuple[str, ...]) -> np.ndarray:
    """Return the front camera's picture (H, W, 3) uint8 of an episode's start."""
    env = make_env(EnvSpec(task, ("front",), SIZE, perturbations=names))
    env.reset(seed=SEED)
    seen = env.observation.image("front")
    env.close()
    return seen


def main() -> None:
    """Write the picture."""
    names = perturbation_names()
    columns = {"clean": (), **{name: (name,) for name in names}, "all together": tuple(names)}
    size = (1.45 * len(columns), 1.45 * len(TASKS) + 0.35)
    figure = Figure(figsize=size, dpi=DPI, layout="constrained")
    grid = figure.subplots(len(TASKS), len(columns), squeeze=False)
    for axes, task in zip(grid, TASKS, strict=True):
        for ax, (title, chosen) in zip(axes, columns.items(), strict=True):
            ax.imshow(picture(task, chosen))
            ax.axis("off")
            if task == TASKS[0]:
                ax.set_title(title.replace("_", "\n"), fontsize=9)
    figure.savefig(sys.argv[1])


if __name__ == "__main__":
    main()
