"""How exactly are true targets followed? `python benchmarks/following_errors.py --demos D`

At frames of demonstrations the true targets are drawn on random backgrounds, and controllers say
their next actions: the network alone, and led to the posture that fits the spheres it sees.
Measured is how far the tip would be from its target at the end of those. Only states are read:
demonstrations without pictures will do, RLBench's too.

    --demos DIR          demonstrations in RLBench's layout
    --controllers A,B    folders of controllers (default: the shipped one)
    --every N            of so many frames one (default 7)
    --episodes N         of each task, from the last (default: all)
    --json FILE          writes each task's numbers
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from itertools import groupby
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.progress import track
from rich.table import Table

from genima_lite import panda
from genima_lite.controller.act import ACT
from genima_lite.controller.backgrounds import textures
from genima_lite.controller.checkpoint import load_controller
from genima_lite.controller.errors import end_errors
from genima_lite.controller.pictures import known_cameras
from genima_lite.datasets.demonstrations import Recorded, recorded
from genima_lite.files import write_json
from genima_lite.shipped import shipped
from genima_lite.targets import demo_targets, joint_targets
from genima_lite.targets.keypoints import draw_views


def tip_errors(model: ACT, episode: Recorded, every: int, seed: int, fit: bool) -> np.ndarray:
    """Return how far the tip is from its target at each chunk's end, (N,) metres."""
    demo, config = episode.states(), model.config
    targets = demo_targets(demo, config.horizon, config.keyframes)
    rng, errors = np.random.default_rng(seed), []
    for t in range(0, len(demo) - 1, every):
        now, then = demo[t], demo[int(targets[t])]
        _, tip = panda.forward_kinematics(np.asarray(now.joint_positions))
        below = textures(rng, len(config.cameras), config.image_size)[None]
        seen_by = [known_cameras(config, tip)]
        views = draw_views(below, seen_by, config.cameras, [joint_targets(then)]).views[0]
        by_camera = dict(zip(config.cameras, views, strict=True))
        errors.append(end_errors(model, by_camera, now, then, fit=fit)[0])
    return np.array(errors)


def measure(
    model: ACT, episodes: Sequence[Recorded], every: int, last: int | None, fit: bool
) -> dict[str, np.ndarray]:
    """Return by task the errors in metres of all its frames."""
    found = {}
    for task, group in groupby(episodes, key=lambda each: each.episode.task):
        chosen = list(group)[-last if last else 0 :]
        errors = [tip_errors(model, each, every, seed, fit) for seed, each in enumerate(chosen)]
        found[task] = np.concatenate(errors)
    return found


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--demos", type=Path, required=True)
    parser.add_argument("--controllers", default=str(shipped("genima/controller")))
    parser.add_argument("--every", type=int, default=7)
    parser.add_argument("--episodes", type=int)
    parser.add_argument("--json", type=Path)
    words = parser.parse_args()
    episodes = recorded([words.demos])
    ways = [(folder, fit) for folder in words.controllers.split(",") for fit in (False, True)]
    results = {}
    for folder, fit in track(ways, console=Console(stderr=True)):
        name = f"{Path(folder).parent.name}/{Path(folder).name}, {'fitted' if fit else 'network'}"
        which = (words.every, words.episodes, fit)
        results[name] = measure(load_controller(folder), episodes, *which)
    table = Table("task", "frames", *results, title="tip to target, mm: median, 90 %")
    rows = {
        task: [found[task] for found in results.values()] for task in next(iter(results.values()))
    }
    rows["all"] = [np.concatenate(list(found.values())) for found in results.values()]
    for task, errors in rows.items():
        cells = [f"{1000 * np.median(e):.1f}, {1000 * np.quantile(e, 0.9):.0f}" for e in errors]
        table.add_row(task, str(len(errors[0])), *cells)
    Console().print(table)
    if words.json:
        content = {
            task: {
                name: {"n": len(e), "median": float(np.median(e))}
                for name, e in zip(results, errors, strict=True)
            }
            for task, errors in rows.items()
        }
        write_json(words.json, content)


if __name__ == "__main__":
    main()
