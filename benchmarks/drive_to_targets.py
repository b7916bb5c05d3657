"""What targets tell, without any network: `python benchmarks/drive_to_targets.py`.

Drives straight to the exact joints of each target, 20 steps a decision, and counts successes: by
the paper's rule (t + 20) and with targets cut at keyframes. No controller can do much
better, so this is the ceiling that the rule sets. With --noise every target's joints are wrong by
a normal error, which says how exactly a drawing must be read.

    --episodes N   a task (default 10)
    --seed S       base of the evaluation seeds (default 500)
    --noise A,B    radians, standard deviations to try with the cut targets (default 0)
"""

from __future__ import annotations

import argparse

import numpy as np
from rich.console import Console
from rich.table import Table

from genima_lite.envs.api import task_names
from genima_lite.envs.bench.env import BenchEnv
from genima_lite.planner import plan
from genima_lite.seeds import evaluation_seed
from genima_lite.targets import HORIZON, target_frames


def drive(env: BenchEnv, keyframes: bool, noise: float, rng: np.random.Generator) -> bool:
    """Run the episode that has just begun; return whether it succeeds."""
    start = np.asarray(env.observation.joint_positions)
    rows = np.vstack([np.append(start, 1.0), plan(env.task.waypoints(env.scene), start)])
    targets = target_frames(rows[:, :7], rows[:, 7], keyframes=keyframes)
    frame, done, info = 0, False, {"success": False}
    while not done:
        target = int(targets[frame])
        goal = rows[target, :7] + rng.normal(0, noise, 7)
        here = np.asarray(env.observation.joint_positions)
        steps = max(target - frame, 1)
        for k in range(1, HORIZON + 1):
            opening = rows[target if k >= steps else frame, 7]
            joints = here + (goal - here) * min(k / steps, 1)
            _, _, terminated, truncated, info = env.step(np.append(joints, opening))
            done = terminated or truncated
            if done:
                break
        frame = target if keyframes else min(frame + HORIZON, len(rows) - 1)
    return bool(info["success"])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--episodes", type=int, default=10)
    parser.add_argument("--seed", type=int, default=500)
    parser.add_argument("--noise", default="0")
    words = parser.parse_args()
    cases = [("t + 20", False, 0.0)]
    cases += [(f"cut, {noise} rad", True, float(noise)) for noise in words.noise.split(",")]
    table = Table("task", *(name for name, _, _ in cases))
    totals = np.zeros(len(cases), int)
    for task in task_names():
        env = BenchEnv(task, cameras=())
        counts = []
        for _, keyframes, noise in cases:
            rng, solved = np.random.default_rng(0), 0
            for i in range(words.episodes):
                options = {"variation": i % env.task.variations}
                env.reset(seed=evaluation_seed(words.seed, i), options=options)
                solved += drive(env, keyframes, noise, rng)
            counts.append(solved)
        totals += counts
        table.add_row(task, *(f"{count} of {words.episodes}" for count in counts))
        env.close()
    table.add_row("all", *(str(total) for total in totals))
    Console().print(table)


if __name__ == "__main__":
    main()
