"""Does the instruction decide what is drawn? `python benchmarks/language_pairs.py [AGENT]`.

Each pair is one picture with two instructions that lead to different places: two cups, or two
drawers of a chest. Both drawings must put the gripper's sphere nearer to their own target than to
the other's. Scenes have evaluation seeds; for drawers the arm first goes to the keyframe from
which the ways part. AGENT is a folder that train-diffusion wrote, by default the shipped one.

    --scenes N     scenes a task (default 50); a chest gives three pairs
    --seed S       the first evaluation seed's base (default 3000)
    --json FILE    also write the numbers
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console
from rich.table import Table

from genima_lite.cameras import Camera
from genima_lite.diffusion.agent import DiffusionAgent
from genima_lite.diffusion.validate import FIXED_CAMERAS
from genima_lite.envs.bench.env import BenchEnv
from genima_lite.envs.bench.task import COLORS, Waypoint
from genima_lite.evaluation.statistics import wilson_interval
from genima_lite.files import write_json
from genima_lite.observation import Observation
from genima_lite.panda import Unreachable
from genima_lite.planner import plan
from genima_lite.seeds import evaluation_seed
from genima_lite.shipped import shipped
from genima_lite.targets import find_spheres, plausible_radii, target_frames
from genima_lite.targets.keypoints import targets_of

APART = 0.05
"""metres between the two targets' grippers, at least."""


@dataclass(frozen=True, eq=False)
class Choice:
    """An instruction, and the steps (T, 8) that the expert would take."""

    instruction: str
    steps: np.ndarray


class _Exchanged:
    """A scene in which two bodies have exchanged their names."""

    def __init__(self, scene: Any, one: str, other: str):
        self._scene, self._names = scene, {one: other, other: one}

    def pose(self, name: str) -> np.ndarray:
        return self._scene.pose(self._names.get(name, name))


def cup_choices(env: BenchEnv) -> list[Choice]:
    """Return the two cups' instructions."""
    scene, task = env.scene, env.task
    other = _color_name(scene.model.geom("cup2_body").rgba[:3])
    sentence = task.instructions(scene.variation)[0]
    words = sentence.split()
    there = _steps(env, task.waypoints(_Exchanged(scene, "cup1", "cup2")))  # type: ignore[arg-type]
    return [
        Choice(sentence, _steps(env, task.waypoints(scene))),
        Choice(" ".join([*words[:3], other, *words[4:]]), there),
    ]


def drawer_choices(env: BenchEnv) -> list[Choice]:
    """Return the three drawers' instructions, seen from where the ways to them part."""
    task, scene = env.task, env.scene
    first = task.waypoints(scene)[:1]
    for action in _steps(env, first):
        env.step(action)
    choices = []
    for variation in range(task.variations):
        scene.variation = variation
        choices.append(
            Choice(task.instructions(variation)[0], _steps(env, task.waypoints(scene)[1:]))
        )
    return choices


CHOICES = {"pick_up_cup": cup_choices, "open_drawer": drawer_choices}


def pairs(task: str, scenes: int, seed: int) -> Iterator[tuple[Observation, Choice, Choice]]:
    """Yield pictures with two instructions each whose targets are apart."""
    env = BenchEnv(task, cameras=("wrist", *FIXED_CAMERAS), image_size=64)
    for i in range(scenes):
        variation = i % env.task.variations
        env.reset(seed=evaluation_seed(seed, i), options={"variation": variation})
        try:
            choices = CHOICES[task](env)
        except Unreachable:
            continue
        for one, other in combinations(choices, 2):
            places = [_target(choice)[:3, 3] for choice in (one, other)]
            if np.linalg.norm(places[0] - places[1]) > APART:
                yield env.observation, one, other
    env.close()


def right(agent: DiffusionAgent, seen: Observation, one: Choice, other: Choice, seed: int) -> bool:
    """Return whether both instructions are drawn nearer to their own target."""
    return all(
        _nearer(agent, seen, mine, theirs, seed) for mine, theirs in ((one, other), (other, one))
    )


def _nearer(
    agent: DiffusionAgent, seen: Observation, mine: Choice, theirs: Choice, seed: int
) -> bool:
    views = {camera: seen.image(camera) for camera in ("wrist", *FIXED_CAMERAS)}
    drawn = agent.draw(views, mine.instruction, seed)
    closer = []
    for name in FIXED_CAMERAS:
        camera = Camera.from_observation(seen, name)
        radii = plausible_radii(name, camera.intrinsics)
        sphere = find_spheres(drawn[name], camera.intrinsics, radii).get("gripper")
        if sphere is not None:
            away = [
                np.linalg.norm(sphere.pixel - camera.project(_target(choice)[:3, 3])[0])
                for choice in (mine, theirs)
            ]
            closer.append(away[1] - away[0])
    return bool(closer) and float(np.sum(closer)) > 0


def _target(choice: Choice) -> np.ndarray:
    """Return the (4, 4) pose of the gripper's target at the first of a choice's frames."""
    rows = choice.steps
    last = rows[target_frames(rows[:, :7], rows[:, 7])[0]]
    return targets_of(last[:7], last[7]).poses[0]


def _steps(env: BenchEnv, waypoints: list[Waypoint]) -> np.ndarray:
    """Return the expert's steps (T, 8) from where the arm is, its present state first."""
    start = np.asarray(env.observation.joint_positions)
    return np.vstack([np.append(start, 1.0), plan(waypoints, start)])


def _color_name(rgb: np.ndarray) -> str:
    return min(COLORS, key=lambda name: float(np.linalg.norm(rgb - np.array(COLORS[name]))))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("agent", type=Path, nargs="?")
    parser.add_argument("--scenes", type=int, default=50)
    parser.add_argument("--seed", type=int, default=3000)
    parser.add_argument("--json", type=Path)
    words = parser.parse_args()
    agent = DiffusionAgent.load(words.agent or shipped("genima") / "diffusion")
    table = Table("task", "pairs", "both right", "95 % interval")
    document = {}
    for task in CHOICES:
        results = [
            right(agent, *pair, seed=i)
            for i, pair in enumerate(pairs(task, words.scenes, words.seed))
        ]
        low, high = wilson_interval(sum(results), len(results))
        share = sum(results) / max(len(results), 1)
        table.add_row(task, str(len(results)), f"{share:.1%}", f"{low:.1%} to {high:.1%}")
        document[task] = {"pairs": len(results), "right": sum(results), "interval_95": [low, high]}
    Console().print(table)
    if words.json is not None:
        write_json(words.json, document)


if __name__ == "__main__":
    main()
