"""Checks of notebook 02: projection, rays, stripes, occlusion, horizon, tiles, backdrops, rays."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from genima_lite.cameras import Camera, intrinsics_of
from genima_lite.checks.verdict import called, close, compare, expect, passed
from genima_lite.targets.stripes import RING, RINGS
from genima_lite.tiling import TILE_ORDER, tile
from genima_lite.transforms import from_axes, pose_matrix

Attempt = Callable[..., Any]


def check_project(attempt: Attempt, seed: int = 0) -> None:
    """Check `project(points, pose, intrinsics) -> (pixels, depth)`.

    Points (N, 3) in metres, world frame; pose (4, 4) camera to world; intrinsics (3, 3);
    pixels (N, 2), column then row; depth (N,) in metres along the optical axis.
    """
    rng = np.random.default_rng(seed)
    camera = _camera_towards(rng, rng.uniform(-0.2, 0.2, 3) + [0.3, 0, 0.9])
    local = rng.uniform([-0.4, -0.4, 0.8], [0.4, 0.4, 1.6], (6, 3))
    points = _moved(local, camera.pose)
    pixels, depth = _pair(called(attempt, points, camera.pose, camera.intrinsics))
    true_pixels, true_depth = camera.project(points)
    outside = _moved(points, camera.pose)
    back = np.linalg.inv(camera.pose)
    unturned = points @ back[:3, :3] + back[:3, 3]
    with np.errstate(divide="ignore", invalid="ignore"):
        wrong = {
            "row and column are swapped: column (x) comes first": true_pixels[:, ::-1],
            "the picture is upside down: in OpenCV's axes y points down, no sign to change": (
                true_pixels * [1, -1] + [0, 2 * camera.intrinsics[1, 2]]
            ),
            "the pose is camera-to-world, so it takes points the wrong way: invert it": (
                _flat(outside, camera)
            ),
            "divide by the depth: far things must move towards the principal point": (
                (local @ camera.intrinsics.T)[:, :2]
            ),
            "half a pixel off: the intrinsics count from the picture's corner already": (
                true_pixels - 0.5
            ),
            "half a pixel off: the intrinsics count from the picture's corner, add nothing": (
                true_pixels + 0.5
            ),
            "turned the wrong way: R acts on columns, points are rows, so `points @ R.T`": (
                _flat(unturned, camera)
            ),
        }
    compare(
        pixels,
        true_pixels,
        wrong,
        "the pixels are off: into camera axes, times the intrinsics, over z",
    )
    wrong_depth = {
        "depth is z in camera axes, not the distance to the point": np.linalg.norm(local, axis=1),
    }
    compare(depth, true_depth, wrong_depth, "the depth is off: it is z in camera axes, in metres")
    behind = _moved(local * [1, 1, -1], camera.pose)
    _, depth = _pair(called(attempt, behind, camera.pose, camera.intrinsics))
    hint = "behind the camera z is negative: no `abs`, or things behind it appear before it"
    close(depth, -local[:, 2], hint)
    passed("your pixels are the library's: right is right, down is down, far is small")


def check_ray_depth(attempt: Attempt, seed: int = 0) -> None:
    """Check `ray_depth(directions, center, radius) -> depth`, all in camera axes, metres.

    Directions (..., 3) with z = 1; center (3,); depth (...) of the near hit, infinity for a miss.
    """
    rng = np.random.default_rng(seed)
    center, radius = rng.uniform([-0.3, -0.3, 0.8], [0.3, 0.3, 1.5]), rng.uniform(0.1, 0.3)
    slopes = rng.uniform(-0.6, 0.6, (12, 12, 2)) + center[:2] / center[2]
    directions = np.concatenate([slopes, np.ones((12, 12, 1))], axis=-1)
    directions[0, 0] = center / center[2]
    with np.errstate(invalid="ignore"):
        depth = _array(called(attempt, directions, center, radius), (12, 12))
        near, far = _hits(directions, center, radius)
        unit = _hits(directions, center, radius, unit=True)
    expect(
        not np.isnan(depth).any(),
        "rays that miss gave NaN (the root of a negative number): return infinity there",
    )
    wrong = {
        "these are the far hits, on the back of the sphere: take the smaller root": far,
        "d is not of unit length: the quadratic's first coefficient is d · d": unit[0],
        "this is the distance to the camera; with d = (x, y, 1) the depth is z itself": (
            near * np.linalg.norm(directions, axis=-1)
        ),
    }
    if not any(np.allclose(depth, mistake, rtol=0, atol=1e-5) for mistake in wrong.values()):
        hit = np.isfinite(near)
        expect(np.isinf(depth[~hit]).all(), "a ray that misses the sphere must give infinity")
        expect(np.isfinite(depth[hit]).all(), "some rays that hit the sphere were called misses")
    compare(depth, near, wrong, "hits are off: do the points z d lie on the sphere?", 1e-5)
    passed("every hit lies on the sphere's front, and misses are infinitely far")


def check_is_coloured(attempt: Attempt, seed: int = 0) -> None:
    """Check `is_coloured(points, pose, radius) -> (N,) bool`.

    Points (N, 3) on the sphere's surface, pose (4, 4) sphere to world, radius in metres.
    """
    rng = np.random.default_rng(seed)
    radius = rng.uniform(0.05, 0.2)
    pose = pose_matrix(rng.uniform(-0.5, 0.5, 3), rng.normal(size=4))
    s, around = rng.uniform(0, 1, 400), rng.uniform(0, 2 * np.pi, 400)
    s = s[np.abs(np.mod(s + RING / 2, RING) - RING / 2) > 0.003]
    around = around[: len(s)]
    local = radius * _on_sphere(s, around)
    points = _moved(local, pose)
    coloured = _array(called(attempt, points, pose, radius), s.shape).astype(bool)
    wrong = {
        "there is a sixth ring: after the fifth the rest up to the pole is black": _rings(s, 99),
        "colour and black are swapped: the pattern begins with colour at s = 0": ~_rings(s),
        "the rings begin at the wrong pole: s = 0 lies at x = -r": _rings(1 - s),
        "the stripes do not turn with the sphere: use the sphere's own x axis, not the world's": (
            _rings(0.5 + (points - pose[:3, 3])[:, 0] / (2 * radius))
        ),
        "that is a row of the rotation; the sphere's x axis in the world is its first column": (
            _rings(0.5 + (points - pose[:3, 3]) @ pose[0, :3] / (2 * radius))
        ),
        "the sphere's centre is missing: subtract it from the points first": (
            _rings(0.5 + points @ pose[:3, 0] / (2 * radius))
        ),
        "those are rings around the z axis; the stripes lie across x": (
            _rings(0.5 + local[:, 2] / (2 * radius))
        ),
        "s runs from 0 to 1 over the whole diameter, 2 r": _rings(0.5 + (s - 0.5) * 2),
    }
    compare(coloured, _rings(s), wrong, "the rings are off: compute s, then ask s mod 6/32 < 3/32")
    passed("five rings from the first pole on, and they turn with the sphere")


def check_nearest(attempt: Attempt, seed: int = 0) -> None:
    """Check `nearest(depths) -> (H, W) int`: depths (S, H, W) metres, infinity for a miss."""
    rng = np.random.default_rng(seed)
    rows, columns = np.indices((16, 16))
    depths = np.stack(
        [
            1.0 + 0.03 * columns,
            1.2 + 0.0 * columns,
            1.5 - 0.03 * rows + 0.01 * rng.uniform(size=rows.shape),
        ]
    )
    depths[:, rng.uniform(size=rows.shape) < 0.2] = np.inf
    depths[0, :4] = np.inf
    owner = _array(called(attempt, depths), rows.shape)
    expect(owner.dtype.kind in "iu", f"owners are numbered: whole numbers, not {owner.dtype}")
    true = np.where(np.isfinite(depths).any(0), depths.argmin(0), -1)
    empty = true == -1
    expect(
        (owner[empty] == -1).all(),
        "where every ray misses nobody owns the pixel: -1, though argmin says 0",
    )
    finite = np.where(np.isfinite(depths), depths, np.nan)
    means = np.nanmean(finite, axis=(1, 2))
    by_mean = np.full(rows.shape, -1)
    for i in np.argsort(-means):
        by_mean[np.isfinite(depths[i])] = i
    in_turn = np.full(rows.shape, -1)
    for i in range(3):
        in_turn[np.isfinite(depths[i])] = i
    wrong = {
        "the farthest sphere wins: it is the smallest depth that hides the others": (
            np.where(empty, -1, np.where(np.isfinite(depths), depths, -1).argmax(0))
        ),
        "whole spheres are painted over one another; decide pixel by pixel, spheres can cross": (
            by_mean
        ),
        "the last sphere of the list wins; the nearest must": in_turn,
    }
    compare(owner, true, wrong, "some pixels have the wrong owner: compare depths pixel by pixel")
    passed("the nearest sphere owns each pixel, even where spheres cross")


def check_target_of(attempt: Attempt, seed: int = 0) -> None:
    """Check `target_of(t, length, keyframes, horizon=20) -> int`; keyframes increase."""
    rng = np.random.default_rng(seed)
    length = int(rng.integers(55, 70))
    first = int(rng.integers(6, 12))
    keyframes = [first, first + int(rng.integers(25, 30))]

    def asked(t: int, keyframes: list[int], horizon: int = 20) -> int:
        try:
            found = attempt(t, length, list(keyframes), horizon)
        except ValueError as error:
            expect("empty" not in str(error), "there may be no keyframe later than t, and `min` "
                   "of nothing is an error: give it t + K and the last frame, too")  # fmt: skip
            raise
        expect(found is not None, "the function returned nothing: is there a `return`?")
        return int(found)

    expect(asked(3, []) == 23, "far from the end and without keyframes the target is t + K")
    last = asked(length - 5, [])
    expect(last < length, "near the end t + K lies behind the last frame: stay at the last one")
    expect(
        last != length - 2,
        "the last frame is length - 1; a gripper that opens at the very end shows only there",
    )
    expect(last == length - 1, "near the end the target stays at the last frame, length - 1")
    expect(asked(length - 1, []) == length - 1, "the last frame's target is itself")
    expect(asked(0, keyframes) == first, "a keyframe that comes sooner than t + K is the target")
    expect(
        asked(first, keyframes) != first,
        "at a keyframe the target is that keyframe, so the arm never leaves it: "
        "look for later ones",
    )
    expect(
        asked(first, keyframes) == first + 20,
        "behind a keyframe count K again, up to the next keyframe",
    )
    expect(
        asked(keyframes[1], keyframes) == min(keyframes[1] + 20, length - 1),
        "behind the last keyframe: t + K",
    )
    expect(asked(3, [], 7) == 10, "use the argument `horizon`, not 20")
    passed("no target lies behind a keyframe, and no frame waits for ever")


def check_tile_views(attempt: Attempt, seed: int = 0) -> None:
    """Check `tile_views(views) -> (2H, 2W, 3)`: views by camera name, each (H, W, 3) uint8."""
    rng = np.random.default_rng(seed)
    size = 2 * int(rng.integers(3, 8))
    names = ("left_shoulder", "right_shoulder", "overhead", "front", "wrist")
    views = {name: rng.integers(0, 256, (size, size, 3), np.uint8) for name in names}
    picture = attempt(dict(views))
    expect(picture is not None, "the function returned nothing: is there a `return`?")
    found = np.asarray(picture)
    in_order = np.stack([views[name] for name in TILE_ORDER])
    transposed = in_order[[0, 2, 1, 3]]
    by_dict = np.stack([views[name] for name in names if name != "overhead"])
    swapped = in_order[[0, 1, 3, 2]]
    expect(
        found.shape == (2 * size, 2 * size, 3),
        f"the result has shape {found.shape}, it should be {(2 * size, 2 * size, 3)}",
    )
    expect(found.max() > 1, "values up to 1: the views are laid out, not divided by 255")
    wrong = {
        "reshape keeps the pixels in memory's order, so rows of different views mix: use "
        "np.concatenate": in_order.reshape(2 * size, 2 * size, 3),
        "the tiles fill columns first; the second view belongs top right": _two_by_two(transposed),
        "left and right shoulder are swapped: the right one is at the bottom left": (
            _two_by_two(swapped)
        ),
        "that is the dictionary's order; ask for the four cameras by name": _two_by_two(by_dict),
    }
    compare(found, tile(views), wrong, "the tiles are not wrist, front / right, left shoulder")
    expect(found.dtype == np.uint8, f"pictures are uint8, yours is {found.dtype}")
    passed("wrist and front above, right and left shoulder below")


def check_controller_picture(attempt: Attempt, seed: int = 0) -> None:
    """Check `controller_picture(view, texture, draw) -> (H, W, 3) uint8`.

    View and texture (H, W, 3) uint8; `draw` takes a picture and returns it with spheres on it.
    """
    rng = np.random.default_rng(seed)
    view, texture = rng.integers(0, 256, (2, 12, 12, 3), np.uint8)
    color = np.array([5, 206, 235], np.uint8)

    def draw(picture: np.ndarray) -> np.ndarray:
        expect(
            np.asarray(picture).dtype == np.uint8,
            f"`draw` paints on uint8 pictures, it was given {np.asarray(picture).dtype}: "
            "round, then .astype(np.uint8)",
        )
        painted = np.array(picture)
        painted[4:8, 4:8] = color
        return painted

    found = _array(called(attempt, view, texture, draw), view.shape)
    expect(found.dtype == np.uint8, f"pictures are uint8, yours is {found.dtype}")
    sphere = found[4:8, 4:8].astype(int)
    expect(
        not (sphere == view[4:8, 4:8]).all() and not (found[0] == view[0]).all(),
        "the view is unchanged: the texture is missing",
    )
    expect(
        np.abs(sphere - color.astype(int)).max() <= 1,
        "the spheres are pale: blend first, and draw the spheres on the result, opaque",
    )
    true = 0.7 * texture + 0.3 * view
    with np.errstate(over="ignore"):
        wrapped = (texture * 7 // 10 + view * 3 // 10).astype(float)
    outside = np.ones((12, 12), bool)
    outside[4:8, 4:8] = False
    wrong = {
        "the weights are swapped: 0.7 is the texture's share": (0.7 * view + 0.3 * texture)[
            outside
        ],
        "uint8 wrapped around at 256: multiply by floats first": wrapped[outside],
    }
    compare(
        found[outside], true[outside], wrong, "outside the spheres: 0.7 texture + 0.3 view", 1.0
    )
    passed("the scene is faint, the spheres are not")


def check_nearest_point(attempt: Attempt, seed: int = 0) -> None:
    """Check `nearest_point(origins, rays) -> (3,)`: both (V, 3), metres, rays of unit length."""
    rng = np.random.default_rng(seed)
    point = rng.uniform(-0.3, 0.3, 3) + [0.3, 0, 1.0]
    origins = point + rng.normal(size=(4, 3)) * [1.0, 1.0, 0.3] + [0, 0, 1.0]
    rays = (point - origins) / np.linalg.norm(point - origins, axis=1, keepdims=True)
    along = rays[:, :, None] * rays[:, None]
    across = np.eye(3) - along
    meeting = {
        f"{_NO_MEETING}: on the right, too, I - u u^T stands before each origin": (
            np.linalg.solve(across.sum(0), origins.sum(0))
        ),
        f"{_NO_MEETING}: u u^T takes the part along a ray; across it is I - u u^T": (
            np.linalg.solve(along.sum(0), np.einsum("vij,vj->i", along, origins))
        ),
        f"{_NO_MEETING}: yours is the mean of the origins. If you wrote `u @ u`, that is the "
        "number 1; the matrix is np.outer(u, u)": origins.mean(0),
    }
    compare(called(attempt, origins, rays), point, meeting, _NO_MEETING)
    bent = rays + rng.normal(0, 0.03, rays.shape)
    bent /= np.linalg.norm(bent, axis=1, keepdims=True)
    found = _array(called(attempt, origins, bent), (3,))
    wrong = {
        "only the first two rays count; use all of them": _least_squares(origins[:2], bent[:2]),
    }
    for left_out in range(len(origins)):
        kept = np.arange(len(origins)) != left_out
        same = np.allclose(found, _least_squares(origins[kept], bent[kept]), atol=1e-6)
        expect(not same, "one of the rays does not count; use all of them")
    compare(found, _least_squares(origins, bent), wrong, _NOT_NEAREST)
    far = np.concatenate([origins, origins[:1] + 0.2]), np.concatenate([bent, bent[:1]])
    close(attempt(*far), _least_squares(*far), _NOT_NEAREST)
    passed("no other point is nearer to all rays")


_NO_MEETING = "rays that meet in one point must give that point"
_NOT_NEAREST = (
    "rays that miss one another: the point does not minimise the sum of squared distances to them"
)


def _least_squares(origins: np.ndarray, rays: np.ndarray) -> np.ndarray:
    """Return the point (3,) with the least sum of squared distances to rays, both (V, 3)."""
    across = np.eye(3) - rays[:, :, None] * rays[:, None]
    return np.linalg.solve(across.sum(0), np.einsum("vij,vj->i", across, origins))


def _array(found: Any, shape: tuple[int, ...]) -> np.ndarray:
    """Return what an attempt gave as an array of the shape it should have."""
    expect(found is not None, "the function returned nothing: is there a `return`?")
    array = np.asarray(found)
    expect(array.shape == shape, f"the result has shape {array.shape}, it should be {shape}")
    return array


def _pair(found: Any) -> tuple[Any, Any]:
    expect(found is not None, "the function returned nothing: is there a `return`?")
    expect(isinstance(found, tuple) and len(found) == 2, "return two things: pixels, depth")
    return found[0], found[1]


def _moved(points: np.ndarray, pose: np.ndarray) -> np.ndarray:
    """Return points (N, 3) of a body's axes in the axes that its pose (4, 4) leads to."""
    return points @ pose[:3, :3].T + pose[:3, 3]


def _flat(local: np.ndarray, camera: Camera) -> np.ndarray:
    image = local @ camera.intrinsics.T
    return image[:, :2] / image[:, 2:]


def _camera_towards(rng: np.random.Generator, middle: np.ndarray) -> Camera:
    """Return a 128-pixel camera somewhere 1.2 m from a point (3,) that it looks at."""
    forward = -rng.normal(size=3) * [1, 1, 0.3] - [0, 0, 0.5]
    forward /= np.linalg.norm(forward)
    right = np.cross(forward, [0, 0, 1.0])
    right /= np.linalg.norm(right)
    pose = from_axes(middle - 1.2 * forward, right, np.cross(forward, right), forward)
    return Camera(intrinsics_of(0.8, 128), pose)


def _hits(
    directions: np.ndarray, center: np.ndarray, radius: float, unit: bool = False
) -> tuple[np.ndarray, np.ndarray]:
    """Return near and far t of rays t d, infinity for misses; `unit` forgets to divide by d d."""
    first = np.ones(directions.shape[:-1]) if unit else (directions**2).sum(-1)
    half = directions @ center
    inside = half**2 - first * (center @ center - radius**2)
    root = np.sqrt(np.maximum(inside, 0.0))
    near, far = (half - root) / first, (half + root) / first
    return np.where(inside >= 0, near, np.inf), np.where(inside >= 0, far, np.inf)


def _on_sphere(s: np.ndarray, around: np.ndarray) -> np.ndarray:
    """Return points (N, 3) of the unit sphere at s from pole to pole of x and angles about x."""
    x = 2 * s - 1
    ring = np.sqrt(1 - x**2)
    return np.column_stack([x, ring * np.cos(around), ring * np.sin(around)])


def _rings(s: np.ndarray, rings: int = RINGS) -> np.ndarray:
    """Return where the pattern is coloured, bool, for s from 0 to 1."""
    return (np.mod(s, 2 * RING) < RING) & (s < 2 * RING * rings)


def _two_by_two(views: np.ndarray) -> np.ndarray:
    """Return four views (4, H, W, 3) row by row."""
    return np.concatenate([np.concatenate(list(views[:2]), 1), np.concatenate(list(views[2:]), 1)])
