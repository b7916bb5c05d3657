"""How far from its target does a decision lead? `python benchmarks/decision_errors.py --demos H`

At every decision of held-out demonstrations the arm is where the expert had it, and each policy
says its next actions: the controller on true drawings (oracle) and on what the diffusion model
draws (genima), and the baseline on plain views (act). Measured is where the tip would be when the
expert's is at its target. Nothing moves: a policy's own errors do not add up here.

    --demos DIR      demonstrations that nothing was trained on, with pictures of 64 pixels
    --genima DIR     folder of both stages (default: the shipped one)
    --act DIR        a baseline (default: the shipped one)
    --json FILE      writes every decision's numbers
"""

from __future__ import annotations

import argparse
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.progress import track
from rich.table import Table

from genima_lite import panda
from genima_lite.controller.act import ACT
from genima_lite.controller.checkpoint import load_controller
from genima_lite.controller.follow import predict_actions
from genima_lite.datasets.demonstrations import read_demos
from genima_lite.diffusion.agent import DiffusionAgent
from genima_lite.files import write_json
from genima_lite.observation import Demo
from genima_lite.shipped import shipped
from genima_lite.targets import decision_frames, demo_targets, draw_targets_of
from genima_lite.tiling import TILE_ORDER

POLICIES = ("oracle", "genima", "act")


def measure(
    demos: Iterable[tuple[Demo, Sequence[str]]], agent: DiffusionAgent, controller: ACT, act: ACT
) -> np.ndarray:
    """Return a row of each decision, (N, 4) metres: the way to the target, and errors."""
    rows: list[list[float]] = []
    for demo, sentences in demos:
        targets = demo_targets(demo)
        frames = decision_frames(targets)[:-1]
        for frame, truth in zip(frames, draw_targets_of(demo, frames), strict=True):
            seen = {camera: demo[frame].image(camera) for camera in TILE_ORDER}
            drawn = agent.draw(seen, sentences[0], len(rows))
            last = int(targets[frame]) - frame - 1
            said = [
                predict_actions(model, views, demo[frame], sentences[0])[last]
                for model, views in ((controller, truth.views), (controller, drawn), (act, seen))
            ]
            now = np.asarray(demo[frame].joint_positions)
            goal = tip(demo.actions()[frame + last])
            rows.append([float(np.linalg.norm(tip(end) - goal)) for end in (now, *said)])
    return np.array(rows)


def tip(joints: np.ndarray) -> np.ndarray:
    """Return where the tip is, (3,) metres, of seven joints and whatever follows."""
    return panda.forward_kinematics(joints[:7])[1][:3, 3]


def table_of(measured: dict[str, np.ndarray]) -> Table:
    """Return median and mean errors, a row a task."""
    table = Table("task", "decisions", *(f"{name}: median (mean) mm" for name in POLICIES))
    for task, rows in measured.items():
        errors = 1000 * rows[:, 1:]
        both = zip(np.median(errors, axis=0), errors.mean(axis=0), strict=True)
        cells = [f"{median:.1f} ({mean:.1f})" for median, mean in both]
        table.add_row(task, str(len(rows)), *cells)
    return table


def main() -> None:
    """Measure, print a table, write the numbers."""
    parser = argparse.ArgumentParser(description="how far from its target does a decision lead?")
    parser.add_argument("--demos", type=Path, required=True)
    parser.add_argument("--genima", type=Path)
    parser.add_argument("--act", type=Path)
    parser.add_argument("--json", type=Path)
    args = parser.parse_args()
    genima = args.genima or shipped("genima")
    agent = DiffusionAgent.load(genima / "diffusion")
    controller = load_controller(genima / "controller")
    act = load_controller(args.act or shipped("act"))
    tasks = sorted(path.name for path in args.demos.iterdir() if path.is_dir())
    measured = {
        task: measure(read_demos(args.demos, [task]), agent, controller, act)
        for task in track(tasks)
    }
    measured["all"] = np.concatenate(list(measured.values()))
    Console().print(table_of(measured))
    if args.json is not None:
        write_json(args.json, {task: rows.tolist() for task, rows in measured.items()})


if __name__ == "__main__":
    main()
