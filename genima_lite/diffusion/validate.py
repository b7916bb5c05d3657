"""How well a model draws: its pictures of held-out frames, searched for spheres and compared."""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image
from scipy.stats import bootstrap

from genima_lite.cameras import Camera
from genima_lite.datasets.demonstrations import Recorded, read_demos, recorded
from genima_lite.diffusion.agent import DiffusionAgent
from genima_lite.diffusion.metadata import DrawingMetadata, load_metadata
from genima_lite.errors import UserError
from genima_lite.files import written_whole
from genima_lite.observation import Demo
from genima_lite.targets.find import FoundSphere, find_spheres, plausible_radii
from genima_lite.targets.horizon import HORIZON, SPHERES, decision_frames
from genima_lite.targets.joints import JOINTS
from genima_lite.targets.score import ViewScore, position_errors, score_view
from genima_lite.targets.views import TargetViews, demo_targets, draw_targets_of
from genima_lite.tiling import TILE_ORDER, tile

FIXED_CAMERAS = tuple(camera for camera in TILE_ORDER if camera != "wrist")
"""The cameras that stand still; the wrist's sees the gripper's sphere only, and not always."""

LEAST_SHARE, HALF = 0.25, 0.5
"""Spheres of which less shows are not counted, and of which that much shows are counted apart: a
gripper's sphere is often but a rim behind the wrist's."""


@dataclass(frozen=True, eq=False)
class Example:
    """A held-out frame: what the robot saw and was told, and what should be drawn."""

    views: dict[str, np.ndarray]
    instruction: str
    cameras: dict[str, Camera]
    expert_targets: TargetViews


def decision_examples(
    demos: Iterable[tuple[Demo, Sequence[str]]], keyframes: bool = True
) -> list[Example]:
    """Return every frame of some demonstrations at which a policy decides.

    Raises:
        UserError: no demonstrations, or views of several sizes.
    """
    examples: list[Example] = []
    for demo, sentences in demos:
        frames = decision_frames(demo_targets(demo, keyframes=keyframes))[:-1]
        for frame, targets in zip(
            frames, draw_targets_of(demo, frames, keyframes=keyframes), strict=True
        ):
            views = {camera: demo[frame].image(camera) for camera in TILE_ORDER}
            cameras = {camera: Camera.from_observation(demo[frame], camera) for camera in views}
            examples.append(Example(views, sentences[0], cameras, targets))
            _check_size(examples)
    if not examples:
        raise UserError("no demonstrations to validate on")
    return examples


def _check_size(examples: Sequence[Example]) -> None:
    """Refuse an example whose views have another size than the first one's."""
    (first, *_), (last, *_) = (list(examples[i].views.values()) for i in (0, -1))
    if first.shape != last.shape:
        raise UserError(
            f"held-out demonstrations with views of {first.shape[0]} and {last.shape[0]} pixels; "
            "give those of one size"
        )


@dataclass(frozen=True)
class DrawingScore:
    """Drawn pictures against the truth, over all examples.

    Attributes:
        frames: how many pictures.
        spheres: visible spheres in the fixed cameras' views.
        pixels: median distance from a drawn centre to the true one, fixed cameras.
        misses: share of those spheres that are not drawn, or more than a radius off.
        misses_interval: 95 % bootstrap interval of `misses`, whole examples drawn again: spheres of
            one picture are missed together. NaN for a single example.
        misses_shown: the same as `misses`, of those spheres of which at least half shows.
        misses_rims: the same of the others, which are rims behind other spheres.
        gripper: share of gripper spheres with the right colour, of those that are drawn.
        millimetres: median error of the triangulated gripper sphere.
        by_joint: median pixels of each joint.
    """

    frames: int
    spheres: int
    pixels: float
    misses: float
    misses_interval: tuple[float, float]
    misses_shown: float
    misses_rims: float
    gripper: float
    millimetres: float
    by_joint: dict[str, float]

    def __str__(self) -> str:
        low, high = (_said(share, ".1%") for share in self.misses_interval)
        away = _said(self.millimetres, ".0f")
        lines = [
            f"{self.frames} decisions, {self.spheres} spheres in the fixed views: median "
            f"{_said(self.pixels, '.2f')} pixels off, {_said(self.misses, '.1%')} missed "
            f"({low} to {high}; "
            f"{_said(self.misses_shown, '.1%')} of those of which half or more shows, "
            f"{_said(self.misses_rims, '.1%')} of the others), gripper's colour right "
            f"{_said(self.gripper, '.1%')}, gripper {away} mm off in space"
        ]
        joints = [f"{joint}: {_said(x, '.2f')} pixels" for joint, x in self.by_joint.items()]
        return "\n".join(lines + joints)

    def to_json(self) -> dict[str, Any]:
        """Return the numbers by name, with `None` for what could not be measured."""
        low, high = map(_measured, self.misses_interval)
        return {
            **{name: _measured(value) for name, value in vars(self).items()},
            "misses_interval": [low, high],
            "by_joint": {joint: _measured(x) for joint, x in self.by_joint.items()},
        }


def _measured(value: Any) -> Any:
    return None if isinstance(value, float) and not np.isfinite(value) else value


def _said(value: float, form: str) -> str:
    return format(value, form) if np.isfinite(value) else "not measured"


def score_folder(
    model: Path, demos: Path, tasks: Sequence[str] | None = None, picture: Path | None = None
) -> DrawingScore:
    """Score a model on the decisions of held-out demonstrations.

    Args:
        model: folder that fine-tuning wrote.
        demos: a dataset.
        tasks: which tasks of it; `None` for all.
        picture: gets some rows of what was seen, drawn and true, as PNG.

    Raises:
        UserError: no model, one that was trained for other targets or views, or no demonstrations.
    """
    metadata = load_metadata(model)
    if metadata.horizon != HORIZON:
        raise UserError(
            f"{model}: draws what is {metadata.horizon} steps ahead; only {HORIZON} are scored"
        )
    if metadata.target != SPHERES:
        raise UserError(
            f"{model}: draws the {metadata.target} views, in which there are no spheres to find; "
            "its validation.json says how far these are from the true ones"
        )
    agent = DiffusionAgent.load(model)
    _check_tasks(model, metadata, recorded([demos], tasks))
    examples = decision_examples(read_demos(demos, tasks), metadata.keyframes)
    _check_views(demos, metadata.view_size, examples)
    score, drawings = score_drawings(agent, examples)
    if picture is not None:
        with written_whole(picture) as partial:
            Image.fromarray(validation_picture(examples, drawings, 8)).save(partial)
    return score


def _check_tasks(model: Path, metadata: DrawingMetadata, episodes: Sequence[Recorded]) -> None:
    """Warn where demonstrations are of tasks that a model was not trained on."""
    unseen = sorted({each.episode.task for each in episodes} - set(metadata.tasks))
    if unseen:
        warnings.warn(
            f"{model}: never saw {', '.join(unseen)} (trained on {', '.join(metadata.tasks)}), so "
            "this tests whether it generalises",
            stacklevel=3,
        )


def _check_views(demos: Path, size: int, examples: Sequence[Example]) -> None:
    """Refuse demonstrations with views of another size than a model draws on."""
    for example in examples:
        for camera, view in example.views.items():
            if view.shape != (size, size, 3):
                raise UserError(
                    f"{demos}: a view of {camera} is {view.shape}, the model was trained on "
                    f"{size}x{size} pixels; record demonstrations of that size"
                )


def score_drawings(
    agent: DiffusionAgent, examples: Sequence[Example], seed: int = 0
) -> tuple[DrawingScore, list[dict[str, np.ndarray]]]:
    """Draw every example and compare with the truth.

    Args:
        agent: what draws.
        examples: at least one.
        seed: example i is drawn with noise `seed + i`.

    Returns:
        The score, and the drawn views of each example by camera, (H, W, 3) uint8.
    """
    drawings = [agent.draw(e.views, e.instruction, seed + i) for i, e in enumerate(examples)]
    return compare_drawings(examples, drawings), drawings


def compare_drawings(
    examples: Sequence[Example], drawings: Sequence[dict[str, np.ndarray]]
) -> DrawingScore:
    """Compare drawn views, of each example by camera, with the truth."""
    found = [_find(example, views) for example, views in zip(examples, drawings, strict=True)]
    away = [
        1000 * position_errors(spheres, example.cameras, example.expert_targets.joints)[0]
        for example, spheres in zip(examples, found, strict=True)
    ]
    counted, shown = (_view_scores(examples, found, share) for share in (LEAST_SHARE, HALF))
    return _together(len(examples), counted, shown, away)


def validation_picture(
    examples: Sequence[Example], drawings: Sequence[dict[str, np.ndarray]], count: int = 4
) -> np.ndarray:
    """Return rows of what was seen, drawn and true, (n 2H, 3 2W, 3) uint8."""
    chosen = np.linspace(0, len(examples) - 1, min(count, len(examples))).astype(int)
    rows = [
        np.hstack(
            [tile(examples[i].views), tile(drawings[i]), tile(examples[i].expert_targets.views)]
        )
        for i in chosen
    ]
    return np.vstack(rows)


def _find(example: Example, views: dict[str, np.ndarray]) -> dict[str, dict[str, FoundSphere]]:
    """Return the spheres found in each view, by camera and joint."""
    found = {}
    for camera, view in views.items():
        seen_by = example.cameras[camera]
        radii = plausible_radii(camera, seen_by.intrinsics, seen_by.on_wrist)
        found[camera] = find_spheres(view, seen_by.intrinsics, radii)
    return found


def _view_scores(
    examples: Sequence[Example],
    found: Sequence[dict[str, dict[str, FoundSphere]]],
    least_share: float,
) -> list[ViewScore]:
    """Return the score of every fixed camera's view of every example."""
    return [
        score_view(
            spheres[camera],
            example.expert_targets.labels[camera],
            example.expert_targets.joints.gripper_open,
            least_share,
        )
        for example, spheres in zip(examples, found, strict=True)
        for camera in FIXED_CAMERAS
    ]


def _together(
    frames: int, scores: Sequence[ViewScore], shown: Sequence[ViewScore], away: Sequence[float]
) -> DrawingScore:
    errors = np.stack([score.errors for score in scores])
    expected = np.stack([score.expected for score in scores])
    missed = np.stack([score.missed for score in scores])
    whole = np.stack([score.expected for score in shown])
    right = [score.gripper_right for score in scores if score.gripper_right is not None]
    return DrawingScore(
        frames,
        int(expected.sum()),
        _median(errors[~missed]),
        _share(missed[expected]),
        _miss_interval(expected, missed),
        _share(missed[whole]),
        _share(missed[expected & ~whole]),
        float(np.mean(right)) if right else float("nan"),
        _median(np.array(away)),
        {joint: _median(errors[:, i][~missed[:, i]]) for i, joint in enumerate(JOINTS)},
    )


def _share(missed: np.ndarray) -> float:
    """Return the share of some spheres, (N,) bool, that is missed; NaN where there is none."""
    return float(missed.mean()) if len(missed) else float("nan")


def _miss_interval(expected: np.ndarray, missed: np.ndarray) -> tuple[float, float]:
    """Return the 95 % bootstrap interval of the share of missed spheres.

    Args:
        expected, missed: (frames x fixed cameras, joints) bool.
    """
    counts = [n.reshape(-1, len(FIXED_CAMERAS) * len(JOINTS)).sum(1) for n in (missed, expected)]
    return ratio_interval(*counts)


def ratio_interval(parts: np.ndarray, wholes: np.ndarray) -> tuple[float, float]:
    """Return the 95 % bootstrap interval of summed parts over summed wholes, pairs drawn again.

    Args:
        parts, wholes: (N,), sums of wholes 0 (then those of parts are) or at least 1.

    Returns:
        The interval; NaN for fewer than two pairs.
    """
    if len(parts) < 2:
        return float("nan"), float("nan")
    found = bootstrap(
        (parts, wholes),
        lambda part, whole, axis=-1: part.sum(axis) / np.maximum(whole.sum(axis), 1),
        paired=True,
        vectorized=True,
        n_resamples=2000,
        method="percentile",
        rng=np.random.default_rng(0),
    ).confidence_interval
    return float(found.low), float(found.high)


def _median(values: np.ndarray) -> float:
    """Return the median of the finite values, NaN where there is none."""
    finite = values[np.isfinite(values)]
    return float(np.median(finite)) if len(finite) else float("nan")
