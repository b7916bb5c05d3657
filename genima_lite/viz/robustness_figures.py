"""What notebook 08 looks at: changed scenes, moved cameras, blame, and the paper's 25 rows."""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from genima_lite import panda
from genima_lite.cameras import Camera
from genima_lite.controller.follow import predict_actions
from genima_lite.envs.api import EnvSpec, HasObjects, make_env, require
from genima_lite.observation import Observation
from genima_lite.targets.expert_targets import ExpertTargets
from genima_lite.tiling import TILE_ORDER
from genima_lite.viz.figure import JOINT_COLOURS, QUIET_COLOUR, Figure, literal
from genima_lite.viz.target_pictures import cut_out

if TYPE_CHECKING:
    from genima_lite.controller.act import ACT
    from genima_lite.evaluation.committed import Grid

CLEAN = "clean"
MOVED = "camera_pose"
"""The condition without a change, and the perturbation that moves the cameras in the room."""

_LARGE = 480
"""Pixels of a view of which a third is shown."""


def changed_scene(
    task: str,
    seed: int,
    names: Sequence[str] = (),
    strength: float = 1.0,
    size: int = 160,
    cameras: Sequence[str] = ("front",),
) -> Observation:
    """Return what is seen at an episode's start under perturbations; things stand where they stood.

    Raises:
        UserError: an unknown task or perturbation.
    """
    spec = EnvSpec(task, tuple(cameras), size, perturbations=tuple(names), strength=strength)
    env = make_env(spec)
    env.reset(seed=seed)
    seen = env.observation
    env.close()
    return seen


def close_up(
    task: str, seed: int, names: Sequence[str] = (), camera: str = "left_shoulder"
) -> np.ndarray:
    """Return (H, H, 3) uint8, what a task is about at an episode's start, cut out of a view.

    Raises:
        UserError: an unknown task or perturbation.
    """
    env = make_env(EnvSpec(task, (camera,), _LARGE, perturbations=tuple(names)))
    env.reset(seed=seed)
    seen, pieces = env.observation, require(env, HasObjects, "a close-up").objects()
    env.close()
    middle, _ = Camera.from_observation(seen, camera).project(next(iter(pieces.values())))
    return cut_out(seen.image(camera), middle.tolist(), _LARGE // 3)


def moved_cameras(task: str, seed: int, strength: float) -> dict[str, tuple[Camera, Camera]]:
    """Return by camera in the room where it stands when moved, and where it stood before."""
    moved = changed_scene(task, seed, (MOVED,), strength, 64, ())  # matrices need no pictures
    clean = changed_scene(task, seed, (), 1.0, 64, ())
    return {
        name: (Camera.from_observation(moved, name), Camera.from_observation(clean, name))
        for name in TILE_ORDER
        if name != "wrist"
    }


def misread(task: str, seed: int, strength: float, point: np.ndarray) -> dict[str, float]:
    """Return by camera how far, in metres, a point (3,) is read elsewhere by who thinks that the
    cameras have not moved.
    """
    found = {}
    for name, (stands, assumed) in moved_cameras(task, seed, strength).items():
        found[name] = float(np.linalg.norm(assumed.unproject(*stands.project(point)) - point))
    return found


def following_errors(model: ACT, task: str, seed: int, strength: float) -> tuple[float, float]:
    """Return how far, in metres, a chunk's end is from the true target that was drawn.

    Args:
        model: a controller that follows spheres.
        task, seed, strength: of the scene, and of how far its cameras are moved.

    Returns:
        With cameras told, and with an observation that says nothing of cameras.
    """
    spec = EnvSpec(task, TILE_ORDER, 64, perturbations=(MOVED,), strength=strength)
    env = make_env(spec)
    env.reset(seed=seed)
    seen, expert = env.observation, ExpertTargets(env)
    views = expert.draw(seen, 0, TILE_ORDER)
    goal = _tip(expert.plan[expert.targets[0]])
    env.close()
    silent = copy.copy(seen)
    silent.misc = {k: v for k, v in seen.misc.items() if "_camera_" not in k}
    told, untold = (
        float(np.linalg.norm(_tip(predict_actions(model, views, each)[-1]) - goal))
        for each in (seen, silent)
    )
    return told, untold


def _tip(command: np.ndarray) -> np.ndarray:
    return panda.forward_kinematics(command[:7])[1][:3, 3]


def shares_kept(
    clean: np.ndarray, changed: np.ndarray, seed: int, draws: int = 2000
) -> dict[str, Any]:
    """Return `rate`, the share of the clean success that is left, its 95 % `interval_95` by the
    bootstrap over scenes, and `n`; both (N,) bool, row i the same scene.
    """
    rows = np.random.default_rng(seed).integers(len(clean), size=(draws, len(clean)))
    ends = np.quantile(changed[rows].sum(1) / clean[rows].sum(1), [0.025, 0.975])
    return {"rate": changed.sum() / clean.sum(), "interval_95": ends.tolist(), "n": len(clean)}


def blame(grid: Grid, policy: str, condition: str) -> dict[str, int]:
    """Return who is to blame for the episodes that a condition cost a policy, by the oracle's."""
    lost = grid.solved(policy, CLEAN) & ~grid.solved(policy, condition)
    before, after = grid.solved("oracle", CLEAN), grid.solved("oracle", condition)
    parts = {"drawing": before & after, "following": before & ~after, "unknown": ~before}
    return {name: int((lost & rows).sum()) for name, rows in parts.items()}


def difference_of(one: np.ndarray, other: np.ndarray, n: int) -> tuple[float, float, float]:
    """Return the mean difference of rates (T,) in per cent, of n episodes each, its standard error
    for these T tasks, and that for tasks like these.
    """
    gap = one - other
    variance = (one * (100 - one) + other * (100 - other)) / n
    these, such = np.sqrt(variance.sum()) / len(gap), gap.std(ddof=1) / np.sqrt(len(gap))
    return float(gap.mean()), float(these), float(such)


def blame_bars(counts: Mapping[str, Mapping[str, int]], of: int) -> Figure:
    """Draw who is to blame under each condition, as bars with a pattern each.

    Args:
        counts: by condition, episodes by culprit.
        of: how many episodes there are.
    """
    figure = Figure(figsize=(6.4, 0.33 * len(counts) + 1.1), layout="constrained")
    axes = figure.add_subplot()
    names = list(dict.fromkeys(name for row in counts.values() for name in row))
    left = np.zeros(len(counts))
    for name, colour, hatch in zip(names, JOINT_COLOURS, ("", "///", "xx"), strict=False):
        widths = np.array([row.get(name, 0) for row in counts.values()])
        style: dict[str, Any] = {"color": colour, "hatch": hatch, "edgecolor": "white"}
        axes.barh(range(len(counts)), widths, 0.65, left, label=name, **style)
        left += widths
    axes.set_yticks(range(len(counts)), [literal(each.replace("_", " ")) for each in counts])
    axes.set(ylim=(len(counts) - 0.5, -0.5), xlim=(0, of))
    axes.set_xlabel(f"episodes of {of} that the change cost", fontsize=9)
    axes.tick_params(labelsize=9)
    figure.legend(loc="outside upper center", ncols=3, fontsize=9, frameon=False)
    return figure.saying(
        "Episodes lost under each change, split into: " + ", ".join(names) + "; a pattern each"
    )


def gripper_figure(rules: Mapping[str, Sequence[float]]) -> Figure:
    """Draw whether a gripper is open in each frame, a lane a rule; NaN where nothing is drawn.

    Args:
        rules: by name, 1 (open) or 0 by frame.
    """
    figure = Figure(figsize=(6.4, 0.42 * len(rules) + 1.0), layout="constrained")
    axes = figure.add_subplot()
    kinds = {"open": (1, JOINT_COLOURS[4], ""), "closed": (0, JOINT_COLOURS[1], "///")}
    for place, states in enumerate(rules.values()):
        for said, (value, colour, hatch) in kinds.items():
            frames = np.flatnonzero(np.asarray(states) == value)
            style: dict[str, Any] = {"color": colour, "hatch": hatch, "edgecolor": "white"}
            rows = np.full(len(frames), place)
            axes.barh(rows, 1.0, 0.6, frames - 0.5, label="" if place else said, lw=0.4, **style)
        nothing = np.flatnonzero(np.isnan(states))
        axes.plot(nothing, np.full(len(nothing), place), "x", color=QUIET_COLOUR, ms=5,
                  label="" if place < len(rules) - 1 else "nothing drawn")  # fmt: skip
    axes.set_yticks(range(len(rules)), [literal(name) for name in rules], fontsize=9)
    axes.set(ylim=(len(rules) - 0.5, -0.5), xlim=(-1, max(map(len, rules.values()))))
    axes.set_xlabel("frame", fontsize=9)
    axes.tick_params(labelsize=8.5)
    axes.spines[["top", "right", "left"]].set_visible(False)
    figure.legend(loc="outside upper center", ncols=3, fontsize=8.5, frameon=False)
    lanes = ", ".join(rules)
    return figure.saying(f"Gripper open, closed or not drawn by frame, a lane each: {lanes}")


def paper_figure(
    paper: Mapping[str, tuple[float, float]], ours: Mapping[str, Mapping[str, Any]]
) -> Figure:
    """Draw the paper's rows, and ours with their intervals where there are any.

    Args:
        paper: by task, success in per cent of Genima and of ACT.
        ours: by task, `rate` and `interval_95`, as shares.
    """
    tasks = sorted(paper, key=lambda task: paper[task][1] - paper[task][0])
    figure = Figure(figsize=(6.4, 0.235 * len(tasks) + 1.0), layout="constrained")
    axes = figure.add_subplot()
    for place, task in enumerate(tasks):
        axes.plot(paper[task], [place, place], color="0.75", lw=1.5, zorder=1)
        if task in ours:
            low, high = (100 * end for end in ours[task]["interval_95"])
            axes.hlines(place + 0.22, low, high, color=JOINT_COLOURS[2], lw=2, alpha=0.6)
    rows = range(len(tasks))
    genima, act = zip(*(paper[task] for task in tasks), strict=True)
    axes.plot(genima, rows, "o", color=JOINT_COLOURS[0], ms=6, label="Genima, paper, RLBench")
    axes.plot(act, rows, "s", color=JOINT_COLOURS[3], ms=5, label="ACT, paper, RLBench")
    there = [(100 * ours[t]["rate"], i + 0.22) for i, t in enumerate(tasks) if t in ours]
    if there:
        x, y = zip(*there, strict=True)
        axes.plot(x, y, "D", color=JOINT_COLOURS[2], ms=5, label="genima-lite, on its own bench")
    axes.set_yticks(rows, [literal(task.replace("_", " ")) for task in tasks])
    axes.set(ylim=(len(tasks) - 0.5, -0.7), xlim=(-2, 102))
    axes.set_xlabel("episodes solved (%)", fontsize=9)
    axes.tick_params(labelsize=8.5)
    axes.grid(axis="y", color="#EEEEEE", lw=0.7)
    axes.spines[["top", "right", "left"]].set_visible(False)
    figure.legend(loc="outside upper center", ncols=3, fontsize=8.5, frameon=False,
                  labelcolor=QUIET_COLOUR, handletextpad=0.2, columnspacing=1.0)  # fmt: skip
    return figure.saying(
        "Success of Genima and ACT in the paper's 25 tasks, sorted by their difference, and of "
        f"genima-lite on its own bench in {len(there)} of them, with intervals"
    )
