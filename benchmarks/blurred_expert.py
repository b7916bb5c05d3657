"""Can one follow the expert who sees no finer than a pixel? `python benchmarks/blurred_expert.py`

A model that learns from pictures by squared error draws the mean of what may be right. Here an
expert does the same without any network: at every decision it is asked for its next target from
where the arm is and from some places around it, and the arm drives to the mean of the answers.
Where rules tell apart what looks the same ("go on" here, "go back" a few millimetres beside it),
the mean is to stand still, and no training will change that.

    TASKS          some (default all)
    --blur B       metres, standard deviation of those places on each axis (default 0.015; a pixel
                   of a 64-pixel view is 0.01 to 0.02 on the table)
    --episodes N   a task (default 24)
    --seed S       base of the episodes' seeds (default 78)
"""

from __future__ import annotations

import argparse

import numpy as np
from rich.console import Console
from rich.table import Table

from genima_lite import panda
from genima_lite.envs.api import check_task, task_names
from genima_lite.envs.bench.env import BenchEnv
from genima_lite.evaluation.statistics import wilson_interval
from genima_lite.seeds import training_seed
from genima_lite.targets.expert_targets import first_target_of
from genima_lite.targets.horizon import HORIZON

PLACES = 7
"""Answers of which the mean is taken, the one from where the arm is included."""


def blurred_way(env: BenchEnv, blur: float, rng: np.random.Generator) -> np.ndarray:
    """Return commands (K, 8) to the mean of the targets from around where the arm is.

    Raises:
        panda.Unreachable: the expert knows no way from any of these places.
    """
    robot = env.scene.robot
    here = robot.joints
    found = (_answer(env, blur * (k > 0), rng) for k in range(PLACES))
    ways = [way for way in found if way is not None]
    if not ways:
        raise panda.Unreachable("no way from any of these places")
    *joints, opening = np.mean([way[-1] for way in ways], axis=0)
    steps = round(np.mean([len(way) for way in ways]))
    share = np.minimum(np.arange(1, HORIZON + 1) / steps, 1)[:, None]
    openings = np.where(share < 1, float(robot.commanded_open), float(opening > 0.5))
    return np.hstack([here + share * (np.array(joints) - here), openings])


def _answer(env: BenchEnv, blur: float, rng: np.random.Generator) -> np.ndarray | None:
    """Return the expert's way (T, 8) from a place near the arm; `None`: it knows none."""
    scene, robot = env.scene, env.scene.robot
    here = robot.joints
    tip = panda.forward_kinematics(here)[1]
    tip[:3, 3] += rng.normal(0, blur, 3)
    try:
        scene.data.qpos[:7] = panda.inverse_kinematics(tip, start=here, posture=here)
        start = np.append(robot.joints, float(robot.commanded_open))
        return first_target_of(start, env.expert_stretches())
    except panda.Unreachable:
        return None
    finally:
        scene.data.qpos[:7] = here


def solves(env: BenchEnv, blur: float, rng: np.random.Generator) -> bool:
    """Go through the episode that has just begun; return whether the task was done."""
    while True:
        try:
            way = blurred_way(env, blur, rng)
        except panda.Unreachable:
            return False
        outcome = env.execute(np.clip(way, [*panda.LOWER, 0], [*panda.UPPER, 1]))
        if outcome.done:
            return outcome.success


def main() -> None:
    """Measure and print a table."""
    parser = argparse.ArgumentParser(description="an expert that sees no finer than a pixel")
    parser.add_argument("tasks", nargs="*", type=check_task, default=task_names())
    parser.add_argument("--blur", type=float, default=0.015)
    parser.add_argument("--episodes", type=int, default=24)
    parser.add_argument("--seed", type=int, default=78)
    args = parser.parse_args()
    table = Table("task", "solved", "95 % interval")
    for task in args.tasks:
        env, solved = BenchEnv(task, cameras=()), 0
        for i in range(args.episodes):
            seed = training_seed(args.seed, i)
            env.reset(seed=seed, options={"variation": i % env.task.variations})
            solved += solves(env, args.blur, np.random.default_rng(i))
        env.close()
        low, high = wilson_interval(solved, args.episodes)
        table.add_row(task, f"{solved} of {args.episodes}", f"{low:.1%} to {high:.1%}")
    Console().print(table)


if __name__ == "__main__":
    main()
