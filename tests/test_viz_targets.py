"""Pictures and sketches of targets: what they show is where the library puts it."""

import numpy as np
import pytest
from targets_scenes import camera_at_origin, make_demo, make_spheres, white

from genima_lite.cameras import Camera
from genima_lite.targets import Spheres, demo_targets, draw_targets, find_spheres, joint_targets
from genima_lite.tiling import TILE_ORDER
from genima_lite.viz.own_renderer import yours_beside_ours
from genima_lite.viz.target_pictures import (
    arm_on_views,
    cut_out,
    drawn_on,
    found_on_views,
    one_after_another,
    picture_grid,
    sphere_layers,
    turned_spheres,
)
from genima_lite.viz.target_sketches import (
    meeting_rays,
    pinhole,
    ray_and_sphere,
    ring_scale,
    target_timeline,
)
from genima_lite.viz.wrong_conventions import wrong_conventions


def single(positions, radius=0.1):
    batch = make_spheres(positions, radius)
    return Spheres(batch.poses[0], batch.colors[0], batch.radii[0])


@pytest.fixture(scope="module")
def demo():
    return make_demo(size=64)


def test_a_grid_shows_every_picture_under_its_name():
    pictures = {name: np.full((8, 8, 3), i, np.uint8) for i, name in enumerate("abc")}
    figure = picture_grid(pictures | {"numbers": np.eye(8)}, columns=2)
    shown = {axes.get_title(): axes.images[0].get_array() for axes in figure.axes if axes.images}
    assert (shown["c"] == 2).all()
    assert (shown["numbers"] == np.eye(8)).all()
    signed = picture_grid({"error": np.array([[-1.0, 3.0]])}).axes[0].images[0]
    assert signed.get_clim() == (-3, 3)
    with pytest.raises(ValueError, match="no pictures"):
        picture_grid({})


def test_a_cut_stays_inside():
    picture = np.arange(100).reshape(10, 10)
    assert cut_out(picture, (5, 5), 4)[0, 0] == 33
    assert cut_out(picture, (0, 99), 4)[-1, 0] == 90


def test_order_of_painting_and_layers():
    spheres, camera = single([[0, 0, 1.0], [0.02, 0, 1.5]]), camera_at_origin()
    nearer_first = one_after_another(white()[0], camera, spheres, (0, 1))
    assert (nearer_first != drawn_on(white()[0], camera, spheres)).any()
    layers = sphere_layers(camera, single([[0, 0, 1.0]]), 128)
    depth = next(iter(layers.values()))
    assert np.nanmin(depth) == pytest.approx(0.9, abs=0.001)
    assert np.isnan(depth[0, 0])


def test_rings_do_not_show_a_turn_about_their_own_axis():
    start, same, other = turned_spheres(
        {"start": [0, 0, 0], "x": [0.8, 0, 0], "z": [0, 0, 0.8]}
    ).values()
    assert (start == same).mean() > 0.99
    assert (start == other).mean() < 0.9


def test_every_wrong_convention_looks_wrong(demo):
    pictures = wrong_conventions(demo[0], joint_targets(demo[0]))
    right = pictures.pop("right")
    assert len(pictures) == 5
    for picture in pictures.values():
        assert (picture != right).any()
    places = (right != demo[0].image("front")).any(-1)
    for name in ("wxyz", "bgr"):
        assert (pictures[name] != demo[0].image("front")).any(-1)[places].mean() > 0.98


def test_the_readers_renderer(demo):
    def todo(*_):
        raise NotImplementedError

    names = list(yours_beside_ours(demo[0], "front", todo, todo, todo))
    assert "solve" in names[0]

    def ray_depth(d, c, r):
        a, b = (d**2).sum(-1), d @ c
        q = b**2 - a * (c @ c - r**2)
        return np.where(q >= 0, (b - np.sqrt(np.maximum(q, 0))) / a, np.inf)

    def is_coloured(points, pose, r):
        s = 0.5 + (points - pose[:3, 3]) @ pose[:3, 0] / (2 * r)
        return (s % (6 / 32) < 3 / 32) & (s < 27 / 32)

    def nearest(depths):
        return np.where(np.isfinite(depths).any(0), depths.argmin(0), -1)

    yours, ours = yours_beside_ours(demo[0], "front", ray_depth, is_coloured, nearest).values()
    assert np.abs(yours.astype(int) - ours).mean() < 4


def test_marks_on_views(demo):
    assert len(arm_on_views(demo[0], TILE_ORDER).axes) == 4
    drawn = draw_targets(demo, 0)
    found = {camera: find_spheres(drawn.views[camera]) for camera in TILE_ORDER}
    figure = found_on_views(drawn.views, found)
    assert [len(axes.patches) for axes in figure.axes] == [len(found[c]) for c in TILE_ORDER]


def test_the_timeline_has_both_rules(demo):
    dots = {line.get_label(): line.get_ydata() for line in target_timeline(demo).axes[1].lines}
    assert (dots["t + 20"] == demo_targets(demo, keyframes=False)).all()
    assert (dots["cut at the next keyframe"] == demo_targets(demo)).all()


def test_sketches_can_be_drawn(demo):
    for figure in (pinhole(), ray_and_sphere(), ring_scale()):
        assert figure.png().startswith(b"\x89PNG")
    names = ("front", "left_shoulder")
    cameras = [Camera.from_observation(demo[0], name) for name in names]
    point = np.array([0.3, 0.0, 1.0])
    pixels = np.stack([camera.project(point)[0] for camera in cameras])
    figure = meeting_rays(pixels, cameras, names, point)
    room, above, side = figure.axes
    assert len(room.get_lines()) == 3 * len(names) + 1  # ray, camera, plumb line; the point
    for axes in (above, side):
        for ray in axes.get_lines()[:-1]:
            start, *_, end = ray.get_xydata()
            (x, y), (u, v) = start, end - start
            assert abs(u * y - v * x) / np.hypot(u, v) < 1e-6  # millimetres from the point
