"""Spheres drawn in random postures are found again, on backgrounds that try to mislead."""

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter
from targets_scenes import (
    FIXED,
    camera_at_origin,
    make_spheres,
    random_posture,
    targets_at,
    view_of,
    white,
)

from genima_lite.errors import UserError
from genima_lite.targets import (
    JOINTS,
    draw_spheres,
    find_spheres,
    plausible_radii,
    random_texture,
)
from genima_lite.targets.joints import COLORS
from genima_lite.targets.labels import view_labels


def scenes(count, cameras, size, seed):
    """Yield (view, camera, name, labels, targets): spheres on muted random textures."""
    rng = np.random.default_rng(seed)
    for i in range(count):
        targets = targets_at(random_posture(rng), bool(rng.integers(2)))
        name = cameras[i % len(cameras)]
        tip = None
        if name == "wrist":
            tip = targets.poses[0] @ _nudge(rng)
        camera, spheres = view_of(targets, name, size, tip)
        ground = 0.6 * random_texture(rng, size, size, "noise")[None] + 90
        drawing = draw_spheres(ground.astype(np.uint8), [camera], spheres)
        share = drawing.visible()[0]
        labels = view_labels(camera, targets.positions, spheres.radii[0], share, (size, size))
        yield drawing.pictures[0], camera, name, labels, targets


def _nudge(rng):
    move = np.eye(4)
    move[:3, 3] = rng.uniform(-0.04, 0.04, 3) - [0, 0, 0.08]
    return move


def errors_and_misses(found, labels, least_share=0.3):
    wanted = labels.visible & (labels.shares >= least_share)
    errors = []
    for joint, pixel in zip(np.array(JOINTS)[wanted], labels.pixels[wanted], strict=True):
        here = found.get(str(joint))
        errors.append(np.inf if here is None else np.linalg.norm(np.array(here.pixel) - pixel))
    return errors


@pytest.mark.parametrize(("size", "count"), [(64, 45), (128, 18), (256, 6)])
def test_fixed_cameras_round_trip(size, count):
    errors = []
    for view, camera, name, labels, targets in scenes(count, FIXED, size, seed=size):
        found = find_spheres(view, camera.intrinsics, plausible_radii(name, camera.intrinsics))
        errors += errors_and_misses(found, labels)
        if labels.shares[0] > 0.3:
            assert found["gripper"].gripper_open == targets.gripper_open
    assert len(errors) > 2 * count
    assert np.median(errors) < 0.2
    assert np.mean(np.array(errors) > 2 * size / 64) <= 0.02


def test_wrist_camera_round_trip_corrects_the_wide_angle():
    corrected, plain = [], []
    for view, camera, _, labels, _ in scenes(12, ("wrist",), 128, seed=3):
        corrected += errors_and_misses(find_spheres(view, camera.intrinsics), labels, 0.6)[:1]
        plain += errors_and_misses(find_spheres(view), labels, 0.6)[:1]
    assert len(corrected) >= 8
    assert np.median(corrected) < 0.3
    assert np.median(plain) > 2 * np.median(corrected)


def test_soft_pictures_as_a_diffusion_model_draws_them():
    rng = np.random.default_rng(0)
    errors = []
    for view, camera, name, labels, _ in scenes(18, FIXED, 128, seed=5):
        soft = gaussian_filter(view.astype(float), (1.5, 1.5, 0))
        soft = 0.92 * soft + 8 + rng.normal(0, 4, soft.shape)  # paler and grainy
        soft = np.clip(soft, 0, 255).astype(np.uint8)
        found = find_spheres(soft, camera.intrinsics, plausible_radii(name, camera.intrinsics))
        errors += errors_and_misses(found, labels, 0.5)
    assert np.median(errors) < 0.8
    assert np.mean(np.array(errors) > 4) < 0.25, "what gets lost is small, dark or half hidden"


def corrupted(drawn, blur, pale, noise, rng):
    """Mix with grey, blur and add noise, as diffusion models do."""
    soft = (1 - pale) * drawn.astype(float) + pale * 120
    soft = gaussian_filter(soft, (blur, blur, 0)) + rng.normal(0, noise, drawn.shape)
    return np.clip(soft, 0, 255).astype(np.uint8)


@pytest.mark.parametrize(
    ("blur", "pale", "noise", "most_missed"),
    [(0.7, 0, 0, 0.02), (1.0, 0, 0, 0.04), (0.7, 0.2, 6, 0.06)],
)
def test_soft_pale_and_noisy_spheres_are_found_in_small_pictures(blur, pale, noise, most_missed):
    rng = np.random.default_rng(1)
    errors = []
    for view, camera, name, labels, _ in scenes(24, FIXED, 64, seed=11):
        view = corrupted(view, blur, pale, noise, rng)
        found = find_spheres(view, camera.intrinsics, plausible_radii(name, camera.intrinsics))
        errors += errors_and_misses(found, labels, 0.4)
    assert len(errors) > 45
    assert np.median(errors) < 0.5
    assert np.mean(np.array(errors) > 3) <= most_missed


@pytest.mark.parametrize("name", COLORS)
def test_a_blurred_disc_without_stripes_is_no_sphere(name):
    assert not find_spheres(corrupted(disc(COLORS[name]), 1.0, 0, 0, np.random.default_rng(0)))


def test_the_radius_is_the_outlines():
    camera = camera_at_origin(128)
    picture = draw_spheres(white(), [camera], make_spheres([[0.1, 0.05, 1]], 0.12)).pictures[0]
    found = find_spheres(picture, camera.intrinsics)["wrist"]
    wanted = camera.intrinsics[0, 0] * 0.12 / np.sqrt(1 - 0.12**2)
    assert found.radius == pytest.approx(wanted, abs=0.6)
    assert found.gripper_open is None
    assert found.seen > 0.95
    assert found.confidence > 0.9


def test_half_hidden_spheres_are_found_at_their_own_centre():
    camera = camera_at_origin(128)
    near, far = [0.0, 0.0, 1.0], [0.1, 0.0, 1.25]
    spheres = make_spheres([near, far], 0.12)
    spheres.colors[0, 1] = COLORS["gripper_open"]
    picture = draw_spheres(np.full((1, 128, 128, 3), 180, np.uint8), [camera], spheres).pictures[0]
    found = find_spheres(picture, camera.intrinsics)
    truth, _ = camera.project(np.array([far, near]))
    assert np.linalg.norm(np.array(found["gripper"].pixel) - truth[0]) < 1.0
    assert np.linalg.norm(np.array(found["wrist"].pixel) - truth[1]) < 0.5
    assert found["gripper"].seen < 0.8


def disc(color, size=64, radius=8, ground=(200, 165, 95)):
    rows, columns = np.indices((size, size)) + 0.5
    inside = np.clip(radius + 0.5 - np.hypot(rows - 30, columns - 34), 0, 1)[..., None]
    return np.rint(inside * np.array(color) + (1 - inside) * np.array(ground)).astype(np.uint8)


@pytest.mark.parametrize("name", COLORS)
@pytest.mark.parametrize("brightness", [0.9, 1.0])
def test_a_button_or_cup_of_the_same_colour_is_no_sphere(name, brightness):
    assert not find_spheres(disc(np.array(COLORS[name]) * brightness))


@pytest.mark.parametrize("grey", [0, 45, 128, 255])
def test_nor_is_anything_grey(grey):
    assert not find_spheres(disc([grey] * 3))


@pytest.mark.parametrize("name", COLORS)
def test_nor_is_a_striped_band(name):
    """Sphere colours and stripes, but a square field of them."""
    picture = np.full((64, 64, 3), (200, 165, 95), np.uint8)
    picture[:, 20:44] = 0
    picture[::4, 20:44] = COLORS[name]
    picture[1::4, 20:44] = COLORS[name]
    assert not find_spheres(picture)


def test_a_plain_picture_is_empty():
    assert find_spheres(np.full((64, 64, 3), 200, np.uint8)) == {}


def test_the_threshold_decides():
    camera, spheres = view_of(targets_at(np.zeros(7) + 0.1), "front", 64)
    picture = draw_spheres(white(64), [camera], spheres).pictures[0]
    every = find_spheres(picture, camera.intrinsics, least=0.0)
    sure = find_spheres(picture, camera.intrinsics, least=0.9)
    assert set(sure) <= set(every)
    assert all(sphere.confidence >= 0.9 for sphere in sure.values())


@pytest.mark.parametrize("shape", [(64, 64), (64, 64, 4), (8, 8, 3)])
def test_what_is_no_view_is_refused(shape):
    with pytest.raises(ValueError, match="one view"):
        find_spheres(np.zeros(shape, np.uint8))


def test_radii_of_an_unknown_camera():
    with pytest.raises(UserError, match="no depths known for camera 'ceiling'"):
        plausible_radii("ceiling", np.eye(3))
