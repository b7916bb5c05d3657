"""Draw the README's picture, every task half-way: `python scripts/draw_scenes.py FILE`."""

import sys
from textwrap import fill

import matplotlib.pyplot as plt
import numpy as np

from genima_lite.envs.api import EnvSpec, make_env, task_names
from genima_lite.policies.expert import ExpertPolicy

SEED = 5
SIZE = 256
COLUMNS = 5


def halfway(task: str) -> tuple[np.ndarray, str]:
    """Return the front view (H, W, 3) uint8 two thirds into the expert's episode, and the goal."""
    env = make_env(EnvSpec(task, ("front",), SIZE))
    _, info = env.reset(seed=SEED, options={"variation": env.variations // 2})
    expert = ExpertPolicy(env)
    expert.reset(info["instruction"], SEED)
    env.execute(expert.plan[: 2 * len(expert.plan) // 3])
    picture = env.observation.image("front")
    env.close()
    return picture, info["instruction"]


def main() -> None:
    tasks = task_names()
    rows = -(-len(tasks) // COLUMNS)
    figure, axes = plt.subplots(rows, COLUMNS, figsize=(11, 12.6), dpi=100)
    for axis in axes.flat:
        axis.axis("off")
    for axis, task in zip(axes.flat, tasks, strict=False):
        picture, instruction = halfway(task)
        axis.imshow(picture)
        axis.set_title(f"{task}\n{fill(f'“{instruction}”', 38)}", fontsize=7)
    figure.tight_layout(h_pad=1.5)
    figure.savefig(sys.argv[1])


if __name__ == "__main__":
    main()
