"""Things on the table that have nothing to do with the task."""

from __future__ import annotations

from itertools import pairwise

import numpy as np

from genima_lite.envs.bench.perturbation import Perturbation
from genima_lite.envs.bench.scene import Scene
from genima_lite.rlbench import COLORS, TABLE

_SHAPES = (
    ("box", "0.022 0.03 0.03", 0.03),
    ("cylinder", "0.025 0.04", 0.04),
    ("sphere", "0.03", 0.03),
    ("capsule", "0.02 0.03", 0.05),
)
"""Type, MJCF size and half height in metres."""

_CLEAR, _APART, _PATH = 0.08, 0.10, 0.10
"""Metres from a distractor's middle to the task's pieces, to others, and to the expert's way."""

_LOW, _HIGH = np.array([0.0, -0.4]), np.array([0.5, 0.4])
"""Metres, x and y: where distractors may stand."""

_AWAY = np.array([-1.5, 0.0])
"""Where those wait for which there is no room: behind the robot, on the floor."""

_TRIES = 200


def _body(number: int) -> str:
    kind, size, half = _SHAPES[number]
    return (
        f'<body name="distractor_{number}" pos="-1.5 {0.3 * number} {half}"><freejoint/>'
        f'<geom name="distractor_{number}" type="{kind}" size="{size}" mass="0.15" '
        'friction="1 0.01 0.005" rgba="0.5 0.5 0.51 1"/></body>'
    )


class Distractors(Perturbation):
    """Up to four things in random colours stand beside the task's pieces and the expert's way."""

    mjcf = f"<worldbody>{''.join(_body(i) for i in range(len(_SHAPES)))}</worldbody>"

    def apply(self, scene: Scene, strength: float, rng: np.random.Generator) -> None:
        way = np.array(
            [scene.pose("tip")[:2, 3], *(w.tip[:2, 3] for w in scene.task.waypoints(scene))]
        )
        standing: list[np.ndarray] = []
        chosen = rng.permutation(len(_SHAPES))[: round(strength * len(_SHAPES))]
        for number in range(len(_SHAPES)):
            color = list(COLORS.values())[rng.integers(len(COLORS))]
            scene.paint(f"distractor_{number}", color)
            tries, yaw = rng.uniform(_LOW, _HIGH, (_TRIES, 2)), rng.uniform(-np.pi, np.pi)
            free = (at for at in tries if _is_free(at, scene.footprints(), way, standing))
            place = next(free, None) if number in chosen else None
            standing += [] if place is None else [place]
            _put(scene, number, place, yaw)


def _put(scene: Scene, number: int, place: np.ndarray | None, yaw: float) -> None:
    half = _SHAPES[number][2]
    x, y = _AWAY + (0, 0.3 * number) if place is None else place
    scene.place(f"distractor_{number}", x, y, yaw, half if place is None else TABLE + half + 0.001)


def _is_free(
    place: np.ndarray, pieces: np.ndarray, way: np.ndarray, others: list[np.ndarray]
) -> bool:
    """Return whether a place (2,) is far enough from everything.

    Args:
        place: metres.
        pieces: (n, 2, 2), rectangles around the task's pieces: lower and upper corners.
        way: (m, 2), where the expert's tip goes, joined by straight lines.
        others: distractors that stand already.
    """
    outside = np.maximum(np.maximum(pieces[:, 0] - place, place - pieces[:, 1]), 0)
    near_others = any(np.linalg.norm(place - other) < _APART for other in others)
    beside = [_distance(place, a, b) for a, b in pairwise(way)]
    clear = (np.linalg.norm(outside, axis=1) > _CLEAR).all()
    return bool(clear and not near_others and min(beside, default=1.0) > _PATH)


def _distance(point: np.ndarray, start: np.ndarray, end: np.ndarray) -> float:
    """Return the distance from a point (2,) to a straight line between two points."""
    line = end - start
    share = np.clip((point - start) @ line / max(line @ line, 1e-12), 0, 1)
    return float(np.linalg.norm(point - start - share * line))
