"""Scores of found spheres, and points from several views."""

import numpy as np
import pytest
from targets_scenes import FIXED, random_posture, targets_at, view_of

from genima_lite.cameras import mounted_camera
from genima_lite.targets import (
    FoundSphere,
    ViewLabels,
    draw_spheres,
    find_spheres,
    plausible_radii,
    position_errors,
    random_texture,
    score_view,
    summarize,
    triangulate,
)
from genima_lite.targets.triangulate import triangulate_agreeing

LABELS = ViewLabels(
    pixels=np.array([[10.0, 10], [30, 30], [50, 50], [20, 40]]),
    depths=np.ones(4),
    radii=np.full(4, 5.0),
    shares=np.array([1.0, 0.1, 0.9, 0.0]),
    visible=np.array([True, True, True, False]),
)


def sphere(joint, pixel, gripper_open=None):
    return FoundSphere(joint, gripper_open, pixel, 5.0, 0.9, 1.0)


def found(*spheres):
    return {each.joint: each for each in spheres}


def test_a_view_with_one_of_everything():
    spheres = found(
        sphere("gripper", (13.0, 14.0), True), sphere("elbow", (57.0, 50)), sphere("wrist", (1, 1))
    )
    score = score_view(spheres, LABELS, gripper_open=True)
    np.testing.assert_array_equal(score.errors, [5.0, np.nan, 7.0, np.nan])
    assert score.expected.tolist() == [True, True, True, False]
    assert score.missed.tolist() == [False, True, True, False], "7 px is more than a radius off"
    assert score.invented.tolist() == [False, False, False, True]
    assert score.gripper_right is True


def test_a_share_too_small_to_count():
    score = score_view({}, LABELS, True, least_share=0.25)
    assert score.expected.tolist() == [True, False, True, False]
    assert score.missed.tolist() == [True, False, True, False]


@pytest.mark.parametrize(("color", "right"), [(True, False), (False, True)])
def test_the_grippers_colour_counts(color, right):
    score = score_view(found(sphere("gripper", (10, 10), color)), LABELS, gripper_open=False)
    assert score.gripper_right is right


def test_a_missed_gripper_has_no_colour():
    assert score_view({}, LABELS, True).gripper_right is None


def test_the_summary_of_two_views():
    views = [
        score_view(found(sphere("gripper", (10, 11), True)), LABELS, True),
        score_view(found(sphere("gripper", (13, 10), True)), LABELS, False),
        score_view({}, LABELS, True),
    ]
    score = summarize(views)
    gripper = score.joints["gripper"]
    assert (gripper.views, gripper.mean_error, gripper.invented) == (3, 2.0, 0)
    assert gripper.miss_rate == pytest.approx(1 / 3)
    assert score.joints["base"].miss_rate == 1.0
    assert score.joints["wrist"].views == 0
    assert np.isnan(score.joints["wrist"].miss_rate)
    assert score.gripper_accuracy == 0.5


def test_no_views_no_summary():
    with pytest.raises(ValueError, match="no views"):
        summarize([])


@pytest.fixture
def cameras():
    tip = targets_at(np.zeros(7) + 0.1).poses[0]
    return [mounted_camera(name, 128, tip) for name in FIXED]


@pytest.mark.parametrize("seed", range(3))
def test_exact_pixels_give_the_exact_point(cameras, seed):
    point = np.random.default_rng(seed).uniform([0, -0.3, 0.8], [0.4, 0.3, 1.2])
    pixels = np.array([camera.project(point)[0] for camera in cameras])
    np.testing.assert_allclose(triangulate(pixels, cameras), point, atol=1e-9)
    np.testing.assert_allclose(triangulate(pixels[:2], cameras[:2]), point, atol=1e-9)


def test_a_pixel_of_noise_is_some_millimetres(cameras):
    rng = np.random.default_rng(0)
    errors = []
    for _ in range(100):
        point = rng.uniform([0, -0.3, 0.8], [0.4, 0.3, 1.2])
        pixels = np.array([camera.project(point)[0] for camera in cameras])
        noisy = pixels + rng.normal(0, 0.3, pixels.shape)
        errors.append(np.linalg.norm(triangulate(noisy, cameras) - point))
    assert np.median(errors) < 0.004


def test_weights_silence_a_bad_view(cameras):
    point = np.array([0.2, 0.1, 1.0])
    pixels = np.array([camera.project(point)[0] for camera in cameras])
    pixels[0] += 20
    trusted = triangulate(pixels, cameras, np.array([1e-9, 1.0, 1.0]))
    assert np.linalg.norm(trusted - point) < 1e-4
    assert np.linalg.norm(triangulate(pixels, cameras) - point) > 0.02


def test_views_that_disagree_are_left_out(cameras):
    point = np.array([0.2, 0.1, 1.0])
    pixels = np.array([camera.project(point)[0] for camera in cameras])
    pixels[0] += 60
    np.testing.assert_allclose(triangulate_agreeing(pixels, cameras), point, atol=1e-6)
    assert triangulate_agreeing(pixels[:2], cameras[:2]) is None
    assert triangulate_agreeing(pixels[:1], cameras[:1]) is None


def test_one_ray_or_parallel_rays_give_no_point(cameras):
    with pytest.raises(ValueError, match="two views or more, got 1"):
        triangulate(np.zeros((1, 2)), cameras[:1])
    with pytest.raises(ValueError, match="almost parallel"):
        triangulate(np.full((2, 2), 30.0), [cameras[0], cameras[0]])


def test_drawn_found_and_triangulated_the_spheres_are_within_millimetres():
    rng = np.random.default_rng(1)
    errors = []
    for _ in range(8):
        targets = targets_at(random_posture(rng))
        spheres_by_view, cameras = {}, {}
        for name in FIXED:
            camera, spheres = view_of(targets, name, 64)
            ground = random_texture(rng, 64, 64, "gradient")[None]
            picture = draw_spheres(ground, [camera], spheres).pictures[0]
            radii = plausible_radii(name, camera.intrinsics)
            spheres_by_view[name] = find_spheres(picture, camera.intrinsics, radii)
            cameras[name] = camera
        errors.append(position_errors(spheres_by_view, cameras, targets))
    errors = np.array(errors)
    assert np.isfinite(errors[:, 3]).mean() > 0.8
    assert np.nanmedian(errors) < 0.005
    assert np.isnan(position_errors({}, {}, targets)).all()
