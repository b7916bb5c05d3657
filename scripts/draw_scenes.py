"""Draw the README's picture, every task half-way: `python scripts/draw_scenes.py FILE`."""

import sys

import matplotlib.pyplot as plt
import numpy as np

from genima_lite.envs.api import task_names
from genima_lite.envs.bench.env import BenchEnv
from genima_lite.policies.expert import ExpertPolicy

SEED = 5
SIZE = 256


def halfway(task: str) -> tuple[np.ndarray, str]:
    """Return the front view (H, W, 3) uint8 two thirds into the expert's episode, and the goal."""
    env = BenchEnv(task, cameras=("front",), image_size=SIZE)
    _, info = env.reset(seed=SEED, options={"variation": env.task.variations // 2})
    expert = ExpertPolicy(env)
    expert.reset(info["instruction"], SEED)
    for action in expert.plan[: 2 * len(expert.plan) // 3]:
        observation, *_ = env.step(action)
    env.close()
    return observation["front_rgb"], info["instruction"]


def main() -> None:
    tasks = task_names()
    figure, axes = plt.subplots(2, (len(tasks) + 1) // 2, figsize=(11, 6.4), dpi=100)
    for axis in axes.flat:
        axis.axis("off")
    for axis, task in zip(axes.flat, tasks, strict=False):
        picture, instruction = halfway(task)
        axis.imshow(picture)
        axis.set_title(f"{task}\n“{instruction}”", fontsize=8)
    figure.tight_layout(h_pad=1.5)
    figure.savefig(sys.argv[1])


if __name__ == "__main__":
    main()
