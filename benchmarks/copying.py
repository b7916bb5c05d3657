"""Does a model look for its goal, or draw the arm where it stands? `python benchmarks/copying.py`

Sets the arm down beside the expert's way in new scenes (`genima_lite.datasets.perturbed_states`),
or lets a Genima act (`genima_lite.datasets.dagger`), lets a model draw, and
finds the gripper's sphere in space. It is a copy where it lies nearer to the gripper than to the
true target, though these are 2 cm apart or more.

    TASKS            some (default all)
    --checkpoint DIR a diffusion model (default: the shipped one)
    --dagger-by DIR  decisions of this Genima instead (its folder, or "shipped")
    --count N        perturbed states a task (default 48)
    --seed N         of the perturbed states (default 999; training takes its own, small numbers)
    --json FILE      writes the numbers
"""

from __future__ import annotations

import argparse
from collections.abc import Iterable
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.table import Table

from genima_lite.cameras import Camera
from genima_lite.datasets.dagger import DaggerRollouts, dagger_rollouts
from genima_lite.datasets.perturbed_states import PerturbedStates, perturbed_states
from genima_lite.diffusion.agent import DiffusionAgent
from genima_lite.envs.api import EnvSpec, check_task, make_env, task_names
from genima_lite.files import write_json
from genima_lite.observation import Demo
from genima_lite.policies.api import PolicyFactory, PolicySettings
from genima_lite.shipped import shipped
from genima_lite.targets.find import FoundSphere, find_spheres, plausible_radii
from genima_lite.targets.joints import joint_targets
from genima_lite.targets.score import position_errors
from genima_lite.tiling import TILE_ORDER

WAY = 0.02
"""Metres: shorter ways say nothing about copying."""


Shown = Iterable[tuple[Demo, list[str]]]
"""Decisions, each from now to its target, with sentences."""


def decisions(task: str, count: int, seed: int, dagger_by: str | None) -> Shown:
    """Return perturbed states of a task, or decisions to which a Genima comes."""
    if dagger_by is None:
        env = make_env(EnvSpec(task, TILE_ORDER, 64))
        return perturbed_states(env, PerturbedStates(seed), 0, count)
    checkpoint = None if dagger_by == "shipped" else Path(dagger_by)
    env, policy = PolicyFactory("genima", PolicySettings(checkpoint))(task)
    return dagger_rollouts(env, policy, DaggerRollouts(seed), 0, count)


def measure(agent: DiffusionAgent, shown: Shown) -> np.ndarray:
    """Return a row of each decision, (N, 3) metres: the way to the target, and how far the drawn
    gripper lies from the target and from the arm (NaN where it is not found).
    """
    rows = []
    for i, (demo, sentences) in enumerate(shown):
        now, target = joint_targets(demo[0]), joint_targets(demo[-1])
        views = {camera: demo[0].image(camera) for camera in TILE_ORDER}
        cameras = {camera: Camera.from_observation(demo[0], camera) for camera in TILE_ORDER}
        found = _find(agent.draw(views, sentences[0], i), cameras)
        way = float(np.linalg.norm(target.positions[0] - now.positions[0]))
        ends = [position_errors(found, cameras, each)[0] for each in (target, now)]
        rows.append([way, *ends])
    return np.array(rows)


def _find(
    drawn: dict[str, np.ndarray], cameras: dict[str, Camera]
) -> dict[str, dict[str, FoundSphere]]:
    return {
        name: find_spheres(
            view, cameras[name].intrinsics, plausible_radii(name, cameras[name].intrinsics)
        )
        for name, view in drawn.items()
    }


def summarize(rows: np.ndarray) -> dict[str, float]:
    """Return what the table shows: numbers of decisions, medians in mm, shares."""
    way, off, from_arm = rows.T
    far = (way >= WAY) & np.isfinite(off)
    return {
        "decisions": len(rows),
        "not_found": float(np.isnan(off).mean()),
        "median_mm": float(1000 * np.nanmedian(off)),
        "judged": int(far.sum()),
        "copies": float((from_arm < off)[far].mean()),
    }


def main() -> None:
    """Measure, print a table, write the numbers."""
    parser = argparse.ArgumentParser(description="does a model copy the arm?")
    parser.add_argument("tasks", nargs="*", type=check_task, default=task_names())
    parser.add_argument("--checkpoint", type=Path)
    parser.add_argument("--dagger-by")
    parser.add_argument("--count", type=int, default=48)
    parser.add_argument("--seed", type=int, default=999)
    parser.add_argument("--json", type=Path)
    args = parser.parse_args()
    agent = DiffusionAgent.load(args.checkpoint or shipped("genima") / "diffusion")
    measured = {
        task: measure(agent, decisions(task, args.count, args.seed, args.dagger_by))
        for task in args.tasks
    }
    measured["all"] = np.concatenate(list(measured.values()))
    table = Table("task", "decisions", "gripper not found", "off, median mm", "copies", "of")
    summaries = {task: summarize(rows) for task, rows in measured.items()}
    for task, row in summaries.items():
        cells = (f"{row['not_found']:.0%}", f"{row['median_mm']:.0f}", f"{row['copies']:.0%}")
        table.add_row(task, str(row["decisions"]), *cells, str(row["judged"]))
    Console().print(table)
    if args.json is not None:
        write_json(args.json, summaries)


if __name__ == "__main__":
    main()
