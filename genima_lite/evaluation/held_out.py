"""Both stages on demonstrations that they were not trained on, without any simulator.

At every decision of a demonstration, from target to target: what is drawn against the truth, and
where the controller's actions end against the target, with true and with drawn ones. Of
demonstrations without pictures the true targets are drawn on random backgrounds.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from genima_lite import panda
from genima_lite.cameras import Camera
from genima_lite.controller.act import ACT
from genima_lite.controller.backgrounds import textures
from genima_lite.controller.config import ControllerConfig
from genima_lite.controller.errors import end_errors
from genima_lite.controller.pictures import known_cameras
from genima_lite.datasets.demonstrations import Recorded
from genima_lite.diffusion.validate import Example, compare_drawings
from genima_lite.observation import Observation
from genima_lite.targets.horizon import decision_frames
from genima_lite.targets.joints import joint_targets
from genima_lite.targets.keypoints import draw_views
from genima_lite.targets.views import demo_targets, draw_targets_of
from genima_lite.tiling import TILE_ORDER

TRUE, DRAWN = "true", "drawn"
NETWORK, FITTED = "network", "fitted"

Views = dict[str, np.ndarray]


@dataclass(frozen=True, eq=False)
class Decision:
    """One decision of a demonstration.

    Attributes:
        task: of it.
        now, then: the frames of the decision and of its target, without pictures.
        true: views with the true targets, by camera.
        example: what was seen, said and should be drawn; `None` without pictures.
    """

    task: str
    now: Observation
    then: Observation
    true: Views
    example: Example | None = None


def decisions_with_pictures(each: Recorded, keyframes: bool = True) -> list[Decision]:
    """Return the decisions of a demonstration with pictures.

    Raises:
        UserError: a broken file.
    """
    targets = demo_targets(each.states(), keyframes=keyframes)
    frames = decision_frames(targets)[:-1]
    demo, found = each.seen(frames), []
    for frame, truth in zip(
        frames, draw_targets_of(demo, frames, keyframes=keyframes), strict=True
    ):
        now, then = demo[frame], demo[truth.target]
        views = {camera: now.image(camera) for camera in TILE_ORDER}
        cameras = {camera: Camera.from_observation(now, camera) for camera in TILE_ORDER}
        example = Example(views, each.sentences[0], cameras, truth)
        found.append(Decision(each.episode.task, now, then, truth.views, example))
    return found


def decisions_without(each: Recorded, config: ControllerConfig, seed: int) -> list[Decision]:
    """Return the decisions of a demonstration without pictures.

    Args:
        each: the demonstration.
        config: what the controller sees.
        seed: of the backgrounds.

    Raises:
        UserError: a broken file.
    """
    demo, rng = each.states(), np.random.default_rng(seed)
    targets, found = demo_targets(demo, config.horizon, config.keyframes), []
    for frame in decision_frames(targets)[:-1]:
        now, then = demo[frame], demo[int(targets[frame])]
        _, tip = panda.forward_kinematics(np.asarray(now.joint_positions))
        below = textures(rng, len(config.cameras), config.image_size)[None]
        cameras = [known_cameras(config, tip)]
        drawn = draw_views(below, cameras, config.cameras, [joint_targets(then)]).views[0]
        views = dict(zip(config.cameras, drawn, strict=True))
        found.append(Decision(each.episode.task, now, then, views))
    return found


def controller_errors(
    model: ACT,
    decisions: Sequence[Decision],
    drawings: Sequence[Views | None],
    tell: Callable[[], None] = lambda: None,
) -> dict[str, dict[str, np.ndarray]]:
    """Return the errors of a controller at N decisions.

    Args:
        model: the controller.
        decisions: N.
        drawings: what was drawn at each, `None` where nothing was.
        tell: called after each decision.

    Returns:
        By kind of target (true, drawn) and way (the network alone, fitted): (N, 2), metres of the
        tip and radians of the joints (`end_errors`), NaN where there is no drawing.
    """
    nothing = (np.nan, np.nan)
    rows: dict[str, dict[str, list[tuple[float, float]]]] = {
        kind: {way: [] for way in (NETWORK, FITTED)} for kind in (TRUE, DRAWN)
    }
    for decision, drawing in zip(decisions, drawings, strict=True):
        for kind, views in ((TRUE, decision.true), (DRAWN, drawing)):
            for way, kept in rows[kind].items():
                now, then = decision.now, decision.then
                found = (
                    None
                    if views is None
                    else end_errors(model, views, now, then, fit=way == FITTED)
                )
                kept.append(found or nothing)
        tell()
    return {
        kind: {way: np.array(kept).reshape(-1, 2) for way, kept in ways.items()}
        for kind, ways in rows.items()
    }


def by_task(decisions: Sequence[Decision]) -> dict[str, np.ndarray]:
    """Return the numbers of each task's decisions, and those of all of them."""
    names = np.array([decision.task for decision in decisions])
    found = {task: np.flatnonzero(names == task) for task in sorted(set(names.tolist()))}
    return {**found, "all": np.arange(len(names))}


def drawing_scores(
    decisions: Sequence[Decision], drawings: Sequence[Views]
) -> dict[str, dict[str, Any]]:
    """Return how well targets are drawn, by task and of all
    (`genima_lite.diffusion.validate.DrawingScore`), JSON-able.
    """
    return {
        task: compare_drawings(
            [_example(decisions[i]) for i in rows], [drawings[i] for i in rows]
        ).to_json()
        for task, rows in by_task(decisions).items()
    }


def _example(decision: Decision) -> Example:
    assert decision.example is not None
    return decision.example


def error_summary(
    decisions: Sequence[Decision], errors: Mapping[str, Mapping[str, np.ndarray]]
) -> dict[str, dict[str, Any]]:
    """Return medians and 90 % quantiles of `controller_errors` by task, millimetres and degrees,
    JSON-able; `None` where nothing was drawn.
    """
    return {
        task: {
            "decisions": len(rows),
            **{
                kind: {way: _quantiles(found[rows]) for way, found in ways.items()}
                for kind, ways in errors.items()
            },
        }
        for task, rows in by_task(decisions).items()
    }


def _quantiles(errors: np.ndarray) -> dict[str, float] | None:
    finite = errors[np.isfinite(errors).all(axis=1)]
    if not len(finite):
        return None
    tip, joints = 1000 * finite[:, 0], np.rad2deg(finite[:, 1])
    return {
        "tip": float(np.median(tip)),
        "tip_90": float(np.quantile(tip, 0.9)),
        "joints": float(np.median(joints)),
        "joints_90": float(np.quantile(joints, 0.9)),
    }
