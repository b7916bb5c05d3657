"""Round things for scenes: meshes made by turning a profile about the z axis, as MJCF text."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

SEGMENTS = 28


def lathe(name: str, profile: Sequence[tuple[float, float]]) -> str:
    """Return a `<mesh>` element: a closed outline (radius, height) in metres, turned about z.

    Walk the outline counter-clockwise in the radius-height plane (outside of a cup upwards,
    then its inside downwards), so that faces look outwards.
    """
    outline = np.asarray(profile)
    turn = np.linspace(0, 2 * np.pi, SEGMENTS, endpoint=False)[:, None]
    radius, height = outline[:, 0], outline[:, 1] + 0 * turn
    vertices = np.stack([radius * np.cos(turn), radius * np.sin(turn), height], axis=-1)
    faces = _quads(SEGMENTS, len(outline))
    numbers = " ".join(f"{v:.5f}" for v in vertices.ravel())
    indices = " ".join(str(i) for i in faces.ravel())
    return f'<mesh name="{name}" inertia="shell" vertex="{numbers}" face="{indices}"/>'


def _quads(turns: int, points: int) -> np.ndarray:
    """Return triangle indices (n, 3) that join neighbouring copies of the outline."""
    a, b = np.meshgrid(np.arange(turns), np.arange(points), indexing="ij")
    this, after = a * points, (a + 1) % turns * points
    up = (b + 1) % points
    lower = np.stack([this + b, after + b, after + up], axis=-1)
    upper = np.stack([this + b, after + up, this + up], axis=-1)
    return np.concatenate([lower, upper]).reshape(-1, 3)
