"""Round things for scenes, as MJCF meshes: profiles turned about z, bodies with rounded edges."""

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


def rounded_box(name: str, half_size: Sequence[float], radius: float) -> str:
    """Return a `<mesh>` element: a box of half sizes (3,) in metres with rounded edges."""
    inner = np.asarray(half_size) - radius
    angles = np.linspace(0, np.pi / 2, 5)
    azimuth, height = np.meshgrid(angles, angles)
    octant = [np.cos(azimuth) * np.cos(height), np.sin(azimuth) * np.cos(height), np.sin(height)]
    patch = inner + radius * np.stack(octant, axis=-1).reshape(-1, 3)
    signs = np.stack(np.meshgrid([-1, 1], [-1, 1], [-1, 1]), axis=-1).reshape(-1, 1, 3)
    vertices = np.unique((signs * patch).reshape(-1, 3).round(5), axis=0)
    return f'<mesh name="{name}" vertex="{" ".join(f"{v:.5f}" for v in vertices.ravel())}"/>'


def rounded_hull(name: str, corners: Sequence[Sequence[float]], radius: float) -> str:
    """Return a `<mesh>` element: the convex hull of corners (n, 3) in metres, its edges rounded.

    The rounding adds `radius` metres on all sides: the corners are the middles of its balls.
    """
    turns, heights = np.meshgrid(np.linspace(0, 2 * np.pi, 13)[:-1], np.linspace(-1, 1, 7))
    rim = np.cos(heights * np.pi / 2)
    ball = np.stack([rim * np.cos(turns), rim * np.sin(turns), np.sin(heights * np.pi / 2)], -1)
    points = np.asarray(corners)[:, None] + radius * ball.reshape(-1, 3)
    vertices = np.unique(points.reshape(-1, 3).round(5), axis=0)
    return f'<mesh name="{name}" vertex="{" ".join(f"{v:.5f}" for v in vertices.ravel())}"/>'


def _quads(turns: int, points: int) -> np.ndarray:
    """Return triangle indices (n, 3) that join neighbouring copies of the outline."""
    a, b = np.meshgrid(np.arange(turns), np.arange(points), indexing="ij")
    this, after = a * points, (a + 1) % turns * points
    up = (b + 1) % points
    lower = np.stack([this + b, after + b, after + up], axis=-1)
    upper = np.stack([this + b, after + up, this + up], axis=-1)
    return np.concatenate([lower, upper]).reshape(-1, 3)


def wall(radius: float, thickness: float, bottom: float, top: float, count: int = 16) -> str:
    """Return the collision geoms of a round wall: a ring of boxes between two heights in metres.

    Args:
        radius: metres from the z axis to the middle of an outer face.
        thickness: metres.
        bottom, top: metres.
        count: how many boxes; one of them lies on the x axis.
    """
    half = f"{thickness / 2} {radius * np.tan(np.pi / count):.5f} {(top - bottom) / 2:.5f}"
    middle, height = radius - thickness / 2, (bottom + top) / 2
    return "".join(
        f'<geom class="collision" type="box" size="{half}" euler="0 0 {angle:.5f}" '
        f'pos="{middle * np.cos(angle):.5f} {middle * np.sin(angle):.5f} {height:.5f}"/>'
        for angle in 2 * np.pi * np.arange(count) / count
    )


def prism(name: str, sides: int, inner: float, half_height: float) -> str:
    """Return a `<mesh>` element: a regular prism along z; one side faces x.

    Args:
        name: the mesh's.
        sides: how many; even, so that a side also faces -x.
        inner: metres from the middle to each side.
        half_height: metres.
    """
    turn = 2 * np.pi * (np.arange(sides) + 0.5) / sides
    corners = inner / np.cos(np.pi / sides) * np.stack([np.cos(turn), np.sin(turn)], axis=1)
    vertices = " ".join(
        f"{x:.5f} {y:.5f} {z:.5f}" for x, y in corners for z in (-half_height, half_height)
    )
    return f'<mesh name="{name}" vertex="{vertices}"/>'
