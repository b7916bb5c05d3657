"""Checks of notebook 02: they accept its solutions and name what is wrong with wrong answers."""

from pathlib import Path

import jupytext
import numpy as np
import pytest

from genima_lite.checks import CheckFailed, targets

SOURCE = Path(__file__).parents[1] / "notebooks/source/02_rendering_joint_targets.py"
SOLUTIONS = {
    cell.metadata["solution"]: cell.source
    for cell in jupytext.read(SOURCE).cells
    if "solution" in cell.metadata
}
SEEDS = range(5)


def function_of(name, stub=False):
    """Return the function of a solution cell, or the untouched stub a student finds."""
    source = SOLUTIONS[name]
    if stub:
        head, _, rest = source.partition("### BEGIN SOLUTION")
        source = f"{head}raise NotImplementedError{rest.partition('### END SOLUTION')[2]}"
    space = {"np": np}
    exec(source, space)
    return space[name]


def check_of(name):
    return getattr(targets, f"check_{name}")


def test_every_exercise_has_a_check():
    assert len(SOLUTIONS) == 8
    for name in SOLUTIONS:
        assert callable(check_of(name))


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("name", SOLUTIONS)
def test_solutions_pass(name, seed, capsys):
    check_of(name)(function_of(name), seed=seed)
    assert capsys.readouterr().out.startswith("✓")


@pytest.mark.parametrize("name", SOLUTIONS)
def test_stubs_are_not_done(name):
    with pytest.raises(NotImplementedError):
        check_of(name)(function_of(name, stub=True))


def in_camera(points, pose, invert=True):
    moved = np.linalg.inv(pose) if invert else pose
    return points @ moved[:3, :3].T + moved[:3, 3]


def flat(local, K):
    image = local @ K.T
    return image[:, :2] / image[:, 2:], local[:, 2]


def not_inverted(points, pose, K):
    return flat(in_camera(points, pose, invert=False), K)


def upside_down(points, pose, K):
    return flat(in_camera(points, pose) * [1, -1, 1], K)


def row_first(points, pose, K):
    pixels, depth = flat(in_camera(points, pose), K)
    return pixels[:, ::-1], depth


def undivided(points, pose, K):
    local = in_camera(points, pose)
    return (local @ K.T)[:, :2], local[:, 2]


def distance(points, pose, K):
    local = in_camera(points, pose)
    return flat(local, K)[0], np.linalg.norm(local, axis=1)


def pixels_only(points, pose, K):
    return flat(in_camera(points, pose), K)[0]


def unsigned(points, pose, K):
    pixels, depth = flat(in_camera(points, pose), K)
    return pixels, np.abs(depth)


def half_a_pixel(points, pose, K):
    pixels, depth = flat(in_camera(points, pose), K)
    return pixels - 0.5, depth


def not_transposed(points, pose, K):
    back = np.linalg.inv(pose)
    return flat(points @ back[:3, :3] + back[:3, 3], K)


def quadratic(d, c, r, sign=-1, unit=False):
    a = np.ones(d.shape[:-1]) if unit else (d**2).sum(-1)
    b = d @ c
    q = b**2 - a * (c @ c - r**2)
    return np.where(q >= 0, (b + sign * np.sqrt(np.maximum(q, 0))) / a, np.inf)


def far_side(d, c, r):
    return quadratic(d, c, r, sign=1)


def unit_rays(d, c, r):
    return quadratic(d, c, r, unit=True)


def nan_misses(d, c, r):
    a, b = (d**2).sum(-1), d @ c
    return (b - np.sqrt(b**2 - a * (c @ c - r**2))) / a


def finite_misses(d, c, r):
    found = quadratic(d, c, r)
    return np.where(np.isinf(found), 9.0, found)


def along_the_ray(d, c, r):
    return quadratic(d, c, r) * np.linalg.norm(d, axis=-1)


def plane(d, c, r):
    return np.where(np.isinf(quadratic(d, c, r)), np.inf, c[2])


def rings(s, last=27):
    return (s % (6 / 32) < 3 / 32) & (s < last / 32)


def position(points, pose, r, axis):
    return 0.5 + (points - pose[:3, 3]) @ axis / (2 * r)


def six_rings(p, pose, r):
    return rings(position(p, pose, r, pose[:3, 0]), 99)


def black_first(p, pose, r):
    return ~rings(position(p, pose, r, pose[:3, 0]))


def row_of_rotation(p, pose, r):
    return rings(position(p, pose, r, pose[0, :3]))


def world_axis(p, pose, r):
    return rings(position(p, pose, r, np.array([1.0, 0, 0])))


def z_axis(p, pose, r):
    return rings(position(p, pose, r, pose[:3, 2]))


def no_centre(p, pose, r):
    return rings(0.5 + p @ pose[:3, 0] / (2 * r))


def other_pole(p, pose, r):
    return rings(1 - position(p, pose, r, pose[:3, 0]))


def radius_for_diameter(p, pose, r):
    return rings(position(p, pose, r / 2, pose[:3, 0]))


def nobody_forgotten(depths):
    return depths.argmin(0)


def farthest(depths):
    return np.where(
        np.isfinite(depths).any(0), np.where(np.isfinite(depths), depths, -1).argmax(0), -1
    )


def painted(depths, order):
    owner = np.full(depths.shape[1:], -1)
    for i in order:
        owner[np.isfinite(depths[i])] = i
    return owner


def whole_spheres(depths):
    means = [depths[i][np.isfinite(depths[i])].mean() for i in range(len(depths))]
    return painted(depths, np.argsort(means)[::-1])


def in_list_order(depths):
    return painted(depths, range(len(depths)))


def beyond_the_end(t, length, keyframes, horizon=20):
    return min([t + horizon, *(frame for frame in keyframes if frame > t)])


def one_short(t, length, keyframes, horizon=20):
    return min(t + horizon, length - 2)


def through_keyframes(t, length, keyframes, horizon=20):
    return min(t + horizon, length - 1)


def waits(t, length, keyframes, horizon=20):
    return min([t + horizon, length - 1, *(frame for frame in keyframes if frame >= t)])


def twenty(t, length, keyframes, horizon=20):
    return min([t + 20, length - 1, *(frame for frame in keyframes if frame > t)])


ORDER = ("wrist", "front", "right_shoulder", "left_shoulder")


def reshaped(views):
    side = 2 * len(views["front"])
    return np.stack([views[name] for name in ORDER]).reshape(side, side, 3)


def laid(views, order):
    a, b, c, d = (views[name] for name in order)
    return np.concatenate([np.concatenate([a, b], 1), np.concatenate([c, d], 1)])


def shoulders_swapped(views):
    return laid(views, (ORDER[0], ORDER[1], ORDER[3], ORDER[2]))


def columns_first(views):
    return laid(views, (ORDER[0], ORDER[2], ORDER[1], ORDER[3]))


def as_they_come(views):
    return laid(views, [name for name in views if name != "overhead"])


def in_a_row(views):
    return np.concatenate([views[name] for name in ORDER], 1)


def as_floats(views):
    return laid(views, ORDER) / 1.0


def owners_as_floats(depths):
    return np.where(np.isfinite(depths).any(0), depths.argmin(0), -1.0)


def only_keyframes(t, length, keyframes, horizon=20):
    return min(t + horizon, length - 1, min(frame for frame in keyframes if frame > t))


def from_0_to_1(views):
    return laid(views, ORDER) / 255


def over_the_texture(view, texture, draw):
    texture[:] = mixed(view, texture)
    return draw(texture)


def mixed(view, texture, share=0.7):
    return np.rint(share * texture + (1 - share) * view).astype(np.uint8)


def swapped_weights(view, texture, draw):
    return draw(mixed(view, texture, 0.3))


def pale(view, texture, draw):
    return mixed(draw(view), texture)


def wraps(view, texture, draw):
    return draw(texture * 7 // 10 + view * 3 // 10)


def floats(view, texture, draw):
    return draw(0.7 * texture + 0.3 * view)


def no_texture(view, texture, draw):
    return draw(view)


def half_and_half(view, texture, draw):
    return draw(mixed(view, texture, 0.5))


def solved(origins, rays):
    across = np.eye(3) - rays[:, :, None] * rays[:, None]
    return np.linalg.solve(across.sum(0), np.einsum("vij,vj->i", across, origins))


def two_rays(origins, rays):
    return solved(origins[:2], rays[:2])


def three_rays(origins, rays):
    return solved(origins[:3], rays[:3])


def mean_of_origins(origins, rays):
    return origins.mean(0)


def bare_origins(origins, rays):
    across = np.eye(3) - rays[:, :, None] * rays[:, None]
    return np.linalg.solve(across.sum(0), origins.sum(0))


def along_not_across(origins, rays):
    along = rays[:, :, None] * rays[:, None]
    return np.linalg.solve(along.sum(0), np.einsum("vij,vj->i", along, origins))


def inner_product(origins, rays):
    across = [np.eye(3) - u @ u.T for u in rays]
    return np.linalg.solve(sum(across), sum(a @ o for a, o in zip(across, origins, strict=True)))


def closest_of_origins(origins, rays):
    return origins[0]


def mean_of_pairs(origins, rays):
    """Meet the rays two by two and average: exact if they meet, else not the nearest point."""
    pairs = [(i, j) for i in range(len(rays)) for j in range(i)]
    kept = [p for p in pairs if abs(rays[p[0]] @ rays[p[1]]) < 0.9999]
    return np.mean([solved(origins[list(p)], rays[list(p)]) for p in kept], axis=0)


WRONG = [
    ("project", not_inverted, "invert"),
    ("project", upside_down, "upside down"),
    ("project", row_first, "swapped"),
    ("project", undivided, "divide"),
    ("project", distance, "distance"),
    ("project", pixels_only, "two things"),
    ("project", unsigned, "behind the camera"),
    ("project", half_a_pixel, "half a pixel"),
    ("project", not_transposed, "turned the wrong way"),
    ("nearest", owners_as_floats, "whole numbers"),
    ("target_of", only_keyframes, "`min` of nothing"),
    ("tile_views", from_0_to_1, "255"),
    ("controller_picture", over_the_texture, "changed the array"),
    ("ray_depth", far_side, "far hits"),
    ("ray_depth", unit_rays, "unit length"),
    ("ray_depth", nan_misses, "NaN"),
    ("ray_depth", finite_misses, "infinity"),
    ("ray_depth", along_the_ray, "distance"),
    ("ray_depth", plane, "lie on the sphere"),
    ("is_coloured", six_rings, "sixth"),
    ("is_coloured", black_first, "swapped"),
    ("is_coloured", row_of_rotation, "column"),
    ("is_coloured", world_axis, "turn"),
    ("is_coloured", z_axis, "z axis"),
    ("is_coloured", no_centre, "centre"),
    ("is_coloured", other_pole, "wrong pole"),
    ("is_coloured", radius_for_diameter, "diameter"),
    ("nearest", nobody_forgotten, "nobody"),
    ("nearest", farthest, "farthest"),
    ("nearest", whole_spheres, "pixel by pixel"),
    ("nearest", in_list_order, "last sphere"),
    ("target_of", beyond_the_end, "behind the last frame"),
    ("target_of", one_short, "length - 1"),
    ("target_of", through_keyframes, "keyframe"),
    ("target_of", waits, "never leaves"),
    ("target_of", twenty, "horizon"),
    ("tile_views", reshaped, "reshape"),
    ("tile_views", shoulders_swapped, "swapped"),
    ("tile_views", columns_first, "columns"),
    ("tile_views", as_they_come, "by name"),
    ("tile_views", in_a_row, "shape"),
    ("tile_views", as_floats, "uint8"),
    ("controller_picture", swapped_weights, "weights"),
    ("controller_picture", pale, "pale"),
    ("controller_picture", wraps, "wrapped"),
    ("controller_picture", floats, "float64"),
    ("controller_picture", no_texture, "texture"),
    ("controller_picture", half_and_half, "0.7"),
    ("nearest_point", two_rays, "first two"),
    ("nearest_point", three_rays, "use all"),
    ("nearest_point", mean_of_origins, "meet in one point"),
    ("nearest_point", closest_of_origins, "meet in one point"),
    ("nearest_point", bare_origins, "before each origin"),
    ("nearest_point", along_not_across, "along a ray"),
    ("nearest_point", inner_product, "np.outer"),
    ("nearest_point", mean_of_pairs, "squared"),
]


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
@pytest.mark.parametrize(
    ("name", "attempt", "word"), WRONG, ids=lambda x: getattr(x, "__name__", x)
)
def test_wrong_answers_are_named(name, attempt, word):
    for seed in SEEDS:
        with pytest.raises(CheckFailed, match=word):
            check_of(name)(attempt, seed=seed)


@pytest.mark.parametrize("name", SOLUTIONS)
def test_a_forgotten_return_is_named(name):
    with pytest.raises(CheckFailed, match="return"):
        check_of(name)(lambda *_: None)
