"""Drawing spheres, on cases whose answer follows from geometry."""

import numpy as np
import pytest
from scipy.spatial.transform import Rotation
from targets_scenes import (
    camera_at_origin,
    make_spheres,
    random_posture,
    targets_at,
    view_of,
    white,
)

from genima_lite.targets import JOINTS, Spheres, draw_spheres, spheres_in_view
from genima_lite.targets.joints import COLORS, sphere_radius
from genima_lite.targets.outline import outlines
from genima_lite.targets.stripes import stripe_intensity
from genima_lite.transforms import pose_matrix


def brute_force_owners(camera, spheres, size):
    """Return which sphere a ray through each pixel's centre meets first, -1 for none."""
    rows, columns = np.indices((size, size)) + 0.5
    origin = camera.pose[:3, 3]
    rays = camera.unproject(np.stack([columns, rows], -1), np.ones((size, size))) - origin
    rays /= np.linalg.norm(rays, axis=-1, keepdims=True)
    distances = []
    for pose, radius in zip(spheres.poses[0], spheres.radii[0], strict=True):
        center = pose[:3, 3] - origin
        along = rays @ center
        square = along**2 - center @ center + radius**2
        near = along - np.sqrt(np.maximum(square, 0))
        distances.append(np.where((square > 0) & (near > 0), near, np.inf))
    nearest = np.min(distances, axis=0)
    return np.where(np.isfinite(nearest), np.argmin(distances, axis=0), -1)


@pytest.mark.parametrize(("distance", "radius"), [(1.0, 0.1), (0.5, 0.2), (3.0, 0.3)])
def test_on_the_optical_axis_it_is_a_circle_of_known_radius(distance, radius):
    camera = camera_at_origin(size=200)
    drawing = draw_spheres(white(200), [camera], make_spheres([[0, 0, distance]], radius))
    wanted = camera.intrinsics[0, 0] * radius / np.sqrt(distance**2 - radius**2)
    mask = drawing.owners[0] == 0
    assert mask.sum() == pytest.approx(np.pi * wanted**2, rel=0.02)
    rows, columns = np.nonzero(mask)
    assert columns.mean() + 0.5 == pytest.approx(100, abs=0.05)
    assert rows.mean() + 0.5 == pytest.approx(100, abs=0.05)
    assert np.ptp(rows) + 1 == pytest.approx(2 * wanted, abs=1.3)


def test_off_the_axis_it_is_the_ellipse_that_its_silhouette_projects_to():
    camera, radius = camera_at_origin(size=256, angle=1.4), 0.3
    center = np.array([0.5, -0.35, 1.2])
    outline = outlines([camera], center[None, None], np.array([[radius]]))
    # points where lines from the camera touch the sphere
    distance = np.linalg.norm(center)
    axis = center / distance
    aside = np.cross(axis, [0, 0, 1.0])
    aside /= np.linalg.norm(aside)
    turn = np.linspace(0, 2 * np.pi, 4001)[:, None]
    ring = np.cos(turn) * aside + np.sin(turn) * np.cross(axis, aside)
    touching = axis * (distance**2 - radius**2) / distance
    touching = touching + ring * radius * np.sqrt(distance**2 - radius**2) / distance
    edge, _ = camera.project(touching)
    low, high = edge.min(0), edge.max(0)
    np.testing.assert_allclose(outline.middles[0, 0], (low + high) / 2, atol=0.01)
    np.testing.assert_allclose(outline.halves[0, 0], (high - low) / 2, atol=0.01)
    x, y = edge.T
    shoelace = 0.5 * abs(np.sum(x[:-1] * y[1:] - x[1:] * y[:-1]))
    assert outline.areas[0, 0] == pytest.approx(shoelace, rel=1e-4)
    drawing = draw_spheres(white(256), [camera], make_spheres([center], radius))
    rows, columns = np.nonzero(drawing.owners[0] == 0)
    assert (columns.mean() + 0.5, rows.mean() + 0.5) == pytest.approx(
        tuple(outline.middles[0, 0]), abs=0.1
    )
    middle, _ = camera.project(center)
    assert np.linalg.norm(middle - outline.middles[0, 0]) > 5, "an ellipse's middle lies outside"


def test_swapping_two_spheres_swaps_who_hides_whom():
    near, far = [0.0, 0.0, 1.0], [0.05, 0.0, 2.0]
    camera = camera_at_origin()
    first = draw_spheres(white(), [camera], make_spheres([near, far]))
    second = draw_spheres(white(), [camera], make_spheres([far, near]))
    assert first.owners[0, 64, 64] == 0
    assert second.owners[0, 64, 64] == 1
    np.testing.assert_array_equal(first.pictures, second.pictures)
    assert first.visible()[0, 0] == pytest.approx(1.0, abs=0.02)
    assert first.visible()[0, 1] < 0.05


@pytest.mark.parametrize("seed", range(4))
def test_every_pixel_shows_the_sphere_that_its_ray_meets_first(seed):
    """Random spheres of different sizes, many of them running through each other."""
    rng = np.random.default_rng(seed)
    camera = camera_at_origin(size=96)
    centers = rng.uniform([-0.4, -0.4, 1.0], [0.4, 0.4, 1.6], (5, 3))
    spheres = make_spheres(centers, rng.uniform(0.1, 0.3, 5))
    drawing = draw_spheres(white(96), [camera], spheres)
    truth = brute_force_owners(camera, spheres, 96)
    differing = drawing.owners[0] != truth
    assert differing.mean() < 0.01
    assert (truth >= 0).mean() > 0.1


@pytest.mark.parametrize("seed", range(3))
def test_so_it_is_for_arms_in_random_postures(seed):
    rng = np.random.default_rng(seed)
    targets = targets_at(random_posture(rng))
    for name in ("front", "right_shoulder", "wrist"):
        camera, spheres = view_of(targets, name, 64)
        drawing = draw_spheres(white(64), [camera], spheres)
        differing = drawing.owners[0] != brute_force_owners(camera, spheres, 64)
        assert differing.mean() < 0.005


def test_turning_a_joint_moves_the_stripes_but_not_the_outline():
    camera = camera_at_origin()

    def drawn(angle, axis):
        pose = pose_matrix([0, 0, 1], Rotation.from_rotvec(angle * np.array(axis)).as_quat())
        return draw_spheres(white(), [camera], make_spheres([], 0.3, poses=pose[None])).pictures[0]

    still = drawn(0.0, [0, 0, 1.0]).astype(int)
    about_z, about_x = drawn(0.2, [0, 0, 1.0]).astype(int), drawn(0.2, [1.0, 0, 0]).astype(int)
    inside = (still != 255).any(-1)
    np.testing.assert_array_equal((about_z != 255).any(-1), inside)
    assert np.abs(about_z - still)[inside].mean() > 20
    # about their own axis the stripes look the same
    assert np.abs(about_x - still)[inside].mean() < 1


def test_stripes_lie_across_the_x_axis_and_count_five():
    """Seen from the side, along the x axis: five coloured rings, then black."""
    camera = camera_at_origin(size=256)
    picture = draw_spheres(
        white(256), [camera], make_spheres([[0, 0, 4]], 1.5, "gripper_open")
    ).pictures
    row = picture[0, 128].astype(int)
    colored = (row == COLORS["gripper_open"]).all(-1)
    starts = np.flatnonzero(colored[1:] & ~colored[:-1])
    assert len(starts) == 5
    last = np.flatnonzero((row != 255).any(-1))[-1]
    assert (row[last - 8 : last - 2] < 12).all(), "the far end is black"
    column = picture[0, :, 128]
    assert np.ptp(column[60:190].astype(int), axis=0).max() < 20, "along a ring nothing changes"


def test_the_stripes_mean_is_kept_when_a_pixel_spans_many():
    s = np.linspace(0, 1, 101, dtype=np.float32)
    wide = stripe_intensity(s, np.full_like(s, 1.0))
    np.testing.assert_allclose(wide, 15 / 32, atol=0.01)  # five rings of 3/32
    sharp = stripe_intensity(s, np.full_like(s, 1e-4))
    assert set(np.round(sharp, 1)) >= {0.0, 1.0}
    assert sharp.max() <= 1.0


def test_edges_blend_with_the_picture_below():
    """No white rim: on a black picture every edge pixel is darker than the sphere's colour."""
    camera = camera_at_origin()
    black = np.zeros((1, 128, 128, 3), np.uint8)
    picture = draw_spheres(black, [camera], make_spheres([[0, 0, 1]], 0.2, "base")).pictures[0]
    assert picture[..., 1:].max() == 0
    assert picture[..., 0].max() == COLORS["base"][0]
    assert not black.any(), "the picture given is left as it was"


def test_what_is_partly_out_of_view_is_drawn_and_counted():
    camera = camera_at_origin(size=100)
    half_width = 1.0 * 50 / camera.intrinsics[0, 0]
    drawing = draw_spheres(
        white(100), [camera], make_spheres([[half_width, 0, 1], [0, 0, 1.0]], 0.1)
    )
    assert drawing.visible()[0] == pytest.approx([0.5, 1.0], abs=0.04)
    assert drawing.owners[0, 50, 99] == 0


def test_a_sphere_larger_than_the_picture_fills_it():
    drawing = draw_spheres(white(64), [camera_at_origin(64, 0.3)], make_spheres([[0, 0, 0.5]], 0.3))
    assert (drawing.owners == 0).all()


@pytest.mark.parametrize("position", [[0, 0, -1.0], [0, 0, 0.05], [5.0, 0, 1.0]])
def test_behind_around_or_beside_the_camera_nothing_is_drawn(position):
    drawing = draw_spheres(white(), [camera_at_origin()], make_spheres([position]))
    assert (drawing.pictures == 255).all()
    assert drawing.visible()[0, 0] == 0


def test_a_batch_is_drawn_like_its_views_one_by_one():
    rng = np.random.default_rng(0)
    cameras, each = [], []
    for _ in range(3):
        targets = targets_at(random_posture(rng), bool(rng.integers(2)))
        for name in ("wrist", "front", "overhead"):
            camera, spheres = view_of(targets, name, 64)
            cameras.append(camera)
            each.append(spheres)
    pictures = rng.integers(0, 256, (9, 64, 64, 3), np.uint8)
    batch = Spheres(
        *(np.concatenate([getattr(s, f) for s in each]) for f in ("poses", "colors", "radii"))
    )
    together = draw_spheres(pictures, cameras, batch)
    for n in range(9):
        alone = draw_spheres(pictures[n : n + 1], cameras[n : n + 1], each[n])
        np.testing.assert_array_equal(alone.pictures[0], together.pictures[n])
        np.testing.assert_array_equal(alone.owners[0], together.owners[n])


def test_the_overhead_view_shows_the_gripper_only():
    targets = targets_at(np.zeros(7) + 0.1)
    assert (spheres_in_view(targets, "overhead").radii > 0).tolist() == [True, False, False, False]
    assert (spheres_in_view(targets, "front").radii == 0.08).all()


@pytest.mark.parametrize(
    ("camera", "radius"),
    [("wrist", 0.03), ("front", 0.08), ("right_shoulder", 0.065), ("overhead", 0.065)],
)
def test_sizes_are_the_papers(camera, radius):
    assert sphere_radius(camera) == pytest.approx(radius)


def test_colors_by_joint_and_gripper():
    for state, name in ((True, "gripper_open"), (False, "gripper_closed")):
        colors = spheres_in_view(targets_at(np.zeros(7) + 0.1, state), "front").colors
        assert colors.tolist() == [list(COLORS[key]) for key in (name, *JOINTS[1:])]


def test_wrong_input_is_refused():
    camera, spheres = camera_at_origin(), make_spheres([[0, 0, 1]])
    with pytest.raises(ValueError, match="uint8, not .* float64"):
        draw_spheres(white().astype(float), [camera], spheres)
    with pytest.raises(ValueError, match="2 cameras for 1 pictures"):
        draw_spheres(white(), [camera, camera], spheres)
    with pytest.raises(ValueError, match="radii, colors and poses must be"):
        draw_spheres(white(), [camera], Spheres(spheres.poses, spheres.colors, spheres.radii[0]))
    with pytest.raises(ValueError, match="no sphere size for camera 'ceiling'"):
        sphere_radius("ceiling")
